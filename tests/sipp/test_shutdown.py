"""SIGTERM: what is under way may end, nothing new begins, and whoever talks goes on talking."""

import asyncio
import signal

from tests.sipp.conftest import AGENT, MUSIC, SUPERVISOR


def told_to_stop(app):
    app.process.send_signal(signal.SIGTERM)


async def left(app, within=5.0):
    """The exit status."""
    async with asyncio.timeout(within):
        return await app.process.wait()


async def test_a_transfer_in_flight_ends_and_another_call_is_refused_and_taken_up_by_the_next_start(stage):
    await stage.talking(fresh=True)
    first, first_channel = stage.caller, stage.channel
    await stage.calls()
    await stage.caller.hears(AGENT)
    await stage.know_the_call()
    await stage.ask()
    await stage.ari.phase("briefing_started")

    told_to_stop(stage.app)
    assert (await stage.not_ready())["draining"]
    refused = await stage.app.post(
        "/v1/transfers",
        {"channel": first_channel, "destination": {"routing_rule_id": "rr_one", "sip_call_to": "2002"}},
    )
    assert refused["status"] == 503
    await stage.caller.hears(MUSIC)
    assert stage.app.process.returncode is None

    await stage.supervisor.press("1")
    assert (await stage.ari.ended())["outcome"] == "completed"
    assert await left(stage.app) == 0
    await first.hears(AGENT)
    await stage.caller.hears(SUPERVISOR)
    assert len(stage.supervisor.calls) == 1

    await stage.app.start()
    assert {call["state"] for call in (await stage.app.get("/v1/calls"))["body"]} <= {"talking", "connected"}
    await first.hears(AGENT)
    await stage.caller.hears(SUPERVISOR)
    await stage.told_without_holes()
    await first.hang_up()


async def test_callers_in_conversation_stay_connected_and_are_taken_up_by_the_next_start(stage):
    await stage.talking()
    told_to_stop(stage.app)
    assert await left(stage.app) == 0
    await stage.are_back()
    await stage.app.start()
    await stage.are_back()
    await stage.ask()
    await stage.ari.phase("briefing_started")
    await stage.supervisor.press("1")
    await stage.are_connected()
    assert (await stage.ari.ended())["outcome"] == "completed"


async def test_the_second_signal_ends_it_at_once_and_the_next_start_goes_on_with_the_transfer(stage):
    await stage.briefed()
    told_to_stop(stage.app)
    assert (await stage.not_ready())["draining"]
    told_to_stop(stage.app)
    assert await left(stage.app) == 0
    await stage.caller.hears(MUSIC)
    await stage.app.start()
    await stage.supervisor.hears_music(5)
    await stage.supervisor.press("1")
    await stage.are_connected()
    stage.caller_had_company()
    assert len(stage.supervisor.calls) == 1
