"""Keys that mean nothing, and keys that come too early."""

import asyncio

from tests.sipp.conftest import MUSIC, SUPERVISOR


async def test_a_wrong_key_and_then_the_right_one(stage):
    await stage.briefed()
    wrong = await stage.supervisor.press("5")
    await asyncio.sleep(0.5)
    assert stage.spoken(stage.supervisor.call, wrong + 0.1) > 0.2, "no re-prompt"
    pressed = await stage.supervisor.press("1")
    await stage.are_connected()
    result = await stage.ari.ended()

    assert result["outcome"] == "completed"
    assert (await stage.ari.phase("briefing_complete"))["data"]["resolution"] == "accepted"
    stage.nothing_leaked(accepted=pressed)


async def test_wrong_keys_only(stage):
    """Two re-prompts, then the briefing has no answer."""
    await stage.briefed()
    for key in "50#":
        await stage.supervisor.press(key)
        await asyncio.sleep(0.1)
    complete = await stage.ari.phase("briefing_complete")
    await stage.are_back()
    result = await stage.ari.ended()

    assert complete["data"]["resolution"] == "timeout"
    assert (result["success"], result["outcome"]) == (False, "ack_timeout")
    stage.caller.heard.assert_never_heard(SUPERVISOR)
    stage.nothing_leaked()


async def test_a_key_before_the_briefing_decides_nothing(stage):
    """This profile waits 1.5 s for a hello; a key in that time is not an answer to what was not yet asked."""
    await stage.talking(more='[briefing.polite]\ngreet = "after_hello"\nhello_timeout = 1.5')
    stage.supervisor.tone = None
    await stage.ask(briefing_profile="polite")
    await stage.ari.phase("supervisor_joined")
    early = await stage.supervisor.press("1")
    started = await stage.ari.phase("briefing_started")
    assert early < started["at"], "the briefing began before the key was up: this tests nothing"
    await asyncio.sleep(0.5)
    assert "briefing_complete" not in stage.ari.names()
    await stage.caller.hears(MUSIC)

    stage.supervisor.tone = SUPERVISOR
    pressed = await stage.supervisor.press("1")
    await stage.are_connected()
    assert (await stage.ari.ended())["outcome"] == "completed"
    stage.nothing_leaked(accepted=pressed)
