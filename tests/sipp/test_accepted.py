"""The supervisor accepts: by key, and by speech."""

from tests.sipp.conftest import AGENT, CALLER, MUSIC, SUPERVISOR


async def test_accepted_by_key(stage):
    await stage.briefed()
    told = stage.caller.heard.onset(MUSIC)
    await stage.supervisor.press("1")
    await stage.are_connected()
    result = await stage.ari.ended()

    assert (result["success"], result["outcome"]) == (True, "completed")
    assert stage.ari.names()[-3:] == ["briefing_complete", "call_switched", "transfer_complete"]
    assert [p["sequence"] for p in stage.ari.phases] == list(range(1, len(stage.ari.phases) + 1))
    switched = stage.caller.heard.onset(SUPERVISOR)
    stage.caller.heard.assert_never_heard(SUPERVISOR, until=switched - 0.001)
    stage.caller.heard.assert_never_heard(AGENT, since=told)
    stage.agent.heard.assert_never_heard(CALLER, since=told)
    assert stage.caller.heard.events() == [], "a digit leaked to the caller"
    await stage.agent.ended()
