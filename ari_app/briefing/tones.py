"""Hears a beep, as an answering machine gives after its greeting. Pure.

Asterisk's own TONE_DETECT hears one frequency only, which has to be known beforehand, and the sound passes here anyway:
that is why this is ours. A tone is one frequency that carries nearly all of the sound and keeps still. Speech moves,
music and voices have overtones, a key has two frequencies. A beep is a tone that begins after something else and is
soon over: lines that hum all the time are no machines.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

WINDOW = 0.032
"Seconds looked at at once; the next look is half of that later."
STEADY_FOR = 0.17
"Seconds of windows that agree: a tone of 200 ms has so many, wherever the windows begin."
LONGEST = 2.0
"Seconds a beep lasts at most."
LOWEST, HIGHEST = 345.0, 2505.0
"Hz; beeps are at 350 to 2500, measured within a few."
QUIETEST = -35.0
"dB below full scale."
PUREST = 0.96
"Share of the sound that a tone carries; the overtones of a voice or an instrument take more than the rest."
STILL = 8.0
"Hz that the frequency may be away from where it began."


class ToneDetector:
    """Feed it audio of any length. Stateful: one instance a call."""

    def __init__(self, rate: int = 16_000) -> None:
        self._hop = round(rate * WINDOW / 2)
        self._size = self._hop * 2
        self._hertz = rate / self._size
        self._hann = np.hanning(self._size + 1)[:-1]
        self._quietest = float(np.sum(self._hann**2)) * self._size / 2 * (32768 * 10 ** (QUIETEST / 20)) ** 2
        self._enough, self._most = int(STEADY_FOR / (WINDOW / 2)), int(LONGEST / (WINDOW / 2))
        self._held = b""
        self._began_with = 0.0
        self._windows = 0
        "So many in a row had the same tone."
        self._is_first = True
        "Nothing but this tone was heard so far."

    def feed(self, pcm: bytes) -> bool:
        """Takes the next audio; True once for each beep, when it is over."""
        self._held += pcm
        count = max(0, (len(self._held) // 2 - self._size) // self._hop + 1)
        if not count:
            return False
        used = (count - 1) * self._hop + self._size
        samples = np.frombuffer(self._held[: used * 2], "<i2")
        self._held = self._held[count * self._hop * 2 :]
        windows = np.lib.stride_tricks.sliding_window_view(samples, self._size)[:: self._hop]
        return any([self._judge(frequency) for frequency in self._frequencies(windows)])

    def _frequencies(self, windows: NDArray[np.int16]) -> list[float]:
        """The tone of each window, 0 where there is none."""
        power = np.abs(np.fft.rfft(windows * self._hann, axis=1)) ** 2
        return [self._frequency(each) for each in power]

    def _frequency(self, power: NDArray[Any]) -> float:
        peak = int(np.argmax(power))
        around = power[max(0, peak - 2) : peak + 3]
        total, tone = float(np.sum(power)), float(np.sum(around))
        if total < self._quietest or tone < PUREST * total:
            return 0.0
        center = float(np.dot(around, np.arange(max(0, peak - 2), max(0, peak - 2) + len(around)))) / tone
        return center * self._hertz if LOWEST <= center * self._hertz <= HIGHEST else 0.0

    def _judge(self, frequency: float) -> bool:
        if frequency and self._windows and abs(frequency - self._began_with) <= STILL:
            self._windows += 1
            return False
        was_beep = not self._is_first and self._enough <= self._windows <= self._most
        self._is_first = self._is_first and bool(frequency) and not self._windows
        self._began_with, self._windows = frequency, 1 if frequency else 0
        return was_beep
