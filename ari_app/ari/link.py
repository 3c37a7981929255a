"""Keeps the app connected to Asterisk's events, for ever: connect, look, listen, and again when it breaks.

One life of the connection: read the API description → open the events WebSocket (from here on Asterisk delivers, and
the socket keeps what arrives) → take the snapshot → `on_connected(snapshot)` → every event, in order, to `on_event`
→ `on_disconnected(reason)`. So an event may tell what the snapshot already shows, but nothing falls between the two.

The three callbacks are plain functions that only put things into mailboxes: nothing waits in the reading loop,
because Asterisk closes the connection of a reader that blocks it for 100 ms (`websocket_write_timeout`).
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

import aiohttp
import structlog

from ari_app.ari.client import AriClient
from ari_app.ari.decode import READERS, AriEvent, Malformed, Replaced, decode_text
from ari_app.errors import AriError
from ari_app.runtime.ports import Snapshot

log = structlog.get_logger()

OVERSIZED = 1_000_000
"Characters. No event of ours comes near; a longer frame is not even parsed."
STEADY = 5.0
"Seconds of connection after which the next loss counts as the first."
CANCELLED = "cancelled"
REPLACED = "another connection has taken the application"
STAND_BACK = 10.0
"""Seconds of silence after another connection took our application's name.

Two processes with one name would take every call from each other. The elder stands back, loudly, and then tries again:
so a stray second process costs calls while it lives, but never needs a restart of this one."""


def backoff(attempt: int) -> float:
    """Seconds before the next connection: 0.1, 0.2, 0.4, 0.8, then 1, less up to half of it by chance."""
    return float(min(1.0, 0.1 * 2 ** min(attempt, 10)) * random.uniform(0.5, 1.0))


class AriLink:
    """Put `run()` into a task group; it ends by cancellation only. The client stays open: closing it is its owner's."""

    def __init__(
        self,
        client: AriClient,
        *,
        on_event: Callable[[AriEvent], None],
        on_connected: Callable[[Snapshot], None],
        on_disconnected: Callable[[str], None],
        pause: Callable[[int], float] = backoff,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._client = client
        self._on_event = on_event
        self._on_connected = on_connected
        self._on_disconnected = on_disconnected
        self._pause = pause
        self._sleep = sleep
        self._attempt = 0
        self._complaint = ""
        self.connected = False
        "Events flow, and the snapshot was handed over."

    async def run(self) -> None:
        while True:
            try:
                reason = await self._live()
            except AriError as error:
                reason = str(error)
                self._complain(reason)
            await self._sleep(STAND_BACK if reason == REPLACED else self._pause(self._attempt))
            self._attempt += 1

    async def _live(self) -> str:
        """One life of the connection; returns why it ended. Raises AriError when it did not come about."""
        await self._client.connect()
        async with await self._client.listen() as socket:
            await self._choose_events()
            snapshot = await self._client.snapshot()
            began = asyncio.get_running_loop().time()
            self._connect(snapshot)
            reason = CANCELLED
            try:
                reason = await self._read(socket)
            finally:
                self._disconnect(reason)
        if asyncio.get_running_loop().time() - began > STEADY:
            self._attempt = 0
        return reason

    async def _choose_events(self) -> None:
        """Asks for the events that are read and no others; without it the rest arrives and is skipped."""
        reply = await self._client.call(
            "applications.filter",
            applicationName=self._client.app,
            body={"allowed": [{"type": kind} for kind in READERS]},
        )
        if not reply.ok:
            log.warning("event filter not set", reason=reply.message)

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> str:
        async for message in socket:
            if message.type is not aiohttp.WSMsgType.TEXT:
                continue
            event = self._take(message.data)
            if isinstance(event, Replaced):
                log.error("application taken by another connection", app=self._client.app, standing_back=STAND_BACK)
                return REPLACED
            if event is not None:
                self._deliver(event)
        # a missing pong ends the iteration like a closing by Asterisk, with the error kept aside
        return f"closed with code {socket.close_code}" + (f": {e!r}" if (e := socket.exception()) else "")

    def _take(self, text: str) -> AriEvent | None:
        event = Malformed("?", f"{len(text)} characters") if len(text) > OVERSIZED else decode_text(text)
        if not isinstance(event, Malformed):
            return event
        log.warning("event malformed", type=event.type, reason=event.reason)
        return None

    def _deliver(self, event: AriEvent) -> None:
        try:
            self._on_event(event)
        except Exception:
            # one event that nobody can take must not cost the connection, and with it all the others
            log.exception("event not taken", type=type(event).__name__)

    def _connect(self, snapshot: Snapshot) -> None:
        log.info(
            "connected to Asterisk",
            app=self._client.app,
            asterisk_started=snapshot.started,
            channels=len(snapshot.channels),
            ours=len(snapshot.ours),
        )
        self._complaint = ""
        self._on_connected(snapshot)
        self.connected = True

    def _disconnect(self, reason: str) -> None:
        self.connected = False
        self._on_disconnected(reason)

    def _complain(self, reason: str) -> None:
        """Once for each reason, not once for each attempt."""
        if reason != self._complaint:
            log.error("cannot connect to Asterisk", app=self._client.app, reason=reason)
            self._complaint = reason
