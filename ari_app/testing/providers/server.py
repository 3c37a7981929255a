"""What the local providers share: a server on a free loopback port, and faults that a test can switch on.

    async with DeepgramServer() as cloud:
        cloud.fail(Fault.CUT)                   # from now on; `times=1` for the next answer only
        stt = DeepgramNova(Options(api_key="k", base_url=cloud.url))

A provider is a subclass with routes. A handler asks `await self.admitted(request)` first, and answers through `stream`
(HTTP) or `Line` (websocket), which commit the faults of the wire; faults of the content are the subclass's.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from types import TracebackType
from typing import Any, Self

from aiohttp import WSMessage, WSMsgType, web

GARBAGE = b"<html><body>502 Bad Gateway \xff\xfe</body></html>"
HUGE = 4 * 1024 * 1024
"Bytes of the huge answer."
UNHARMED = 2
"Pieces of an HTTP answer that come through before it stalls or is cut."


class Fault(Enum):
    REFUSE = "refuse"
    "Nobody listens. Connections that are open stay."
    UNFIT = "400"
    UNAUTHORIZED = "401"
    NO_CREDIT = "402"
    UNKNOWN = "404"
    RATE_LIMITED = "429"
    SERVER_ERROR = "500"
    SILENCE = "silence"
    "The request or handshake is read and never answered."
    STALL = "stall"
    "The answer begins and does not go on."
    SLOW_LORIS = "slow loris"
    "The answer comes byte by byte, `drip` seconds apart."
    CUT = "cut"
    "The connection breaks in the middle of a word."
    GARBAGE = "garbage"
    "Something else answers: a web page, and not in UTF-8."
    DUPLICATE_FINALS = "duplicate finals"
    "What a recogniser takes for final it says twice."
    ENDLESS = "endless"
    "The answer does not come to an end."
    EMPTY = "empty"
    "The answer is well-formed and there is nothing in it."
    ODD_LENGTH = "odd length"
    "Audio in odd pieces that ends within a sample."
    HUGE_JSON = "huge json"
    NAN = "nan"
    "Numbers that are none, where numbers and words belong."


STATUSES = {
    Fault.UNFIT: 400,
    Fault.UNAUTHORIZED: 401,
    Fault.NO_CREDIT: 402,
    Fault.UNKNOWN: 404,
    Fault.RATE_LIMITED: 429,
    Fault.SERVER_ERROR: 500,
}


@dataclass(frozen=True)
class Seen:
    """A request or handshake as it arrived."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str] = field(repr=False)
    "Names in lower case."
    body: Any
    "Parsed if it was JSON."


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class LocalProvider:
    """Use it as a context; leaving it ends every connection and everything that is still being answered."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        "Every request and handshake, in order."
        self.drip = 1.0
        "Seconds between the bytes of a slow loris."
        self.key: str | None = None
        "The only key that is let in; None lets in every one."
        self.port = 0
        self.wrote_at = 0.0
        "When the last answer was begun, or the last message said; by `time.perf_counter`."
        self._fault: Fault | None = None
        self._times: int | None = None
        self._runner: web.AppRunner | None = None
        self._listener: asyncio.Server | None = None

    def routes(self) -> Iterable[tuple[str, str, Handler]]:
        """(method, path, handler) of everything this provider answers."""
        raise NotImplementedError

    def refusal(self, status: int) -> dict[str, Any]:
        """The body of a refusal in the provider's own dialect."""
        return {"error": {"message": f"refused with {status}", "type": "error", "code": None}}

    def key_of(self, request: web.Request) -> str:
        """The key a request carries."""
        return request.headers.get("Authorization", "").rpartition(" ")[2]

    @property
    def url(self) -> str:
        """The base URL; a provider whose base has a path adds it."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def connections(self) -> int:
        """Sockets that clients hold open right now."""
        server = self._runner.server if self._runner else None
        return len(server.connections) if server else 0

    # Faults

    def fail(self, fault: Fault | None, *, times: int | None = None) -> None:
        """From now on, or so many times; None is well again, but a port that was closed stays so."""
        self._fault, self._times = fault, times
        if fault is Fault.REFUSE and self._listener:
            self._listener.close()

    def commits(self, *faults: Fault) -> Fault | None:
        """The fault that is on if it is one of these; uses up one of its times."""
        fault = self._fault
        if fault not in faults:
            return None
        if self._times is not None:
            self._times -= 1
            if self._times <= 0:
                self._fault = None
        return fault

    async def admitted(self, request: web.Request) -> web.Response | None:
        """Notes the request. A response is a refusal to be returned at once; on SILENCE this never returns."""
        body = await _body_of(request)
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.seen.append(Seen(request.method, request.path, dict(request.query), headers, body))
        fault = self.commits(*STATUSES, Fault.SILENCE)
        if fault is Fault.SILENCE:
            await asyncio.Event().wait()
        status = STATUSES.get(fault) if fault else None
        if status is None and self.key is not None and self.key_of(request) != self.key:
            status = 401
        return web.json_response(self.refusal(status), status=status) if status else None

    async def stream(
        self, request: web.Request, pieces: AsyncIterable[bytes], content_type: str, *, size: int | None = None
    ) -> web.StreamResponse:
        """Answers with the pieces as they come. `size` announces a length, which a CUT then does not reach."""
        if self.commits(Fault.GARBAGE):
            return web.Response(body=GARBAGE, content_type="text/html")
        response = web.StreamResponse(headers={"Content-Type": content_type})
        if size is not None:
            response.content_length = size
        await response.prepare(request)
        fault = self.commits(Fault.STALL, Fault.SLOW_LORIS, Fault.CUT)
        with suppress(ConnectionError):
            number = 0
            async for piece in pieces:
                if number == 0:
                    self.wrote_at = time.perf_counter()
                is_harmed = number >= UNHARMED or fault is Fault.SLOW_LORIS
                await self._write(request, response, piece, fault if is_harmed else None)
                number += 1
            await response.write_eof()
        return response

    async def _write(
        self, request: web.Request, response: web.StreamResponse, piece: bytes, fault: Fault | None
    ) -> None:
        if fault is None:
            await response.write(piece)
        elif fault is Fault.SLOW_LORIS:
            for byte in piece:
                await response.write(bytes((byte,)))
                await asyncio.sleep(self.drip)
        else:
            await response.write(piece[: max(1, len(piece) // 2)])
            if fault is Fault.STALL:
                await asyncio.Event().wait()
            abort(request)

    # Life

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=HUGE)
        for method, path, handler in self.routes():
            app.router.add_route(method, path, handler)
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.0)
        await self._runner.setup()
        server = self._runner.server
        if server is None:
            raise AssertionError("a runner that is set up has a server")
        self._listener = await asyncio.get_running_loop().create_server(server, "127.0.0.1", self.port)
        self.port = self._listener.sockets[0].getsockname()[1]
        if self._fault is Fault.REFUSE:
            self._listener.close()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._listener:
            self._listener.close()
        if self._runner:
            await self._runner.cleanup()
        # A transport lets go of its socket one turn of the loop after it was closed.
        await asyncio.sleep(0)
        await asyncio.sleep(0)


class Line:
    """One websocket, from the provider's side."""

    def __init__(self, provider: LocalProvider, request: web.Request) -> None:
        self._provider = provider
        self._request = request
        self.socket = web.WebSocketResponse(autoping=True, max_msg_size=HUGE, compress=False)

    async def open(self) -> None:
        await self.socket.prepare(self._request)

    async def greet(self, message: dict[str, Any]) -> None:
        """Says something without faults."""
        with suppress(ConnectionError):
            await self.socket.send_str(json.dumps(message))

    async def say(self, message: dict[str, Any]) -> None:
        """Says a part of an answer, with the fault that is on."""
        commits = self._provider.commits
        text = json.dumps(message)
        self._provider.wrote_at = time.perf_counter()
        with suppress(ConnectionError):
            match commits(Fault.STALL, Fault.SLOW_LORIS, Fault.CUT, Fault.GARBAGE, Fault.HUGE_JSON):
                case None:
                    await self.socket.send_str(text)
                case Fault.GARBAGE:
                    await self.socket.send_str(GARBAGE.decode("latin-1"))
                case Fault.HUGE_JSON:
                    await self.socket.send_str(json.dumps({**message, "padding": "x" * HUGE}))
                case Fault.CUT:
                    self._raw(_frame(text)[: len(text) // 2])
                    abort(self._request)
                case Fault.SLOW_LORIS:
                    await self._drip(_frame(text))
                case _:
                    self._raw(_frame(text)[: len(text) // 2])
                    await asyncio.Event().wait()

    async def heard(self) -> AsyncIterator[WSMessage]:
        """Text and binary messages until the other side has gone."""
        with suppress(ConnectionError):
            async for message in self.socket:
                if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                    yield message

    async def close(self, code: int = 1000) -> None:
        await self.socket.close(code=code)

    async def _drip(self, frame: bytes) -> None:
        for byte in frame:
            self._raw(bytes((byte,)))
            await asyncio.sleep(self._provider.drip)

    def _raw(self, data: bytes) -> None:
        if self._request.transport:
            self._request.transport.write(data)


def abort(request: web.Request) -> None:
    """Breaks the connection at once, without a word."""
    if request.transport:
        request.transport.abort()
    raise ConnectionResetError("cut by the test")


def _frame(text: str) -> bytes:
    """A server's text frame (RFC 6455, section 5.2); masks are for clients."""
    data = text.encode()
    if len(data) < 126:
        return bytes((0x81, len(data))) + data
    return bytes((0x81, 126)) + len(data).to_bytes(2, "big") + data


async def _body_of(request: web.Request) -> Any:
    if not request.can_read_body:
        return None
    data = await request.read()
    try:
        return json.loads(data)
    except ValueError:
        return data
