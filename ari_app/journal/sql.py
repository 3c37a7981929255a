"""The journal: an append-only record of steps, SQLite by default, PostgreSQL by URL.

The steps are the truth, a call's state is their fold; `calls` and `transfers` are indexes beside them, written in the
same transaction, so that lists need no folding. One writer task takes every append that waits and commits them as one
transaction (group commit): the busier the app, the cheaper a step.

Durability of SQLite (WAL, `synchronous=NORMAL`): a step survives whatever happens to the app, `kill -9` included,
because the commit is in the kernel's hands when `append` returns. A power cut or a kernel crash may lose the last
milliseconds, never corrupt the file; the calls of that machine's Asterisk are lost with it anyway.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa
import structlog
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ari_app.database import engine_for, reason, sqlite_file, translated, try_file, upsert
from ari_app.errors import JournalError
from ari_app.journal.codec import decode, load_all
from ari_app.journal.tables import about, call_row, calls, is_open, step_row, steps, tables, transfer_row, transfers
from ari_app.runtime.ports import Step
from ari_app.transfer.model import Call, State

SCHEMA = 1
"Version of the tables; a journal with a newer one is refused."
DEADLINE = 2.0
"Seconds after which an append, or a read, has failed."
BUSY = 1.0
"Seconds SQLite waits for another process's lock; well under the deadline, so that the writer recovers first."
LARGEST_BATCH = 500
CHECKPOINT_EVERY = 100
"Commits between two checkpoints of SQLite's write-ahead log."
LARGEST_LOG = 20_000
"Pages of 4 KiB after which a commit checkpoints after all, should the background one not keep up."
JOURNAL = "the journal"
PURGED_AT_ONCE = 200
"Calls; keeps each transaction short, appends wait for it."

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class CallEntry:
    """What the journal's index says about a call, without folding its steps."""

    call_id: str
    caller_channel: str
    state: str
    agent: str | None
    since: float
    arrived_at: float
    updated_at: float
    transfer_id: str | None


@dataclass(eq=False)
class _Pending:
    """One append on its way to the disk; without a step it only proves that the disk takes something."""

    step: dict[str, Any] | None = None
    call: dict[str, Any] = field(default_factory=dict)
    transfer: dict[str, Any] | None = None
    tried: bool = False
    done: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def settle(self, error: JournalError | None = None) -> None:
        if self.done.done():
            return
        if error is None:
            self.done.set_result(None)
        else:
            self.done.set_exception(error)


