"""A supervisor's spoken words on an ordinary line: embedded speech over faint noise, framed for an RTP port."""

from __future__ import annotations

import io
import subprocess
import wave
from functools import cache

import numpy as np
import soxr

from ari_app.testing import tones
from ari_app.testing.tones import FRAME, RATE, Pcm

VOICED_DBFS = -35.0
"A frame from which somebody counts as heard."
LOUDNESS_DBFS = -20.0
NOISE_DBFS = -55.0


@cache
def spoken(text: str, voice: str = "en-us") -> Pcm:
    """Starts with its first voiced frame and ends with its last."""
    made = subprocess.run(["espeak-ng", "-v", voice, "--stdout", text], stdout=subprocess.PIPE, check=True).stdout
    with wave.open(io.BytesIO(made)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        pcm = soxr.resample(samples.astype(np.float32), file.getframerate(), RATE)
    pcm *= 10 ** (LOUDNESS_DBFS / 20) * 32767 / np.sqrt(np.mean(pcm**2))
    whole = np.clip(pcm, -32000, 32000).astype(np.int16)
    whole = np.pad(whole, (0, -len(whole) % FRAME))
    voiced = [n for n in range(len(whole) // FRAME) if tones.level(whole[n * FRAME : (n + 1) * FRAME]) > VOICED_DBFS]
    return whole[voiced[0] * FRAME : (voiced[-1] + 1) * FRAME]


def noise(seconds: float, seed: int = 1) -> Pcm:
    """A quiet room: without it a silent phone would look like one that is muted."""
    level = 32767 * 10 ** (NOISE_DBFS / 20)
    return np.random.default_rng(seed).normal(0, level, round(seconds * RATE)).astype(np.int16)


def on_the_line(words: Pcm, *, before: float, after: float) -> Pcm:
    """The words with the room around and beneath them."""
    lead = round(before * RATE) // FRAME * FRAME
    line = noise((lead + len(words)) / RATE + after).astype(np.int32)
    line[lead : lead + len(words)] += words
    return np.clip(line, -32767, 32767).astype(np.int16)
