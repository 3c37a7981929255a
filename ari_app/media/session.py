"""One media socket to Asterisk's chan_websocket, which we dial: audio both ways, marks, barge-in.

The session has no task of its own. Whoever iterates `audio()` drives it: marks and flow control are read there too.
One sender at a time; `flush` may come from anywhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass

import structlog
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI
from websockets.typing import Subprotocol

from ari_app.errors import WarmTransferAppError
from ari_app.media import frames
from ari_app.media.audio import SLIN16, Format
from ari_app.media.playout import LONGEST_LEAD, PIECE, Playout

log = structlog.get_logger(__name__)

OPEN_WITHIN = 1.0
"Seconds for the connection and its upgrade."
CLOSE_WITHIN = 0.2
"Seconds a closing handshake may take before the socket is dropped."
PING_EVERY = 5.0
"Seconds; Asterisk answers pings, so a peer that stopped is noticed within twice that."


class MediaLost(WarmTransferAppError):
    """The media socket can't be opened or is gone. Reading ends with it, sending raises it."""


@dataclass(frozen=True)
class Mark:
    """A place in the audio sent."""

    number: int
    "1, 2, 3 … in the order of the audio."
    played: asyncio.Future[bool]
    "True when the playout got there; False when a flush or the end of the session came before."


class MediaSession:
    """Get one from `MediaSession.open`; close it, also after it has ended by itself."""

    def __init__(self, socket: ClientConnection, format: Format = SLIN16, longest_lead: float = LONGEST_LEAD) -> None:
        self._socket = socket
        self._format = format
        self._playout = Playout(longest_lead)
        self._tail = b""
        self._marks: dict[int, asyncio.Future[bool]] = {}
        self._last_mark = 0
        self._heard_until = 0
        self._flushes = 0
        self._roused = asyncio.Event()
        self._asked_to_pause = False
        self._ended = False

    @classmethod
    async def open(cls, url: str, *, format: Format = SLIN16, deadline: float = OPEN_WITHIN) -> MediaSession:
        """Connects to ``ws://host:port/media/<connection id>``. Raises MediaLost."""
        try:
            socket = await connect(
                url,
                subprotocols=[Subprotocol("media")],
                compression=None,
                proxy=None,
                open_timeout=deadline,
                close_timeout=CLOSE_WITHIN,
                ping_interval=PING_EVERY,
                ping_timeout=PING_EVERY,
            )
        except (OSError, InvalidHandshake, InvalidURI, ConnectionClosed, EOFError) as error:
            raise MediaLost(f"media socket can't be opened: {type(error).__name__}") from error
        return cls(socket, format)

    @property
    def format(self) -> Format:
        return self._format

    @property
    def heard_until(self) -> int:
        """Number of the last mark that the playout has reached; 0 before the first."""
        return self._heard_until

    @property
    def has_ended(self) -> bool:
        return self._ended or self._socket.close_code is not None

    @property
    def lead(self) -> float:
        """Seconds of audio Asterisk still has to play, as reckoned."""
        return self._playout.lead(_now())

    async def audio(self) -> AsyncIterator[bytes]:
        """Yields what the other side says, a frame each 20 ms; ends once, whatever ended the session."""
        try:
            while True:
                message = await self._socket.recv()
                if isinstance(message, bytes):
                    yield message
                else:
                    self._obey(frames.decode(message))
        except ConnectionClosed as closed:
            log.debug("media ended", code=closed.rcvd.code if closed.rcvd else None)
            self._end()

    async def send(self, pcm: bytes) -> None:
        """Queues audio of any length for playing; returns when Asterisk has it, which is at once until the lead is
        long. The part that fills no frame waits for more audio or for a mark. What is still waiting when a flush
        comes is dropped. Raises MediaLost."""
        pcm = self._tail + pcm
        whole = len(pcm) // self._format.frame_bytes * self._format.frame_bytes
        self._tail = pcm[whole:]
        await self._send_frames(pcm[:whole])

    async def mark(self) -> Mark:
        """Marks the end of what was sent so far, filled up to a whole frame. Raises MediaLost."""
        flushes, rest, self._tail = self._flushes, self._tail, b""
        if rest:
            await self._send_frames(frames.padded(rest, self._format.frame_bytes))
        self._last_mark += 1
        mark = Mark(self._last_mark, asyncio.get_running_loop().create_future())
        if self._flushes != flushes or self._ended:
            mark.played.set_result(False)
            return mark
        self._marks[mark.number] = mark.played
        await self._write(frames.mark(str(mark.number)))
        return mark

    async def flush(self) -> None:
        """Silence at once: drops what is queued here and in Asterisk. Its marks will not be reached."""
        self._flushes += 1
        self._tail = b""
        self._playout.flushed(_now())
        self._forget_marks()
        self._roused.set()
        if not self.has_ended:
            await self._write(frames.flush())

    async def close(self) -> None:
        """Ends the session and, by that, the channel; may be called again."""
        self._end()
        await self._socket.close()

    async def wait_ended(self, seconds: float) -> bool:
        """Waits for Asterisk to end the session, which it does when the channel is gone; False if it did not."""
        try:
            async with asyncio.timeout(seconds):
                await self._socket.wait_closed()
        except TimeoutError:
            return False
        return True

    async def _send_frames(self, pcm: bytes) -> None:
        flushes = self._flushes
        for piece in frames.messages(pcm, self._format.frame_bytes, int(self._format.bytes_a_second * PIECE)):
            await self._wait_for_room(self._format.seconds(piece), flushes)
            if self._flushes != flushes:
                return
            self._playout.sent(_now(), self._format.seconds(piece))
            await self._write(piece)

    async def _wait_for_room(self, seconds: float, flushes: int) -> None:
        while self._flushes == flushes and not self.has_ended:
            at = self._playout.room_at(_now(), seconds)
            if at <= _now() and not self._asked_to_pause:
                return
            self._roused.clear()
            await _within(None if self._asked_to_pause else at, self._roused.wait())

    async def _write(self, message: bytes | str) -> None:
        try:
            await self._socket.send(message)
        except ConnectionClosed as closed:
            self._end()
            raise MediaLost("media socket is closed") from closed

    def _obey(self, event: frames.MediaEvent) -> None:
        match event:
            case frames.MarkPlayed(correlation_id):
                self._played(correlation_id)
            case frames.SendingPaused():
                self._asked_to_pause = True
            case frames.SendingResumed():
                self._asked_to_pause = False
                self._roused.set()
            case frames.CommandRefused(message):
                log.warning("media command refused", reason=message)
            case frames.MediaStarted(format=name) if name and name != self._format.name:
                log.warning("media format differs", told=name, expected=self._format.name)

    def _played(self, correlation_id: str) -> None:
        number = int(correlation_id) if correlation_id.isdecimal() else 0
        played = self._marks.pop(number, None)
        if played is None:
            return
        self._heard_until = max(self._heard_until, number)
        if not played.done():
            played.set_result(True)

    def _forget_marks(self) -> None:
        marks, self._marks = self._marks, {}
        for played in marks.values():
            if not played.done():
                played.set_result(False)

    def _end(self) -> None:
        self._ended = True
        self._forget_marks()
        self._roused.set()


def _now() -> float:
    return asyncio.get_running_loop().time()


async def _within(at: float | None, waiting: Awaitable[object]) -> None:
    """Waits until the loop's time `at` at the latest."""
    try:
        async with asyncio.timeout_at(at):
            await waiting
    except TimeoutError:
        pass
