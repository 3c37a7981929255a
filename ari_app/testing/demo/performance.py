"""Plays the call: Asterisk, the app, three phones and the agent's process, each reached as in real life."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ari_app.testing.call import Call
from ari_app.testing.demo import script
from ari_app.testing.demo.script import AGENT, CALLER, SUPERVISOR, Message, Person
from ari_app.testing.demo.speakers import Lines, Speaker
from ari_app.testing.phone import Answer, Phone
from ari_app.testing.sipp import SipMessage
from ari_app.testing.stage import CHECKOUT, App, Ari, Lab
from ari_app.testing.tones import Span

RINGS = 0.8
"Seconds until the supervisor picks up."
PAUSE = 0.2
"Seconds between two people's lines."
QUIET = 0.6
"Seconds of silence after which the supervisor takes the briefing for finished."
LONGEST_BRIEFING = 60.0
TRIES = 2
"How often the supervisor says yes."
UNDERSTOOD_WITHIN = 5.0

Phase = dict[str, Any]


class Failed(Exception):
    """The play went wrong; says what did not happen."""


@dataclass
class Evidence:
    """What is left of a call. Times are monotonic seconds."""

    requested: float = 0.0
    phases: list[Phase] = field(default_factory=list)
    "As the agent got them; `at` is when the app published them."
    spoken: list[tuple[Person, Span]] = field(default_factory=list)
    calls: dict[str, Call] = field(default_factory=dict)
    "By role."
    sip: dict[str, list[SipMessage]] = field(default_factory=dict)
    "By role."
    music: list[Path] = field(default_factory=list)
    left_over: list[str] = field(default_factory=list)
    "What Asterisk still had when everybody was gone."
    told: defaultdict[str, asyncio.Event] = field(default_factory=lambda: defaultdict(asyncio.Event))
    "Set when the agent has got the phase of this name."


class Tell:
    """What the audience is told while the play goes on."""

    def note(self, text: str) -> None: ...

    def line(self, person: Person, text: str) -> None: ...

    def phase(self, phase: Phase, evidence: Evidence) -> None: ...


class Agent:
    """`examples/agent.py` as a process: chat messages in, phases out."""

    def __init__(self, process: asyncio.subprocess.Process, evidence: Evidence, tell: Tell) -> None:
        self.process = process
        self._evidence = evidence
        self._tell = tell
        self._monotonic_minus_wall = time.monotonic() - time.time()

    @classmethod
    async def start(cls, lab: Lab, channel: str, app: str, evidence: Evidence, tell: Tell) -> Agent:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, str(CHECKOUT / "examples" / "agent.py"), "--ari", lab.ari_url, "--app", app),
            *("--user", lab.username, "--channel", channel, "--rule", script.RULE),
            *("--number", script.SUPERVISOR_NUMBER, "--reason", script.REASON),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={"ARI_PASSWORD": lab.password},
        )
        return cls(process, evidence, tell)

    def remember(self, *messages: Message) -> None:
        assert self.process.stdin
        self.process.stdin.write(b"".join(json.dumps(message).encode() + b"\n" for message in messages))

    def ask_for_the_transfer(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()

    async def follow(self) -> None:
        """Until the transfer has ended."""
        assert self.process.stdout
        async for line in self.process.stdout:
            phase = json.loads(line)
            phase["at"] = phase["timestamp"] + self._monotonic_minus_wall
            if phase["phase"] == "requested":
                self._evidence.requested = phase["at"]
            else:
                self._evidence.phases.append(phase)
            self._evidence.told[phase["phase"]].set()
            self._tell.phase(phase, self._evidence)
        if await self.process.wait():
            raise Failed("the agent did not get its caller transferred")

    async def end(self) -> None:
        if self.process.returncode is None:
            self.process.kill()
            await self.process.wait()


class Performance:
    """One call, from the first INVITE to an empty Asterisk."""

    def __init__(self, folder: Path, lines: Lines, tell: Tell) -> None:
        self._folder = folder
        self._lines = lines
        self._tell = tell
        self._stage = AsyncExitStack()
        self._speakers: dict[str, Speaker] = {}
        self.evidence = Evidence()

    async def __aenter__(self) -> Performance:
        return self

    async def __aexit__(self, *problem: Any) -> None:
        await self._stage.aclose()

    async def play(self) -> Evidence:
        """Raises Failed or AssertionError, saying what did not happen."""
        await self._set()
        agent = await self._connect_caller_and_agent()
        await self._talk_to_the_agent(agent)
        agent.ask_for_the_transfer()
        await asyncio.gather(agent.follow(), self._be_briefed())
        await self._talk_to_the_supervisor()
        await self._part()
        return self.evidence

    async def _set(self) -> None:
        """Asterisk, the phones on their hooks and the app."""
        enter = self._stage.enter_async_context
        since = time.monotonic()
        self.lab, _ = await asyncio.gather(Lab.up(self._folder / "lab"), self._lines.learn(script.SPOKEN))
        self._stage.push_async_callback(self.lab.down)
        self._tell.note(f"Asterisk {self.lab.version.split('+')[0]} is up after {time.monotonic() - since:.1f} s")
        self.agent = await enter(Phone.listener(name="agent", behaviour=Answer(after=0.3)))
        self.supervisor = await enter(Phone.listener(name="supervisor", behaviour=Answer(after=RINGS)))
        self.app = App(self.lab, self._folder / "app", self._settings())
        self._stage.push_async_callback(self.app.stop)
        await self.app.start()
        self._tell.note(f"the app is ready after {time.monotonic() - since:.1f} s")

    def _settings(self) -> str:
        return script.SETTINGS.format(
            rule=script.RULE,
            agent=self.agent.endpoint("agent"),
            supervisor=f"PJSIP/lab/sip:{{to}}@127.0.0.1:{self.supervisor.sipp.port}",
        )

    async def _connect_caller_and_agent(self) -> Agent:
        phone = Phone.caller(lab_sip=self.lab.sip, dial=None, name="caller")
        self.caller = await self._stage.enter_async_context(phone)
        call = phone.place("1000", script.CALLER_NUMBER, name=script.CALLER_NAME)
        leg = await self.agent.invited()
        await leg.answered()
        await call.answered()
        self._tell.note("the caller dialed in and reached the agent over SIP")
        assert leg.invite
        headers = leg.invite.headers
        agent = await Agent.start(self.lab, headers["x-wt-channel"], headers["x-wt-app"], self.evidence, self._tell)
        self._stage.push_async_callback(agent.end)
        await self._give_a_voice(call, CALLER)
        await self._give_a_voice(leg, AGENT)
        return agent

    async def _give_a_voice(self, call: Call, person: Person) -> None:
        self.evidence.calls[person.name] = call
        self._speakers[person.name] = await self._stage.enter_async_context(Speaker(call, person, self._lines))

    async def _say(self, person: Person, text: str, *, clean: bool = False) -> None:
        self._tell.line(person, text)
        self.evidence.spoken.append((person, await self._speakers[person.name].say(text, clean=clean)))

    async def _talk_to_the_agent(self, agent: Agent) -> None:
        await asyncio.sleep(PAUSE)
        await self._say(AGENT, script.GREETING)
        agent.remember(script.said("assistant", script.GREETING))
        await asyncio.sleep(PAUSE)
        await self._say(CALLER, script.COMPLAINT)
        agent.remember(script.said("user", script.COMPLAINT), *script.REFUND)
        await asyncio.sleep(PAUSE)
        await self._say(AGENT, script.APOLOGY)
        agent.remember(script.said("assistant", script.APOLOGY))

    async def _be_briefed(self) -> None:
        """The supervisor picks up, says hello, listens, and says yes; once more if that was not understood."""
        call = await self.supervisor.invited()
        await call.answered()
        await self._give_a_voice(call, SUPERVISOR)
        await self._say(SUPERVISOR, script.HELLO, clean=True)
        if not await self._told("briefing_started", 5.0):
            raise Failed("the briefing did not start")
        await asyncio.sleep(3 * QUIET)
        await call.hears_silence(LONGEST_BRIEFING, lasting=QUIET)
        for _ in range(TRIES):
            await self._say(SUPERVISOR, script.YES, clean=True)
            if await self._told("briefing_complete", UNDERSTOOD_WITHIN):
                return
        raise Failed(f"the supervisor said “{script.YES}” {TRIES} times and was not understood")

    async def _talk_to_the_supervisor(self) -> None:
        call = self.evidence.calls["supervisor"]
        await call.hears(CALLER.pilot, 5.0)
        await self.evidence.calls["caller"].hears(SUPERVISOR.pilot, 5.0)
        await asyncio.sleep(PAUSE)
        await self._say(SUPERVISOR, script.TAKEOVER)
        await asyncio.sleep(PAUSE)
        await self._say(CALLER, script.THANKS)
        await asyncio.sleep(PAUSE)

    async def _part(self) -> None:
        """The caller hangs up; everything has to go."""
        await self.evidence.calls["caller"].hang_up()
        await self.evidence.calls["supervisor"].ended()
        shown = await self.lab.cli("moh show files")
        files = [Path(line.split("File: ")[1].strip()) for line in shown.splitlines() if "File: " in line]
        self.evidence.music = [path.with_suffix(".wav") for path in files if path.with_suffix(".wav").exists()]
        self.evidence.sip = {phone.name: phone.sipp.messages() for phone in (self.caller, self.agent, self.supervisor)}
        async with Ari(self.lab, "demo-after") as ari:
            give_up = time.monotonic() + 3.0
            while left := await _things(ari):
                if time.monotonic() > give_up:
                    break
                await asyncio.sleep(0.1)
        self.evidence.left_over = left

    async def _told(self, phase: str, within: float) -> bool:
        """Whether the agent is told this phase in time."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.evidence.told[phase].wait(), within)
        return self.evidence.told[phase].is_set()


async def _things(ari: Ari) -> list[str]:
    found: Sequence[Any] = [*await ari.call("GET", "channels"), *await ari.call("GET", "bridges")]
    return [thing.get("name") or thing["id"] for thing in found]
