"""Destination webhooks: somebody else's program is asked whom to ring. What it answers is a wish, as any request is."""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from collections.abc import Callable, Collection, Mapping
from secrets import token_hex
from typing import TYPE_CHECKING, Any

import structlog

from ari_app.config import DestinationWebhook
from ari_app.errors import RequestRefused
from ari_app.http.signing import keys_of, signed
from ari_app.wire import FoundDestinations, parse

if TYPE_CHECKING:
    import httpx

log = structlog.get_logger(__name__)

LARGEST = 65_536
"Bytes of an answer."


class Finder:
    """Implements the intake's port of the same name. `aclose` at the end."""

    def __init__(
        self,
        webhooks: Mapping[str, DestinationWebhook],
        environ: Mapping[str, str],
        today: Callable[[], float] = time.time,
    ) -> None:
        """Raises SettingsError for a secret that can't be used."""
        self.names: Collection[str] = frozenset(webhooks)
        self._webhooks = webhooks
        self._keys = {name: keys_of(name, hook, environ, "destination_webhooks") for name, hook in webhooks.items()}
        self._today = today
        self._client: httpx.AsyncClient | None = None

    async def find(self, name: str, facts: Mapping[str, Any]) -> FoundDestinations:
        """Raises RequestRefused, whatever it is that went wrong there."""
        import httpx  # most have no such webhook, and start without it

        try:
            async with asyncio.timeout(self._webhooks[name].timeout):
                body = await self._asked(name, facts)
            return parse(FoundDestinations, json.loads(body))
        except TimeoutError:
            why = f"no answer within {self._webhooks[name].timeout:g} s"
        except httpx.HTTPStatusError as error:
            why = f"answered {error.response.status_code}"
        except (httpx.HTTPError, OSError) as error:
            why = type(error).__name__
        except (ValueError, RecursionError):
            why = "its answer is no JSON that is read here"
        except RequestRefused as refused:
            why = f"its answer: {refused}"
        raise RequestRefused(f"destination webhook {name}: {why}", key="group", status=503)

    async def _asked(self, name: str, facts: Mapping[str, Any]) -> bytes:
        now = self._today()
        message = {"type": "warm_transfer.destination", "timestamp": round(now, 3), "data": dict(facts)}
        body = json.dumps(message, ensure_ascii=False).encode(errors="replace")
        headers = signed(f"msg_{token_hex(12)}", body, self._keys[name], now)
        request = self._connected().stream("POST", self._webhooks[name].url, content=body, headers=headers)
        async with request as response:
            response.raise_for_status()
            answer = b""
            async for piece in response.aiter_bytes():
                answer += piece
                if len(answer) > LARGEST:
                    raise ValueError("too long")
            return answer

    def _connected(self) -> httpx.AsyncClient:
        """Made when it is first needed."""
        import httpx

        if self._client is None:
            self._client = httpx.AsyncClient(
                verify=ssl.create_default_context(),
                trust_env=False,
                follow_redirects=False,
                headers={"User-Agent": "warm-transfer", "Content-Type": "application/json"},
            )
        return self._client

    async def aclose(self) -> None:
        if self._client:
            await self._client.aclose()
