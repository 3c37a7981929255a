"""Two engines for the demo's agent, named in its settings as anybody's would be.

The voice speaks over a pilot tone, the ears keep what they hear: the agent has no phone of which that could be read.
"""

from __future__ import annotations

import os
import struct
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from io import FileIO
from pathlib import Path

import numpy as np
import soxr  # type: ignore[import-untyped]

from ari_app.briefing.espeak import Espeak
from ari_app.briefing.phrasebook import PhraseBook
from ari_app.briefing.ports import Heard, Listening
from ari_app.briefing.providers.border import Options
from ari_app.media.audio import SLIN16, Resampler
from ari_app.testing import tones
from ari_app.testing.demo.script import AGENT
from ari_app.testing.demo.speakers import PEAK, PILOT_DBFS, in_band, trimmed
from ari_app.testing.heard import FRAME_TIME, PCMU, Packet, Recorder

BREATH = tones.RATE // 8
"Samples between two sentences."
KEPT_IN = "DEMO_HEARD"
"Variable of the environment with the name of the file."
MOMENT = struct.Struct("<dI")
"When it was heard, and how many µ-law bytes follow."


class Voice:
    """TextToSpeech of the person `AGENT`. The pilot is there while it speaks: nothing else is sent to Asterisk."""

    rate = tones.RATE

    def __init__(self, options: Options) -> None:
        self._espeak = Espeak(AGENT.voice, AGENT.speed, pitch=AGENT.pitch)

    async def synthesize(self, text: str) -> AsyncIterator[bytes]:
        pcm = b"".join([piece async for piece in self._espeak.synthesize(text)])
        speech = soxr.resample(np.frombuffer(pcm, "<i2") / 32768.0, self._espeak.rate, self.rate)
        speech = np.pad(trimmed(in_band(speech)), (0, BREATH))
        pilot = tones.tone(AGENT.pilot, len(speech) / self.rate + 1, dbfs=PILOT_DBFS)[: len(speech)]
        loud = speech / np.max(np.abs(speech)) * PEAK * 32767
        yield (loud + pilot).clip(-32768, 32767).astype("<i2").tobytes()


class Ears(PhraseBook):
    """A phrase book at the rate of the line, so that all that comes is kept, pilots included."""

    rate = SLIN16.rate

    @asynccontextmanager
    async def listen(self) -> AsyncIterator[Keeping]:  # type: ignore[override]
        async with super().listen() as listening:
            with _kept() as file:
                yield Keeping(listening, file.write)


def _kept() -> FileIO:
    return FileIO(os.environ[KEPT_IN], "a")


class Keeping:
    """A Listening that writes down what it hears, in µ-law at 8 kHz."""

    def __init__(self, listening: Listening, write: Callable[[bytes], object]) -> None:
        self._listening = listening
        self._write = write
        self._to_line = Resampler(SLIN16.rate, tones.RATE)
        self._held = b""

    async def hear(self, pcm: bytes) -> None:
        narrow = self._to_line.feed(pcm)
        coded = tones.ulaw_encode(np.frombuffer(narrow, "<i2"))
        self._write(MOMENT.pack(time.monotonic(), len(coded)) + coded)
        await self._listening.hear(narrow)

    async def end_of_speech(self) -> None:
        await self._listening.end_of_speech()

    def __aiter__(self) -> AsyncIterator[Heard]:
        return aiter(self._listening)


def kept(file: Path) -> Recorder:
    """What was heard, as if it had come by RTP in frames of 20 ms."""
    found = Recorder()
    held, count = b"", 0
    for at, coded in _moments(file.read_bytes()):
        held += coded
        while len(held) >= tones.FRAME:
            payload, held = held[: tones.FRAME], held[tones.FRAME :]
            late = len(held) // tones.FRAME * FRAME_TIME
            found.add(Packet(at - late, 0, count & 0xFFFF, count * tones.FRAME, False, PCMU, payload))
            count += 1
    return found


def _moments(whole: bytes) -> Iterator[tuple[float, bytes]]:
    place = 0
    while place + MOMENT.size <= len(whole):
        at, length = MOMENT.unpack_from(whole, place)
        place += MOMENT.size
        yield at, whole[place : place + length]
        place += length
