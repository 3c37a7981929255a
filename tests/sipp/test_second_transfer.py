"""A call can see several transfers, one at a time."""

from ari_app.testing.phone import Answer, Reject
from tests.sipp.conftest import MUSIC


async def test_the_first_fails_and_the_second_is_accepted(stage):
    await stage.talking(supervisor=[Reject(486), Answer()])
    await stage.ask(request_id="first")
    first = await stage.ari.ended()
    await stage.are_back()
    assert (first["outcome"], first["sip_code"]) == ("busy", 486)
    again = stage.clock()

    await stage.ask(request_id="second")
    await stage.caller.hears(MUSIC)
    await stage.supervisor.called(calls=2)
    await stage.ari.phase("briefing_started")
    pressed = await stage.supervisor.press("1")
    await stage.are_connected()
    second = await stage.ari.ended(count=2)

    assert (second["outcome"], len(second["attempts"])) == ("completed", 1)
    ids = {phase["request_id"]: phase["transfer_id"] for phase in stage.ari.phases}
    assert ids["first"] != ids["second"]
    for transfer in ids.values():
        told = [phase["sequence"] for phase in stage.ari.phases if phase["transfer_id"] == transfer]
        assert told == list(range(1, len(told) + 1))
    stage.supervisor.heard.assert_never_heard(1000, until=pressed)
    stage.agent.heard.assert_never_heard(1000, since=stage.caller.heard.first(MUSIC, again).at)