class SqlJournal:
    """`ports.Journal` over SQLAlchemy. Made by `open`, ended by `close`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._inserts = _Inserts(engine.dialect.name)
        self._queue: list[_Pending] = []
        self._wake = asyncio.Event()
        self._closing = False
        self._writer: asyncio.Task[None] | None = None
        self._commits = 0
        self._checkpointer: asyncio.Task[None] | None = None

    @classmethod
    async def open(cls, url: str, *, read_only: bool = False) -> SqlJournal:
        """Connects and makes the tables if need be; `read_only` makes nothing and can't append. Raises JournalError."""
        with translated("open", JOURNAL):
            if file := sqlite_file(url):
                await asyncio.to_thread(try_file, file, BUSY, read_only=read_only)
        engine = engine_for(_url(url, read_only), deadline=DEADLINE, busy=BUSY, log_pages=LARGEST_LOG)
        journal = cls(engine)
        try:
            with translated("open", JOURNAL):
                async with asyncio.timeout(2 * DEADLINE), engine.begin() as connection:
                    await _prepare(connection, read_only)
        except BaseException:
            await engine.dispose()
            raise
        if not read_only:
            load_all()
            journal._writer = asyncio.create_task(journal._write(), name="journal-writer")
        return journal

    async def close(self) -> None:
        """Writes what waits, then ends; later appends raise JournalError."""
        self._closing = True
        self._wake.set()
        for task in (self._writer, self._checkpointer):
            if task is not None:
                await asyncio.wait({task}, timeout=DEADLINE)
                task.cancel()
                await asyncio.wait({task}, timeout=DEADLINE)
        await self._engine.dispose()

    # The port

    async def append(self, step: Step, *, call: Call) -> None:
        """Returns when the step is durable. Raises JournalError, after DEADLINE at the latest.

        After an error the step may yet have been written; appending the same step again is harmless."""
        pending = _Pending(step_row(step), call_row(step, call), transfer_row(call))
        await self._written(pending)

    async def unfinished(self) -> Sequence[str]:
        query = sa.select(calls.c.call_id).where(is_open).order_by(calls.c.arrived_at)
        return [row.call_id for row in await self._read(query)]

    async def steps(self, call_id: str) -> Sequence[Step]:
        query = sa.select(steps).where(steps.c.call_id == call_id).order_by(steps.c.number)
        rows = await self._read(query)
        return [Step(row.call_id, row.number, row.at, decode(row.event_name, row.event_json)) for row in rows]

    # Lists and look-ups

    async def recent_calls(self, limit: int) -> list[CallEntry]:
        """Newest first."""
        query = sa.select(calls).order_by(calls.c.arrived_at.desc(), calls.c.call_id.desc()).limit(limit)
        return [CallEntry(**row._mapping) for row in await self._read(query)]

    async def recent_transfers(self, limit: int) -> list[str]:
        """Transfer ids, newest first."""
        query = sa.select(transfers.c.transfer_id).order_by(
            transfers.c.started_at.desc(), transfers.c.transfer_id.desc()
        )
        return [row.transfer_id for row in await self._read(query.limit(limit))]

    async def find_transfer(self, transfer_id: str) -> str | None:
        """The call of this transfer."""
        rows = await self._read(sa.select(transfers.c.call_id).where(transfers.c.transfer_id == transfer_id))
        return rows[0].call_id if rows else None

    async def call_of_channel(self, channel: str) -> str | None:
        """The newest call of this caller's channel."""
        query = sa.select(calls.c.call_id).where(calls.c.caller_channel == channel)
        rows = await self._read(query.order_by(calls.c.arrived_at.desc()).limit(1))
        return rows[0].call_id if rows else None

    async def writable(self) -> bool:
        """Whether an append would succeed now: something is really written."""
        try:
            await self._written(_Pending())
        except JournalError:
            return False
        return True

    async def purge(self, before: float) -> int:
        """Deletes closed calls that have not changed since `before`; how many. Raises JournalError."""
        ended = sa.select(calls.c.call_id).where(calls.c.state == State.CLOSED.value, calls.c.updated_at < before)
        deleted = 0
        while ids := [row.call_id for row in await self._read(ended.limit(PURGED_AT_ONCE))]:
            with translated("purge", JOURNAL):
                async with self._engine.begin() as connection:
                    for table in (steps, transfers, calls):
                        await connection.execute(sa.delete(table).where(table.c.call_id.in_(ids)))
            deleted += len(ids)
        return deleted

    async def _read(self, query: sa.Select[Any]) -> Sequence[sa.Row[Any]]:
        with translated("read", JOURNAL):
            async with asyncio.timeout(DEADLINE), self._engine.connect() as connection:
                rows: Sequence[sa.Row[Any]] = (await connection.execute(query)).all()
                return rows

    # The writer

    async def _written(self, pending: _Pending) -> None:
        if self._closing or self._writer is None or self._writer.done():
            raise JournalError("the journal is closed or read-only")
        self._queue.append(pending)
        self._wake.set()
        try:
            async with asyncio.timeout(DEADLINE):
                await pending.done
        except TimeoutError:
            raise JournalError(f"the journal did not take a step within {DEADLINE:g} s") from None

    async def _write(self) -> None:
        connection: AsyncConnection | None = None
        try:
            while batch := await self._next_batch():
                try:
                    connection = connection or await self._engine.connect()
                    await self._commit(connection, batch)
                    self._checkpoint_at_times()
                except Exception as error:
                    await _discard(connection)
                    connection = None
                    self._fail(batch, error)
        finally:
            if connection is not None:
                await connection.close()

    def _fail(self, batch: list[_Pending], error: Exception) -> None:
        """A lost connection (the server restarted) is worth one more try; anything else is told at once."""
        was_lost = isinstance(error, DBAPIError) and error.connection_invalidated
        again = [pending for pending in batch if was_lost and not pending.tried]
        for pending in again:
            pending.tried = True
        self._queue[:0] = again
        for pending in batch:
            if pending not in again:
                pending.settle(JournalError(f"can't write the journal: {reason(error)}"))
        log.warning("journal refused steps", reason=reason(error), steps=len(batch), tried_again=len(again))

    async def _next_batch(self) -> list[_Pending]:
        """Waits for work; empty when the journal closes. Whoever has given up since is passed over."""
        while True:
            batch = [pending for pending in self._queue[:LARGEST_BATCH] if not pending.done.done()]
            del self._queue[:LARGEST_BATCH]
            if batch or (self._closing and not self._queue):
                return batch
            if not self._queue:
                await self._wake.wait()
                self._wake.clear()

    async def _commit(self, connection: AsyncConnection, batch: list[_Pending]) -> None:
        try:
            async with connection.begin():
                await self._insert(connection, batch)
        except IntegrityError:
            if len(batch) == 1:
                await _accept_if_same(connection, batch[0])
                return
            for pending in batch:
                await self._commit(connection, [pending])
            return
        for pending in batch:
            pending.settle()

    async def _insert(self, connection: AsyncConnection, batch: list[_Pending]) -> None:
        written = [(p.step, p.call, p.transfer) for p in batch if p.step is not None]
        if not written:
            await connection.execute(self._inserts.about, {"key": "probe", "value": "written"})
            return
        await connection.execute(self._inserts.steps, [step for step, _, _ in written])
        latest = {call["call_id"]: call for _, call, _ in written}
        await connection.execute(self._inserts.calls, list(latest.values()))
        ongoing = {transfer["transfer_id"]: transfer for _, _, transfer in written if transfer is not None}
        if ongoing:
            await connection.execute(self._inserts.transfers, list(ongoing.values()))

    def _checkpoint_at_times(self) -> None:
        """Copies SQLite's log into its file beside the writer: left to a commit, the fsync would stall every call."""
        self._commits += 1
        idle = self._checkpointer is None or self._checkpointer.done()
        if self._commits % CHECKPOINT_EVERY == 0 and idle and self._engine.dialect.name == "sqlite":
            self._checkpointer = asyncio.create_task(self._checkpoint(), name="journal-checkpoint")

    async def _checkpoint(self) -> None:
        try:
            async with self._engine.connect() as connection:
                await connection.execute(sa.text("PRAGMA wal_checkpoint(PASSIVE)"))
        except (SQLAlchemyError, OSError) as error:
            log.warning("journal can't be checkpointed", reason=reason(error))


