"""The app is killed (kill -9) and started again: the caller keeps music or a human, and nobody is rung twice."""

import asyncio

import pytest

from ari_app.testing.phone import Reject, Ring
from tests.sipp.conftest import AGENT, CALLER, MUSIC, SUPERVISOR


async def accepts_in_the_resumed_briefing(stage):
    """The supervisor hears a briefing again and presses 1; then nothing but the two and their room is left."""
    await stage.supervisor.hears_music(5)
    stage.supervisor_heard_nothing_of(CALLER)
    await stage.supervisor.press("1")
    await ends_with_the_supervisor(stage)


async def ends_with_the_supervisor(stage, longest=1.0):
    await stage.are_connected()
    await stage.asterisk_has(channels=2, bridges=1)
    assert (await stage.told_without_holes())[-2:] == ["call_switched", "transfer_complete"]
    assert len(stage.supervisor.calls) == 1, "one request rings a supervisor once"
    stage.caller_had_company(longest=longest)
    assert stage.caller.heard.events() == [], "a digit leaked to the caller"


async def ends_with_the_agent(stage, longest=1.0):
    await stage.are_back(5)
    await stage.asterisk_has(channels=2, bridges=1)
    assert "caller_returned" in await stage.told_without_holes()
    assert len(stage.supervisor.calls) == 1, "one request rings a supervisor once"
    stage.supervisor_heard_nothing_of(CALLER)
    stage.caller_had_company(longest=longest)


async def rings(stage, within=5.0):
    """Waits for what shows it: the INVITE at the phone, or the caller with the agent, and staying there."""
    since = stage.clock()
    while not stage.supervisor.calls:
        together = stage.caller.heard.onset(AGENT)
        if together and stage.clock() - max(together, since) > 0.5:
            return False
        assert stage.clock() < since + within, "neither"
        await stage.pause(0.02)
    return True


async def goes_on_if_it_rang(stage):
    """An INVITE that may or may not have left is never sent again: then the caller goes back to the agent."""
    if await rings(stage):
        await stage.supervisor.answer()
        await accepts_in_the_resumed_briefing(stage)
    else:
        await stage.are_back(5)
        await stage.asterisk_has(channels=2, bridges=1)
        stage.caller_had_company()
        assert not stage.supervisor.calls


async def test_killed_when_the_caller_is_on_hold_and_the_phone_about_to_ring(stage):
    await stage.talking(supervisor=Ring())
    await stage.ask()
    await stage.ari.phase("caller_on_hold")
    await stage.killed_and_back()
    await goes_on_if_it_rang(stage)


async def test_killed_at_the_very_request(stage):
    """Some of journal, hold, room and INVITE have happened, some have not."""
    await stage.talking(supervisor=Ring())
    await stage.ask()
    await stage.killed_and_back()
    await goes_on_if_it_rang(stage)


async def test_killed_while_it_rings_and_answered_when_it_is_back(stage):
    await stage.dialing(supervisor=Ring())
    await stage.ari.phase("supervisor_ringing")
    await stage.killed_and_back()
    await stage.caller.hears(MUSIC)
    await stage.supervisor.answer()
    await accepts_in_the_resumed_briefing(stage)


async def test_killed_while_it_rings_and_answered_meanwhile(stage):
    """Asterisk has nobody to give an answered leg to, and hangs it up; the caller goes back to the agent. Unless it
    has not noticed yet that the app is dead: then the leg waits for the next life of it."""
    await stage.dialing(supervisor=Ring())
    await stage.ari.phase("supervisor_ringing")
    await stage.app.kill()
    await stage.supervisor.answer()
    await stage.caller.hears(MUSIC)
    await stage.app.start()
    if stage.supervisor.call.over:
        await ends_with_the_agent(stage)
    else:
        await accepts_in_the_resumed_briefing(stage)


async def test_killed_in_the_briefing(stage):
    await stage.briefed()
    await stage.killed_and_back()
    await stage.caller.hears(MUSIC)
    await stage.asterisk_has(channels=4, bridges=2)  # the caller, the agent, the supervisor and one voice
    await accepts_in_the_resumed_briefing(stage)


