"""A supervisor who hangs up right after the join: the caller is back with the agent, who knows why."""

from ari_app.testing.phone import Answer
from tests.sipp.conftest import AGENT, FALLBACK, MUSIC
from tests.sipp.test_handover import Other, handed_over, with_the_other

SOON = {"WARM_TRANSFER_ROUTING_RULES__RR_ONE__RECALL_WITHIN": "10"}


async def test_the_caller_is_back_with_the_agent(stage):
    await stage.connected(environment=SOON, agent=(Answer(), Answer(after=0.7)))
    await stage.agent.invited()
    left = stage.clock()
    await stage.supervisor.hang_up()
    await stage.caller.hears(MUSIC, 1.0)
    again = await stage.agent.invited()
    transfer_id = stage.ari.phases[0]["transfer_id"]
    assert again.invite.headers["x-wt-recall"] == transfer_id
    await stage.are_back(within=3.0)
    stage.caller_had_company(left)
    assert stage.ari.names()[-1] == "transfer_complete"
    await stage.asterisk_has(channels=2, bridges=1)

    await stage.know_the_call()
    await stage.ask()
    await stage.caller.hears(MUSIC)
    await stage.supervisor.invited()
    await stage.ari.phase("briefing_started", count=2)
    await stage.supervisor.press("2")
    await stage.are_back()


async def test_without_the_setting_the_conversation_is_over(stage):
    await stage.connected()
    await stage.supervisor.hang_up()
    assert (await stage.caller.ended(within=2.0)).event == "bye"
    assert len(stage.agent.calls) == 1


async def test_a_caller_on_hold_has_the_fallback(stage):
    await stage.set(environment=SOON)
    await stage.calls("hold")
    await stage.caller.hears(MUSIC, 1.0)
    await stage.know_the_call()
    await stage.ask()
    await stage.ari.phase("briefing_started")
    await stage.supervisor.press("1")
    await stage.are_connected()
    await stage.supervisor.hang_up()
    await stage.caller.hears(FALLBACK, 2.0)


async def test_the_application_that_handed_the_caller_over_has_the_caller_again(stage):
    async with Other(stage.lab) as other:
        await with_the_other(stage, other, environment=SOON)
        await handed_over(stage, other)
        await stage.ask()
        await stage.ari.phase("briefing_started")
        await stage.supervisor.press("1")
        await stage.are_connected()
        await stage.supervisor.hang_up()
        channel, args = await other.entered(stage.channel, "recalled")
        assert args == ["recalled", stage.ari.phases[0]["transfer_id"]]
        stage.caller.heard.assert_never_heard(AGENT)
        await stage.asterisk_has(channels=1, bridges=0)
        await other.call("DELETE", f"channels/{channel}")
        await stage.caller.ended()
