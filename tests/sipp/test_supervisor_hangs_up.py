"""The supervisor hangs up, at every moment there is: the caller is never left alone."""

import pytest

from ari_app.testing.phone import Reject
from tests.sipp.conftest import AGENT, SUPERVISOR


async def test_while_ringing(stage):
    await stage.talking(supervisor=Reject(603, after=0.5))
    await stage.ask()
    await stage.ari.phase("attempt_failed")
    await stage.are_back()
    result = await stage.ari.ended()

    assert (result["outcome"], result["sip_code"], result["phase"]) == ("rejected", 603, "transfer_cancelled")
    assert "supervisor_ringing" in stage.ari.names()
    stage.nothing_leaked()


async def test_in_the_briefing(stage):
    await stage.briefed()
    await stage.supervisor.hang_up()
    await stage.are_back()
    complete = await stage.ari.phase("briefing_complete")
    result = await stage.ari.ended()

    assert complete["data"]["resolution"] == "supervisor_hangup"
    assert (result["success"], result["outcome"], result["phase"]) == (
        False,
        "supervisor_hangup",
        "transfer_cancelled",
    )
    stage.nothing_leaked()


@pytest.mark.parametrize("later", [0.0, 0.015], ids=["with the key", "15 ms after the key"])
async def test_at_the_acknowledgement(stage, later):
    """Either the join was confirmed, and then it is a conversation that ended; or it was not, and the agent has the
    caller. Which of the two is a matter of milliseconds; that it is one of them is not."""
    await stage.briefed()
    pressed = await stage.supervisor.press("1")
    await stage.pause(later)
    await stage.supervisor.hang_up()
    result = await stage.ari.ended()

    if result["success"]:
        assert "call_switched" in stage.ari.names()
        assert (await stage.caller.ended(within=2.0)).event == "bye"
    else:
        assert result["outcome"] == "supervisor_hangup"
        assert "call_switched" not in stage.ari.names()
        await stage.are_back()
        assert stage.caller.heard.first(AGENT, pressed).at < pressed + 2.0
    stage.agent.heard.assert_never_heard(SUPERVISOR)


async def test_after_the_join(stage):
    await stage.connected()
    await stage.supervisor.hang_up()
    assert (await stage.caller.ended(within=2.0)).event == "bye"
    assert stage.ari.names()[-1] == "transfer_complete"
