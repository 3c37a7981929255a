"""A transfer's phases as server-sent events: history, then what comes, without a hole between."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from typing import Any

from starlette.responses import StreamingResponse
from starlette.types import Send

from ari_app.runtime.ports import Control
from ari_app.transfer.model import Phase

HEARTBEAT = 15.0
"Seconds of silence after which a comment keeps proxies from closing the connection."
KEEP_ALIVE = ": still here\n\n"


def is_over(history: list[dict[str, Any]], after: int) -> bool:
    """Whether somebody who has seen `after` has seen everything there will ever be."""
    return bool(history) and is_last(history[-1]) and history[-1]["sequence"] <= after


def is_last(payload: Mapping[str, Any]) -> bool:
    return Phase(payload["phase"]).is_terminal


async def phases(control: Control, transfer_id: str, after: int) -> AsyncGenerator[dict[str, Any] | None]:
    """Payloads after sequence `after` in order, None for each silence of HEARTBEAT; ends after the terminal phase.

    Following begins before the history is read, so that nothing falls between; what both have is passed over by its
    number. A number that is skipped means that we read too slowly: the history has what was missed."""
    with control.follow(transfer_id) as queue:
        live: dict[str, Any] | None = None
        while True:
            if live is None or live["sequence"] > after + 1:
                news = await control.phases(transfer_id)
            else:
                news = [live]
            for payload in news:
                if payload["sequence"] > after:
                    after = payload["sequence"]
                    yield payload
                    if is_last(payload):
                        return
            while (live := await _next(queue)) is None:
                yield None


async def _next(queue: asyncio.Queue[dict[str, Any]]) -> dict[str, Any] | None:
    try:
        async with asyncio.timeout(HEARTBEAT):
            return await queue.get()
    except TimeoutError:
        return None


class EventStream(StreamingResponse):
    """Closes what it reads from, however it ends: a client that went away leaves no follower behind."""

    media_type = "text/event-stream"

    def __init__(self, payloads: AsyncGenerator[dict[str, Any] | None]) -> None:
        super().__init__(_encoded(payloads), headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        self._payloads = payloads

    async def stream_response(self, send: Send) -> None:
        async with aclosing(self._payloads):
            await super().stream_response(send)


async def _encoded(payloads: AsyncIterator[dict[str, Any] | None]) -> AsyncIterator[str]:
    async for payload in payloads:
        yield KEEP_ALIVE if payload is None else event(payload)


def event(payload: Mapping[str, Any]) -> str:
    """JSON has no raw line breaks, so one data line is enough."""
    data = json.dumps(payload, separators=(",", ":"))
    return f"id: {payload['sequence']}\nevent: {payload['phase']}\ndata: {data}\n\n"


def last_event_id(value: str | None) -> int:
    """What the client has seen; anything but one of our numbers is nothing."""
    return int(value) if value is not None and value.isascii() and value.isdigit() and len(value) < 10 else 0
