"""A desk that behaves: it keeps transfers, tells followers, and refuses with a status."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ari_app.config import Settings
from ari_app.errors import RequestRefused

TOKEN = "canary-token"


class FakeControl:
    """`ports.Control` in memory."""

    def __init__(self) -> None:
        self.views: dict[str, dict[str, Any]] = {}
        self.history: dict[str, list[dict[str, Any]]] = {}
        self.queues: set[asyncio.Queue[dict[str, Any]]] = set()
        self.followed = asyncio.Event()
        self.left = asyncio.Event()
        self.asked: list[tuple[Any, ...]] = []
        self.parts = {"ari": True, "journal": True, "draining": False}
        self.breaks: Exception | None = None

    async def request_transfer(self, call_ref: str, variables: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
        self.asked.append((call_ref, variables))
        self._break()
        for view in self.views.values():
            if view["request_id"] and view["request_id"] == variables.get("request_id"):
                return view, False
        view = {
            "transfer_id": f"tr_{len(self.views) + 1}",
            "request_id": variables.get("request_id"),
            "call_id": "call_1",
            "channel": "1700000000.12",
            "phase": "started",
            "started_at": 1.0,
            "attempts": [],
            "result": None,
        }
        self.views[view["transfer_id"]] = view
        self.history[view["transfer_id"]] = []
        return view, True

    async def cancel(self, transfer_id: str, reason: str | None) -> dict[str, Any]:
        self.asked.append((transfer_id, reason))
        self._break()
        return await self.transfer(transfer_id)

    async def whisper(self, transfer_id: str, text: str) -> dict[str, Any]:
        self.asked.append((transfer_id, text))
        self._break()
        return await self.transfer(transfer_id)

    async def add_transcript(self, call_ref: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        self.asked.append((call_ref, variables))
        return await self.call(call_ref)

    async def calls(self, limit: int) -> list[dict[str, Any]]:
        return [await self.call("call_1")][:limit]

    async def call(self, call_id: str) -> dict[str, Any]:
        if call_id != "call_1":
            raise RequestRefused("there is no such call", status=404)
        channel = {"channel": "1700000000.12", "agent": None, "state": "talking", "since": 1.0, "transfer_id": None}
        return {"call_id": call_id, **channel}

    async def transfers(self, limit: int) -> list[dict[str, Any]]:
        self._break()
        return list(reversed(self.views.values()))[:limit]

    async def transfer(self, transfer_id: str) -> dict[str, Any]:
        if transfer_id not in self.views:
            raise RequestRefused("there is no such transfer", status=404)
        return self.views[transfer_id]

    async def phases(self, transfer_id: str) -> list[dict[str, Any]]:
        await self.transfer(transfer_id)
        return list(self.history[transfer_id])

    @contextmanager
    def follow(self, transfer_id: str) -> Iterator[asyncio.Queue[dict[str, Any]]]:
        queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue(4)
        self.queues.add(queue)
        self.followed.set()
        try:
            yield queue
        finally:
            self.queues.discard(queue)
            self.left.set()

    async def ready(self) -> dict[str, bool]:
        return self.parts

    def tell(self, transfer_id: str, *names: str) -> None:
        for name in names:
            payload = phase(transfer_id, len(self.history[transfer_id]) + 1, name)
            self.history[transfer_id].append(payload)
            for queue in self.queues:
                if queue.full():
                    queue.get_nowait()
                queue.put_nowait(payload)

    def _break(self) -> None:
        if self.breaks is not None:
            raise self.breaks


def phase(transfer_id: str, sequence: int, name: str) -> dict[str, Any]:
    return {
        "transfer_id": transfer_id,
        "request_id": None,
        "call_id": "call_1",
        "sequence": sequence,
        "phase": name,
        "timestamp": 1.0,
        "elapsed": 0.5,
        "consultation_room_id": None,
        "data": {"reason": "line one\nline two ü"},
        "metadata": None,
    }


def settings(token: str = "") -> Settings:
    return Settings(http={"token": token})  # type: ignore[arg-type]
