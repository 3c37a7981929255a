"""A recogniser behind a websocket: what all of them share. `deepgram.py` and `openai.py` bring the `Line`.

Audio is taken at once and sent by a task beside, so a slow network holds up nobody's sound. A connection that dies is
opened once more within the same recognition; the second time the iteration raises. Silence of the cloud is not silence
of the supervisor: it is a failure only when a sign of life is owed.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from typing import Protocol

import structlog

from ari_app.briefing.ports import Heard
from ari_app.briefing.providers.border import Deadlines, border
from ari_app.briefing.talk import beside
from ari_app.errors import ProviderError

log = structlog.get_logger(__name__)

BACKLOG = 2.0
"Seconds of audio kept while the connection is slow or opened again; the oldest goes first."
IDLE = 3.0
"Seconds without audio after which the connection is kept alive; clouds hang up after ten."
UNANSWERED = 10.0
"Seconds of audio in which a recogniser that reports on silence, too, must have said something."
CLOSE_WITHIN = 0.3
"Seconds for the parting handshake."
_TURN_ENDED = b""


class Line(Protocol):
    """One open connection, in the provider's own dialect. Raises what its SDK raises."""

    reports_silence: bool
    "Whether messages come even if nobody speaks."
    is_owing: bool
    "Words have begun that are not final yet."

    async def send(self, pcm: bytes) -> None: ...

    async def end_turn(self) -> None:
        """Asks for the final words, if the provider wants to be asked."""

    async def keep_alive(self) -> None: ...

    async def receive(self) -> Sequence[Heard]:
        """What the next message says; most say nothing new."""


Dial = Callable[[], AbstractAsyncContextManager[Line]]


@asynccontextmanager
async def hearing(provider: str, dial: Dial, rate: int, deadlines: Deadlines) -> AsyncIterator[Hearing]:
    """Opens a recognition. Raises ProviderError when it can't be had."""
    async with AsyncExitStack() as connection:
        listening = Hearing(provider, dial, rate, deadlines, connection)
        await listening.connect()
        async with beside(listening.feed()):
            yield listening


class Hearing:
    """Listening over one connection, or two in a row."""

    def __init__(self, provider: str, dial: Dial, rate: int, deadlines: Deadlines, connection: AsyncExitStack) -> None:
        self._provider = provider
        self._dial = dial
        self._bytes_a_second = rate * 2
        self._deadlines = deadlines
        self._connection = connection
        self._line: Line | None = None
        self._broken: Line | None = None
        "The line that nothing can be sent on."
        self._has_reconnected = False
        self._backlog: deque[bytes] = deque()
        self._changed = asyncio.Event()
        "Set when there is something to send, or a new line to send it on."
        self._fed = 0
        "Bytes since the last message."
        self._ends_of_speech = 0
        "Since the last message."
        self._due: float | None = None
        self._patience: asyncio.Timeout | None = None

    # What the ears call

    async def hear(self, pcm: bytes) -> None:
        if not pcm:
            return
        self._push(pcm)
        self._fed += len(pcm)
        if self._line and self._line.reports_silence and self._fed > UNANSWERED * self._bytes_a_second:
            self._owe()

    async def end_of_speech(self) -> None:
        self._push(_TURN_ENDED)
        self._ends_of_speech += 1
        # One turn that the cloud did not notice may be a cough; two are a cloud that does not listen.
        if self._ends_of_speech > 1 or (self._line and self._line.is_owing):
            self._owe()

    async def __aiter__(self) -> AsyncIterator[Heard]:
        while True:
            for heard in await self._next():
                yield heard

    # Receiving

    async def _next(self) -> Sequence[Heard]:
        try:
            return await self._receive()
        except ProviderError as lost:
            if self._has_reconnected or not lost.retryable:
                raise
        self._has_reconnected = True
        log.info("recogniser lost, connecting again", provider=self._provider)
        await self.connect()
        return ()

    async def _receive(self) -> Sequence[Heard]:
        if self._line is None:
            raise AssertionError("receiving begins when the line is open")
        with border(self._provider):
            try:
                async with asyncio.timeout_at(self._due) as self._patience:
                    said = await self._line.receive()
            finally:
                self._patience = None
        self._forgive()
        return said

    def _owe(self) -> None:
        """From now on a sign of life is due."""
        if self._due is None:
            self._due = asyncio.get_running_loop().time() + self._deadlines.first_token
            if self._patience is not None and not self._patience.expired():
                self._patience.reschedule(self._due)

    def _forgive(self) -> None:
        self._due, self._fed, self._ends_of_speech = None, 0, 0

    # Connecting

    async def connect(self) -> None:
        """Opens the line; the one before is closed."""
        self._line = None
        with suppress(ProviderError), border(self._provider):
            await self._connection.aclose()
        with border(self._provider):
            async with asyncio.timeout(self._deadlines.connect):
                self._line = await self._connection.enter_async_context(self._dial())
        self._forgive()
        self._changed.set()

    # Sending

    async def feed(self) -> None:
        """Sends what is heard until it is cancelled. A line that breaks is left to the receiving side."""
        while True:
            line = await self._line_with_work()
            try:
                with border(self._provider):
                    await self._send_next(line)
            except ProviderError:
                self._broken = line

    async def _line_with_work(self) -> Line:
        """Waits for something to send and a line to send it on; an idle line comes without anything to send."""
        while True:
            if self._backlog and self._line is not None and self._line is not self._broken:
                return self._line
            self._changed.clear()
            try:
                async with asyncio.timeout(IDLE):
                    await self._changed.wait()
            except TimeoutError:
                if self._line is not None and self._line is not self._broken:
                    return self._line

    async def _send_next(self, line: Line) -> None:
        if not self._backlog:
            await line.keep_alive()
        elif pcm := self._backlog.popleft():
            await line.send(pcm)
        else:
            await line.end_turn()

    def _push(self, piece: bytes) -> None:
        self._backlog.append(piece)
        while sum(map(len, self._backlog)) > BACKLOG * self._bytes_a_second:
            self._backlog.popleft()
        self._changed.set()


def share(value: object) -> float:
    """A confidence as the port wants it: 0 to 1, and 1 for an engine that tells none or nonsense."""
    if not isinstance(value, int | float) or not math.isfinite(value):
        return 1.0
    return min(max(float(value), 0.0), 1.0)
