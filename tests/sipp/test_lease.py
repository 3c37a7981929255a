"""The app dies and never comes back: a lease in Asterisk itself (TIMEOUT(absolute), extension T) frees held callers."""

import asyncio
import time

from ari_app.testing.phone import Ring
from tests.sipp.conftest import AGENT, CALLER, FALLBACK, MUSIC

LEASE = 3
SHORT = {"WARM_TRANSFER_HOLD__LEASE": str(LEASE)}


async def the_lease_ends(stage):
    """Music until then, the fallback within 2 s of it."""
    died = time.monotonic()
    await stage.caller.hears(FALLBACK, LEASE + 2)
    freed = stage.caller.heard.onset(FALLBACK)
    assert freed > died + LEASE / 2, "renewed every third of it, so most of it was left"
    stage.caller_had_company()


async def test_a_caller_on_hold_goes_to_the_fallback(stage):
    await stage.set(environment=SHORT)
    await stage.calls("hold")
    await stage.caller.hears(MUSIC)
    await stage.app.kill()
    await the_lease_ends(stage)


async def test_a_caller_in_a_transfer_goes_to_the_fallback_and_the_rest_is_cleared_away_at_last(stage):
    await stage.dialing(supervisor=Ring(), environment=SHORT)
    await stage.ari.phase("supervisor_ringing")
    await stage.app.kill()
    await the_lease_ends(stage)
    await stage.app.start()
    await stage.supervisor.cancelled(5)
    await stage.agent.ended(5)
    await stage.asterisk_has(channels=1, bridges=0)
    await stage.caller.hears(FALLBACK)
    assert (await stage.told_without_holes())[-1] == "transfer_cancelled"


async def test_the_lease_is_renewed_while_the_app_lives_and_does_not_end_a_conversation_without_it(stage):
    await stage.dialing(supervisor=Ring(), environment=SHORT)
    await asyncio.sleep(LEASE + 1)
    await stage.caller.hears(MUSIC)
    await stage.ari.tell("WarmTransferCancel", stage.channel, {"reason": "the caller changed their mind"})
    await stage.are_back()
    await stage.app.kill()
    await asyncio.sleep(LEASE + 1)
    await stage.are_back()
    stage.caller.heard.assert_never_heard(FALLBACK)
    await stage.app.start()
    assert stage.caller.call.up and stage.agent.call.up
    stage.supervisor_heard_nothing_of(CALLER)
    stage.caller.heard.assert_never_heard(AGENT, until=stage.caller.heard.first(AGENT).at - 0.001)
