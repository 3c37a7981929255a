"""The agent takes the request back: at once, while it rings, in the briefing; after the acceptance it is too late."""

from ari_app.testing.phone import Ring
from tests.sipp.conftest import AGENT, CALLER, MUSIC


def was_cancelled(stage, result):
    assert (result["success"], result["outcome"], result["phase"]) == (False, "cancelled", "transfer_cancelled")
    assert "caller_returned" in stage.ari.names()
    assert "call_switched" not in stage.ari.names()


async def test_immediately_after_the_request(stage):
    await stage.talking(supervisor=Ring())
    await stage.ask()
    await stage.cancel()
    await stage.ari.phase("caller_returned", within=2.0)
    await stage.are_back()
    was_cancelled(stage, await stage.ari.ended())
    if stage.supervisor.calls:
        await stage.supervisor.cancelled(within=2.0)
    stage.supervisor_heard_nothing_of(CALLER)


async def test_while_it_rings_by_user_event(stage):
    await stage.talking(supervisor=Ring())
    await stage.ask()
    await stage.ari.phase("supervisor_ringing")
    await stage.caller.hears(MUSIC)
    await stage.cancel("the caller has found the invoice")
    await stage.are_back()
    await stage.supervisor.cancelled(within=2.0)
    result = await stage.ari.ended()
    was_cancelled(stage, result)
    assert result["error"] == "the caller has found the invoice"
    stage.nothing_leaked()


async def test_in_the_briefing_by_http(stage):
    """The supervisor is told before the line goes dead."""
    await stage.briefed()
    transfer = (await stage.ari.phase("started"))["transfer_id"]
    answer = await stage.app.post(f"/v1/transfers/{transfer}/cancel", {"reason": "not needed any more"})
    told = stage.clock()
    assert answer["status"] == 202
    await stage.are_back()
    goodbye = await stage.supervisor.ended(within=6.0)
    was_cancelled(stage, await stage.ari.ended())
    assert goodbye.event == "bye"
    assert stage.spoken(stage.supervisor.call, told + 0.4, goodbye.at) > 1.0, "no farewell"
    stage.nothing_leaked()


async def test_after_the_acceptance_it_is_too_late(stage):
    await stage.briefed()
    pressed = await stage.supervisor.press("1")
    transfer = (await stage.ari.phase("briefing_complete"))["transfer_id"]
    await stage.cancel()
    answer = await stage.app.post(f"/v1/transfers/{transfer}/cancel", None)
    assert answer["status"] == 409
    await stage.are_connected()
    assert (await stage.ari.ended())["outcome"] == "completed"
    stage.caller.heard.assert_never_heard(AGENT, since=pressed)
    stage.nothing_leaked(accepted=pressed)
