"""The HTTP client that aioari's swagger operations run on: one aiohttp session, ours, with Asterisk's habits in mind.

aioswagger11 brings its own session, which raises web exceptions of aiohttp's *server*, sends every query in the URL
and passes the password there too. This one answers with plain data. Fates and deadlines are `client.py`'s.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import aiohttp
from aioswagger11.http_client import HttpClient  # type: ignore[import-untyped]

KEEPALIVE = 10.0
"Seconds; Asterisk closes an idle connection after 15 (`session_keep_alive`)."
CONNECTIONS = 64
"At once; Asterisk's `sessionlimit` is 100 by default and counts the events WebSocket too."
CONNECT_TIMEOUT = 2.0
"Seconds for a TCP connection, within the deadline of the request."
HEARTBEAT = 5.0
"Seconds between pings on the events WebSocket; half of it later, without a pong, the connection is dead."
LONGEST_QUERY = 2_000
"Characters; Asterisk refuses a request line above 4,096 bytes, so a longer query of a POST goes into the body."


@dataclass(frozen=True)
class Answer:
    """What Asterisk answered, read to the end."""

    status: int
    reason: str
    content: bytes

    async def text(self) -> str:
        """For aioswagger11, which reads the API description with it."""
        return self.content.decode("utf-8", "replace")


class Transport:
    """Owns the session. `close()` it; a closed one opens again with the next request."""

    def __init__(self, username: str, password: str) -> None:
        token = base64.b64encode(f"{username}:{password}".encode()).decode("ascii")
        self._headers = {"Authorization": f"Basic {token}"}
        self._session: aiohttp.ClientSession | None = None

    @property
    def session(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=CONNECTIONS, keepalive_timeout=KEEPALIVE),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers=self._headers,
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT),
            )
        return self._session

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def exchange(self, method: str, url: str, query: dict[str, str], body: bytes | None) -> Answer:
        """One request and its whole answer. Raises aiohttp.ClientError and OSError."""
        headers = {"Content-Type": "application/json"} if body else None
        async with self.session.request(
            method, url, params=query, data=body, headers=headers, allow_redirects=False
        ) as response:
            return Answer(response.status, response.reason or "", await response.read())

    async def listen(self, url: str, query: dict[str, str]) -> aiohttp.ClientWebSocketResponse:
        """Opens the events WebSocket. Raises aiohttp.ClientError and OSError."""
        return await self.session.ws_connect(
            url,
            params=query,
            heartbeat=HEARTBEAT,
            # an event is never refused for its size: aiohttp would close the connection over it
            max_msg_size=0,
            timeout=aiohttp.ClientWSTimeout(ws_close=1.0),
        )


@dataclass(frozen=True)
class Carrier(HttpClient):  # type: ignore[misc]
    """Carries one operation, as aioswagger11 spells it, over the transport."""

    transport: Transport
    body: Mapping[str, Any] = field(default_factory=dict)
    "Becomes the JSON body as it is: aioswagger11 would wrap it into the name of the body's parameter."
    repeatable: bool = False
    "A request that dies on a connection is sent once more; aiohttp does so by itself for GET, PUT and DELETE."

    async def request(self, method: str, url: str, params: Any = None, data: Any = None, headers: Any = None) -> Answer:
        query, body = spread(method, params or {}, self.body)
        try:
            return await self.transport.exchange(method, url, query, body)
        except (aiohttp.ServerDisconnectedError, ConnectionResetError):
            if not self.repeatable:
                raise
            return await self.transport.exchange(method, url, query, body)

    async def ws_connect(self, url: str, params: Any = None) -> aiohttp.ClientWebSocketResponse:
        return await self.transport.listen(url, spread("GET", params or {}, {})[0])

    async def close(self) -> None:
        """Nothing of the session is ours."""


def spread(method: str, parameters: Mapping[str, Any], body: Mapping[str, Any]) -> tuple[dict[str, str], bytes | None]:
    """Splits parameters into query and JSON body. Asterisk takes any query parameter of a POST in the body as well."""
    query = {name: _spell(value) for name, value in parameters.items()}
    if method == "POST" and len(urlencode(query, errors="replace")) > LONGEST_QUERY:
        query, body = {}, {**parameters, **body}
    # unescaped UTF-8: a body above 40,960 bytes is refused, and \uXXXX makes six bytes of two
    content = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace") if body else None
    return query, content


def _spell(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
