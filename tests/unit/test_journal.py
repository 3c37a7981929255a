"""The journal on a real SQLite file: what is appended is there, whoever dies."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
import textwrap
import time
from collections.abc import AsyncIterator
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from ari_app.errors import JournalError
from ari_app.journal import SqlJournal, decode, encode
from ari_app.journal import sql as journal_module
from ari_app.runtime.ports import Step
from ari_app.transfer.events import EVENTS, CallArrived, CallerAnswered, CallerLeft, SummaryReady, TransferRequested
from ari_app.transfer.model import Agent, Call, Entry, LegState, Outcome, Request, Route, State, Transfer, Turn

ROUTE = Route("rr_sales", "PJSIP/2001@trunk-a", "2001", "+14155550100", headers=(("X-Case", "7"), ("X-B", "ü")))
TURNS = (Turn("user", "hello\n\x00 ünïcode 🦊"), Turn("tool", "", tool_calls='[{"id": 1}]', tool_call_id="t1"))
TRANSFER = Transfer("tr_1", Request((ROUTE,), request_id="req-1"), 5.0, 125.0, "room_1")
FULL = {
    "entry": Entry.HANDOVER,
    "agent": Agent("front", "PJSIP/front", "ch-1", 12.5, False, LegState.UP),
    "request": Request((ROUTE, ROUTE), "ring_all", reason="r", metadata='{"a": [1]}'),
    "turns": TURNS,
    "routes": (ROUTE, ROUTE),
    "form": (("who", "Ana"), ("language", "es")),
}


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'journal.db'}"


@pytest.fixture
async def journal(url: str) -> AsyncIterator[SqlJournal]:
    opened = await SqlJournal.open(url)
    yield opened
    await opened.close()


def call(call_id: str = "call_1", **known: Any) -> Call:
    return Call(call_id, caller="1700000000.12", **known)


def step(number: int, call_id: str = "call_1", at: float = 1.0, text: str = "x") -> Step:
    return Step(call_id, number, at, SummaryReady(text, "llm", 0.25))


def example(name: str, *, full: bool) -> Any:
    """An event of this kind with every field set, or with its defaults."""
    kind = EVENTS[name]
    plain: dict[Any, Any] = {str: "x", float: 0.1 + 0.2, int: 486, bool: True}
    given = {}
    for field in fields(kind):
        if field.default is MISSING or full:
            hint = get_type_hints(kind)[field.name]
            inner = [part for part in getattr(hint, "__args__", ()) if part in plain]
            given[field.name] = FULL.get(field.name, plain.get(hint, plain[inner[0]] if inner else None))
    return kind(**given)


def test_a_request_of_an_older_journal_goes_on() -> None:
    route = {"rule": "rr", "endpoint": "PJSIP/2001", "sip_call_to": "2001", "sip_call_from": "", "dispositions": []}
    event = decode("TransferRequested", json.dumps({"transfer_id": "tr_1", "request": {"routes": [route]}}))
    assert event == TransferRequested("tr_1", Request((Route("rr", "PJSIP/2001", "2001", ""),)))
    assert isinstance(event, TransferRequested) and event.request.routes[0].picks_up_within == 0.0


@pytest.mark.parametrize("name", EVENTS)
@pytest.mark.parametrize("full", [False, True])
def test_every_event_comes_back_equal(name: str, full: bool) -> None:
    event = example(name, full=full)
    assert decode(name, encode(event)) == event


def test_nested_data_keeps_its_types() -> None:
    event = TransferRequested("tr_1", FULL["request"], TURNS)  # type: ignore[arg-type]
    back = decode("TransferRequested", encode(event))
    assert isinstance(back, TransferRequested)
    assert isinstance(back.request.routes, tuple) and isinstance(back.request.routes[0].headers[0], tuple)
    arrived = decode("CallArrived", encode(CallArrived("c", Entry.HOLD, "b")))
    assert isinstance(arrived, CallArrived) and arrived.entry is Entry.HOLD and arrived.agent is None


def test_half_a_character_does_not_stop_a_call() -> None:
    event = TransferRequested("tr_1", Request((ROUTE,)), (Turn("user", "a\ud800b"),))
    back = decode("TransferRequested", encode(event))
    assert isinstance(back, TransferRequested)
    assert (back.turns[0].content, back.request) == ("a?b", event.request)


def test_an_event_of_a_newer_version_is_named() -> None:
    with pytest.raises(JournalError, match="CallerTeleported"):
        decode("CallerTeleported", "{}")


def test_an_event_that_does_not_fit_is_a_journal_error() -> None:
    with pytest.raises(JournalError, match="CallerHeld"):
        decode("CallerHeld", '{"moh_class": 7}')


async def test_steps_come_back_in_the_order_of_their_numbers(journal: SqlJournal) -> None:
    written = [step(2), Step("call_1", 1, 0.5, CallerAnswered()), step(10), step(3)]
    for each in written:
        await journal.append(each, call=call())
    await journal.append(step(1, "call_2"), call=call("call_2"))
    assert list(await journal.steps("call_1")) == sorted(written, key=lambda each: each.number)
    assert await journal.steps("nobody") == []


async def test_unfinished_are_the_calls_that_are_not_closed(journal: SqlJournal) -> None:
    await journal.append(step(1, "call_1"), call=call("call_1", arrived_at=2.0, state=State.TALKING))
    await journal.append(step(1, "call_2"), call=call("call_2", arrived_at=1.0, state=State.CLOSING))
    await journal.append(step(1, "call_3"), call=call("call_3", state=State.CLOSED))
    assert await journal.unfinished() == ["call_2", "call_1"]
    await journal.append(step(2, "call_2"), call=call("call_2", state=State.CLOSED))
    assert await journal.unfinished() == ["call_1"]


async def test_lists_and_look_ups(journal: SqlJournal) -> None:
    agent = Agent("front", "PJSIP/front", "ch-9")
    await journal.append(step(1), call=call(arrived_at=1.0, agent=agent, transfer=TRANSFER, since=3.0))
    await journal.append(step(1, "call_2"), call=call("call_2", arrived_at=2.0))
    newest, oldest = await journal.recent_calls(5)
    assert (newest.call_id, newest.agent, newest.transfer_id) == ("call_2", None, None)
    assert (oldest.agent, oldest.state, oldest.since, oldest.transfer_id) == ("front", "new", 3.0, "tr_1")
    assert [entry.call_id for entry in await journal.recent_calls(1)] == ["call_2"]
    assert await journal.call_of_channel("1700000000.12") == "call_2"
    assert await journal.call_of_channel("unknown") is None
    assert await journal.find_transfer("tr_1") == "call_1"
    assert await journal.find_transfer("tr_2") is None


async def test_transfers_are_listed_newest_first_and_updated(journal: SqlJournal, url: str) -> None:
    later = Transfer("tr_2", TRANSFER.request, 9.0, 9.0, "room", outcome=Outcome.BUSY, ended_at=11.0)
    await journal.append(step(1), call=call(transfer=TRANSFER))
    await journal.append(step(2), call=call(transfer=later))
    assert await journal.recent_transfers(10) == ["tr_2", "tr_1"]
    assert await journal.recent_transfers(1) == ["tr_2"]
    with sqlite3.connect(url.removeprefix("sqlite:///")) as raw:
        rows = raw.execute("SELECT transfer_id, request_id, ended_at, outcome FROM transfers ORDER BY 1").fetchall()
    raw.close()
    assert rows == [("tr_1", "req-1", None, None), ("tr_2", "req-1", 11.0, "busy")]


async def test_500_appends_at_once_are_a_handful_of_commits(journal: SqlJournal, monkeypatch: Any) -> None:
    commits = 0
    insert = journal._insert

    async def counted(*given: Any) -> None:
        nonlocal commits
        commits += 1
        await insert(*given)

    monkeypatch.setattr(journal, "_insert", counted)
    ids = [f"call_{n}" for n in range(50)]
    await asyncio.gather(
        *(journal.append(step(number, call_id), call=call(call_id)) for call_id in ids for number in range(1, 11))
    )
    assert commits < 10
    for call_id in ids:
        assert [each.number for each in await journal.steps(call_id)] == list(range(1, 11))


async def test_the_same_step_twice_is_one(journal: SqlJournal) -> None:
    await asyncio.gather(*(journal.append(step(1), call=call()) for _ in range(3)))
    await journal.append(step(1), call=call())
    assert await journal.steps("call_1") == [step(1)]


async def test_another_step_under_a_taken_number_is_refused_alone(journal: SqlJournal) -> None:
    await journal.append(step(1), call=call())
    results = await asyncio.gather(
        journal.append(step(1, text="other"), call=call()),
        journal.append(step(1, "call_2"), call=call("call_2")),
        return_exceptions=True,
    )
    assert isinstance(results[0], JournalError) and "taken" in str(results[0])
    assert results[1] is None
    assert await journal.steps("call_1") == [step(1)]


def test_what_was_appended_survives_a_kill(tmp_path: Path, url: str) -> None:
    program = textwrap.dedent("""
        import asyncio, os, sys
        from ari_app.journal import SqlJournal
        from ari_app.runtime.ports import Step
        from ari_app.transfer.events import SummaryReady
        from ari_app.transfer.model import Call
        async def main():
            journal = await SqlJournal.open(sys.argv[1])
            for number in range(1, 41):
                step = Step("call_1", number, 1.0, SummaryReady("x", "llm", 0.25))
                await journal.append(step, call=Call("call_1"))
            os._exit(9)
        asyncio.run(main())
    """)
    killed = subprocess.run([sys.executable, "-c", program, url], timeout=20, check=False)
    assert killed.returncode == 9

    async def reopened() -> None:
        reader = await SqlJournal.open(url, read_only=True)
        assert len(await reader.steps("call_1")) == 40
        await reader.close()
        journal = await SqlJournal.open(url)
        assert await journal.unfinished() == ["call_1"]
        assert [each.number for each in await journal.steps("call_1")] == list(range(1, 41))
        await journal.append(step(41), call=call())
        await journal.close()

    asyncio.run(reopened())


async def test_somebody_else_reads_while_the_app_writes(journal: SqlJournal, url: str) -> None:
    await journal.append(step(1), call=call())
    reader = await SqlJournal.open(url, read_only=True)
    await journal.append(step(2), call=call())
    assert len(await reader.steps("call_1")) == 2
    assert not await reader.writable()
    with pytest.raises(JournalError, match="read-only"):
        await reader.append(step(3), call=call())
    await reader.close()


async def test_a_journal_to_read_is_not_made(url: str) -> None:
    with pytest.raises(JournalError, match="unable to open"):
        await SqlJournal.open(url, read_only=True)
    assert not os.path.exists(url.removeprefix("sqlite:///"))  # noqa: ASYNC240


async def test_a_locked_journal_fails_in_time_and_recovers(
    journal: SqlJournal, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "DEADLINE", 0.2)
    await journal.append(step(1), call=call())
    other = sqlite3.connect(url.removeprefix("sqlite:///"))
    other.execute("BEGIN EXCLUSIVE")
    began = time.monotonic()
    with pytest.raises(JournalError):
        await journal.append(step(2), call=call())
    assert not await journal.writable()
    assert time.monotonic() - began < 1.0
    other.rollback()
    other.close()
    monkeypatch.setattr(journal_module, "DEADLINE", 2.0)
    await journal.append(step(2), call=call())
    assert await journal.writable()
    assert len(await journal.steps("call_1")) == 2


async def test_a_full_disk_is_told_to_everybody_who_waits(journal: SqlJournal) -> None:
    await journal.append(step(1), call=call())
    async with journal._engine.connect() as raw:
        pages = (await raw.exec_driver_sql("PRAGMA page_count")).scalar()
    journal_full = f"PRAGMA max_page_count={pages}"

    async def insert(connection: Any, batch: Any, genuine: Any = journal._insert) -> None:
        await connection.exec_driver_sql(journal_full)
        await genuine(connection, batch)

    journal._insert = insert  # type: ignore[method-assign]
    results = await asyncio.gather(
        *(journal.append(step(n, text="x" * 50_000), call=call()) for n in (2, 3)), return_exceptions=True
    )
    assert all(isinstance(result, JournalError) and "full" in str(result) for result in results)
    assert await journal.steps("call_1") == [step(1)]


async def test_an_append_given_up_before_its_turn_is_not_written(journal: SqlJournal) -> None:
    first = asyncio.ensure_future(journal.append(step(1), call=call()))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    await journal.append(step(1, text="instead"), call=call())
    assert await journal.steps("call_1") == [step(1, text="instead")]


async def test_purge_deletes_closed_calls_only(journal: SqlJournal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "PURGED_AT_ONCE", 2)
    for number in range(5):
        old = call(f"old_{number}", state=State.CLOSED, transfer=TRANSFER)
        await journal.append(step(1, old.call_id, at=10.0), call=old)
    await journal.append(step(1, "live", at=10.0), call=call("live", state=State.TALKING))
    await journal.append(step(1, "fresh", at=99.0), call=call("fresh", state=State.CLOSED))
    assert await journal.purge(50.0) == 5
    assert {entry.call_id for entry in await journal.recent_calls(10)} == {"live", "fresh"}
    assert await journal.steps("old_1") == []
    assert await journal.recent_transfers(10) == []


async def test_a_newer_schema_is_refused(journal: SqlJournal, url: str) -> None:
    with sqlite3.connect(url.removeprefix("sqlite:///")) as raw:
        raw.execute("UPDATE about SET value = '99' WHERE key = 'schema'")
    raw.close()
    with pytest.raises(JournalError, match=r"newer version \(schema 99.*journal.url"):
        await SqlJournal.open(url)


@pytest.mark.parametrize(
    "bad", ["mysql://root:canary@host/db", "sqlite://", "sqlite:///:memory:", "no url", "sqlite:////no/such/dir/x.db"]
)
async def test_a_bad_url_is_one_clear_line(bad: str) -> None:
    with pytest.raises(JournalError) as refused:
        await SqlJournal.open(bad)
    assert "\n" not in str(refused.value) and "canary" not in str(refused.value)


async def test_a_file_that_is_no_journal_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "letter.txt"
    file.write_text("no database at all, but long enough to be looked at " * 20)
    for read_only in (True, False):
        with pytest.raises(JournalError, match="not a database"):
            await SqlJournal.open(f"sqlite:///{file}", read_only=read_only)
    assert file.read_text().startswith("no database")


async def test_closing_writes_what_waits(url: str) -> None:
    journal = await SqlJournal.open(url)
    waiting = asyncio.ensure_future(journal.append(step(1), call=call()))
    await asyncio.sleep(0)
    await journal.close()
    await waiting
    with pytest.raises(JournalError, match="closed"):
        await journal.append(step(2), call=call())
    reader = await SqlJournal.open(url, read_only=True)
    assert await reader.steps("call_1") == [step(1)]
    await reader.close()


async def test_the_log_is_checkpointed_beside_the_writer(
    journal: SqlJournal, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "CHECKPOINT_EVERY", 2)
    for number in (1, 2):
        await journal.append(Step("call_1", number, 1.0, CallerLeft(16)), call=call())
    assert journal._checkpointer is not None
    await journal._checkpointer
    with sqlite3.connect(f"file:{url.removeprefix('sqlite:///')}?immutable=1", uri=True) as without_log:
        rows = without_log.execute("SELECT count(*) FROM steps").fetchone()
    without_log.close()
    assert rows == (2,)
