"""What the phones of the demo send: speech, made beforehand, over a pilot tone that never pauses."""

from __future__ import annotations

import asyncio
import hashlib
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType

import numpy as np
import soxr  # type: ignore[import-untyped]
from numpy.typing import NDArray

from ari_app.briefing.espeak import Espeak
from ari_app.testing import tones
from ari_app.testing.call import Call
from ari_app.testing.demo.script import Person
from ari_app.testing.tones import Pcm, Span

Samples = NDArray[np.float64]

PILOT_DBFS = -44.0
PEAK = 0.5
"Of full scale, for speech."
BLOCK = 3 * tones.FRAME
AHEAD = 3
"Blocks of 60 ms queued beyond the one that is being sent: what a busy machine may be late."
CLEAN = round(0.2 * tones.RATE)
"Samples without the pilot on both sides of a line that a recogniser has to understand."
TELEPHONE = (300.0, 2800.0)
"Hz of speech: below the pilots."


class Lines:
    """The spoken lines, each synthesised once and kept in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def learn(self, spoken: Iterable[tuple[Person, str]]) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        async with asyncio.TaskGroup() as tasks:
            for person, text in spoken:
                tasks.create_task(self._synthesise(person, text))

    def pcm(self, person: Person, text: str) -> Pcm:
        return tones.read_wav(self._path(person, text))

    def _path(self, person: Person, text: str) -> Path:
        recipe = f"{person.voice} {person.speed} {person.pitch} {text}"
        return self._folder / f"{person.name}-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}.wav"

    async def _synthesise(self, person: Person, text: str) -> None:
        path = self._path(person, text)
        if path.exists():
            return
        voice = Espeak(person.voice, person.speed, pitch=person.pitch)
        pcm = b"".join([chunk async for chunk in voice.synthesize(text)])
        speech = soxr.resample(np.frombuffer(pcm, "<i2") / 32768.0, voice.rate, tones.RATE)
        speech = trimmed(in_band(speech))
        fresh = path.with_suffix(".new")
        tones.write_wav(fresh, (speech / np.max(np.abs(speech)) * PEAK * 32767).astype(np.int16))
        fresh.rename(path)


def in_band(speech: Samples) -> Samples:
    """Speech without what lies outside of TELEPHONE, so that it does not cover a pilot."""
    spectrum = np.fft.rfft(speech)
    hertz = np.fft.rfftfreq(len(speech), 1 / tones.RATE)
    spectrum[(hertz < TELEPHONE[0]) | (hertz > TELEPHONE[1])] = 0
    return np.fft.irfft(spectrum, len(speech))


def trimmed(speech: Samples) -> Samples:
    """From the first sound to the last, so that the end of a line is the end of its last word."""
    loud = np.flatnonzero(np.abs(speech) > 0.02 * np.max(np.abs(speech)))
    return speech[loud[0] : loud[-1] + 1]


class Speaker:
    """The voice of one call that is up: its pilot, and whatever it is given to say, until the context is left."""

    def __init__(self, call: Call, person: Person, lines: Lines) -> None:
        self._call = call
        self._person = person
        self._lines = lines
        self._pilot = tones.tone(person.pilot, dbfs=PILOT_DBFS)
        self._position = 0
        self._speech: Pcm = np.zeros(0, np.int16)
        self._is_clean = False
        self._ended: asyncio.Future[float] | None = None
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Speaker:
        self._task = asyncio.create_task(self._send())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def say(self, text: str, *, clean: bool = False) -> Span:
        """Returns when its first and its last sound left. `clean`: without the pilot, which a recogniser would take
        for part of the words."""
        line = self._lines.pcm(self._person, text)
        guard = CLEAN if clean else 0
        self._is_clean = clean
        self._ended = asyncio.get_running_loop().create_future()
        self._speech = np.pad(line, guard)
        async with asyncio.timeout(len(self._speech) / tones.RATE + 5):
            end = await self._ended - guard / tones.RATE
        return Span(end - len(line) / tones.RATE, end, text)

    async def _send(self) -> None:
        """Blocks are queued ahead of time, so that the stream has no holes."""
        on_their_way: deque[asyncio.Task[None]] = deque()
        async with asyncio.TaskGroup() as tasks:
            while not self._call.over:
                on_their_way.append(tasks.create_task(self._play(*self._block())))
                if len(on_their_way) > AHEAD:
                    await on_their_way.popleft()

    async def _play(self, block: Pcm, ended: asyncio.Future[float] | None, early: float) -> None:
        with suppress(AssertionError):  # the call ended meanwhile
            left = await self._call.play(block)
            if ended and not ended.done():
                ended.set_result(left - early)

    def _block(self) -> tuple[Pcm, asyncio.Future[float] | None, float]:
        """60 ms; with whoever waits for the end of a line, if it ends in them, and how long before theirs."""
        places = (self._position + np.arange(BLOCK)) % len(self._pilot)
        self._position += BLOCK
        speech, self._speech = self._speech[:BLOCK], self._speech[BLOCK:]
        block = self._pilot[places].astype(np.int32)
        if self._is_clean:
            block[: len(speech)] = 0
        block[: len(speech)] += speech
        is_last = len(speech) > 0 and len(self._speech) == 0
        early = (BLOCK - len(speech)) / tones.RATE
        return block.clip(-32768, 32767).astype(np.int16), self._ended if is_last else None, early
