"""The supervisor says no by key: a farewell for the supervisor, the agent for the caller."""

from tests.sipp.conftest import SUPERVISOR


async def test_declined_by_key(stage):
    await stage.briefed()
    pressed = await stage.supervisor.press("2")
    await stage.are_back()
    complete = await stage.ari.phase("briefing_complete")
    goodbye = await stage.supervisor.ended(within=6.0)
    result = await stage.ari.ended()

    assert (complete["data"]["resolution"], complete["data"]["by"]) == ("declined", "dtmf")
    assert (result["success"], result["outcome"], result["phase"]) == (False, "declined", "transfer_cancelled")
    assert goodbye.event == "bye"
    assert stage.spoken(stage.supervisor.call, pressed + 0.4, goodbye.at) > 1.0, "no farewell"
    stage.caller.heard.assert_never_heard(SUPERVISOR)
    stage.nothing_leaked()

    told = stage.ari.names()
    decision = told.index("briefing_complete")
    assert told[decision:] == ["briefing_complete", "attempt_failed", "caller_returned", "transfer_cancelled"]
    assert told.index("supervisor_joined") < told.index("briefing_started") < decision
    assert [phase["sequence"] for phase in stage.ari.phases] == list(range(1, len(told) + 1))
    failed = stage.ari.phases[decision + 1]["data"]
    assert (failed["attempt"], failed["outcome"]) == (1, "declined")


async def test_declined_by_speech_with_the_reason(stage):
    await stage.briefed_to_a_talker()
    await stage.says("I'm in a meeting right now")
    await stage.are_back(within=6.0)
    complete = await stage.ari.phase("briefing_complete")
    result = await stage.ari.ended()
    assert (complete["data"]["resolution"], complete["data"]["by"]) == ("declined", "speech")
    assert (result["outcome"], result["phase"]) == ("declined", "transfer_cancelled")
    assert "meeting" in result["decline_reason"] == complete["data"]["decline_reason"]
    stage.caller.heard.assert_never_heard(SUPERVISOR)
