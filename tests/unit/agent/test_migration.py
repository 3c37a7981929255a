"""Code in the shape of VideoSDK's warm-transfer example: only imports, numbers and the making of the session differ."""

from __future__ import annotations

import asyncio
from typing import ClassVar

import pytest
from fake_asterisk import CHANNEL, LOGIN, ending, phase, story

from ari_app import (
    Agent,
    AgentSession,
    Pipeline,
    SIPDestination,
    WarmTransferConfig,
    WarmTransferError,
    WarmTransferPhase,
    function_tool,
)


class CustomerService(Agent):
    def __init__(self) -> None:
        super().__init__(instructions="Help the caller. If a human is asked for, call escalate_to_human.")

    async def on_enter(self) -> None:
        await self.session.say("Good morning, what can I do for you?")

    async def on_exit(self) -> None:
        pass

    @function_tool
    async def escalate_to_human(self, reason: str) -> str:
        """Hand this call to a human supervisor.

        Args:
            reason: What makes it necessary, in a few words.
        """
        config = WarmTransferConfig(
            destination=SIPDestination(
                routing_rule_id="rr_support", sip_call_to="+14155550123", sip_call_from="+14155550100"
            ),
            summary_prompt="In under 60 words: who calls, what about, what was tried.",
            supervisor_join_timeout=60.0,
            briefing_timeout=90.0,
        )
        result = await self.session.warm_transfer(config)
        if result.success:
            return "You are connected to a supervisor."
        assert result.phase is WarmTransferPhase.TRANSFER_CANCELLED and result.error
        return "Nobody is free right now. I stay with you."


async def a_call(asterisk):
    username, password = LOGIN
    return AgentSession(
        agent=CustomerService(),
        pipeline=Pipeline(),
        ari_url=asterisk.url,
        username=username,
        password=password,
        channel_id=CHANNEL,
    )


async def test_it_runs(asterisk):
    session = await a_call(asterisk)
    lines = []

    @session.on_warm_transfer()
    def on_any_phase(payload):
        lines.append(f"{payload['phase'].value} {payload['data']}")

    @session.on_warm_transfer("transfer_complete")
    def on_done(payload):
        lines.append("done")

    running = asyncio.create_task(session.start(wait_for_participant=True, run_until_shutdown=True))
    answer = await session.agent.escalate_to_human.invoke('{"reason": "a refund"}')
    assert not running.done()
    await session.aclose()
    await running

    assert answer == "You are connected to a supervisor."
    assert lines[0] == "started {}" and sorted(lines)[-1].startswith("transfer_complete") and "done" in lines
    [asked] = asterisk.asked()
    assert (asked["destination"]["sip_call_from"], asked["supervisor_join_timeout"]) == ("+14155550100", 60.0)


async def test_it_stays_with_the_caller_when_nobody_is_free(asterisk):
    asterisk.answer = lambda asked: [
        *story(asked["request_id"])[:3],
        phase(4, "transfer_cancelled", asked["request_id"], data=ending("busy")),
    ]
    async with await a_call(asterisk) as session:
        assert await session.agent.escalate_to_human("a refund") == "Nobody is free right now. I stay with you."


async def test_who_is_told_to_stop_closes_the_session(asterisk):
    session = await a_call(asterisk)
    running = asyncio.create_task(session.start(run_until_shutdown=True))
    await asyncio.sleep(0)
    running.cancel()
    await asyncio.wait([running])
    with pytest.raises(WarmTransferError, match="closed"):
        await session.agent.escalate_to_human("a refund")


async def test_a_pipeline_that_can_speak_says_what_the_session_is_to_say(asterisk, caplog):
    class Voice:
        said: ClassVar[list[str]] = []

        async def say(self, text):
            self.said.append(text)

    async with await a_call(asterisk) as session:
        assert "nobody heard it" in caplog.text
        session.pipeline = Voice()
        await session.say("One moment.")
    assert Voice.said == ["One moment."]
