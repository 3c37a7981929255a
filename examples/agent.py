#!/usr/bin/env python3
"""An agent that hands its caller to a supervisor, with the Python SDK (`ari_app.agent`).

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

from ari_app import AgentSession, SIPDestination, WarmTransferConfig


async def work(options: argparse.Namespace) -> bool:
    """Listens until the input ends, and hands over. True: the caller is with the supervisor."""
    login = {"ari_url": options.ari, "username": options.user, "password": options.password}
    async with AgentSession(**login, channel_id=options.channel, app=options.app) as session:
        session.on_warm_transfer(callback=show)
        while line := await asyncio.to_thread(sys.stdin.readline):
            await session.add_messages([json.loads(line)])
        show({"phase": "requested", "timestamp": time.time()})
        destination = SIPDestination(routing_rule_id=options.rule, sip_call_to=options.number)
        result = await session.warm_transfer(WarmTransferConfig(destination=destination, reason=options.reason))
    if not result.success:
        print(f"{result.outcome}: {result.error}", file=sys.stderr)
    return result.success


def show(phase: dict[str, Any]) -> None:
    print(json.dumps(phase), flush=True)


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
    sys.exit(0 if asyncio.run(work(read_options())) else 1)
