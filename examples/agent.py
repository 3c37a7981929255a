#!/usr/bin/env python3
"""An agent that hands its caller to a supervisor. It uses the public contract alone: ARI, and user events over it.

Every line of standard input is one chat message as JSON, as your recogniser and your model produce them; it is passed
on at once. When the input ends, the agent asks for the transfer, then prints each phase as a line of JSON. The exit
status is 0 when the caller talks to the supervisor, 1 when the caller was given back.

    export ARI_URL=http://127.0.0.1:8088 ARI_USER=warm-transfer ARI_PASSWORD=…
    echo '{"role": "user", "content": "I was charged twice."}' |
        examples/agent.py --channel "$CHANNEL" --rule rr_sales --number +14155550142 --reason "The refund failed"

CHANNEL is the caller's channel, or the agent's own leg. An agent that is reached by SIP finds the caller's in the
header X-WT-Channel of its INVITE.
"""

import argparse
import asyncio
import json
import os
import sys
import time
from typing import Any

import aiohttp

ENDINGS = ("transfer_complete", "transfer_cancelled", "transfer_failed")


class Agent:
    """One agent's side of one call."""

    def __init__(self, http: aiohttp.ClientSession, options: argparse.Namespace) -> None:
        self.http = http
        self.options = options
        self.name = f"agent-{os.getpid()}"
        "Our own ARI application: phases are sent to it."

    async def work(self) -> bool:
        """Registers, works until its input ends, and hands over. True: the caller is with the supervisor."""
        async with self.http.ws_connect("/ari/events", params={"app": self.name}) as events:
            while line := await asyncio.to_thread(sys.stdin.readline):
                await self.tell("WarmTransferTranscript", turns=[json.loads(line)])
            await self.ask()
            return await self.follow(events)

    async def ask(self) -> None:
        destination = {"routing_rule_id": self.options.rule, "sip_call_to": self.options.number}
        show({"phase": "requested", "timestamp": time.time()})
        await self.tell("WarmTransferRequest", destination=destination, reason=self.options.reason, reply_to=self.name)

    async def tell(self, event: str, **variables: Any) -> None:
        where = {"application": self.options.app, "source": f"channel:{self.options.channel}"}
        async with self.http.post(f"/ari/events/user/{event}", params=where, json={"variables": variables}):
            pass

    async def follow(self, events: aiohttp.ClientWebSocketResponse) -> bool:
        async for message in events:
            event = json.loads(message.data)
            if event["type"] != "ChannelUserevent" or event["eventname"] != "WarmTransferPhase":
                continue
            phase = event["userevent"]
            show(phase)
            if phase["phase"] in ENDINGS:
                return bool(phase["data"]["result"]["success"])
        raise ConnectionError("Asterisk closed the event stream before the transfer had ended")


def show(phase: dict[str, Any]) -> None:
    print(json.dumps(phase), flush=True)


async def main(options: argparse.Namespace) -> int:
    login = aiohttp.encode_basic_auth(options.user, options.password)
    async with aiohttp.ClientSession(options.ari, headers={"Authorization": login}, raise_for_status=True) as http:
        return 0 if await Agent(http, options).work() else 1


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ari", default=os.environ.get("ARI_URL", "http://127.0.0.1:8088"))
    parser.add_argument("--user", default=os.environ.get("ARI_USER", "warm-transfer"))
    parser.add_argument("--password", default=os.environ.get("ARI_PASSWORD", ""), help="better: ARI_PASSWORD")
    parser.add_argument("--app", default="warm-transfer", help="the app's name in Asterisk (WT_APP)")
    parser.add_argument("--channel", required=True)
    parser.add_argument("--rule", required=True, help="a [routing_rules.NAME] of the app's settings")
    parser.add_argument("--number", required=True, help="whom to ring")
    parser.add_argument("--reason", help="why; spoken to the supervisor first")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(asyncio.run(main(read_options())))
