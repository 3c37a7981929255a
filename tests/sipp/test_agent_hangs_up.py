"""The agent hangs up: in a transfer the caller goes on without it, in plain conversation the call is over."""

from ari_app.testing.phone import Ring
from tests.sipp.conftest import CALLER, FALLBACK, MUSIC


async def test_during_the_transfer_and_the_supervisor_accepts(stage):
    await stage.briefed()
    await stage.agent.hang_up()
    await stage.caller.hears(MUSIC)
    pressed = await stage.supervisor.press("1")
    await stage.are_connected()
    assert (await stage.ari.ended())["outcome"] == "completed"
    stage.nothing_leaked(accepted=pressed)


async def test_during_the_transfer_and_the_supervisor_declines(stage):
    """There is no agent to go back to: the fallback has the caller, within the same 2 s."""
    await stage.briefed()
    await stage.agent.hang_up()
    await stage.caller.hears(MUSIC)
    await stage.supervisor.press("2")
    await stage.caller.hears(FALLBACK, within=2.0)
    result = await stage.ari.ended()

    assert result["outcome"] == "declined"
    assert (await stage.ari.phase("caller_returned"))["data"]["to"] == "fallback"
    stage.nothing_leaked()


async def test_while_the_supervisor_rings_in_vain(stage):
    await stage.talking(supervisor=Ring())
    await stage.ask("rr_short")
    await stage.ari.phase("supervisor_ringing")
    await stage.agent.hang_up()
    await stage.supervisor.cancelled(within=4.0)
    await stage.caller.hears(FALLBACK, within=2.0)
    assert (await stage.ari.ended())["outcome"] == "no_answer"
    stage.nothing_leaked()


async def test_in_plain_conversation(stage):
    await stage.talking()
    await stage.agent.hang_up()
    assert (await stage.caller.ended(within=2.0)).event == "bye"
    assert stage.ari.phases == []
    assert stage.caller.heard.first(MUSIC) is None
    assert stage.agent.heard.first(CALLER)
