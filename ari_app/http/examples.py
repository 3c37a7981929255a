"""One transfer, told from its request to its end: the examples of OpenAPI and of the published schemas."""

from __future__ import annotations

from typing import Any

from ari_app.transfer.model import Phase

TRANSFER = "tr_5f3a9c0e41d2"
CALL = "call_8b1d6f20a7c3"
CALLER = "1700000000.12"
SUPERVISOR = "wt-tr_5f3a9c0e41d2-supervisor-1"
ROOM = "wt-tr_5f3a9c0e41d2-room-1"
STARTED_AT = 1_700_000_042.5
SUMMARY = "The caller was charged twice in March for order 4711 and asks for ninety dollars back."
METADATA = {"case": 4711}

CANCEL: dict[str, Any] = {"reason": "The caller changed their mind."}
WHISPER: dict[str, Any] = {"text": "The caller has asked for ninety dollars."}
TRANSCRIPT: dict[str, Any] = {
    "turns": [
        {"role": "user", "content": "I was charged twice in March."},
        {"role": "assistant", "content": "I see two payments of ninety dollars."},
    ]
}
REQUEST: dict[str, Any] = {
    "request_id": "case-4711",
    "destination": {
        "routing_rule_id": "rr_sales",
        "sip_call_to": "+14155550123",
        "sip_call_from": "+14155550100",
        "participant_display_name": "Front desk",
    },
    "reason": "The caller asks for a refund above the agent's limit.",
    "chat_history": [{"role": "user", "content": "I was charged twice in March."}],
    "metadata": METADATA,
}
HTTP_REQUEST: dict[str, Any] = {"channel": CALLER, **REQUEST}

_ATTEMPT: dict[str, Any] = {
    "attempt": 1,
    "routing_rule_id": "rr_sales",
    "sip_call_to": "+14155550123",
    "sip_call_from": "+14155550100",
    "supervisor_call_id": SUPERVISOR,
    "outcome": None,
    "sip_code": None,
    "cause": None,
    "decline": None,
}
RESULT: dict[str, Any] = {
    "success": True,
    "phase": "transfer_complete",
    "outcome": "completed",
    "error": None,
    "consultation_room_id": ROOM,
    "supervisor_call_id": SUPERVISOR,
    "switched_call_id": CALLER,
    "summary": SUMMARY,
    "decline_reason": None,
    "sip_code": 200,
    "cause": None,
    "attempts": [_ATTEMPT | {"outcome": "completed", "sip_code": 200}],
    "retryable": False,
    "durations": {"started": 0.0, "supervisor_joined": 6.2, "call_switched": 21.8, "transfer_complete": 22.1},
}
_DECLINED = RESULT | {
    "success": False,
    "phase": "transfer_cancelled",
    "outcome": "declined",
    "error": "the supervisor declined",
    "switched_call_id": None,
    "decline_reason": "I'm in a meeting until three.",
    "attempts": [
        _ATTEMPT
        | {
            "outcome": "declined",
            "sip_code": 200,
            "decline": {"kind": "message", "reason": "I'm in a meeting until three.", "suggestion": None},
        }
    ],
    "durations": {"started": 0.0, "supervisor_joined": 6.2, "transfer_cancelled": 18.4},
}
_REFUSED = RESULT | {
    "success": False,
    "phase": "transfer_failed",
    "outcome": "refused",
    "error": "destination.sip_call_to: not in destinations of rr_sales",
    **dict.fromkeys(("consultation_room_id", "supervisor_call_id", "switched_call_id", "summary", "sip_code")),
    "attempts": [],
    "durations": {},
}
TRANSFER_VIEW: dict[str, Any] = {
    "transfer_id": TRANSFER,
    "request_id": "case-4711",
    "call_id": CALL,
    "channel": CALLER,
    "phase": "supervisor_ringing",
    "started_at": STARTED_AT,
    "attempts": [_ATTEMPT],
    "result": None,
}
ENDED_VIEW = TRANSFER_VIEW | {"phase": RESULT["phase"], "attempts": RESULT["attempts"], "result": RESULT}
CALL_VIEW: dict[str, Any] = {
    "call_id": CALL,
    "channel": CALLER,
    "agent": "front-desk",
    "state": "talking",
    "since": STARTED_AT,
    "transfer_id": TRANSFER,
}

_DATA: dict[Phase, dict[str, Any]] = {
    Phase.STARTED: {"reason": REQUEST["reason"]},
    Phase.SUMMARY_GENERATING: {},
    Phase.CALLER_ON_HOLD: {"moh_class": "default"},
    Phase.CONSULTATION_ROOM_CREATED: {"attempt": 1},
    Phase.SUPERVISOR_DIALED: {
        "attempt": 1,
        "sip_call_to": "+14155550123",
        "sip_call_from": "+14155550100",
        "supervisor_call_id": SUPERVISOR,
    },
    Phase.SUMMARY_READY: {
        "summary": SUMMARY,
        "source": "llm",
        "seconds": 0.9,
        "form": {"who": "Jane Doe", "problem": "charged twice in March", "language": "en"},
    },
    Phase.SUPERVISOR_RINGING: {"attempt": 1},
    Phase.ATTEMPT_FAILED: {"attempt": 1, "outcome": "busy", "sip_code": 486, "cause": 17},
    Phase.SUPERVISOR_JOINED: {"attempt": 1, "supervisor_call_id": SUPERVISOR},
    Phase.BRIEFING_STARTED: {"attempt": 1},
    Phase.BRIEFING_COMPLETE: {
        "attempt": 1,
        "resolution": "accepted",
        "by": "dtmf",
        **dict.fromkeys(("decline_reason", "decline_kind", "suggestion")),
    },
    Phase.CALL_SWITCHED: {"switched_call_id": CALLER},
    Phase.CALLER_RETURNED: {"to": "agent"},
    Phase.TRANSFER_COMPLETE: {"result": RESULT, "outcome": "completed", "reason": None},
    Phase.TRANSFER_CANCELLED: {"result": _DECLINED, "outcome": "declined", "reason": _DECLINED["error"]},
    Phase.TRANSFER_FAILED: {"result": _REFUSED, "outcome": "refused", "reason": _REFUSED["error"]},
}
ROOMLESS = frozenset(list(_DATA)[:3])
"Phases before the room is there."


def payload(phase: Phase) -> dict[str, Any]:
    """The phase as it goes out."""
    refused = phase is Phase.TRANSFER_FAILED
    number = 1 if refused else list(_DATA).index(phase) + 1
    elapsed = 0.0 if refused else round(0.4 * (number - 1) ** 1.6, 6)
    return {
        "transfer_id": TRANSFER,
        "request_id": "case-4711",
        "call_id": CALL,
        "sequence": number,
        "phase": phase.value,
        "timestamp": STARTED_AT + elapsed,
        "elapsed": elapsed,
        "consultation_room_id": None if refused or phase in ROOMLESS else ROOM,
        "data": _DATA[phase],
        "metadata": METADATA,
    }


PROBLEMS: dict[int, str] = {
    400: "the body is not valid JSON: Expecting value",
    401: "send Authorization: Bearer and the token",
    403: "this API has no token and answers to loopback addresses only",
    404: "no such transfer",
    408: "the body did not arrive in time",
    409: "the transfer has ended",
    413: "the body is larger than 4194304 bytes",
    415: "send the body as application/json",
    422: "destination.sip_call_to: Field required",
    500: "an internal error; the log has more",
    503: "the journal can't be reached now",
}
"Status → what a problem's `detail` says."
