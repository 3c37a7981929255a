"""The supervisor says yes: by key, or in words; and when the app understood the words."""

from __future__ import annotations

import json
import time
from datetime import datetime
from importlib.util import find_spec
from itertools import cycle

from ari_app.testing.phone import Call
from ari_app.testing.stage import App
from bench.speech import spoken

WORDS = cycle([("yes, put them through", "en-us"), ("okay, connect me", "en-gb"), ("yes, I'll take the call", "en-us")])


async def press(supervisor: Call) -> float:
    """Returns the moment the last packet of the key left."""
    return await supervisor.press("1")


async def speak(supervisor: Call) -> float:
    """Returns the moment the last voiced frame left."""
    return await supervisor.play(spoken(*next(WORDS)))


def recogniser() -> str:
    """The embedded one. Raises SystemExit when it is not there."""
    if find_spec("ari_app.briefing.pocketsphinx") is None:
        raise SystemExit("no embedded recogniser: --spoken can't be measured")
    return "pocketsphinx"


def decided_at(app: App) -> float | None:
    """When the app last wrote that a briefing was decided: the words were final and read a moment before."""
    lines = [line for line in app.log.splitlines() if '"briefing decided"' in line]
    if not lines:
        return None
    stamp = datetime.fromisoformat(json.loads(lines[-1])["timestamp"]).timestamp()
    return stamp + time.monotonic() - time.time()
