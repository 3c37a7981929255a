"""A receiver of webhooks as somebody else would write one: it checks signatures by the specification's text alone."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import socket
from collections.abc import Callable
from typing import Any, Self

from aiohttp import web

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
OTHER_SECRET = "whsec_" + base64.b64encode(bytes(range(100, 132))).decode()
Answer = int | web.Response


def is_genuine(headers: Any, body: bytes, secret: str) -> bool:
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    key = base64.b64decode(secret.split("_", 1)[1])
    expected = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    return any(
        version == "v1" and hmac.compare_digest(given, expected)
        for version, given in (each.split(",", 1) for each in headers["webhook-signature"].split(" "))
    )


class Receiver:
    """Keeps what was signed with its secret; everything else is a failure of the test."""

    def __init__(self, answer: Callable[[dict[str, Any]], Answer] = lambda body: 204, secret: str = SECRET) -> None:
        self.answer, self.secret = answer, secret
        self.tries: list[tuple[str, dict[str, Any]]] = []
        "Every request: its id and body."
        self.taken: list[dict[str, Any]] = []
        "Bodies answered with 2xx."
        self.forged = 0
        self.port = 0
        self._arrived = asyncio.Condition()
        self._runner: web.AppRunner | None = None
        self.held: asyncio.Event | None = None
        "While it is there and not set, nothing is answered."

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/hook", self._receive)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        self._listening = socket.create_server(("127.0.0.1", self.port))
        await web.SockSite(self._runner, self._listening).start()
        self.port = self._listening.getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Python 3.11 forgets a socket that is accepted in the same turn of the loop in which its server is closed: it
        would be found unclosed in another test. So first nobody is accepted any more."""
        asyncio.get_running_loop().remove_reader(self._listening)
        await asyncio.sleep(0)
        if self._runner:
            await self._runner.cleanup()

    async def _receive(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.forged += not is_genuine(request.headers, body, self.secret)
        said = json.loads(body)
        self.tries.append((request.headers["webhook-id"], said))
        answer = self.answer(said)
        status = answer if isinstance(answer, int) else answer.status
        if 200 <= status < 300:
            self.taken.append(said)
        async with self._arrived:
            self._arrived.notify_all()
        if self.held:
            await self.held.wait()
        return web.Response(status=answer) if isinstance(answer, int) else answer

    async def tried(self, times: int) -> None:
        async with asyncio.timeout(10), self._arrived:
            await self._arrived.wait_for(lambda: len(self.tries) >= times)

    async def took(self, count: int) -> None:
        async with asyncio.timeout(10), self._arrived:
            await self._arrived.wait_for(lambda: len(self.taken) >= count)

    @property
    def sequences(self) -> list[int]:
        return [said["data"]["sequence"] for said in self.taken]
