"""Another ARI application owns the caller, hands over for the transfer, and gets the caller back unless it succeeds."""

import asyncio
import time
from contextlib import suppress

import aiohttp
import pytest

from ari_app.testing.phone import Reject, Ring
from ari_app.testing.stage import Ari
from tests.sipp.conftest import AGENT, CALLER, FALLBACK, MUSIC


class Other(Ari):
    """A voice agent of its own, with callers, legs and a bridge the app knows nothing about."""

    def __init__(self, lab):
        super().__init__(lab, "other")

    async def __aexit__(self, *error):
        """Takes its things along, even from a story that broke off."""
        for path in ("channels/others-leg", "bridges/others-bridge"):
            with suppress(aiohttp.ClientResponseError):
                await self.call("DELETE", path)
        await super().__aexit__(*error)

    async def entered(self, channel=None, *args, within=5.0):
        """A channel enters with these arguments. Returns its id and all arguments."""
        give_up = time.monotonic() + within
        while True:
            for event in self.events:
                if event["type"] == "StasisStart" and event["args"][: len(args)] == list(args):
                    if channel in (None, event["channel"]["id"]):
                        return event["channel"]["id"], event["args"]
            assert time.monotonic() < give_up, [e["type"] for e in self.events]
            await asyncio.sleep(0.02)

    async def hand_over(self, channel, args="handover,return=other"):
        await self.call("POST", f"channels/{channel}/move", app="warm-transfer", appArgs=args)


async def with_the_other(stage, other, **roles):
    """The caller is answered, and alone with the other application."""
    await stage.set(**roles)
    await stage.calls("app-other")
    stage.channel, _ = await other.entered()
    await other.call("POST", f"channels/{stage.channel}/answer")
    await stage.caller.answered()


async def in_the_others_bridge(stage, other, **roles):
    """The caller and the other application's own agent hear each other."""
    await with_the_other(stage, other, **roles)
    await other.call("POST", "bridges/others-bridge", type="mixing")
    endpoint = stage.agent.endpoint("agent")
    await other.call("POST", "channels/others-leg", endpoint=endpoint, app="other", appArgs="leg")
    await other.entered("others-leg", "leg")
    await other.call("POST", "bridges/others-bridge/addChannel", channel=f"{stage.channel},others-leg")
    await stage.caller.hears(AGENT)
    await stage.agent.hears(CALLER)


async def handed_over(stage, other, **options):
    await other.hand_over(stage.channel, **options)
    await stage.caller.hears(MUSIC, 1.0)
    await stage.know_the_call()
    known = await other.call("GET", f"channels/{stage.channel}/variable", variable="WT_CALL_ID")
    assert known["value"] == stage.call_id


async def test_handed_over_and_accepted(stage):
    async with Other(stage.lab) as other:
        await with_the_other(stage, other)
        await handed_over(stage, other)
        await stage.ask()
        await stage.ari.phase("briefing_started")
        stage.supervisor_heard_nothing_of(CALLER)
        await stage.supervisor.press("1")
        await stage.are_connected()
        assert (await stage.ari.ended())["outcome"] == "completed"
        stage.caller_had_company()
        assert not any(e["type"] == "StasisStart" and e["args"][:1] == ["returned"] for e in other.events)
        await stage.caller.hang_up()
        await stage.supervisor.ended()


async def test_asked_for_in_the_same_breath(stage):
    """The other application waits for nothing between the move and the request."""
    async with Other(stage.lab) as other:
        await with_the_other(stage, other, supervisor=Reject(486))
        for number in (1, 2, 3):
            await other.hand_over(stage.channel)
            await stage.ask()
            assert (await stage.ari.ended(count=number))["outcome"] == "busy"
            await other.entered(stage.channel, "returned", stage.ari.phases[-1]["transfer_id"])


@pytest.mark.parametrize(("code", "outcome"), [(486, "busy"), (603, "rejected")])
async def test_handed_over_and_not_reached(stage, code, outcome):
    """The other application has the caller again and is told which transfer ended how."""
    async with Other(stage.lab) as other:
        await with_the_other(stage, other, supervisor=Reject(code))
        await handed_over(stage, other)
        await stage.ask()
        channel, args = await other.entered(stage.channel, "returned")
        result = await stage.ari.ended()
        assert args == ["returned", stage.ari.phases[0]["transfer_id"], outcome]
        assert (result["outcome"], result["sip_code"]) == (outcome, code)
        assert (await stage.ari.phase("caller_returned"))["data"]["to"] == "other"
        await stage.asterisk_has(channels=1, bridges=0)
        await other.call("DELETE", f"channels/{channel}")
        await stage.caller.ended()


async def test_handed_over_out_of_the_others_bridge_and_back_into_it(stage):
    """No word of the caller's reaches the other's agent in between, and no music is left over afterwards."""
    async with Other(stage.lab) as other:
        await in_the_others_bridge(stage, other, supervisor=Reject(486, after=0.5))
        await handed_over(stage, other)
        held = stage.caller.heard.onset(MUSIC)
        await stage.ask()
        await other.entered(stage.channel, "returned")
        stage.agent.heard.assert_never_heard(CALLER, since=held + 0.1)
        await other.call("POST", "bridges/others-bridge/addChannel", channel=stage.channel)
        await stage.are_back()
        back = stage.caller.heard.onset(AGENT)
        await asyncio.sleep(0.5)
        stage.caller.heard.assert_never_heard(MUSIC, since=back)


async def test_handed_over_out_of_the_others_bridge_and_accepted(stage):
    async with Other(stage.lab) as other:
        await in_the_others_bridge(stage, other)
        await handed_over(stage, other)
        held = stage.caller.heard.onset(MUSIC)
        await stage.ask()
        await stage.ari.phase("briefing_started")
        await stage.supervisor.press("1")
        await stage.are_connected()
        assert (await stage.ari.ended())["outcome"] == "completed"
        stage.agent.heard.assert_never_heard(CALLER, since=held + 0.1)
        stage.caller.heard.assert_never_heard(AGENT, since=held)


async def test_the_other_application_is_gone_by_then(stage):
    async with Other(stage.lab) as other:
        await with_the_other(stage, other, supervisor=Ring())
        await handed_over(stage, other)
    await stage.ask()
    await stage.ari.phase("supervisor_ringing")
    await stage.supervisor.reject(486)
    await stage.caller.hears(FALLBACK, 5)
    result = await stage.ari.ended()
    assert result["outcome"] == "busy"
    assert (await stage.ari.phase("caller_returned"))["data"]["to"] == "fallback"
    stage.caller_had_company()


async def test_handed_over_for_good(stage):
    """Without `return`, a caller whose transfer failed waits on music, as one of the entry `hold`."""
    async with Other(stage.lab) as other:
        await with_the_other(stage, other, supervisor=Reject(486))
        await handed_over(stage, other, args="handover")
        await stage.ask()
        assert (await stage.ari.ended())["outcome"] == "busy"
        await stage.caller.hears(MUSIC)
        assert (await stage.ari.phase("caller_returned"))["data"]["to"] == "hold"


async def test_killed_in_the_briefing_of_a_caller_who_was_handed_over(stage):
    async with Other(stage.lab) as other:
        await with_the_other(stage, other)
        await handed_over(stage, other)
        await stage.ask()
        await stage.ari.phase("briefing_started")
        await stage.killed_and_back()
        await stage.supervisor.hears_music(5)
        await stage.supervisor.press("2")
        _, args = await other.entered(stage.channel, "returned")
        assert args[2] == "declined"
        assert (await stage.ari.ended())["outcome"] == "declined"
        await other.call("DELETE", f"channels/{stage.channel}")
