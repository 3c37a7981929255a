"""Phases on their way out: to the agent's ARI application, to followers of the event stream, to whoever else asked.

A queue for each receiving application and call, beside the call: a slow or absent receiver costs it its own phases, in
order, and nothing else; nobody stands in line behind another call's phases. Nothing here is awaited by a call.
"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import structlog

from ari_app.runtime.ports import Ari, Fate

log = structlog.get_logger(__name__)

EVENT = "WarmTransferPhase"
MAX_BODY = 40_000
"Bytes of one user event; Asterisk 22 refuses more than 40,960 with 413."
MAX_WAITING = 1_000
"Phases kept for one receiver, or one follower, who does not take them."
ABSENT_PAUSES = (0.1, 0.2, 0.5, 1.0, 2.0, 4.0)
"Seconds between tries while the receiving application is not registered (it may be reconnecting)."

Payload = Mapping[str, Any]
Line = tuple[str, str | None]
"Receiving application, call."


class Publisher:
    """Implements the port of the same name. `run` sends; it never returns by itself."""

    def __init__(self, ari: Ari, *on_payload: Callable[[Payload], None]) -> None:
        """`on_payload` hear of every phase first; they neither block nor raise."""
        self._ari = ari
        self._on_payload = on_payload
        self._queues: dict[Line, asyncio.Queue[Payload]] = {}
        self._followers: defaultdict[str, set[asyncio.Queue[dict[str, Any]]]] = defaultdict(set)
        self._tasks: asyncio.TaskGroup | None = None

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            for line in self._queues:
                tasks.create_task(self._send_all(line))
            await asyncio.get_running_loop().create_future()

    def publish(self, payload: Payload, *, reply_to: str | None) -> None:
        for tell in self._on_payload:
            tell(payload)
        for follower in self._followers.get(payload["transfer_id"], ()):
            _put(follower, dict(payload))
        if reply_to:
            self.retell(payload, reply_to=reply_to)

    def retell(self, payload: Payload, *, reply_to: str) -> None:
        """For one application's ears alone."""
        _put(self._queue_for((reply_to, payload["call_id"])), payload)

    def _queue_for(self, line: Line) -> asyncio.Queue[Payload]:
        if line not in self._queues:
            self._queues[line] = asyncio.Queue(MAX_WAITING)
            if self._tasks:
                self._tasks.create_task(self._send_all(line))
        return self._queues[line]

    @contextmanager
    def follow(self, transfer_id: str) -> Iterator[asyncio.Queue[dict[str, Any]]]:
        queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue(MAX_WAITING)
        self._followers[transfer_id].add(queue)
        try:
            yield queue
        finally:
            self._followers[transfer_id].discard(queue)
            if not self._followers[transfer_id]:
                del self._followers[transfer_id]

    async def flushed(self) -> None:
        """Returns when every receiver has got, or definitely missed, what was published so far."""
        for queue in list(self._queues.values()):
            await queue.join()

    async def _send_all(self, line: Line) -> None:
        """Until nothing waits."""
        queue = self._queues[line]
        while not queue.empty():
            payload = queue.get_nowait()
            try:
                await self._send(line[0], payload)
            finally:
                queue.task_done()
        del self._queues[line]

    async def _send(self, app: str, payload: Payload) -> None:
        body = {"variables": fitted(payload)}
        for pause in (*ABSENT_PAUSES, None):
            reply = await self._ari.call("events.userEvent", eventName=EVENT, application=app, body=body)
            if reply.ok:
                return
            if (reply.fate is Fate.REFUSED and not reply.gone) or pause is None:
                break
            await asyncio.sleep(pause)
        log.warning(
            "phase not delivered",
            app=app,
            transfer_id=payload["transfer_id"],
            phase=payload["phase"],
            why=reply.message,
        )


def _put(queue: asyncio.Queue[Any], payload: Payload) -> None:
    if queue.full():
        queue.get_nowait()
        queue.task_done()
    queue.put_nowait(payload)


def fitted(payload: Payload, limit: int = MAX_BODY) -> dict[str, Any]:
    """The payload within Asterisk's size limit: the longest texts are cut first, and end in an ellipsis."""
    longest = 8_000
    fitting = dict(payload)
    while len(json.dumps(fitting).encode()) > limit and longest > 10:
        fitting = _cut(payload, longest)
        longest //= 2
    return fitting


def _cut(value: Any, longest: int) -> Any:
    if isinstance(value, str):
        return value if len(value) <= longest else value[:longest] + "…"
    if isinstance(value, Mapping):
        return {key: _cut(item, longest) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_cut(item, longest) for item in value]
    return value