class _Inserts:
    """The statements of an append."""

    def __init__(self, dialect: str) -> None:
        self.steps = sa.insert(steps)
        self.calls = upsert(dialect, calls)
        self.transfers = upsert(dialect, transfers)
        self.about = upsert(dialect, about)


async def _accept_if_same(connection: AsyncConnection, pending: _Pending) -> None:
    """A step that is there already is fine if it is the same one: an append whose end its caller did not learn."""
    row = pending.step or {}
    key = (steps.c.call_id == row["call_id"]) & (steps.c.number == row["number"])
    async with connection.begin():
        there = (await connection.execute(sa.select(steps).where(key))).first()
    if there is not None and dict(there._mapping) == row:
        pending.settle()
        return
    pending.settle(
        JournalError(f"step {row['number']} of call {row['call_id']} is taken; does another app write this journal?")
    )


async def _discard(connection: AsyncConnection | None) -> None:
    """What is left of a connection after an error is not pooled again, and never waited for long."""
    if connection is None:
        return
    with contextlib.suppress(Exception):
        async with asyncio.timeout(DEADLINE / 2):
            await connection.invalidate()
            await connection.close()


async def _prepare(connection: AsyncConnection, read_only: bool) -> None:
    if not read_only:
        await connection.run_sync(tables.create_all)
    found = (await connection.execute(sa.select(about.c.value).where(about.c.key == "schema"))).scalar()
    if found is None and not read_only:
        await connection.execute(sa.insert(about), {"key": "schema", "value": str(SCHEMA)})
    if found is not None and int(found) > SCHEMA:
        raise JournalError(
            f"the journal was written by a newer version (schema {found}, this one knows {SCHEMA}): "
            "upgrade, or set another journal.url"
        )


def _url(url: str, read_only: bool) -> URL:
    parsed = sa.make_url(url)
    if read_only and parsed.drivername == "sqlite":
        file = f"file:{quote(parsed.database or '')}"
        return URL.create("sqlite", database=file, query={"mode": "ro", "uri": "true"})
    return parsed
