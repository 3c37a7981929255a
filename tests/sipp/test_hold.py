"""Callers without an agent: those who enter on hold, and those whose agent is not there."""

import asyncio

import pytest

from ari_app.testing.phone import Answer, Reject, Ring
from tests.sipp.conftest import AGENT, CALLER, FALLBACK, MUSIC


async def on_hold(stage, **roles):
    await stage.set(**roles)
    await stage.calls("hold")
    await stage.caller.hears(MUSIC, 1.0)
    await stage.know_the_call()


async def test_a_caller_who_enters_on_hold_hears_music_and_is_transferred(stage):
    await on_hold(stage)
    await stage.ask()
    await stage.ari.phase("briefing_started")
    await stage.caller.hears(MUSIC)
    stage.supervisor_heard_nothing_of(CALLER)
    await stage.supervisor.press("1")
    await stage.are_connected()
    assert (await stage.ari.ended())["outcome"] == "completed"
    assert not stage.agent.calls
    stage.caller_had_company()


async def test_after_a_failed_transfer_there_is_music_again_and_the_next_one_may_succeed(stage):
    await on_hold(stage, supervisor=(Reject(486), Answer()))
    await stage.ask()
    result = await stage.ari.ended()
    assert (result["outcome"], result["sip_code"]) == ("busy", 486)
    assert (await stage.ari.phase("caller_returned"))["data"]["to"] == "hold"
    await stage.caller.hears(MUSIC)
    stage.caller.heard.assert_never_heard(FALLBACK)

    await stage.ask()
    await stage.supervisor.invited()
    await stage.supervisor.invited()
    await stage.ari.phase("briefing_started")
    await stage.supervisor.press("1")
    await stage.are_connected()
    assert (await stage.ari.ended(count=2))["outcome"] == "completed"
    stage.caller_had_company()


async def test_the_maximum_hold_is_over(stage):
    await on_hold(stage, environment={"WARM_TRANSFER_HOLD__MAX_SECONDS": "2"})
    held = stage.caller.heard.onset(MUSIC)
    await stage.caller.hears(FALLBACK, 4)
    assert 1.5 < stage.caller.heard.onset(FALLBACK) - held < 4
    stage.caller_had_company()
    await stage.asterisk_has(channels=1, bridges=0)


async def test_the_caller_hangs_up_on_hold(stage):
    await on_hold(stage)
    await stage.caller.hang_up()
    await stage.nothing_is_left()
    for _ in range(50):
        if (call := (await stage.app.get(f"/v1/calls/{stage.call_id}"))["body"])["state"] == "closed":
            break
        await asyncio.sleep(0.02)
    assert call["state"] == "closed"


async def test_the_caller_hangs_up_on_hold_while_a_supervisor_is_rung(stage):
    await on_hold(stage, supervisor=Ring())
    await stage.ask()
    await stage.ari.phase("supervisor_ringing")
    await stage.caller.hang_up()
    await stage.supervisor.cancelled(1.0)
    assert (await stage.ari.ended())["outcome"] == "caller_hangup"
    await stage.nothing_is_left()


@pytest.mark.parametrize("agent", [Reject(486), Reject(404), Ring()], ids=["busy", "not_found", "no_answer"])
async def test_the_agent_does_not_take_the_call(stage, agent):
    """The agent is rung for 3 s."""
    await stage.set(agent=agent)
    await stage.calls()
    await stage.agent.invited()
    await stage.caller.hears(FALLBACK, 5)
    await stage.agent.ended()
    await stage.asterisk_has(channels=1, bridges=0)


async def test_there_is_no_agent_of_that_name(stage):
    await stage.set()
    await stage.calls("agent-nobody")
    await stage.caller.hears(FALLBACK, 1.0)
    assert not stage.agent.calls


async def test_the_caller_names_the_agent(stage):
    await stage.set()
    await stage.calls("agent-front-desk")
    await stage.caller.hears(AGENT)
    await stage.agent.hears(CALLER)


async def test_the_caller_hangs_up_while_the_agent_is_rung(stage):
    await stage.set(agent=Ring())
    await stage.calls()
    await stage.agent.invited()
    await stage.caller.hang_up()
    await stage.agent.cancelled(1.0)
    await stage.nothing_is_left()
