#!/usr/bin/env python3
"""A tool-calling agent on OpenAI's chat completions, or a compatible server: the model decides when a human is needed.

Every line of standard input is what the caller said, as your recogniser hears it; every line of standard output is what
to say. The exit status is 0 when the caller talks to a human, 1 when the input ended before.

    export OPENAI_API_KEY=… ARI_PASSWORD=…         # and OPENAI_BASE_URL for another server
    examples/openai_tools.py --channel "$CHANNEL" --rule rr_support --number +14155550123
"""

import argparse
import asyncio
import os
import sys

from openai import AsyncOpenAI

from ari_app import Agent, AgentSession, SIPDestination, WarmTransferConfig, call_tools, function_tool

INSTRUCTIONS = """You answer the telephone of a shop, in one or two short sentences. Look orders up before you speak of
them. When you can't help, or are asked for a human, call get_a_human. When it fails, say so and what they can do."""


class FrontDesk(Agent):
    """Its methods are the model's tools."""

    def __init__(self, destination: SIPDestination) -> None:
        super().__init__(INSTRUCTIONS)
        self.destination = destination
        self.has_handed_over = False

    @function_tool
    async def look_up_order(self, order: str) -> dict[str, str]:
        """What is known of an order.

        Args:
            order: Its number.
        """
        return {"order": order, "state": "shipped", "charged": "twice"}

    @function_tool
    async def get_a_human(self, reason: str) -> str:
        """Hand this call to a human.

        Args:
            reason: Why, in a few words; the human hears it first.
        """
        result = await self.session.warm_transfer(WarmTransferConfig(destination=self.destination, reason=reason))
        self.has_handed_over = result.success
        return "The caller is with a human." if result.success else f"Nobody took the call: {result.error}"


async def converse(client: AsyncOpenAI, model: str, desk: FrontDesk) -> None:
    """Until the caller is with a human, or says nothing more."""
    messages = [{"role": "system", "content": desk.instructions}]
    while not desk.has_handed_over and (line := await asyncio.to_thread(sys.stdin.readline)):
        messages.append({"role": "user", "content": line.strip()})
        await desk.session.add_messages(messages[-1:])
        await respond(client, model, desk, messages)


async def respond(client: AsyncOpenAI, model: str, desk: FrontDesk, messages: list[dict]) -> None:
    """Asks the model, carries out its calls and asks again, until it has only something to say."""
    tools = [tool.schema for tool in desk.tools]
    while not desk.has_handed_over:
        completion = await client.chat.completions.create(model=model, messages=messages, tools=tools)
        message = completion.choices[0].message.model_dump(exclude_none=True)
        results = await call_tools(message, desk)
        messages += [message, *results]
        await desk.session.add_messages([message, *results])
        if not results:
            print(message["content"], flush=True)
            return


async def work(options: argparse.Namespace) -> bool:
    desk = FrontDesk(SIPDestination(routing_rule_id=options.rule, sip_call_to=options.number))
    login = {"ari_url": options.ari, "username": options.user, "password": options.password}
    async with AsyncOpenAI() as client, AgentSession(**login, channel_id=options.channel, agent=desk):
        await converse(client, options.model, desk)
    return desk.has_handed_over


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ari", default=os.environ.get("ARI_URL", "http://127.0.0.1:8088"))
    parser.add_argument("--user", default=os.environ.get("ARI_USER", "warm-transfer"))
    parser.add_argument("--password", default=os.environ.get("ARI_PASSWORD", ""), help="better: ARI_PASSWORD")
    parser.add_argument("--model", default="gpt-4.1-mini")
    parser.add_argument("--channel", required=True, help="the caller's, or the agent's own leg")
    parser.add_argument("--rule", required=True, help="a [routing_rules.NAME] of the app's settings")
    parser.add_argument("--number", required=True, help="whom to ring")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(0 if asyncio.run(work(read_options())) else 1)
