"""The caller hangs up, at every moment there is: nobody goes on ringing, being briefed, or waiting for nobody."""

import pytest

from ari_app.testing.phone import Ring
from tests.sipp.conftest import CALLER


@pytest.mark.parametrize("moment", ["caller_on_hold", "supervisor_ringing"])
async def test_on_hold_and_while_it_rings(stage, moment):
    await stage.talking(supervisor=Ring())
    await stage.ask()
    await stage.ari.phase(moment)
    await stage.caller.hang_up()
    result = await stage.ari.ended(within=5.0)

    assert (result["success"], result["outcome"], result["phase"]) == (False, "caller_hangup", "transfer_cancelled")
    assert "caller_returned" not in stage.ari.names()
    if stage.supervisor.calls:
        await stage.supervisor.cancelled(within=2.0)
    assert (await stage.agent.ended(within=2.0)).event == "bye"


async def test_in_the_briefing(stage):
    await stage.briefed()
    await stage.caller.hang_up()
    told = stage.caller.call.saw("left").at
    goodbye = await stage.supervisor.ended(within=6.0)
    result = await stage.ari.ended()

    assert (result["outcome"], result["phase"]) == ("caller_hangup", "transfer_cancelled")
    assert goodbye.event == "bye"
    assert stage.spoken(stage.supervisor.call, told + 0.4, goodbye.at) > 1.0, "no notice"
    stage.supervisor_heard_nothing_of(CALLER)
    assert (await stage.agent.ended(within=2.0)).event == "bye"


@pytest.mark.parametrize("later", [0.0, 0.015], ids=["with the key", "15 ms after the key"])
async def test_during_the_join(stage, later):
    """Confirmed or not: the supervisor is free within 5 s, and the outcome is the truth."""
    await stage.briefed()
    pressed = await stage.supervisor.press("1")
    await stage.pause(later)
    await stage.caller.hang_up()
    goodbye = await stage.supervisor.ended(within=5.0)
    result = await stage.ari.ended()

    assert goodbye.event == "bye"
    assert result["outcome"] == ("completed" if "call_switched" in stage.ari.names() else "caller_hangup")
    stage.supervisor.heard.assert_never_heard(CALLER, until=pressed)
    assert (await stage.agent.ended(within=2.0)).event == "bye"
