#!/usr/bin/env python3
"""An ARI application that owns its callers, hands one over for a warm transfer, and gets the caller back unless it
succeeds. The key 0 stands for whatever makes your agent want a human.

    export ARI_PASSWORD=…
    examples/handover.py --rule rr_support --number +14155550123

Callers enter it with `Stasis(my-agent)`; their context needs an extension `T`, see
docs/how-to/hand-over-from-another-app.md. What happens is printed as lines of JSON.
"""

import argparse
import asyncio
import json
import os
from typing import Any

import aiohttp


class Owner:
    """Answers callers, hands over on the key 0, and welcomes those who come back."""

    def __init__(self, http: aiohttp.ClientSession, options: argparse.Namespace) -> None:
        self._http = http
        self._name = options.name
        self._destination = {"routing_rule_id": options.rule, "sip_call_to": options.number}

    async def run(self) -> None:
        """Events are only passed on: Asterisk drops a reader who keeps it waiting."""
        async with (
            asyncio.TaskGroup() as tasks,
            self._http.ws_connect("/ari/events", params={"app": self._name}) as events,
        ):
            show(ready=self._name)
            async for message in events:
                tasks.create_task(self._take(json.loads(message.data)))

    async def _take(self, event: dict[str, Any]) -> None:
        match event:
            case {"type": "StasisStart", "args": ["returned", transfer_id, outcome], "channel": {"id": caller}}:
                await self._welcome_back(caller, transfer_id, outcome)
            case {"type": "StasisStart", "channel": {"id": caller}}:
                await self._call("POST", f"channels/{caller}/answer")
                show(caller=caller)
            case {"type": "ChannelDtmfReceived", "digit": "0", "channel": {"id": caller}}:
                await self._hand_over(caller)
            case {"type": "ApplicationMoveFailed", "channel": {"id": caller}}:
                show(caller=caller, problem="the app is not there, the caller is still here")
            case {"type": "ChannelUserevent", "eventname": "WarmTransferPhase", "userevent": phase}:
                show(phase=phase["phase"], transfer_id=phase["transfer_id"], data=phase["data"])

    async def _hand_over(self, caller: str) -> None:
        """Moves the caller, who hears music from here on, and asks in the same breath. Asterisk moves nobody while
        something is played to them."""
        await self._call("DELETE", f"playbacks/sorry-{caller}")
        move = {"app": "warm-transfer", "appArgs": f"handover,return={self._name}"}
        await self._call("POST", f"channels/{caller}/move", **move)
        request = {"reason": "The caller pressed 0", "destination": self._destination, "reply_to": self._name}
        where = {"application": "warm-transfer", "source": f"channel:{caller}"}
        await self._call("POST", "events/user/WarmTransferRequest", {"variables": request}, **where)

    async def _welcome_back(self, caller: str, transfer_id: str, outcome: str) -> None:
        """The caller is in no bridge and hears nothing; the app's lease on the channel is nobody's any more."""
        await self._call("POST", f"channels/{caller}/variable", variable="TIMEOUT(absolute)", value="0")
        show(caller=caller, returned=outcome, transfer_id=transfer_id)
        await self._call("POST", f"channels/{caller}/play/sorry-{caller}", media="sound:please-try-call-later")

    async def _call(self, method: str, path: str, body: Any = None, **query: str) -> Any:
        """The answer, or None for what is not there: callers hang up when they like."""
        async with self._http.request(method, f"/ari/{path}", params=query, json=body) as response:
            if response.status != 404:
                response.raise_for_status()
            return await response.json() if response.status == 200 else None


def show(**told: Any) -> None:
    print(json.dumps(told), flush=True)


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ari", default=os.environ.get("ARI_URL", "http://127.0.0.1:8088"))
    parser.add_argument("--user", default=os.environ.get("ARI_USER", "warm-transfer"))
    parser.add_argument("--password", default=os.environ.get("ARI_PASSWORD", ""), help="better: ARI_PASSWORD")
    parser.add_argument("--name", default="my-agent", help="of this application in Asterisk")
    parser.add_argument("--rule", required=True, help="a [routing_rules.NAME] of the app's settings")
    parser.add_argument("--number", required=True, help="whom to ring")
    return parser.parse_args()


async def work(options: argparse.Namespace) -> None:
    login = {"Authorization": aiohttp.encode_basic_auth(options.user, options.password)}
    async with aiohttp.ClientSession(options.ari, headers=login) as http:
        await Owner(http, options).run()


if __name__ == "__main__":
    asyncio.run(work(read_options()))
