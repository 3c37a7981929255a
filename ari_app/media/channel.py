"""One externalMedia channel with its socket: opened under our id, put into a room, out of Asterisk when closed."""

from __future__ import annotations

import asyncio
from typing import Protocol

import structlog

from ari_app.media.audio import SLIN16, Format
from ari_app.media.session import OPEN_WITHIN, MediaLost, MediaSession
from ari_app.runtime.asking import repeatable, seat_new
from ari_app.runtime.ports import Ari, Reply

log = structlog.get_logger(__name__)

GONE_WITHIN = 0.25
"Seconds Asterisk gets to end the socket after it took the hang-up; normally 2 ms."


class Opener(Protocol):
    """Connects a media socket; `MediaSession.open` is the one that does."""

    async def __call__(self, url: str, *, format: Format = ..., deadline: float = ...) -> MediaSession: ...


class MediaChannel:
    """Not reusable: after `close` it stays closed. A channel that was never opened may be closed as well, which
    removes what an earlier life of the app has left under the same id."""

    def __init__(
        self,
        ari: Ari,
        media_id: str,
        base_url: str,
        app: str,
        *,
        format: Format = SLIN16,
        opener: Opener | None = None,
    ) -> None:
        """`base_url` is where Asterisk's HTTP server answers, ``ws://host:port``."""
        self.id = media_id
        self.room_id: str | None = None
        "Where the channel is, once seated."
        self._ari = ari
        self._base_url = base_url.rstrip("/")
        self._app = app
        self._format = format
        self._connect = opener or MediaSession.open
        self._opening: asyncio.Task[MediaSession] | None = None
        self._closing: asyncio.Task[None] | None = None

    @property
    def is_closing(self) -> bool:
        return self._closing is not None

    @property
    def has_ended(self) -> bool:
        """Opened once, and the socket is gone."""
        opened = self._opened
        return opened is not None and opened.has_ended

    async def open(self) -> MediaSession:
        """The open session; opens it the first time. Cancelling the wait leaves the opening to `close`, so that a
        channel on its way can't be missed. Raises MediaLost."""
        if self.is_closing:
            raise MediaLost("media channel is closed")
        if self._opening is None:
            self._opening = asyncio.create_task(self._open())
        return await asyncio.shield(self._opening)

    async def seat(self, room_id: str) -> None:
        """Puts the channel into the bridge; sound sent before is lost. Raises MediaLost."""
        if self.room_id == room_id:
            return
        reply = await seat_new(self._ari, room_id, self.id)
        if not reply.ok:
            raise MediaLost(f"media channel can't enter the room: {_why(reply)}")
        self.room_id = room_id

    async def close(self) -> None:
        """Silence, hang-up, socket closed; waits for all of it, also for another's close under way."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._close())
        await asyncio.shield(self._closing)

    @property
    def _opened(self) -> MediaSession | None:
        opening = self._opening
        if opening is None or not opening.done() or opening.cancelled() or opening.exception():
            return None
        return opening.result()

    async def _open(self) -> MediaSession:
        reply = await self._ari.call(
            "channels.externalMedia",
            channelId=self.id,
            app=self._app,
            external_host="INCOMING",
            transport="websocket",
            encapsulation="none",
            connection_type="server",
            format=self._format.name,
            # Any other value than these two crashes Asterisk 22.10.1.
            transport_data="f(json)",
        )
        connection_id = _connection_id(reply)
        if not connection_id:
            raise MediaLost(f"media channel can't be created: {_why(reply)}")
        return await self._connect(f"{self._base_url}/media/{connection_id}", format=self._format, deadline=OPEN_WITHIN)

    async def _close(self) -> None:
        if self._opening is not None:
            await asyncio.wait([self._opening])
        session = self._opened
        if session is not None and not session.has_ended:
            try:
                await session.flush()
            except MediaLost:
                log.debug("media already gone", media_id=self.id)
        await hang_up(self._ari, self.id)
        if session is not None:
            await session.wait_ended(GONE_WITHIN)
            await session.close()


async def hang_up(ari: Ari, channel_id: str) -> None:
    """Ends a channel; a missing one is fine."""
    reply = await repeatable(ari, "channels.hangup", channelId=channel_id)
    if not (reply.ok or reply.gone):
        log.warning("media channel not hung up", media_id=channel_id, reason=_why(reply))


def _connection_id(reply: Reply) -> str:
    variables = reply.body.get("channelvars") if reply.ok and isinstance(reply.body, dict) else None
    return str(variables.get("MEDIA_WEBSOCKET_CONNECTION_ID") or "") if isinstance(variables, dict) else ""


def _why(reply: Reply) -> str:
    return reply.message or f"status {reply.status}"
