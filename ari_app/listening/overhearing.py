"""Who is overheard, and when: callers and those agents whose settings ask for it, while the two talk and no longer.

`on_step` is told of every step of every call before the step's commands run, so that nobody is heard on hold: it only
raises flags and starts tasks, and a call never waits for anything here. A failure costs the transcript alone.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from ari_app.briefing.speech import Speech
from ari_app.listening.ear import Ear, Lost
from ari_app.listening.tap import Tap
from ari_app.transfer import conversation, ids
from ari_app.transfer.events import Event, TranscriptAdded
from ari_app.transfer.model import Call, State, Turn

log = structlog.get_logger(__name__)

PAUSES = (1.0, 5.0, 30.0)
"Seconds before the next try after the recogniser or the line is lost; then this stretch of talk goes unheard."


@dataclass(frozen=True)
class Wish:
    """What an agent's settings ask for."""

    profile: str
    "Whose speech to text listens."
    seconds: float
    "Of talk heard in one call."
    at_most: int
    "Bytes of conversation kept."


class Calls(Protocol):
    """The desk, as far as it matters here."""

    set_apart: set[str]

    def overheard(self, call_id: str, event: Event) -> None:
        """Told to the call, if it still lives."""


@dataclass(frozen=True)
class Side:
    """One of the two who talk."""

    call_id: str
    name: str
    role: str
    "In the conversation."
    channel: str


@dataclass
class Stretch:
    """Caller and agent talk, until one of them leaves or the caller is held."""

    wish: Wish
    began: float
    ears: set[Ear] = field(default_factory=set)
    is_over: asyncio.Event = field(default_factory=asyncio.Event)

    def end(self) -> None:
        self.is_over.set()
        for ear in self.ears:
            ear.hush()


class Overhearing:
    """`run` never returns by itself; when it is cancelled everything is out of Asterisk."""

    def __init__(
        self,
        wishes: Mapping[str, Wish],
        calls: Calls,
        *,
        speech: Callable[[str], Speech],
        tap: Callable[[str, str], Tap],
    ) -> None:
        """`wishes` are by agent; `speech` gives the engines of a profile, `tap` one of that name on that channel."""
        self._wishes = wishes
        self._calls = calls
        self._speech = speech
        self._tap = tap
        self._stretches: dict[str, Stretch] = {}
        "By call: who is listened to now."
        self._left: dict[str, float] = {}
        "By call: seconds it may still be listened to."
        self._tasks: asyncio.TaskGroup | None = None

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            await asyncio.get_running_loop().create_future()

    def on_step(self, call: Call) -> None:
        wish = self._wishes.get(call.agent.name) if call.agent else None
        if wish is None:
            return
        wanted = call.state is State.TALKING and call.told_by != conversation.AGENT
        if wanted and call.call_id not in self._stretches:
            self._begin(call, wish)
        elif not wanted and call.call_id in self._stretches:
            self._end(call.call_id)
        if call.state is State.CLOSED:
            self._left.pop(call.call_id, None)

    def _begin(self, call: Call, wish: Wish) -> None:
        left = self._left.setdefault(call.call_id, wish.seconds)
        if self._tasks is None or call.agent is None or left <= 0:
            return
        stretch = self._stretches[call.call_id] = Stretch(wish, _now())
        for side in (
            Side(call.call_id, "caller", "user", call.caller),
            Side(call.call_id, "agent", "assistant", call.agent.channel_id),
        ):
            self._tasks.create_task(self._follow(stretch, side))
        self._tasks.create_task(self._end_in_time(call.call_id, stretch, left))

    def _end(self, call_id: str) -> None:
        stretch = self._stretches.pop(call_id)
        self._left[call_id] -= _now() - stretch.began
        stretch.end()

    async def _end_in_time(self, call_id: str, stretch: Stretch, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await stretch.is_over.wait()
        except TimeoutError:
            log.info("transcribed as long as the settings allow", call_id=call_id)
            stretch.end()

    # One side

    async def _follow(self, stretch: Stretch, side: Side) -> None:
        """Listens until the stretch is over, with another ear when one is lost."""
        for pause in (*PAUSES, None):
            if stretch.is_over.is_set():
                return
            try:
                return await self._hear(stretch, side)
            except Lost as lost:
                log.warning("not transcribed", call_id=side.call_id, side=side.name, why=str(lost), again_in=pause)
            except Exception:
                log.exception("not transcribed", call_id=side.call_id, side=side.name)
            await _unless(stretch.is_over, pause or 0.0)

    async def _hear(self, stretch: Stretch, side: Side) -> None:
        """Raises Lost."""
        wish = stretch.wish

        def said(text: str) -> None:
            turns = (Turn(side.role, text),)
            self._calls.overheard(side.call_id, TranscriptAdded(turns, overheard=True, at_most=wish.at_most))

        tap = self._tap(ids.overheard(side.call_id, side.name, secrets.token_hex(3)), side.channel)
        ear = Ear(tap, self._speech(wish.profile), said)
        self._calls.set_apart.update(tap.ids)
        stretch.ears.add(ear)
        try:
            await ear.run()
        finally:
            stretch.ears.discard(ear)
            self._calls.set_apart.difference_update(tap.ids)


async def _unless(over: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await over.wait()
    except TimeoutError:
        pass


def _now() -> float:
    return asyncio.get_running_loop().time()
