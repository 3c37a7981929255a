"""SQLite by default, PostgreSQL by URL, for the journal and the webhooks' spool: engines, and their errors as ours.

SQLite runs with WAL and `synchronous=NORMAL`: what is committed is in the kernel's hands, which `kill -9` does not
reach.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from ari_app.errors import JournalError, SettingsError


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


def try_file(file: Path, busy: float, *, read_only: bool = False) -> None:
    """Fails here, in the open, for whatever is wrong with the file: aiosqlite leaves a thread behind if it fails
    there. WAL is a property of the file and set for good. `busy`: seconds to wait for another process's lock."""
    mode = "ro" if read_only else "rwc"
    with contextlib.closing(sqlite3.connect(f"file:{quote(str(file))}?mode={mode}", busy, uri=True)) as raw:
        raw.execute("SELECT count(*) FROM sqlite_master" if read_only else "PRAGMA journal_mode=WAL")


def engine_for(url: URL, *, deadline: float, busy: float, log_pages: int = 1_000) -> AsyncEngine:
    """Nothing is opened yet. `deadline`: seconds PostgreSQL has for a command; `busy` as in `try_file`; `log_pages`:
    pages of 4 KiB after which a commit copies SQLite's log into its file."""
    if url.get_backend_name() == "postgresql":
        waits = {"timeout": deadline, "command_timeout": deadline}
        asynchronous = url.set(drivername="postgresql+asyncpg")
        return create_async_engine(asynchronous, pool_pre_ping=True, connect_args=waits)
    engine = create_async_engine(url.set(drivername="sqlite+aiosqlite"), connect_args={"timeout": busy})

    @sa.event.listens_for(engine.sync_engine, "connect")
    def _set_up(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.execute(f"PRAGMA wal_autocheckpoint={log_pages}")
        cursor.close()

    return engine


def upsert(dialect: str, table: sa.Table) -> sa.Insert:
    """Insert or update, in the dialect's own words."""
    statement = import_module(f"sqlalchemy.dialects.{dialect}").insert(table)
    changes = {column.name: statement.excluded[column.name] for column in table.c if not column.primary_key}
    statement = statement.on_conflict_do_update(index_elements=list(table.primary_key), set_=changes)
    upserting: sa.Insert = statement
    return upserting


@contextlib.contextmanager
def translated(verb: str, what: str) -> Iterator[None]:
    """The drivers' exceptions become JournalError, here only; so does an URL that is none."""
    try:
        yield
    except SettingsError as error:
        raise JournalError(str(error)) from None
    except TimeoutError:
        raise JournalError(f"can't {verb} {what}: no answer in time") from None
    except (SQLAlchemyError, sqlite3.Error, OSError) as error:
        raise JournalError(f"can't {verb} {what}: {reason(error)}") from None


def reason(error: BaseException) -> str:
    """The driver's own words in one line: without SQL, parameters or URL, which hold numbers and passwords."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    return (str(cause) or type(cause).__name__).splitlines()[0]
