"""Who takes part in a measurement: a lab, the app on it, an agent's ARI client, and one phone for each role.

Each role is one SIPp process whatever the number of calls. Caller, agent and supervisor send tones of their own, the
lab's music class is 300 Hz: who hears whom is read off the packets.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ari_app.testing import tones
from ari_app.testing.heard import Packet, Recorder
from ari_app.testing.phone import Answer, Behaviour, Call, Phone
from ari_app.testing.stage import App, Ari, Lab
from bench.figures import results

CALLER, AGENT, SUPERVISOR, MUSIC = 1000, 1500, 2000, 300
REPLIES = "bench"
"The ARI application that gets the phases."
SETTINGS = """
[agents.front-desk]
endpoint = "{agent}"
[routing_rules.rr_bench]
endpoint = "{supervisor}"
callers = ["+14155550100"]
destinations = ["2???"]
max_concurrent = {limit}
[hold]
moh_class = "lab-music"
[limits]
transfers = 10000
{briefing}
"""
EMBEDDED = """
[briefing.default]
greet = "at_once"
stt = "{stt}"
tts = "espeak"
llm = "none"
"""


@dataclass
class People:
    lab: Lab
    app: App
    ari: Ari
    caller: Phone
    agent: Phone
    supervisor: Phone

    @property
    def supervisor_endpoint(self) -> str:
        return _dial_string(self.supervisor)

    async def ask(
        self, channel: str, *, application: str = "warm-transfer", to: str = "2001", summary: str | None, n: int = 0
    ) -> float:
        """Requests a transfer as an agent does. Returns the moment before the user event was posted."""
        request = {
            "destination": {"routing_rule_id": "rr_bench", "sip_call_to": to},
            "reason": "the caller wants a refund",
            **({"summary": summary} if summary else {}),
            "chat_history": [{"role": "user", "content": "I was charged twice for order 4711 in May."}],
            "reply_to": REPLIES,
            "metadata": {"n": n},
        }
        asked = time.monotonic()
        await self.ari.tell("WarmTransferRequest", channel, request, app=application)
        return asked

    async def everybody_hangs_up(self) -> None:
        """The caller first; who is still there after two seconds hangs up as well, and Asterisk is empty."""
        for call in self.caller.calls:
            await call.hang_up()
        give_up = time.monotonic() + 2
        for call in (*self.agent.calls, *self.supervisor.calls):
            with suppress(AssertionError):
                await call.ended(max(0.0, give_up - time.monotonic()))
            await call.hang_up()
        for _ in range(100):
            if not await self.left_in_asterisk():
                return
            await asyncio.sleep(0.02)

    async def left_in_asterisk(self) -> list[str]:
        """Channels and bridges that are there now."""
        things = await self.ari.call("GET", "channels") + await self.ari.call("GET", "bridges")
        return [thing.get("name") or thing["id"] for thing in things]


@asynccontextmanager
async def gathered(
    *,
    agent: Behaviour | None = None,
    supervisor: Behaviour | None = None,
    stt: str = "none",
    briefing: str | None = None,
    limit: int = 10_000,
) -> AsyncIterator[People]:
    """Everybody there, the app ready; all gone afterwards. `briefing` is TOML instead of the embedded profile, `limit`
    how many supervisors the rule may carry."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        lab = await Lab.up(folder / "lab")
        stack.push_async_callback(lab.down)
        agents = Phone.listener(tone=AGENT, name="agent", behaviour=agent or Answer(ringing=False))
        supervisors = Phone.listener(tone=SUPERVISOR, name="supervisor", behaviour=supervisor or Answer(after=0.6))
        callers = Phone.caller(lab_sip=lab.sip, dial=None, tone=CALLER)
        for phone in (agents, supervisors, callers):
            await stack.enter_async_context(phone)
        ari = await stack.enter_async_context(Ari(lab, REPLIES))
        app = App(lab, folder / "app", SETTINGS.format(
            agent=agents.endpoint("agent"),
            supervisor=_dial_string(supervisors),
            briefing=briefing or EMBEDDED.format(stt=stt),
            limit=limit,
        ))  # fmt: skip
        await app.start()
        stack.callback(lambda: shutil.copy(app.folder / "app.log", results() / "app.log"))
        stack.push_async_callback(app.stop)
        yield People(lab, app, ari, callers, agents, supervisors)


def next_call(phone: Phone) -> Callable[[], Awaitable[Call]]:
    """Waits, when it is called, for the first call that came in from now on."""
    number = len(phone.calls)

    async def called() -> Call:
        await phone.called(10.0, calls=number + 1)
        return phone.calls[number]

    return called


def _dial_string(phone: Phone) -> str:
    return f"PJSIP/lab/sip:{{to}}@127.0.0.1:{phone.sipp.port}"


def channel_of(agent_call: Call) -> str:
    """The caller's channel, as the agent's leg is told it."""
    return _invite_header(agent_call, "x-wt-channel")


def number_of(agent_call: Call) -> str:
    """The number that is calling."""
    found = re.search(r"sip:([^@>]+)@", _invite_header(agent_call, "from"))
    return found[1] if found else ""


def dialed(call: Call) -> str:
    """The user part of what was dialed."""
    found = re.search(r"sip:([^@>]+)@", call.invite.first_line if call.invite else "")
    return found[1] if found else ""


def _invite_header(call: Call, name: str) -> str:
    return call.invite.headers.get(name, "") if call.invite else ""


def begins(heard: Recorder, tone: int, since: float, *, lasting: int = 3) -> float | None:
    """When the first of `lasting` packets with this tone came: a lone one may be a border between two sounds."""
    run: list[Packet] = []
    for packet in heard.audio(since):
        run = [*run, packet] if _holds(packet, tone) else []
        if len(run) == lasting:
            return run[0].at
    return None


def _holds(packet: Packet, tone: int) -> bool:
    return tones.contains(tones.ulaw_decode(packet.payload), tone, at_least=tones.DOMINANT)


def first_sound(heard: Recorder, since: float) -> float | None:
    """When the first packet came that is not silence."""
    return next((packet.at for packet in heard.audio(since) if str(heard.sound(packet)) != "silence"), None)


def run(main: Coroutine[Any, Any, None]) -> None:
    """To its end, or until SIGTERM or SIGINT: then everybody is sent home as well."""

    async def interruptible() -> None:
        task = asyncio.ensure_future(main)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        await task

    try:
        asyncio.run(interruptible())
    except asyncio.CancelledError:
        sys.exit("\ninterrupted")
    except AssertionError as error:  # its notes tell every phone's whole story
        sys.exit(f"\nstopped: {error}; the app's log is {results() / 'app.log'}")
