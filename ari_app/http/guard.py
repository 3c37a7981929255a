"""What stands before every route: who may ask, how much a request may weigh, and what is said when a route breaks.

A plain ASGI middleware, because the event stream must pass through unbuffered.
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
from urllib.parse import urlsplit

import structlog
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ari_app.http.problems import problem

OPEN_PATHS = frozenset({"/healthz", "/readyz", "/metrics"})
LARGEST_BODY = 4 * 1024 * 1024
BODY_DEADLINE = 30.0
"Seconds a client may take to send its body."

log = structlog.get_logger(__name__)


class Guard:
    """With a token, everything but OPEN_PATHS needs it. Without one (loopback only), a web page in a browser on the
    same machine is the stranger to keep out: foreign `Host` (DNS rebinding) and foreign `Origin` are refused."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._token = token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = self._stranger(scope["path"], headers) or _unreadable(headers)
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        await self._answer(scope, receive, send, headers)

    def _stranger(self, path: str, headers: Headers) -> Response | None:
        if path in OPEN_PATHS:
            return None
        if self._token:
            return None if self._knows_token(headers) else _unauthorized()
        host, origin = headers.get("host", ""), headers.get("origin")
        if not _is_local(host):
            return problem(403, "this API has no token and answers to loopback addresses only")
        if origin is not None and urlsplit(origin).netloc != host:
            return problem(403, "this API has no token and answers no other site's pages")
        return None

    def _knows_token(self, headers: Headers) -> bool:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        return scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), self._token)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, headers: Headers) -> None:
        answered = False

        async def noting(message: Message) -> None:
            nonlocal answered
            answered = True
            await send(message)

        try:
            replayed = await _whole_body(receive) if _has_body(headers) else receive
            await self._app(scope, replayed, noting)
        except _Refused as refused:
            await refused.response(scope, receive, send)
        except Exception as error:
            log.exception("http route broke", path=scope["path"], error=type(error).__name__)
            if answered:
                raise
            await problem(500, "an internal error; the log has more")(scope, receive, send)


class _Refused(Exception):
    def __init__(self, response: Response) -> None:
        self.response = response


def _unauthorized() -> Response:
    return problem(401, "send Authorization: Bearer and the token", headers={"WWW-Authenticate": "Bearer"})


def _unreadable(headers: Headers) -> Response | None:
    length = headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > LARGEST_BODY:
        return _too_large()
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if _has_body(headers) and kind != "application/json":
        return problem(415, "send the body as application/json")
    return None


def _too_large() -> Response:
    return problem(413, f"the body is larger than {LARGEST_BODY} bytes", headers={"Connection": "close"})


def _has_body(headers: Headers) -> bool:
    return "transfer-encoding" in headers or headers.get("content-length", "0") != "0"


async def _whole_body(receive: Receive) -> Receive:
    """Reads the body within bounds; the receive to use from here on gives it out again."""
    body = bytearray()
    more = True
    try:
        async with asyncio.timeout(BODY_DEADLINE):
            while more:
                message = await receive()
                body += message.get("body", b"")
                more = message.get("more_body", False)
                if len(body) > LARGEST_BODY:
                    raise _Refused(_too_large())
    except TimeoutError:
        raise _Refused(problem(408, "the body did not arrive in time", headers={"Connection": "close"})) from None
    held: list[Message] = [{"type": "http.request", "body": bytes(body), "more_body": False}]

    async def replay() -> Message:
        return held.pop() if held else await receive()

    return replay


def _is_local(host: str) -> bool:
    name = (urlsplit(f"//{host}").hostname or "").rstrip(".")
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
