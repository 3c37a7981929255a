"""Between calls and the spool: what is published, delivered or put off is written soon, many at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

import structlog

from ari_app.errors import JournalError
from ari_app.http.spool import Key, Line, Spool
from ari_app.http.waiting import Message
from ari_app.runtime.ports import Clock

log = structlog.get_logger(__name__)

AGAIN = 1.0
"Seconds between two tries to write what the spool did not take."


class Outbox:
    """`on_kept` gets each new message when it is on disk. Nothing here blocks but `run` and `save`."""

    def __init__(self, spool: Spool, clock: Clock, on_kept: Callable[[Message], None]) -> None:
        self._spool, self._clock, self._on_kept = spool, clock, on_kept
        self._fresh: list[Message] = []
        "Not yet on disk."
        self._changes: dict[Key, Message | None] = {}
        self._marks: dict[Line, int | None] = {}
        self._to_write = asyncio.Event()
        self.written = asyncio.Event()
        "Set after every try to write."

    @property
    def is_empty(self) -> bool:
        return not (self._fresh or self._changes or self._marks)

    def put(self, messages: Iterable[Message]) -> None:
        self._fresh += messages
        self._to_write.set()

    def keep(self, message: Message) -> None:
        """As it waits from now on."""
        self._changes[_key(message)] = message
        self._to_write.set()

    def forget(self, message: Message) -> None:
        self._changes[_key(message)] = None
        self._to_write.set()

    def mark(self, line: Line, sequence: int | None) -> None:
        """How far a transfer was taken over; None: nobody asks any more."""
        self._marks[line] = sequence
        self._to_write.set()

    async def run(self) -> None:
        """A spool that can't be written delays nobody for long: messages then go out from memory."""
        while True:
            await self._to_write.wait()
            self._to_write.clear()
            fresh, self._fresh = self._fresh, []
            for message in fresh:
                self._changes[_key(message)] = message
            is_written = await self._write()
            for message in fresh:
                self._on_kept(message)
            self.written.set()
            if not is_written:
                await self._pause()
                self._to_write.set()

    async def save(self) -> None:
        """Writes what is left; for the end."""
        for message in self._fresh:
            self._changes.setdefault(_key(message), message)
        self._fresh.clear()
        await self._write()

    async def _write(self) -> bool:
        changes, marks = dict(self._changes), dict(self._marks)
        if not (changes or marks):
            return True
        try:
            await self._spool.write(changes, marks)
        except JournalError as error:
            log.error("webhooks' spool not written; phases are sent from memory", why=str(error), phases=len(changes))
            return False
        self._changes = {key: now for key, now in self._changes.items() if now is not changes.get(key, _NEW)}
        self._marks = {line: now for line, now in self._marks.items() if now != marks.get(line, _NEW)}
        return True

    async def _pause(self) -> None:
        try:
            async with self._clock.until(self._clock.now() + AGAIN):
                await asyncio.Event().wait()
        except TimeoutError:
            return


_NEW: Any = object()


def _key(message: Message) -> Key:
    return message.webhook, message.transfer_id, message.sequence
