"""A clock that jumps: an event loop which, instead of waiting, moves its time to the next deadline.

For stories without sockets and processes; a story in which everybody waits for nothing fails instead of hanging.
"""

from __future__ import annotations

import asyncio
import functools
import selectors
from collections.abc import Awaitable, Callable
from typing import Any


class JumpingSelector(selectors.SelectSelector):
    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready:
            assert timeout is not None, "everybody waits for nothing"
            self.now += timeout
        return ready


class JumpingLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._clock = JumpingSelector()
        super().__init__(self._clock)

    def time(self) -> float:
        return self._clock.now


def at_once(story: Callable[[], Awaitable[None]]) -> Callable[[], None]:
    """Makes an async story a test that runs on a jumping clock of its own, from 0."""

    async def told() -> None:
        await story()

    @functools.wraps(story)
    def run(*arguments: Any) -> None:
        with asyncio.Runner(loop_factory=JumpingLoop) as runner:
            runner.run(told())

    return run
