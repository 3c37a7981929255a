"""Sound as numbers: formats, sample rates, levels. Pure. Audio is 16-bit little-endian mono PCM everywhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import soxr  # type: ignore[import-untyped]
from numpy.typing import NDArray

SAMPLE_BYTES = 2
FRAME_SECONDS = 0.02
"Asterisk's clock: one frame each 20 ms."


@dataclass(frozen=True)
class Format:
    """A linear format as Asterisk names it."""

    name: str
    rate: int
    "Samples a second."

    @property
    def frame_bytes(self) -> int:
        """Bytes of 20 ms."""
        return self.rate // 50 * SAMPLE_BYTES

    @property
    def bytes_a_second(self) -> int:
        return self.rate * SAMPLE_BYTES

    def seconds(self, pcm: bytes) -> float:
        return len(pcm) / self.bytes_a_second

    def silence(self, seconds: float) -> bytes:
        return bytes(int(seconds * self.rate) * SAMPLE_BYTES)


SLIN = Format("slin", 8_000)
SLIN16 = Format("slin16", 16_000)
"The best for recognition; Asterisk converts to what the leg speaks."
SLIN24 = Format("slin24", 24_000)
SLIN48 = Format("slin48", 48_000)
FORMATS = {each.name: each for each in (SLIN, SLIN16, SLIN24, SLIN48)}

Quality = Literal["QQ", "LQ", "MQ", "HQ", "VHQ"]


class Resampler:
    """Converts a stream from one rate to another; what it holds back at the end comes with `finish`.

    HQ holds back some 30 ms and suits speech that is made faster than it is heard; LQ holds back 16 ms and suits
    listening. Equal rates pass through, only whole samples come out.
    """

    def __init__(self, from_rate: int, to_rate: int, quality: Quality = "HQ") -> None:
        same = from_rate == to_rate
        self._stream = None if same else soxr.ResampleStream(from_rate, to_rate, 1, dtype="int16", quality=quality)
        self._half_sample = b""

    def feed(self, pcm: bytes) -> bytes:
        pcm = self._half_sample + pcm
        whole = len(pcm) // SAMPLE_BYTES * SAMPLE_BYTES
        self._half_sample = pcm[whole:]
        if self._stream is None or not whole:
            return pcm[:whole]
        return _to_bytes(self._stream.resample_chunk(samples(pcm[:whole])))

    def finish(self) -> bytes:
        """The rest; half a sample at the end is dropped."""
        self._half_sample = b""
        if self._stream is None:
            return b""
        return _to_bytes(self._stream.resample_chunk(np.zeros(0, np.int16), last=True))


def resample(pcm: bytes, from_rate: int, to_rate: int) -> bytes:
    """Converts a whole recording."""
    stream = Resampler(from_rate, to_rate)
    return stream.feed(pcm) + stream.finish()


def samples(pcm: bytes) -> NDArray[np.int16]:
    return np.frombuffer(pcm, dtype="<i2")


def level(pcm: bytes) -> float:
    """Root mean square, 0.0 (silence) to 1.0 (full scale)."""
    if len(pcm) < SAMPLE_BYTES:
        return 0.0
    wave = samples(pcm[: len(pcm) // SAMPLE_BYTES * SAMPLE_BYTES]).astype(np.float64)
    return float(np.sqrt(np.mean(wave * wave)) / 32768)


def without_leading_silence(pcm: bytes, threshold: int = 120) -> bytes:
    """The audio from its first sample that can be heard; empty when there is none.

    Voices start with up to 100 ms of nothing, which the supervisor would hear as hesitation."""
    heard = np.flatnonzero(np.abs(samples(pcm).astype(np.int32)) > threshold)
    return pcm[int(heard[0]) * SAMPLE_BYTES :] if heard.size else b""


def tone(frequency: float, seconds: float, rate: int = SLIN16.rate, loudness: float = 0.3) -> bytes:
    """A sine, for tests and measurements."""
    at = np.arange(int(seconds * rate)) / rate
    return _to_bytes((np.sin(2 * np.pi * frequency * at) * loudness * 32767).astype(np.int16))


def tone_share(pcm: bytes, frequency: float, rate: int = SLIN16.rate) -> float:
    """How much of the audio's energy is one tone, 0.0 to 1.0 (Goertzel's idea, by one product)."""
    wave = samples(pcm).astype(np.float64)
    energy = float(np.sum(wave * wave)) * len(wave)
    if not energy:
        return 0.0
    turn = np.exp(-2j * np.pi * frequency * np.arange(len(wave)) / rate)
    return float(2 * abs(np.dot(wave, turn)) ** 2 / energy)


def _to_bytes(wave: NDArray[Any]) -> bytes:
    return bytes(wave.astype("<i2", copy=False).tobytes())
