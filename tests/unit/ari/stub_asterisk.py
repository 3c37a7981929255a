"""A stub of Asterisk's HTTP side on a real port: it describes a few operations, records requests, answers as told."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from ari_app.ari.client import RESOURCES

OPERATIONS = {
    "channels": [
        ("GET", "/channels", "list", ""),
        ("GET", "/channels/{channelId}", "get", "channelId*p"),
        ("DELETE", "/channels/{channelId}", "hangup", "channelId*p reason_code"),
        (
            "POST",
            "/channels/{channelId}",
            "originateWithId",
            "channelId*p endpoint*q app callerId timeout variables-b",
        ),
        ("POST", "/channels/externalMedia", "externalMedia", "channelId app*q format*q variables-b"),
        ("POST", "/channels/{channelId}/answer", "answer", "channelId*p"),
        ("POST", "/channels/{channelId}/variable", "setChannelVar", "channelId*p variable*q value report_events"),
        ("POST", "/channels/{channelId}/variables", "setChannelVars", "channelId*p variables*b"),
    ],
    "bridges": [("GET", "/bridges", "list", "")],
    "events": [
        ("GET", "/events", "eventWebsocket", "app*q subscribeAll"),
        ("POST", "/events/user/{eventName}", "userEvent", "eventName*p application*q source variables-b"),
    ],
    "applications": [
        ("GET", "/applications/{applicationName}", "get", "applicationName*p"),
        ("PUT", "/applications/{applicationName}/eventFilter", "filter", "applicationName*p filter-b"),
    ],
    "asterisk": [("GET", "/asterisk/info", "getInfo", "only")],
}
"Method, path, nickname, parameters: `*` required, then p(ath), q(uery) or b(ody)."
LISTS: dict[str, Any] = {
    "/ari/asterisk/info": {"status": {"startup_time": "2026-11-22T08:00:00.000+0000"}},
    "/ari/channels": [
        {"id": "c1", "state": "Up", "name": "PJSIP/a-1", "dialplan": {"app_name": "Stasis"}},
        {"id": "c2", "state": "Ringing", "name": "PJSIP/s-2", "dialplan": {"app_name": "AppDial2"}},
        {"id": "c3", "state": "Up", "name": "PJSIP/b-3", "dialplan": {"app_name": "Stasis"}},
    ],
    "/ari/bridges": [{"id": "b1", "channels": ["c1"]}],
    "/ari/applications/wt": {"name": "wt", "channel_ids": ["c1", "c2"]},
    "/ari/applications/wt/eventFilter": {},
}
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def description(resource: str) -> dict[str, Any]:
    apis = [
        {"path": path, "operations": [_operation(method, nickname, parameters)]}
        for method, path, nickname, parameters in OPERATIONS.get(resource, [])
    ]
    # the address is wrong on purpose: Asterisk's own idea of it does not count
    return {"basePath": "http://192.0.2.1/ari", "resourcePath": f"/{resource}", "apis": apis, "models": {}}


def _operation(method: str, nickname: str, parameters: str) -> dict[str, Any]:
    kinds = {"p": "path", "q": "query", "b": "body"}
    described = [
        {
            "name": word.split("*")[0].split("-")[0],
            "paramType": kinds[word[-1]] if word[-2] in "*-" else "query",
            "required": "*" in word,
            "dataType": "string",
        }
        for word in parameters.split()
    ]
    operation = {"httpMethod": method, "nickname": nickname, "parameters": described}
    return operation | ({"upgrade": "websocket"} if nickname == "eventWebsocket" else {})


class Stub:
    """Asterisk's HTTP side. `answers` maps a path to a handler that is asked instead of the lists."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        self.answers: dict[str, Handler] = {}
        self.sockets: asyncio.Queue[web.WebSocketResponse] = asyncio.Queue()
        self.ended = asyncio.Event()
        "One of the sockets is closed."
        self.password = "secret"
        self.answers_pings = True
        self._runner: web.AppRunner | None = None
        self._port = 0
        self._open: list[asyncio.Transport] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    async def start(self) -> None:
        app = web.Application(client_max_size=2**24)
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await site.start()
        self._port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """As killed: what was open is cut."""
        for transport in self._open:
            transport.abort()
        if self._runner:
            await self._runner.cleanup()
            self._runner = None

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Authorization") != _basic(self.password):
            return web.json_response({"message": "Authentication required"}, status=401)
        path = request.path
        if path.startswith("/ari/api-docs/"):
            name = path.removeprefix("/ari/api-docs/").removesuffix(".json")
            return web.json_response(description(name)) if name in RESOURCES else web.Response(status=404)
        self.requests.append((request.method, request.raw_path, dict(request.query), await request.read()))
        if path in self.answers:
            return await self.answers[path](request)
        if path == "/ari/events":
            return await self._events(request)
        if path in LISTS:
            return web.json_response(LISTS[path])
        return web.Response(status=204)

    async def _events(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(autoping=self.answers_pings)
        await socket.prepare(request)
        assert request.transport
        self._open.append(request.transport)
        self.sockets.put_nowait(socket)
        async for _ in socket:
            pass
        self.ended.set()
        return socket


def _basic(password: str) -> str:
    return "Basic " + base64.b64encode(f"user:{password}".encode()).decode()


def says(status: int, body: Any = None) -> Handler:
    async def handler(_: web.Request) -> web.StreamResponse:
        return web.Response(status=status, text=json.dumps(body) if body is not None else "")

    return handler
