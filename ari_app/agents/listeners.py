"""Who wants to hear of phases. Each listener has a queue and a task of its own: a slow or raising one stalls nobody."""

from __future__ import annotations

import asyncio
import inspect
import logging
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

log = logging.getLogger("ari_app.agent")

Handler = Callable[[dict[str, Any]], Any]
"A plain function is called in a thread, a coroutine function in the loop."

MOST_WAITING = 1_000
"Phases kept for a listener that does not take them; the oldest are dropped."


class Listener:
    """One handler, and the phases it wants; none named: all."""

    def __init__(self, handler: Handler, wanted: frozenset[str]) -> None:
        self._handler = handler
        self._wanted = wanted
        self._waiting: asyncio.Queue[dict[str, Any]] = asyncio.Queue(MOST_WAITING)
        self._task: asyncio.Task[None] | None = None

    def tell(self, payload: Mapping[str, Any]) -> None:
        """Never blocks; the handler gets a copy of its own."""
        if self._wanted and payload["phase"] not in self._wanted:
            return
        if self._waiting.full():
            self._waiting.get_nowait()
            self._waiting.task_done()
        self._waiting.put_nowait(dict(payload))
        if self._task is None:
            self._task = asyncio.create_task(self._work(), name=f"on_warm_transfer {self._name}")

    async def close(self, within: float) -> None:
        """What waits is still told, `within` seconds long."""
        if self._task is None:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                await self._waiting.join()
        self._task.cancel()
        await asyncio.wait({self._task})
        self._task = None

    async def _work(self) -> None:
        while True:
            payload = await self._waiting.get()
            try:
                await self._call(payload)
            except Exception as error:
                # neither message nor values: both may hold what people said
                where = traceback.extract_tb(error.__traceback__)[-1]
                log.error(
                    "handler %s raised %s at %s:%s", self._name, type(error).__name__, where.filename, where.lineno
                )
            finally:
                self._waiting.task_done()

    async def _call(self, payload: dict[str, Any]) -> None:
        if _is_async(self._handler):
            await self._handler(payload)
            return
        answer = await asyncio.to_thread(self._handler, payload)
        if inspect.isawaitable(answer):
            await answer

    @property
    def _name(self) -> str:
        return getattr(self._handler, "__qualname__", type(self._handler).__name__)


def _is_async(handler: Handler) -> bool:
    return inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(type(handler).__call__)
