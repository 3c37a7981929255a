"""Asterisk's HTTP side as agents see it, on a real port, with the app behind it played by the test.

It behaves: a body over 40,960 bytes is 413, an unknown application 404, an unknown channel 422, and 204 says nothing.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web

from ari_app.transfer.model import Outcome
from ari_app.transfer.result import refusal

LOGIN = ("agent", "secret")
CHANNEL = "1700000000.12"


def phase(sequence: int, name: str, request_id: str | None = None, **more: Any) -> dict[str, Any]:
    """A payload as the app publishes it."""
    return {
        "transfer_id": "tr_1",
        "request_id": request_id,
        "call_id": "call_1",
        "sequence": sequence,
        "phase": name,
        "timestamp": 1.0,
        "elapsed": 0.5,
        "consultation_room_id": None,
        "data": {},
        "metadata": None,
    } | more


def ending(outcome: str, **more: Any) -> dict[str, Any]:
    """The data of a terminal phase."""
    told = refusal(Outcome(outcome), "" if outcome == "completed" else f"it was {outcome}")
    told |= {"success": outcome == "completed", "phase": Outcome(outcome).terminal_phase.value} | more
    return {"result": told, "outcome": outcome, "reason": told["error"]}


def story(request_id: str | None, outcome: str = "completed") -> list[dict[str, Any]]:
    names = ["started", "caller_on_hold", "supervisor_dialed", "briefing_started"]
    told = [phase(number, name, request_id) for number, name in enumerate(names, 1)]
    last = phase(5, Outcome(outcome).terminal_phase.value, request_id, data=ending(outcome))
    return [*told, last]


class FakeAsterisk:
    """`answer` is called with each request that reaches the app; what it returns is told to `reply_to`."""

    def __init__(self) -> None:
        self.answer: Callable[[Mapping[str, Any]], list[dict[str, Any]]] = lambda asked: story(asked["request_id"])
        self.registered = True
        "The app's name is known to Asterisk."
        self.there = True
        "The app's connection is up; else events for it are lost."
        self.on_post: Callable[[str], None] = lambda name: None
        "Called before an event is looked at."
        self.posted: list[tuple[str, dict[str, Any]]] = []
        "All events, lost or not."
        self.taken: list[tuple[str, dict[str, Any]]] = []
        "Those the app has got."
        self.bodies: list[int] = []
        self.sockets: dict[str, web.WebSocketResponse] = {}
        self.connections = 0
        self.news = asyncio.Condition()
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        assert self._runner
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def start(self) -> None:
        app = web.Application(client_max_size=2**24)
        app.router.add_get("/ari/events", self._events)
        app.router.add_post("/ari/events/user/{name}", self._user_event)
        app.router.add_get("/ari/applications/{name}", self._application)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()

    async def stop(self) -> None:
        assert self._runner
        await self.cut()
        await self._runner.cleanup()

    async def cut(self) -> None:
        """The events' connections, as a broken network cuts them."""
        for socket in list(self.sockets.values()):
            await socket.close()

    async def tell(self, reply_to: str, *payloads: dict[str, Any]) -> None:
        for payload in payloads:
            event = {"type": "ChannelUserevent", "eventname": "WarmTransferPhase", "userevent": payload}
            await self.sockets[reply_to].send_str(json.dumps(event))

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(5), self.news:
            await self.news.wait_for(true)

    def asked(self) -> list[dict[str, Any]]:
        return [variables for name, variables in self.taken if name == "WarmTransferRequest"]

    async def _events(self, request: web.Request) -> web.StreamResponse:
        if not _knows(request):
            return web.Response(status=401)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        name = request.query["app"]
        self.sockets[name] = socket
        self.connections += 1
        await self._notify()
        async for _ in socket:
            pass
        return socket

    async def _user_event(self, request: web.Request) -> web.Response:
        name, body = request.match_info["name"], await request.read()
        self.on_post(name)
        if not _knows(request):
            return web.Response(status=401)
        self.bodies.append(len(body))
        if len(body) > 40_960:
            return web.Response(status=413)
        if not self.registered:
            return web.json_response({"message": "Application not found"}, status=404)
        if request.query["source"] != f"channel:{CHANNEL}":
            return web.json_response({"message": "Source not found"}, status=422)
        assert request.query["application"] == "warm-transfer"
        variables = json.loads(body)["variables"]
        self.posted.append((name, variables))
        if self.there:
            self.taken.append((name, variables))
            if name == "WarmTransferRequest":
                await self.tell(variables["reply_to"], *self.answer(variables))
        await self._notify()
        return web.Response(status=204)

    async def _application(self, request: web.Request) -> web.Response:
        return web.json_response({}, status=200 if self.registered else 404)

    async def _notify(self) -> None:
        async with self.news:
            self.news.notify_all()


def _knows(request: web.Request) -> bool:
    wanted = base64.b64encode(":".join(LOGIN).encode()).decode()
    return request.headers.get("Authorization") == f"Basic {wanted}"
