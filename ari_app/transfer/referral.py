"""A SIP agent, or a supervisor who has the caller, asks by REFER (RFC 3515): which rule takes the target, and what is
told of the outcome.

Asterisk 22 turns four words into the NOTIFYs' SIP fragments, 100, 200, 503 and 603, and has no others.
"""

from __future__ import annotations

from collections.abc import Mapping

from ari_app.transfer import digits
from ari_app.transfer.commands import TellReferrer
from ari_app.transfer.model import Outcome, Phase, Request, Transfer
from ari_app.transfer.routing import Rule, matches

TRYING, ANSWERED, UNAVAILABLE, DECLINED = (
    "channel_progress",
    "channel_answered",
    "channel_unavailable",
    "channel_declined",
)
_NO = frozenset({Outcome.DECLINED, Outcome.REJECTED, Outcome.CANCELLED})


def rule_for(target: str, rules: Mapping[str, Rule]) -> str | None:
    """The first rule that may be asked by REFER and allows this target."""
    number, _ = digits.split(target)
    for name, rule in rules.items():
        if rule.refer and any(matches(pattern, number) for pattern in rule.destinations):
            return name
    return None


def news(transfer: Transfer, phase: Phase) -> tuple[TellReferrer, ...]:
    """What whoever sent the REFER is told with this phase.

    Success is told when the caller is with the supervisor, for the leg that asked is hung up right after it."""
    referrer, state = transfer.request.referrer, _state(phase, transfer.outcome)
    return (TellReferrer(referrer, state),) if referrer and state else ()


def refusal(request: Request) -> tuple[TellReferrer, ...]:
    """What whoever sent the REFER is told when it begins no transfer."""
    return (TellReferrer(request.referrer, DECLINED),) if request.referrer else ()


def _state(phase: Phase, outcome: Outcome | None) -> str | None:
    if phase is Phase.STARTED:
        return TRYING
    if phase is Phase.CALL_SWITCHED:
        return ANSWERED
    if phase.is_terminal and phase is not Phase.TRANSFER_COMPLETE:
        return DECLINED if outcome in _NO else UNAVAILABLE
    return None
