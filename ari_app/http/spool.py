"""What waits for webhooks, on disk: a phase is there before anybody sends it, and gone when it was delivered.

SQLite journals get a file of their own beside them, so that a receiver's backlog never makes a call's step wait; with
PostgreSQL it is the same database. `marks` remembers how far each transfer was taken over, so that what a crash left
between the journal and the spool is found at the next start.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncEngine

from ari_app.database import engine_for, translated, try_file, upsert
from ari_app.http.waiting import Message

DEADLINE = 5.0
"Seconds after which the database has failed."
BUSY = DEADLINE / 2
"Seconds SQLite waits for another process's lock."
SPOOL = "the webhooks' spool"

Key = tuple[str, str, int]
"Webhook, transfer, sequence."
Line = tuple[str, str]
"Webhook, transfer."

tables = sa.MetaData()
spool = sa.Table(
    "webhook_spool",
    tables,
    sa.Column("webhook", sa.Text, primary_key=True),
    sa.Column("transfer_id", sa.Text, primary_key=True),
    sa.Column("sequence", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("phase", sa.Text, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("created_at", sa.Double, nullable=False),
    sa.Column("due_at", sa.Double, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("unreached", sa.Boolean, nullable=False),
)
marks = sa.Table(
    "webhook_marks",
    tables,
    sa.Column("webhook", sa.Text, primary_key=True),
    sa.Column("transfer_id", sa.Text, primary_key=True),
    sa.Column("sequence", sa.Integer, nullable=False),
)


class Spool:
    """Made by `at`; `prepare` before anything else, `close` at the end. What fails raises JournalError."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._put = upsert(engine.dialect.name, spool)
        self._mark = upsert(engine.dialect.name, marks)

    @classmethod
    def at(cls, journal_url: str) -> Spool:
        """Beside the journal with this URL; nothing is opened yet."""
        url = sa.make_url(journal_url)
        beside = url if url.get_backend_name() == "postgresql" else _beside(url)
        return cls(engine_for(beside, deadline=DEADLINE, busy=BUSY))

    async def prepare(self) -> None:
        """Makes the tables if need be."""
        if self._engine.dialect.name == "sqlite":
            with translated("open", SPOOL):
                await asyncio.to_thread(try_file, Path(self._engine.url.database or ""), BUSY)
        with translated("open", SPOOL):
            async with asyncio.timeout(DEADLINE), self._engine.begin() as connection:
                await connection.run_sync(tables.create_all)

    async def load(self) -> list[Message]:
        """Everything that waits, in the order it came."""
        query = sa.select(spool).order_by(spool.c.created_at, spool.c.transfer_id, spool.c.sequence)
        return [Message(**row._mapping) for row in await self._read(query)]

    async def marked(self) -> dict[Line, int]:
        return {(row.webhook, row.transfer_id): row.sequence for row in await self._read(sa.select(marks))}

    async def _read(self, query: sa.Select[Any]) -> Sequence[sa.Row[Any]]:
        with translated("read", SPOOL):
            async with asyncio.timeout(DEADLINE), self._engine.connect() as connection:
                rows: Sequence[sa.Row[Any]] = (await connection.execute(query)).all()
                return rows

    async def write(self, changes: Mapping[Key, Message | None], taken_over: Mapping[Line, int | None]) -> None:
        """In one transaction; None takes out. All of it is durable when this returns."""
        put = [asdict(message) for message in changes.values() if message]
        marked = [{**_named(line), "sequence": number} for line, number in taken_over.items() if number is not None]
        work: tuple[tuple[Any, list[dict[str, Any]]], ...] = (
            (self._put, put),
            (_TAKE_OUT, [_named(key, "out_") for key, message in changes.items() if message is None]),
            (self._mark, marked),
            (_UNMARK, [_named(line, "out_") for line, number in taken_over.items() if number is None]),
        )
        with translated("write", SPOOL):
            async with asyncio.timeout(DEADLINE), self._engine.begin() as connection:
                for statement, rows in work:
                    if rows:
                        await connection.execute(statement, rows)

    async def close(self) -> None:
        await self._engine.dispose()


def _named(key: Key | Line, prefix: str = "") -> dict[str, Any]:
    return {f"{prefix}{name}": value for name, value in zip(("webhook", "transfer_id", "sequence"), key, strict=False)}


def _take_out(table: sa.Table, *columns: str) -> sa.Delete:
    return sa.delete(table).where(*(table.c[name] == sa.bindparam(f"out_{name}") for name in columns))


_TAKE_OUT = _take_out(spool, "webhook", "transfer_id", "sequence")
_UNMARK = _take_out(marks, "webhook", "transfer_id")


def _beside(url: URL) -> URL:
    """warm-transfer.db → warm-transfer.webhooks.db"""
    journal = Path(url.database or "warm-transfer.db")
    file = journal.with_name(f"{journal.stem}.webhooks{journal.suffix}")
    return URL.create("sqlite", database=str(file))
