"""Plays the call: Asterisk, the app, the voice agent and two phones, each a process reached as in real life."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ari_app.testing import tones
from ari_app.testing.call import Call
from ari_app.testing.demo import ears_and_voice, script
from ari_app.testing.demo.script import AGENT, CALLER, SUPERVISOR, Person
from ari_app.testing.demo.speakers import Lines, Speaker
from ari_app.testing.heard import Packet, Recorder
from ari_app.testing.phone import Answer, Phone
from ari_app.testing.sipp import SipMessage
from ari_app.testing.stage import CHECKOUT, App, Ari, Lab, without_keys
from ari_app.testing.tones import Span

EXAMPLE = CHECKOUT / "examples" / "voice_agent"
RINGS = 0.8
"Seconds until the supervisor picks up."
PAUSE = 0.2
"Seconds between two people's lines."
ENOUGH = 5.5
"Seconds of briefing after which the supervisor has heard enough, and speaks over the rest."
POLITE = 0.5
"Seconds of silence after which the caller takes the agent's line for finished."
LONGEST_LINE = 10.0
TRIES = 2
"How often something is said that has to be understood."
UNDERSTOOD_WITHIN = 5.0

Phase = dict[str, Any]


class Failed(Exception):
    """The play went wrong; says what did not happen."""


@dataclass
class Evidence:
    """What is left of a call. Times are monotonic seconds."""

    requested: float = 0.0
    "When the agent's model called for a human."
    phases: list[Phase] = field(default_factory=list)
    "As the agent got them; `at` is when the app published them."
    spoken: list[tuple[Person, Span]] = field(default_factory=list)
    calls: dict[str, Call] = field(default_factory=dict)
    "By role."
    sip: dict[str, list[SipMessage]] = field(default_factory=dict)
    "By role."
    music: list[Path] = field(default_factory=list)
    understood: list[tuple[float, str]] = field(default_factory=list)
    "What the agent took the caller to have said, and when."
    agent_heard: Recorder = field(default_factory=Recorder)
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
    """`examples/voice_agent` as a process; it prints what is said and what it is told."""

    def __init__(self, process: asyncio.subprocess.Process, evidence: Evidence, tell: Tell) -> None:
        self.process = process
        self._evidence = evidence
        self._tell = tell
        self._monotonic_minus_wall = time.monotonic() - time.time()
        self._is_ready = asyncio.Event()
        self._following = asyncio.create_task(self._follow())

    @classmethod
    async def start(cls, lab: Lab, folder: Path, evidence: Evidence, tell: Tell) -> Agent:
        settings = _agent_settings(folder)
        with (folder / "agent.log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, str(EXAMPLE), "--ari", lab.ari_url, "--user", lab.username),
                *("--rule", script.RULE, "--number", script.SUPERVISOR_NUMBER, "--settings", str(settings)),
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                env={
                    **without_keys(os.environ),
                    "ARI_PASSWORD": lab.password,
                    "PYTHONPATH": str(CHECKOUT),
                    ears_and_voice.KEPT_IN: str(folder / "heard"),
                },
            )
        return cls(process, evidence, tell)

    async def ready(self, within: float = 30.0) -> None:
        try:
            await asyncio.wait_for(self._is_ready.wait(), within)
        except TimeoutError:
            raise Failed(f"the voice agent is not ready within {within:.0f} s: see agent.log") from None

    async def _follow(self) -> None:
        assert self.process.stdout
        async for line in self.process.stdout:
            told = json.loads(line)
            if "ready" in told:
                self._is_ready.set()
            elif "turn" in told:
                self._note(told["turn"], *(told[when] + self._monotonic_minus_wall for when in ("began", "ended")))
            else:
                self._learn({**told, "at": told["timestamp"] + self._monotonic_minus_wall})

    def _note(self, turn: dict[str, Any], began: float, ended: float) -> None:
        called = [call["function"]["name"] for call in turn.get("tool_calls", ())]
        if turn["role"] == "user":
            self._evidence.understood.append((ended, turn["content"]))
        elif "get_a_human" in called:
            self._evidence.requested = began
            self._learn({"phase": "requested", "at": began})
        elif not called:
            self._tell.line(AGENT, turn["content"])
            self._evidence.spoken.append((AGENT, Span(began, ended, turn["content"])))

    def _learn(self, phase: Phase) -> None:
        if phase["phase"] != "requested":
            self._evidence.phases.append(phase)
        self._tell.phase(phase, self._evidence)
        self._evidence.told[phase["phase"]].set()

    async def end(self) -> None:
        if self.process.returncode is None:
            self.process.terminate()
        await asyncio.gather(self.process.wait(), self._following)


def _agent_settings(folder: Path) -> Path:
    folder.mkdir()
    settings = folder / "voice.toml"
    settings.write_text(script.AGENT_SETTINGS.format(phrases=EXAMPLE / "phrases.txt"))
    return settings


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
        await self._connect_the_caller()
        await self._talk_to_the_agent()
        await self._be_briefed()
        await self._talk_to_the_supervisor()
        await self._part()
        return self.evidence

    async def _set(self) -> None:
        """Asterisk, the phones on their hooks, the app and the agent."""
        enter = self._stage.enter_async_context
        since = time.monotonic()
        self.lab, _ = await asyncio.gather(Lab.up(self._folder / "lab"), self._lines.learn(script.SPOKEN))
        self._stage.push_async_callback(self.lab.down)
        self._tell.note(f"Asterisk {self.lab.version.split('+')[0]} is up after {time.monotonic() - since:.1f} s")
        self.supervisor = await enter(Phone.listener(name="supervisor", behaviour=Answer(after=RINGS)))
        self.app = App(self.lab, self._folder / "app", self._settings())
        self._stage.push_async_callback(self.app.stop)
        self.agent = await Agent.start(self.lab, self._folder / "agent", self.evidence, self._tell)
        self._stage.push_async_callback(self.agent.end)
        await asyncio.gather(self.app.start(), self.agent.ready())
        self._tell.note(f"the app and the voice agent are ready after {time.monotonic() - since:.1f} s")

    def _settings(self) -> str:
        supervisor = f"PJSIP/lab/sip:{{to}}@127.0.0.1:{self.supervisor.sipp.port}"
        return script.SETTINGS.format(rule=script.RULE, supervisor=supervisor)

    async def _connect_the_caller(self) -> None:
        phone = Phone.caller(lab_sip=self.lab.sip, dial=None, name="caller")
        self.caller = await self._stage.enter_async_context(phone)
        call = phone.place("1000", script.CALLER_NUMBER, name=script.CALLER_NAME)
        await call.answered()
        self._tell.note("the caller dialed in and is answered by the agent")
        await self._give_a_voice(call, CALLER)

    async def _give_a_voice(self, call: Call, person: Person) -> None:
        self.evidence.calls[person.name] = call
        self._speakers[person.name] = await self._stage.enter_async_context(Speaker(call, person, self._lines))

    async def _say(self, person: Person, text: str, *, clean: bool = False) -> None:
        self._tell.line(person, text)
        self.evidence.spoken.append((person, await self._speakers[person.name].say(text, clean=clean)))

    async def _talk_to_the_agent(self) -> None:
        """The caller lets the agent finish, and says things again that were not understood."""
        call, since = self.evidence.calls["caller"], 0.0
        for wish in script.WISHES:
            for _ in range(TRIES):
                await self._hear_out(call, since)
                since, before = time.monotonic(), len(self.evidence.understood)
                await self._say(CALLER, wish)
                if await self._understood(wish, before):
                    break
            else:
                raise Failed(f"the caller said “{wish}” {TRIES} times and was not understood")
        if not await self._told("requested", LONGEST_LINE):
            raise Failed("the agent did not ask for a transfer")

    async def _hear_out(self, call: Call, since: float) -> None:
        """Waits until the agent has spoken and is silent again."""
        give_up = time.monotonic() + LONGEST_LINE
        while not any(_is_sound(packet) for packet in call.heard.audio(since)):
            if time.monotonic() > give_up:
                raise Failed("the agent said nothing")
            await asyncio.sleep(0.05)
        await call.hears_silence(LONGEST_LINE, lasting=POLITE)

    async def _understood(self, words: str, before: int) -> bool:
        """Whether the agent hears just that, after so many turns of the caller's."""
        give_up = time.monotonic() + UNDERSTOOD_WITHIN
        while time.monotonic() < give_up:
            if any(text == script.folded(words) for _, text in self.evidence.understood[before:]):
                return True
            await asyncio.sleep(0.02)
        return False

    async def _be_briefed(self) -> None:
        """The supervisor picks up, says hello, listens, interrupts with a yes; once more if it was not understood."""
        call = await self.supervisor.invited()
        await call.answered()
        await self._give_a_voice(call, SUPERVISOR)
        await self._say(SUPERVISOR, script.HELLO, clean=True)
        if not await self._told("briefing_started", 5.0):
            raise Failed("the briefing did not start")
        await asyncio.sleep(ENOUGH)
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
        self.evidence.sip = {phone.name: phone.sipp.messages() for phone in (self.caller, self.supervisor)}
        self.evidence.agent_heard = ears_and_voice.kept(self._folder / "agent" / "heard")
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


def _is_sound(packet: Packet) -> bool:
    return tones.level(tones.ulaw_decode(packet.payload)) > tones.SILENCE_DBFS


async def _things(ari: Ari) -> list[str]:
    found: Sequence[Any] = [*await ari.call("GET", "channels"), *await ari.call("GET", "bridges")]
    return [thing.get("name") or thing["id"] for thing in found]
