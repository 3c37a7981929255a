"""An agent in Python: the SDK against the real app, by user events and over HTTP."""

import asyncio

import pytest

from ari_app import AgentSession, SIPDestination, WarmTransferConfig
from ari_app.app import running
from ari_app.config import load
from tests.sipp.conftest import AGENT, MUSIC

WAYS = ("user events", "http")


def session_of(stage, way, **options):
    if way == "http":
        return AgentSession(http_url=stage.app.url, channel_id=stage.channel, **options)
    lab = stage.lab
    login = {"ari_url": lab.ari_url, "username": lab.username, "password": lab.password}
    return AgentSession(**login, channel_id=stage.channel, app="warm-transfer", **options)


def config(**more):
    destination = SIPDestination(routing_rule_id="rr_one", sip_call_to=more.pop("to", "2001"))
    return WarmTransferConfig(destination=destination, reason="the caller wants a refund", **more)


@pytest.mark.parametrize("way", WAYS)
async def test_accepted_by_key(stage, way):
    await stage.talking()
    told, briefing = [], asyncio.Event()
    async with session_of(stage, way) as session:

        @session.on_warm_transfer()
        async def hear(payload):
            told.append((payload["sequence"], payload["phase"]))
            if payload["phase"] == "briefing_started":
                briefing.set()

        await session.add_messages([{"role": "user", "content": "I was charged twice."}])
        history = [{"role": "assistant", "content": "Let me look. " * 300} for _ in range(25)]
        transfer = asyncio.create_task(session.warm_transfer(config(chat_history=history)))
        async with asyncio.timeout(10):
            await briefing.wait()
        held = stage.caller.heard.onset(MUSIC)
        await stage.supervisor.press("1")
        await stage.are_connected()
        async with asyncio.timeout(10):
            result = await transfer

    assert (result.success, result.outcome, result.phase) == (True, "completed", "transfer_complete")
    assert result.switched_call_id == stage.channel and "charged twice" in result.summary
    assert [number for number, _ in told] == list(range(1, len(told) + 1))
    assert [name for _, name in told][-3:] == ["briefing_complete", "call_switched", "transfer_complete"]
    stage.caller.heard.assert_never_heard(AGENT, since=held)


@pytest.mark.parametrize("way", WAYS)
async def test_refused_and_the_caller_is_not_touched(stage, way):
    await stage.talking()
    async with session_of(stage, way) as session, asyncio.timeout(5):
        result = await session.warm_transfer(config(to="9999"))

    assert (result.success, result.outcome, result.retryable) == (False, "refused", False)
    assert "sip_call_to" in result.error
    stage.caller.heard.assert_never_heard(MUSIC)
    assert stage.invites() == []


@pytest.mark.parametrize("way", WAYS)
async def test_nobody_takes_the_request_while_the_app_is_away(stage, way):
    await stage.talking()
    await stage.app.kill()
    async with session_of(stage, way, started_within=1.5) as session, asyncio.timeout(15):
        result = await session.warm_transfer(config())
        await stage.app.start()
        await stage.know_the_call()
        assert (await session.warm_transfer(config(to="9999"))).outcome == "refused"

    assert (result.success, result.outcome, result.retryable) == (False, "internal_error", True)
    assert "did not take the request" in result.error


class Dictated:
    """A summary model of the agent's own."""

    async def complete(self, messages):
        yield "Ann was charged twice and wants it back."


async def test_agent_and_app_in_one_process(stage):
    await stage.set(start=False)
    stage.app.write()
    async with running(load(stage.app.config)) as app:
        while not (await app.ready())["ari"]:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        await stage.talking()
        async with AgentSession(app=app, channel_id=stage.channel) as session, asyncio.timeout(20):
            briefing = asyncio.Event()

            @session.on_warm_transfer("briefing_started")
            async def begun(payload):
                briefing.set()

            transfer = asyncio.create_task(session.warm_transfer(config(summary_llm=Dictated())))
            await briefing.wait()
            await stage.supervisor.press("1")
            await stage.are_connected()
            result = await transfer
        await stage.everybody_hangs_up()
        await stage.nothing_is_left()
    assert (result.success, result.summary) == (True, "Ann was charged twice and wants it back.")
