"""The end of a turn by a smart-turn network (version 3), which listens to how the last words sounded, not to what was
said. The model is a file of the user's own: ONNX, from 80 mel bands of 800 frames to one probability.

It wants what Whisper wants: the last 8 s, silence in front of less, at mean 0 and variance 1, as logarithms of mel
bands. `log_mel` makes that of samples and is pure.
"""

from __future__ import annotations

import asyncio
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import structlog
from numpy.typing import NDArray

from ari_app.briefing import networks
from ari_app.errors import ProviderError
from ari_app.media.audio import samples

log = structlog.get_logger(__name__)

RATE = 16_000
SECONDS = 8
WINDOW = 400
"Samples: 25 ms."
HOP = 160
"Samples: 10 ms."
BANDS = 80
FRAMES = SECONDS * RATE // HOP
SHAPE = (BANDS, FRAMES)

Floats = NDArray[np.floating[Any]]


class SmartTurn:
    """TurnDetector. Keeps nothing of a call: one serves all transfers."""

    rate = RATE

    def __init__(self, path: Path | str, *, threshold: float = 0.5) -> None:
        """Reads the model and tries it on silence. Raises ProviderError that names the file and what is wrong
        with it."""
        self._threshold = threshold
        self._session = networks.load(Path(path))
        self._input = _input_of(self._session, path)
        _check(self._run(np.zeros(0, np.float32)), path)

    async def is_over(self, pcm: bytes) -> bool:
        """Takes a thread some 20 ms. A model that fails ends the turn, as if there were none."""
        try:
            return await asyncio.to_thread(self.probability, pcm) >= self._threshold
        except Exception as error:
            log.warning("turn detector failed", reason=type(error).__name__)
            return True

    def probability(self, pcm: bytes) -> float:
        """That the turn which this sound ends with is complete. Blocks."""
        likely = float(self._run(samples(pcm[: len(pcm) & ~1]) / np.float32(32768))[0])
        if not 0 <= likely <= 1:
            raise ProviderError("the turn detector answers no probability")
        return likely

    def _run(self, wave: Floats) -> Floats:
        features = log_mel(normalised(last_seconds(wave)))
        return np.ravel(self._session.run(None, {self._input: features[np.newaxis].astype(np.float32)})[0])


def last_seconds(wave: Floats) -> Floats:
    """The last 8 s; what is shorter is preceded by silence."""
    wave = wave[-SECONDS * RATE :]
    return np.pad(wave, (SECONDS * RATE - len(wave), 0))


def normalised(wave: Floats) -> Floats:
    """At mean 0 and variance 1, the silence in front included, as in the training."""
    scaled: Floats = (wave - wave.mean()) / np.sqrt(wave.var() + 1e-7)
    return scaled


def log_mel(wave: Floats) -> Floats:
    """Bands × frames; nothing lies more than 2 below the loudest."""
    edges = np.pad(wave.astype(np.float64), WINDOW // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(edges, WINDOW)[::HOP][: len(wave) // HOP]
    power = np.abs(np.fft.rfft(frames * _hann())) ** 2
    bands = np.log10(np.maximum(power @ _mel_filters().T, 1e-10))
    heard: Floats = (np.maximum(bands, bands.max() - 8.0).T + 4.0) / 4.0
    return heard


@cache
def _hann() -> Floats:
    """Periodic: the window of 400 samples is the beginning of one of 401."""
    return np.hanning(WINDOW + 1)[:-1]


@cache
def _mel_filters() -> Floats:
    """Bands × frequencies: triangles of equal area, each from the peak of the band before to that of the next."""
    frequencies = np.linspace(0, RATE / 2, WINDOW // 2 + 1)
    peaks = _hertz(np.linspace(0, _mel(RATE / 2), BANDS + 2))
    left, peak, right = peaks[:-2, None], peaks[1:-1, None], peaks[2:, None]
    rising, falling = (frequencies - left) / (peak - left), (right - frequencies) / (right - peak)
    return np.maximum(0, np.minimum(rising, falling)) * 2 / (right - left)


# Slaney's scale: even steps up to 1000 Hz, which is 15 mel, and 27 mel for each 6.4-fold above.


def _mel(hertz: float) -> float:
    return hertz * 15 / 1000 if hertz < 1000 else 15 + float(np.log(hertz / 1000)) * 27 / float(np.log(6.4))


def _hertz(mel: Floats) -> Floats:
    return np.where(mel < 15, mel * 1000 / 15, 1000 * np.exp((mel - 15) * np.log(6.4) / 27))


def _input_of(session: Any, path: Path | str) -> str:
    """The name of the model's only input."""
    inputs = session.get_inputs()
    shapes = [f"{each.type} {each.shape}" for each in inputs]
    if len(inputs) != 1 or inputs[0].type != "tensor(float)" or tuple(inputs[0].shape[1:]) != SHAPE:
        wanted = f"one tensor(float) [batch, {BANDS}, {FRAMES}]"
        raise ProviderError(f"{path} is no smart-turn v3 model: it takes {shapes}, not {wanted}", retryable=False)
    return str(inputs[0].name)


def _check(answer: Floats, path: Path | str) -> None:
    if answer.size != 1 or not 0 <= float(answer[0]) <= 1:
        raise ProviderError(f"{path} is no smart-turn v3 model: it answers no probability", retryable=False)
