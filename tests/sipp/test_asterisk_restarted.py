"""Asterisk itself dies and comes back: its calls are gone by nature, the app is not, and the next call works."""

import pytest

from ari_app.testing.phone import Answer, Ring
from tests.sipp.conftest import AGENT, MUSIC

BACK = 5.0
"Seconds in which the app is ready again; it tries every second."


async def power_cut(stage):
    """The calls of before are over, though nobody tells the phones."""
    await stage.lab.restart()
    await stage.listens_again()
    for phone in (stage.caller, stage.agent, stage.supervisor):
        for call in phone.calls:
            call.happened("left", call.reports[-1].message)


async def restarted(stage):
    await power_cut(stage)
    await stage.app.ready(BACK)


async def closed_as_lost(stage, transfer_id):
    result = await stage.ari.ended()
    assert (result["outcome"], result["phase"], result["success"]) == ("asterisk_lost", "transfer_failed", False)
    names = await stage.told_without_holes(transfer_id)
    assert names[-1] == "transfer_failed"
    assert (await stage.app.get("/v1/calls"))["body"][0]["state"] == "closed"
    await stage.nothing_is_left()


async def the_next_call_works(stage):
    await stage.calls()
    await stage.caller.hears(AGENT, 5)
    await stage.know_the_call()
    stage.supervisor.behaviour = Answer()
    briefings = stage.ari.names().count("briefing_started")
    await stage.ask()
    await stage.caller.hears(MUSIC)
    await stage.supervisor.invited()
    await stage.ari.phase("briefing_started", count=briefings + 1)
    await stage.supervisor.press("1")
    await stage.are_connected()
    assert (await stage.ari.ended(count=2))["outcome"] == "completed"


async def test_asterisk_restarted_while_it_rings(stage):
    await stage.dialing(supervisor=Ring())
    transfer_id = (await stage.ari.phase("supervisor_ringing"))["transfer_id"]
    await restarted(stage)
    await closed_as_lost(stage, transfer_id)
    await the_next_call_works(stage)


@pytest.mark.parametrize("app_too", [False, True], ids=["alone", "with_the_app"])
async def test_asterisk_restarted_in_the_briefing(stage, app_too):
    """With the app: as after a power cut of the whole machine."""
    await stage.briefed()
    transfer_id = stage.ari.phases[0]["transfer_id"]
    if app_too:
        await stage.app.kill()
        await power_cut(stage)
        await stage.app.start()
    else:
        await restarted(stage)
    await closed_as_lost(stage, transfer_id)
    await the_next_call_works(stage)


async def test_asterisk_restarted_in_conversation(stage):
    await stage.talking()
    await restarted(stage)
    assert (await stage.app.get("/v1/calls"))["body"][0]["state"] == "closed"
    await stage.calls()
    await stage.caller.hears(AGENT, 5)
