"""Sounds a test can recognise: µ-law, tones, what a stretch of audio is, WAV files. All audio is 8 kHz mono int16.

Frames of 20 ms resolve 50 Hz: keep the parties' tones at multiples of 50 Hz and at least 150 Hz apart.
"""

from __future__ import annotations

import wave
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Pcm = NDArray[np.int16]

RATE = 8000
FRAME = 160
"Samples, and bytes of µ-law, in 20 ms."
SILENCE_DBFS = -50.0
DOMINANT = 0.7
"Share of the energy from which a tone counts as what is being heard."


def _decode_table() -> Pcm:
    """ITU-T G.711, µ-law: sign, three bits of segment, four bits of step, all inverted on the wire."""
    code = ~np.arange(256, dtype=np.int32) & 0xFF
    magnitude = ((((code & 0x0F) << 3) + 0x84) << ((code >> 4) & 7)) - 0x84
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)


def _encode_table() -> NDArray[np.uint8]:
    """The byte for each int16, found by the nearest decoded value."""
    order = np.argsort(_DECODE, kind="stable")
    levels = _DECODE[order].astype(np.int32)
    middles = (levels[1:] + levels[:-1]) / 2
    samples = np.arange(-32768, 32768)
    return order[np.searchsorted(middles, samples, side="right")].astype(np.uint8)


_DECODE = _decode_table()
_ENCODE = _encode_table()


def ulaw_decode(payload: bytes) -> Pcm:
    return _DECODE[np.frombuffer(payload, dtype=np.uint8)]


def ulaw_encode(pcm: Pcm) -> bytes:
    return _ENCODE[pcm.astype(np.int32) + 32768].tobytes()


def tone(frequency: float, seconds: float = 1.0, *, dbfs: float = -12.0) -> Pcm:
    """A sine. A whole number of Hz over whole seconds may be repeated without a click."""
    time = np.arange(round(seconds * RATE)) / RATE
    return (32767 * 10 ** (dbfs / 20) * np.sin(2 * np.pi * frequency * time)).astype(np.int16)


def frames(pcm: Pcm) -> list[bytes]:
    """µ-law payloads of 20 ms; the last one is filled up with silence."""
    padded = np.pad(pcm, (0, -len(pcm) % FRAME))
    encoded = ulaw_encode(padded)
    return [encoded[i : i + FRAME] for i in range(0, len(encoded), FRAME)]


@cache
def tone_frames(frequency: int) -> tuple[bytes, ...]:
    """One second of the tone, to be repeated."""
    return tuple(frames(tone(frequency)))


def level(pcm: Pcm) -> float:
    """Loudness in dB below full scale."""
    power = float(np.mean(pcm.astype(np.float64) ** 2)) if len(pcm) else 0.0
    return 10 * float(np.log10(power / 32767**2)) if power else -100.0


def share(pcm: Pcm, frequency: float) -> float:
    """How much of the energy is at this frequency, 0 to 1 (Goertzel): two equal tones have 0.5 each."""
    signal = pcm.astype(np.float64)
    energy = float(signal @ signal)
    if not energy:
        return 0.0
    probe = np.exp(-2j * np.pi * frequency / RATE * np.arange(len(signal)))
    return float(min(1.0, 2 * abs(signal @ probe) ** 2 / (len(signal) * energy)))


def contains(pcm: Pcm, frequency: float, *, at_least: float = 0.2) -> bool:
    """The tone is audible, alone or mixed with others."""
    return level(pcm) > SILENCE_DBFS and share(pcm, frequency) >= at_least


@dataclass(frozen=True)
class Sound:
    """What a stretch of 20 to 100 ms is."""

    kind: str
    "silence, tone (one or two), constant (one µ-law byte over and over) or other: speech, music, noise"
    tones: tuple[int, ...] = ()
    byte: int | None = None

    def __str__(self) -> str:
        if self.byte is not None:
            return f"constant 0x{self.byte:02X}"
        return f"tone {'+'.join(map(str, self.tones))}" if self.tones else self.kind


def classify(pcm: Pcm) -> Sound:
    if level(pcm) <= SILENCE_DBFS:
        return Sound("silence")
    if len(pcm) and bool(np.all(pcm == pcm[0])):
        return Sound("constant", byte=ulaw_encode(pcm[:1])[0])
    first = _peak(pcm, avoid=None)
    if share(pcm, first) >= DOMINANT:
        return Sound("tone", (_rounded(first),))
    second = _peak(pcm, avoid=first)
    if min(share(pcm, first), share(pcm, second)) >= 0.15 and share(pcm, first) + share(pcm, second) >= 0.85:
        low, high = sorted((_rounded(first), _rounded(second)))
        return Sound("tone", (low, high))
    return Sound("other")


def _peak(pcm: Pcm, avoid: float | None) -> float:
    """The strongest frequency at least 120 Hz (one lobe of the window) from ``avoid``."""
    spectrum = np.abs(np.fft.rfft(pcm * np.hanning(len(pcm)), 1600))
    if avoid is not None:
        spectrum[np.abs(np.arange(len(spectrum)) * 5 - avoid) < 120] = 0
    return float(np.argmax(spectrum)) * 5


def _rounded(frequency: float) -> int:
    return round(frequency / 10) * 10


@dataclass(frozen=True)
class Span:
    """A stretch of the same sound, in monotonic seconds."""

    start: float
    end: float
    label: str
    "silence, tone 1000, tone 1000+2000, constant 0x55, other, or nothing: no packets"

    def __str__(self) -> str:
        return f"{self.label} for {self.end - self.start:.2f} s"


def spans(labelled: Iterable[tuple[float, str]]) -> list[Span]:
    """Joins frames (arrival, label) of 20 ms. A lone frame on the border of two sounds is counted to the first."""
    found: list[Span] = []
    for at, label in labelled:
        if found and at - found[-1].end > 0.06:
            found.append(Span(found[-1].end, at, "nothing"))
        if found and found[-1].label == label:
            found[-1] = replace(found[-1], end=at + 0.02)
        else:
            found.append(Span(at, at + 0.02, label))
    return _without_borders(found)


def _without_borders(found: Iterable[Span]) -> list[Span]:
    kept: list[Span] = []
    for span in found:
        lone = span.label == "other" and span.end - span.start < 0.03
        same = bool(kept) and kept[-1].label == span.label
        if kept and (same or (lone and kept[-1].label != "nothing")):
            kept[-1] = replace(kept[-1], end=span.end)
        else:
            kept.append(span)
    return kept


def write_wav(path: Path | str, pcm: Pcm) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(pcm.astype("<i2").tobytes())


def read_wav(path: Path | str) -> Pcm:
    """Raises ValueError for anything but 8 kHz, 16 bit, mono."""
    with wave.open(str(path), "rb") as file:
        if (file.getframerate(), file.getsampwidth(), file.getnchannels()) != (RATE, 2, 1):
            raise ValueError(f"{path} is not 8 kHz, 16 bit, mono")
        return np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").astype(np.int16)
