"""The tables, and what is written into them: a row for each step, an index of calls and transfers beside them."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from ari_app.journal.codec import encode
from ari_app.runtime.ports import Step
from ari_app.transfer.model import Call, State

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
is_open = sa.text(f"state <> '{State.CLOSED.value}'")
"Literal, not a parameter: SQLite uses a partial index only when it can prove the condition."
sa.Index("ix_calls_open", calls.c.call_id, sqlite_where=is_open, postgresql_where=is_open)
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


def step_row(step: Step) -> dict[str, Any]:
    return {
        "call_id": step.call_id,
        "number": step.number,
        "at": step.at,
        "event_name": type(step.event).__name__,
        "event_json": encode(step.event),
    }


def call_row(step: Step, call: Call) -> dict[str, Any]:
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


def transfer_row(call: Call) -> dict[str, Any] | None:
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
