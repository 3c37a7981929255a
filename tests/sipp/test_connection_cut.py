"""The app's connection to Asterisk is cut (TCP reset of events, REST and audio) and comes back: nothing was replayed,
and within 2 s the app knows what it missed.
"""

import asyncio

import pytest_asyncio

from ari_app.testing.phone import Ring
from ari_app.testing.wire_cutter import WireCutter
from tests.sipp.conftest import CALLER, MUSIC

CAUGHT_UP = 2.0
"Seconds after the connection's return in which the app has to know."


@pytest_asyncio.fixture
async def wire(stage):
    """Outlives the app."""
    return await stage.people.enter_async_context(WireCutter(stage.lab.ari_url))


async def ringing(stage, wire):
    await stage.set(supervisor=Ring(), environment={"WARM_TRANSFER_ASTERISK__URL": wire.url}, fresh=True)
    await stage.dialing()
    await stage.ari.phase("supervisor_ringing")


async def briefed(stage, wire):
    await stage.set(environment={"WARM_TRANSFER_ASTERISK__URL": wire.url}, fresh=True)
    await stage.briefed()


async def noticed(stage):
    assert not (await stage.not_ready())["ari"]


async def mended(stage, wire):
    wire.mend()
    await stage.app.ready(CAUGHT_UP)


async def goes_to_the_supervisor(stage):
    await stage.supervisor.press("1")
    await stage.are_connected()
    assert (await stage.ari.ended())["outcome"] == "completed"
    await stage.told_without_holes()
    assert len(stage.supervisor.calls) == 1
    stage.caller_had_company()


async def test_cut_while_it_rings(stage, wire):
    await ringing(stage, wire)
    wire.cut()
    await noticed(stage)
    await stage.caller.hears(MUSIC)
    await mended(stage, wire)
    await stage.supervisor.answer()
    await stage.supervisor.hears_music(5)
    await goes_to_the_supervisor(stage)


async def test_cut_for_an_instant_while_it_rings(stage, wire):
    """Back before anybody could look: the app reconnects by itself."""
    await ringing(stage, wire)
    wire.cut()
    wire.mend()
    await asyncio.sleep(0.5)
    await stage.app.ready(CAUGHT_UP)
    await stage.supervisor.answer()
    await stage.supervisor.hears_music(5)
    await goes_to_the_supervisor(stage)


async def test_the_supervisor_answers_while_the_connection_is_away(stage, wire):
    """Asterisk gives the answered leg to nobody and hangs it up: the caller is with the agent again."""
    await ringing(stage, wire)
    wire.cut()
    await noticed(stage)
    await stage.supervisor.answer()
    await mended(stage, wire)
    await stage.are_back(CAUGHT_UP)
    assert not (await stage.ari.ended())["success"]
    stage.supervisor_heard_nothing_of(CALLER)
    stage.caller_had_company()


async def test_the_caller_hangs_up_while_it_rings_and_the_connection_is_away(stage, wire):
    await ringing(stage, wire)
    wire.cut()
    await noticed(stage)
    await stage.caller.hang_up()
    await mended(stage, wire)
    await stage.supervisor.cancelled(CAUGHT_UP)
    assert (await stage.ari.ended())["outcome"] == "caller_hangup"
    await stage.nothing_is_left(CAUGHT_UP)


async def test_cut_in_the_briefing(stage, wire):
    """The briefing's audio breaks with it, and starts again when the connection is back."""
    await briefed(stage, wire)
    wire.cut()
    await noticed(stage)
    await asyncio.sleep(1.0)
    await stage.caller.hears(MUSIC)
    await mended(stage, wire)
    await stage.supervisor.hears_music(5)
    await goes_to_the_supervisor(stage)


async def test_events_and_requests_cut_in_the_briefing_and_its_audio_left_alone(stage, wire):
    await briefed(stage, wire)
    wire.cut("/ari")
    await noticed(stage)
    await mended(stage, wire)
    await goes_to_the_supervisor(stage)


async def test_the_supervisor_presses_while_the_connection_is_away(stage, wire):
    """A key is not replayed: the caller stays on music, and the next key counts."""
    await briefed(stage, wire)
    wire.cut("/ari")
    await noticed(stage)
    await stage.supervisor.press("1")
    await mended(stage, wire)
    await stage.caller.hears(MUSIC)
    stage.supervisor_heard_nothing_of(CALLER)
    await goes_to_the_supervisor(stage)


async def test_the_supervisor_hangs_up_in_the_briefing_while_the_connection_is_away(stage, wire):
    await briefed(stage, wire)
    wire.cut()
    await noticed(stage)
    await stage.supervisor.hang_up()
    await mended(stage, wire)
    await stage.are_back(CAUGHT_UP)
    assert (await stage.ari.ended())["outcome"] == "supervisor_hangup"
    await stage.asterisk_has(channels=2, bridges=1)


async def test_the_caller_hangs_up_in_the_briefing_while_the_connection_is_away(stage, wire):
    await briefed(stage, wire)
    wire.cut()
    await noticed(stage)
    await stage.caller.hang_up()
    await mended(stage, wire)
    assert (await stage.ari.ended(CAUGHT_UP + 5))["outcome"] == "caller_hangup"
    await stage.supervisor.ended()
    await stage.agent.ended()
    await stage.nothing_is_left()


async def test_cut_in_the_middle_of_the_join(stage, wire):
    """Whether the key came through or not, the caller ends with somebody."""
    await briefed(stage, wire)
    await stage.supervisor.press("1")
    wire.cut()
    await noticed(stage)
    await mended(stage, wire)
    await asyncio.sleep(1.0)
    if "briefing_complete" not in stage.ari.names():
        await stage.supervisor.hears_music(5)
        await stage.supervisor.press("1")
    result = await stage.ari.ended()
    if result["success"]:
        await stage.are_connected()
    else:
        await stage.are_back(5)
    stage.caller_had_company(longest=5.0)
    await stage.asterisk_has(channels=2, bridges=1)


async def test_cut_in_plain_conversation(stage, wire):
    await stage.set(environment={"WARM_TRANSFER_ASTERISK__URL": wire.url}, fresh=True)
    await stage.talking()
    wire.cut()
    await noticed(stage)
    await stage.are_back()
    await mended(stage, wire)
    await stage.ask()
    await stage.ari.phase("briefing_started")
    await goes_to_the_supervisor(stage)


async def test_the_connection_stalls_while_it_rings_and_the_supervisor_answers(stage, wire):
    """Half-open: nothing is closed, nothing passes; then all that was held arrives."""
    await ringing(stage, wire)
    wire.hold()
    await stage.supervisor.answer()
    await asyncio.sleep(2.0)
    await stage.caller.hears(MUSIC)
    wire.mend()
    await stage.ari.phase("briefing_started", CAUGHT_UP)
    await goes_to_the_supervisor(stage)
