"""How many supervisors a call takes, or may still take, of a rule's `max_concurrent`.

A transfer holds its place for every destination it may yet ring, from the moment it is admitted: what was admitted is
never over the limit later, and whoever does not fit is told at once.
"""

from __future__ import annotations

from collections.abc import Sequence

from ari_app.transfer.model import Call, Outcome, Request, Route, State

RINGING = frozenset({State.DIALING, State.BRIEFING})
"Another destination may follow."


def talking(call: Call, rule: str) -> int:
    """Who has the caller, or has sent them on and may get them back."""
    attempts = call.transfer.attempts if call.transfer and call.state is State.CONNECTED else ()
    joined = sum(attempt.route.rule == rule and attempt.outcome is Outcome.COMPLETED for attempt in attempts)
    return joined + (call.agent is not None and call.agent.rule == rule and call.agent_is_up)


def rung(call: Call, rule: str) -> int:
    transfer = call.transfer
    if transfer is None or not transfer.attempts:
        return 0
    held = sum(attempt.route.rule == rule and attempt.outcome is None for attempt in transfer.attempts)
    if call.state not in RINGING or transfer.request.rings_all:
        return held
    return max(held, _most_at_once(transfer.request, transfer.request.routes[len(transfer.attempts) - 1 :], rule))


def wanted(request: Request, rule: str) -> int:
    return _most_at_once(request, request.routes, rule)


def _most_at_once(request: Request, routes: Sequence[Route], rule: str) -> int:
    through = sum(route.rule == rule for route in routes)
    return through if request.rings_all else min(1, through)
