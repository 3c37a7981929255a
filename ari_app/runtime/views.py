"""The contract's shapes of calls, transfers and phases, from the data inside."""

from __future__ import annotations

import json
from typing import Any, Protocol

from ari_app.transfer.model import Call, Outcome, Phase, Transfer
from ari_app.transfer.result import attempt_view, refusal, result_of
from ari_app.transfer.turn import Told


def payload_of(told: Told) -> dict[str, Any]:
    """`WarmTransferPhase` (contract, section 3)."""
    return {
        "transfer_id": told.transfer_id,
        "request_id": told.request_id,
        "call_id": told.call_id,
        "sequence": told.sequence,
        "phase": told.phase.value,
        "timestamp": round(told.at, 6),
        "elapsed": told.elapsed,
        "consultation_room_id": told.room_id,
        "data": dict(told.data),
        "metadata": json.loads(told.metadata),
    }


def refused_payload(
    transfer_id: str, call_id: str | None, variables: Any, outcome: Outcome, reason: str, now: float
) -> dict[str, Any]:
    """The one phase of a request that was refused; echoes what of the request can be echoed."""
    asked = variables if isinstance(variables, dict) else {}
    request_id, metadata = asked.get("request_id"), asked.get("metadata")
    return {
        "transfer_id": transfer_id,
        "request_id": request_id if isinstance(request_id, str) and len(request_id) <= 128 else None,
        "call_id": call_id,
        "sequence": 1,
        "phase": Phase.TRANSFER_FAILED.value,
        "timestamp": round(now, 6),
        "elapsed": 0.0,
        "consultation_room_id": None,
        "data": {"result": refusal(outcome, reason), "outcome": outcome.value, "reason": reason},
        "metadata": metadata if isinstance(metadata, dict) and len(json.dumps(metadata)) <= 16_384 else None,
    }


def transfer_view(call: Call, transfer: Transfer) -> dict[str, Any]:
    return {
        "transfer_id": transfer.transfer_id,
        "request_id": transfer.request.request_id,
        "call_id": call.call_id,
        "channel": call.caller,
        "phase": transfer.phase.value,
        "started_at": round(transfer.started_at, 6),
        "attempts": [attempt_view(attempt) for attempt in transfer.attempts],
        "result": result_of(transfer) if transfer.is_over else None,
    }


class Entry(Protocol):
    """A call as the journal's index knows it, without folding its steps."""

    @property
    def call_id(self) -> str: ...
    @property
    def caller_channel(self) -> str: ...
    @property
    def agent(self) -> str | None: ...
    @property
    def state(self) -> str: ...
    @property
    def since(self) -> float: ...
    @property
    def transfer_id(self) -> str | None: ...


def entry_view(entry: Entry) -> dict[str, Any]:
    return {
        "call_id": entry.call_id,
        "channel": entry.caller_channel,
        "agent": entry.agent,
        "state": entry.state,
        "since": round(entry.since, 6),
        "transfer_id": entry.transfer_id,
    }


def call_view(call: Call) -> dict[str, Any]:
    return {
        "call_id": call.call_id,
        "channel": call.caller,
        "agent": call.agent_name,
        "state": call.state.value,
        "since": round(call.since, 6),
        "transfer_id": call.transfer.transfer_id if call.transfer else None,
    }
