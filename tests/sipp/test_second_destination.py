"""Several destinations, one after the other: acceptance wins, not pickup."""

from ari_app.testing.phone import Answer, Reject
from tests.sipp.conftest import CALLER, SECOND, SUPERVISOR

BOTH = [
    {"routing_rule_id": "rr_one", "sip_call_to": "2001"},
    {"routing_rule_id": "rr_two", "sip_call_to": "2002"},
]


async def test_the_first_is_busy_and_the_second_accepts(stage):
    await stage.talking(supervisor=Reject(486))
    await stage.ask(destinations=BOTH)
    await stage.ari.phase("briefing_started")
    pressed = await stage.second.press("1")
    await stage.caller.hears(SECOND)
    await stage.second.hears(CALLER)
    result = await stage.ari.ended()

    assert (result["outcome"], result["success"]) == ("completed", True)
    assert [(a["outcome"], a["sip_code"]) for a in result["attempts"]] == [("busy", 486), ("completed", None)]
    assert stage.ari.names().count("supervisor_dialed") == 2
    assert len(stage.invites(stage.supervisor)) == len(stage.invites(stage.second)) == 1
    stage.nothing_leaked(accepted=pressed)


async def test_the_first_picks_up_and_declines_and_the_second_accepts(stage):
    """The second answers while the first still hears the farewell: they are not in one conversation."""
    await stage.talking(second=Answer())
    await stage.ask(destinations=BOTH)
    await stage.ari.phase("briefing_started")
    declined = await stage.supervisor.press("2")
    await stage.ari.phase("briefing_started", count=2)
    accepted = await stage.second.press("1")
    await stage.caller.hears(SECOND)
    await stage.second.hears(CALLER)
    goodbye = await stage.supervisor.ended(within=6.0)
    result = await stage.ari.ended()

    assert [a["outcome"] for a in result["attempts"]] == ["declined", "completed"]
    assert goodbye.event == "bye"
    assert stage.spoken(stage.supervisor.call, declined + 0.4, goodbye.at) > 1.0, "no farewell"
    stage.caller.heard.assert_never_heard(SUPERVISOR)
    stage.second.heard.assert_never_heard(SUPERVISOR, share=0.3)
    stage.supervisor.heard.assert_never_heard(SECOND, share=0.3)
    stage.supervisor_heard_nothing_of(CALLER)
    stage.nothing_leaked(accepted=accepted)
