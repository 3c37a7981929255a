"""The result of a transfer in the contract's shape, derived from the transfer alone."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ari_app.transfer.model import Attempt, Outcome, Transfer


def attempt_view(attempt: Attempt) -> dict[str, Any]:
    return {
        "attempt": attempt.number,
        "routing_rule_id": attempt.route.rule,
        "sip_call_to": attempt.route.sip_call_to,
        "sip_call_from": attempt.route.sip_call_from,
        "supervisor_call_id": attempt.channel_id,
        "outcome": attempt.outcome.value if attempt.outcome else None,
        "sip_code": attempt.sip_code,
        "cause": attempt.cause,
        "decline": asdict(attempt.decline) if attempt.decline else None,
    }


def result_of(transfer: Transfer) -> dict[str, Any]:
    """Raises AssertionError before an outcome is known."""
    if transfer.outcome is None:
        raise AssertionError("a transfer without outcome has no result")
    outcome, attempt = transfer.outcome, transfer.attempt
    success = outcome is Outcome.COMPLETED
    return {
        "success": success,
        "phase": outcome.terminal_phase.value,
        "outcome": outcome.value,
        "error": None if success else transfer.error or outcome_error(outcome),
        "consultation_room_id": transfer.room_id or None,
        "supervisor_call_id": attempt.channel_id if attempt else None,
        "switched_call_id": transfer.switched_call_id,
        "summary": transfer.summary,
        "decline_reason": transfer.decline_reason,
        "sip_code": attempt.sip_code if attempt else None,
        "cause": attempt.cause if attempt else None,
        "attempts": [attempt_view(a) for a in transfer.attempts],
        "retryable": outcome.retryable,
        "durations": dict(transfer.marks),
    }


def refusal(outcome: Outcome, reason: str) -> dict[str, Any]:
    """The result of a request that touched nothing."""
    return {
        "success": False,
        "phase": Outcome.REFUSED.terminal_phase.value,
        "outcome": outcome.value,
        "error": reason,
        "consultation_room_id": None,
        "supervisor_call_id": None,
        "switched_call_id": None,
        "summary": None,
        "decline_reason": None,
        "sip_code": None,
        "cause": None,
        "attempts": [],
        "retryable": outcome.retryable,
        "durations": {},
    }


def outcome_error(outcome: Outcome) -> str | None:
    """One sentence for a human, when nothing more precise is known."""
    return _SENTENCES.get(outcome)


_SENTENCES = {
    Outcome.NO_ANSWER: "the supervisor did not answer",
    Outcome.BUSY: "the supervisor is busy",
    Outcome.REJECTED: "the supervisor's phone rejected the call",
    Outcome.UNREACHABLE: "the supervisor can't be reached",
    Outcome.CONGESTION: "the trunk had no room for the call",
    Outcome.VOICEMAIL: "an answering machine took the call",
    Outcome.DECLINED: "the supervisor declined",
    Outcome.ACK_TIMEOUT: "the supervisor did not say yes or no in time",
    Outcome.SUPERVISOR_HANGUP: "the supervisor hung up",
    Outcome.CALLER_HANGUP: "the caller hung up",
    Outcome.CANCELLED: "the transfer was cancelled",
    Outcome.JOIN_FAILED: "caller and supervisor could not be confirmed in one bridge",
    Outcome.BRIEFING_FAILED: "the supervisor could not be briefed",
    Outcome.ASTERISK_LOST: "Asterisk restarted during the transfer",
    Outcome.INTERNAL_ERROR: "the transfer could not be carried out",
}
