"""What the runtime is given in fast tests: a clock that stands still, a journal in memory, a briefer on a string."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field

from ari_app.errors import JournalError
from ari_app.runtime.ports import Step, Tell
from ari_app.transfer import events as ev
from ari_app.transfer.model import Attempt, Call, State, Transfer


class ManualClock:
    """Time moves when `advance` says so, and every deadline that has come fires."""

    def __init__(self, now: float = 1_000.0) -> None:
        self._now = now
        self._timers: list[tuple[float, asyncio.Timeout]] = []

    def now(self) -> float:
        return self._now

    def until(self, at: float | None) -> AbstractAsyncContextManager[object]:
        return self._until(at)

    @asynccontextmanager
    async def _until(self, at: float | None) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(None) as timer:
            if at is not None and at <= self._now:
                timer.reschedule(loop.time())
            elif at is not None:
                self._timers.append((at, timer))
            try:
                yield
            finally:
                self._timers = [(due, other) for due, other in self._timers if other is not timer]

    def advance(self, seconds: float) -> None:
        self._now += seconds
        for at, timer in list(self._timers):
            if at <= self._now:
                timer.reschedule(asyncio.get_running_loop().time())


@dataclass
class MemoryJournal:
    """Keeps steps; `broken` makes every append fail, as a full disk does."""

    kept: dict[str, list[Step]] = field(default_factory=dict)
    calls: dict[str, Call] = field(default_factory=dict)
    broken: bool = False

    async def append(self, step: Step, *, call: Call) -> None:
        if self.broken:
            raise JournalError("no space left on device")
        self.kept.setdefault(step.call_id, []).append(step)
        self.calls[step.call_id] = call

    async def unfinished(self) -> Sequence[str]:
        return [call_id for call_id, call in self.calls.items() if call.state is not State.CLOSED]

    async def steps(self, call_id: str) -> Sequence[Step]:
        return self.kept.get(call_id, [])


@dataclass
class StringBriefing:
    """Says nothing; the test pulls `tell`."""

    tell: Tell
    done: list[str] = field(default_factory=list)
    keys: list[tuple[str, str]] = field(default_factory=list)
    "Each with its line."
    media_id: str = ""
    fails_to_stop: bool = False
    fails_to_speak: bool = False
    known: Mapping[str, str] | None = field(default_factory=dict)
    "What `context` says; None: it breaks."
    form: tuple[tuple[str, str], ...] = ()
    "Of the summary."
    introduced: asyncio.Event = field(default_factory=asyncio.Event)
    "Set: the introduction was heard."
    words_heard: asyncio.Queue[bool] = field(default_factory=asyncio.Queue)
    "One item ends the words that are being said."

    async def prepare(self) -> None:
        self.tell(ev.SummaryReady("They want a refund.", "extractive", 0.0, self.form))

    def context(self) -> Mapping[str, str]:
        if self.known is None:
            raise RuntimeError("lost for words")
        return self.known

    async def warm(self, media_id: str) -> None:
        self.done.append(f"warm {media_id}")

    async def brief(self, attempt: Attempt, room_id: str, media_id: str) -> None:
        self.media_id = media_id
        self.done.append(f"brief {media_id}")
        self.tell(ev.BriefingStarted(media_id))

    def press(self, digit: str, media_id: str) -> None:
        self.keys.append((digit, media_id))

    async def stop(self, media_id: str) -> None:
        self.done.append(f"stop {media_id}")
        if f"introduce {media_id}" in self.done:
            self.introduced.set()
        if self.fails_to_stop:
            raise RuntimeError("stuck")

    async def farewell(self, text: str, room_id: str, media_id: str) -> None:
        self.done.append(f"farewell {text}")

    async def ready_words(self, text: str, room_id: str, media_id: str, *, key: str | None = None) -> bool:
        self.done.append(f"ready {text} {media_id}")
        return not self.fails_to_speak

    async def say_words(self, text: str, media_id: str, *, key: str | None = None) -> bool:
        self.done.append(f"say {text} {media_id}")
        return await self.words_heard.get()

    async def introduce(self, room_id: str, media_id: str) -> None:
        self.done.append(f"introduce {media_id}")
        if self.fails_to_speak:
            raise RuntimeError("mute")
        await self.introduced.wait()


class StringBriefer:
    def __init__(self) -> None:
        self.opened: list[StringBriefing] = []
        self.known: Mapping[str, str] | None = {}
        self.form: tuple[tuple[str, str], ...] = ()

    def open(self, call: Call, transfer: Transfer, tell: Tell) -> StringBriefing:
        self.opened.append(StringBriefing(tell, known=self.known, form=self.form))
        return self.opened[-1]

    @property
    def last(self) -> StringBriefing:
        return self.opened[-1]

    def __iter__(self) -> Iterator[StringBriefing]:
        return iter(self.opened)
