"""The clock of the running app."""

from __future__ import annotations

import asyncio
import time
from contextlib import AbstractAsyncContextManager


class SystemClock:
    """Wall clock at the start of the process, monotonic from there: no jump of the host's time moves a deadline."""

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()

    def now(self) -> float:
        return time.monotonic() + self._offset

    def until(self, at: float | None) -> AbstractAsyncContextManager[object]:
        return asyncio.timeout(None if at is None else max(0.0, at - self.now()))