async def test_killed_twice_in_the_briefing(stage):
    await stage.briefed()
    await stage.killed_and_back()
    await stage.killed_and_back()
    await accepts_in_the_resumed_briefing(stage)


async def test_killed_in_the_briefing_and_the_supervisor_hangs_up_meanwhile(stage):
    await stage.briefed()
    await stage.app.kill()
    await stage.supervisor.hang_up()
    await stage.caller.hears(MUSIC)
    await stage.app.start()
    await ends_with_the_agent(stage)


async def test_killed_in_the_briefing_and_the_caller_hangs_up_meanwhile(stage):
    await stage.briefed()
    await stage.app.kill()
    await stage.caller.hang_up()
    await stage.app.start()
    await stage.supervisor.ended(10)
    await stage.agent.ended()
    await stage.nothing_is_left(5)
    assert (await stage.told_without_holes())[-1] == "transfer_cancelled"


async def test_killed_in_the_briefing_and_the_agent_hangs_up_meanwhile(stage):
    await stage.briefed()
    await stage.app.kill()
    await stage.agent.hang_up()
    await stage.app.start()
    await accepts_in_the_resumed_briefing(stage)


@pytest.mark.parametrize("after", [0.01, 0.04])
async def test_killed_in_the_middle_of_the_join(stage, after):
    """The key may have been journaled or not; then it is pressed once more. The caller may have left the music already
    and waits for the new life of the app in silence: no longer than it takes to start."""
    await stage.briefed()
    await stage.supervisor.press("1")
    await asyncio.sleep(after)
    away = await stage.killed_and_back()
    try:
        await stage.are_connected()
    except AssertionError:
        await stage.supervisor.hears_music(5)
        await stage.supervisor.press("1")
    await ends_with_the_supervisor(stage, longest=away + 2.0)


async def test_killed_when_the_caller_goes_back_to_the_agent(stage):
    await stage.talking(supervisor=Reject(486, after=0.3))
    await stage.ask()
    await stage.ari.phase("attempt_failed")
    away = await stage.killed_and_back()
    await ends_with_the_agent(stage, longest=away + 2.0)


async def test_killed_after_the_join(stage):
    await stage.connected()
    await stage.app.kill()
    await stage.are_connected()
    await stage.app.start()
    await ends_with_the_supervisor(stage)
    await stage.caller.hang_up()
    await stage.supervisor.ended()


async def test_killed_after_the_join_and_the_supervisor_hangs_up_meanwhile(stage):
    await stage.connected()
    await stage.app.kill()
    await stage.supervisor.hang_up()
    await stage.app.start()
    await stage.caller.ended(5)


async def test_killed_in_plain_conversation(stage):
    await stage.talking()
    await stage.app.kill()
    await stage.are_back()
    await stage.app.start()
    await stage.are_back()
    await stage.ask()
    await stage.supervisor.invited()
    await stage.ari.phase("briefing_started")
    await stage.supervisor.press("1")
    await ends_with_the_supervisor(stage)
    stage.caller.heard.assert_never_heard(AGENT, since=stage.caller.heard.first(SUPERVISOR).at)


async def test_killed_while_the_agent_is_rung(stage):
    await stage.set(agent=Ring(), environment={"WARM_TRANSFER_AGENTS__FRONT-DESK__RING_TIMEOUT": "20"})
    await stage.calls()
    await stage.agent.invited()
    await stage.killed_and_back()
    await stage.agent.answer()
    await stage.are_back(5)
    assert len(stage.agent.calls) == 1


async def test_killed_on_hold_with_no_agent(stage):
    await stage.set()
    await stage.calls("hold")
    await stage.caller.hears(MUSIC)
    await stage.killed_and_back()
    await stage.caller.hears(MUSIC)
    await stage.know_the_call()
    await stage.ask()
    await stage.ari.phase("briefing_started")
    await accepts_in_the_resumed_briefing(stage)
