"""One try: the POST, and what its answer was. Redirects are not followed, bodies not read, the environment's proxies
not used.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

import httpx

from ari_app.http.signing import signed
from ari_app.http.waiting import Message

PASSED_OVER = 65_536
"Bytes of an answer read so that its connection can be used again."


@dataclass(frozen=True)
class Answer:
    """What became of one try."""

    status: int | None
    "None: there was no answer."
    why: str
    retry_after: float = 0.0


class Poster:
    """One receiver's connections; a slow one takes nobody else's. `aclose` at the end."""

    def __init__(self, url: str, keys: Sequence[bytes], *, deadline: float, connections: int) -> None:
        self._url, self._keys, self._deadline = url, keys, deadline
        self._client = httpx.AsyncClient(
            verify=ssl.create_default_context(),
            trust_env=False,
            follow_redirects=False,
            timeout=deadline,
            limits=httpx.Limits(max_connections=connections),
            headers={"User-Agent": "warm-transfer", "Content-Type": "application/json"},
        )

    async def post(self, message: Message, now: float) -> Answer:
        """`now` is what the receiver compares with its own clock."""
        status, wish = None, ""
        headers = signed(message.id, message.body, self._keys, now)
        request = self._client.stream("POST", self._url, content=message.body, headers=headers)
        try:
            async with asyncio.timeout(self._deadline), request as response:
                status, wish = response.status_code, response.headers.get("retry-after", "")
                await _pass_over(response)
        except (httpx.HTTPError, OSError) as error:
            # once there was a status, what follows it changes nothing
            return Answer(status, str(status or type(error).__name__), retry_after(wish, now))
        return Answer(status, str(status), retry_after(wish, now))

    async def aclose(self) -> None:
        await self._client.aclose()


async def _pass_over(response: httpx.Response) -> None:
    """Not unpacked, not kept."""
    size = 0
    async for piece in response.aiter_raw():
        size += len(piece)
        if size > PASSED_OVER:
            return


def retry_after(value: str, now: float) -> float:
    """Seconds, from seconds or a date (RFC 9110, section 10.2.3); 0 for anything else."""
    if value.isascii() and value.isdigit() and len(value) < 10:
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - now)
    except (ValueError, OverflowError):
        return 0.0
