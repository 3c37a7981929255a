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
import json
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa
import structlog
from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from ari_app.errors import JournalError, SettingsError
from ari_app.runtime.ports import Step
from ari_app.transfer.events import EVENTS, Event
from ari_app.transfer.model import Call, State

SCHEMA = 1
"Version of the tables below; a journal with a newer one is refused."
DEADLINE = 2.0
"Seconds after which an append, or a read, has failed."
BUSY_MS = 1_000
"Milliseconds SQLite waits for another process's lock; well under the deadline, so that the writer recovers first."
LARGEST_BATCH = 500
CHECKPOINT_EVERY = 100
"Commits between two checkpoints of SQLite's write-ahead log."
LARGEST_LOG = 20_000
"Pages of 4 KiB after which a commit checkpoints after all, should the background one not keep up."
PURGED_AT_ONCE = 200
"Calls; keeps each transaction short, appends wait for it."

log = structlog.get_logger(__name__)

tables = sa.MetaData()
about = sa.Table(
    "about",
    tables,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)
steps = sa.Table(
    "steps",
    tables,
    sa.Column("call_id", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("at", sa.Double, nullable=False),
    sa.Column("event_name", sa.Text, nullable=False),
    sa.Column("event_json", sa.Text, nullable=False),
)
calls = sa.Table(
    "calls",
    tables,
    sa.Column("call_id", sa.Text, primary_key=True),
    sa.Column("caller_channel", sa.Text, nullable=False, index=True),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("agent", sa.Text),
    sa.Column("since", sa.Double, nullable=False),
    sa.Column("arrived_at", sa.Double, nullable=False, index=True),
    sa.Column("updated_at", sa.Double, nullable=False, index=True),
    sa.Column("transfer_id", sa.Text),
)
_is_open = sa.text(f"state <> '{State.CLOSED.value}'")
"Literal, not a parameter: SQLite uses a partial index only when it can prove the condition."
sa.Index("ix_calls_open", calls.c.call_id, sqlite_where=_is_open, postgresql_where=_is_open)
transfers = sa.Table(
    "transfers",
    tables,
    sa.Column("transfer_id", sa.Text, primary_key=True),
    sa.Column("call_id", sa.Text, nullable=False, index=True),
    sa.Column("request_id", sa.Text),
    sa.Column("started_at", sa.Double, nullable=False, index=True),
    sa.Column("ended_at", sa.Double),
    sa.Column("outcome", sa.Text),
)


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


@cache
def _codec(name: str) -> TypeAdapter[Event]:
    return TypeAdapter(EVENTS[name])


def encode(event: Event) -> str:
    """The event as JSON; `decode` gives back an equal one, but for lone surrogates, which become question marks."""
    try:
        return _codec(type(event).__name__).dump_json(event).decode()
    except PydanticSerializationError:
        return json.dumps(asdict(event), ensure_ascii=False).encode(errors="replace").decode()


def decode(name: str, text: str) -> Event:
    """Raises JournalError for an event this version does not know."""
    if name not in EVENTS:
        raise JournalError(f"the journal has an event {name!r} that this version does not know")
    try:
        return _codec(name).validate_json(text)
    except ValidationError as error:
        raise JournalError(f"the journal's {name} can't be read: {error.error_count()} fields do not fit") from None


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
        file = _sqlite_file(url)
        if file is not None:
            with _translated("open"):
                await asyncio.to_thread(_try_file, file, read_only)
        engine = _engine(_async_url(url, read_only))
        journal = cls(engine)
        try:
            with _translated("open"):
                async with asyncio.timeout(2 * DEADLINE), engine.begin() as connection:
                    await _prepare(connection, read_only)
        except BaseException:
            await engine.dispose()
            raise
        if not read_only:
            for name in EVENTS:
                _codec(name)  # the first of its kind would cost a call milliseconds
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
        pending = _Pending(_step_row(step), _call_row(step, call), _transfer_row(call))
        await self._written(pending)

    async def unfinished(self) -> Sequence[str]:
        query = sa.select(calls.c.call_id).where(_is_open).order_by(calls.c.arrived_at)
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
            with _translated("purge"):
                async with self._engine.begin() as connection:
                    for table in (steps, transfers, calls):
                        await connection.execute(sa.delete(table).where(table.c.call_id.in_(ids)))
            deleted += len(ids)
        return deleted

    async def _read(self, query: sa.Select[Any]) -> Sequence[sa.Row[Any]]:
        with _translated("read"):
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
                pending.settle(JournalError(f"can't write the journal: {_reason(error)}"))
        log.warning("journal refused steps", reason=_reason(error), steps=len(batch), tried_again=len(again))

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
            log.warning("journal can't be checkpointed", reason=_reason(error))


class _Inserts:
    """The statements of an append, in the dialect's own words for "insert or update"."""

    def __init__(self, dialect: str) -> None:
        insert = import_module(f"sqlalchemy.dialects.{dialect}").insert
        self.steps = sa.insert(steps)
        self.calls = self._upsert(insert, calls)
        self.transfers = self._upsert(insert, transfers)
        self.about = self._upsert(insert, about)

    @staticmethod
    def _upsert(insert: Any, table: sa.Table) -> sa.Insert:
        statement = insert(table)
        changes = {column.name: statement.excluded[column.name] for column in table.c if not column.primary_key}
        upsert: sa.Insert = statement.on_conflict_do_update(index_elements=list(table.primary_key), set_=changes)
        return upsert


def _step_row(step: Step) -> dict[str, Any]:
    return {
        "call_id": step.call_id,
        "number": step.number,
        "at": step.at,
        "event_name": type(step.event).__name__,
        "event_json": encode(step.event),
    }


def _call_row(step: Step, call: Call) -> dict[str, Any]:
    return {
        "call_id": call.call_id,
        "caller_channel": call.caller,
        "state": call.state.value,
        "agent": call.agent_name,
        "since": call.since,
        "arrived_at": call.arrived_at,
        "updated_at": step.at,
        "transfer_id": call.transfer.transfer_id if call.transfer else None,
    }


def _transfer_row(call: Call) -> dict[str, Any] | None:
    transfer = call.transfer
    if transfer is None:
        return None
    return {
        "transfer_id": transfer.transfer_id,
        "call_id": call.call_id,
        "request_id": transfer.request.request_id,
        "started_at": transfer.started_at,
        "ended_at": transfer.ended_at,
        "outcome": transfer.outcome.value if transfer.outcome else None,
    }


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


def check_url(url: str) -> None:
    """Raises SettingsError for an URL that no journal can have."""
    try:
        parsed = sa.make_url(url)
    except ArgumentError:
        raise SettingsError("journal.url: write sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DB") from None
    if parsed.drivername not in ("sqlite", "postgresql"):
        raise SettingsError(f"journal.url: {parsed.drivername} is not supported; use sqlite or postgresql")
    if parsed.drivername == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise SettingsError("journal.url: a journal in memory is none; write sqlite:///FILE")
    if parsed.drivername == "postgresql" and find_spec("asyncpg") is None:
        raise SettingsError("journal.url: PostgreSQL needs asyncpg: install warm-transfer[postgresql]")


def sqlite_file(url: str) -> Path | None:
    """The file behind the URL. Raises SettingsError."""
    check_url(url)
    parsed = sa.make_url(url)
    return Path(parsed.database) if parsed.drivername == "sqlite" and parsed.database else None


def _sqlite_file(url: str) -> Path | None:
    try:
        return sqlite_file(url)
    except SettingsError as error:
        raise JournalError(str(error)) from None


def _try_file(file: Path, read_only: bool) -> None:
    """Fails here, in the open, for whatever is wrong with the file: aiosqlite leaves a thread behind if it fails
    there. WAL is a property of the file and set for good."""
    mode = "ro" if read_only else "rwc"
    with contextlib.closing(sqlite3.connect(f"file:{quote(str(file))}?mode={mode}", BUSY_MS / 1000, uri=True)) as raw:
        raw.execute("SELECT count(*) FROM sqlite_master" if read_only else "PRAGMA journal_mode=WAL")


def _async_url(url: str, read_only: bool) -> URL:
    parsed = sa.make_url(url)
    if parsed.drivername == "postgresql":
        return parsed.set(drivername="postgresql+asyncpg")
    if read_only:
        file = f"file:{quote(parsed.database or '')}"
        return URL.create("sqlite+aiosqlite", database=file, query={"mode": "ro", "uri": "true"})
    return parsed.set(drivername="sqlite+aiosqlite")


def _engine(url: URL) -> AsyncEngine:
    if url.get_backend_name() == "postgresql":
        waits = {"timeout": DEADLINE, "command_timeout": DEADLINE}
        return create_async_engine(url, pool_pre_ping=True, connect_args=waits)
    engine = create_async_engine(url, connect_args={"timeout": BUSY_MS / 1000})

    @sa.event.listens_for(engine.sync_engine, "connect")
    def _set_up(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.execute(f"PRAGMA wal_autocheckpoint={LARGEST_LOG}")
        cursor.close()

    return engine


@contextlib.contextmanager
def _translated(verb: str) -> Iterator[None]:
    """The drivers' exceptions become ours, here only."""
    try:
        yield
    except TimeoutError:
        raise JournalError(f"can't {verb} the journal: no answer in time") from None
    except (SQLAlchemyError, sqlite3.Error, OSError) as error:
        raise JournalError(f"can't {verb} the journal: {_reason(error)}") from None


def _reason(error: BaseException) -> str:
    """The driver's own words in one line: without SQL, parameters or URL, which hold numbers and passwords."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    return (str(cause) or type(cause).__name__).splitlines()[0]
