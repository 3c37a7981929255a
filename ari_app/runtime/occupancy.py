"""How many supervisors a call takes, or may still take, of a rule's `max_concurrent`.

A transfer holds its place for every destination it may yet ring, from the moment it is admitted: what was admitted is
never over the limit later, and whoever does not fit is told at once.
"""

from __future__ import annotations

from collections.abc import Sequence

from ari_app.transfer.model import Call, Outcome, Request, Route, State

RINGING = frozenset({State.DIALING, State.BRIEFING})
"Another destination may follow."


def taken(call: Call, rule: str) -> int:
    transfer = call.transfer
    attempt = transfer.attempt if transfer else None
    if transfer is None or attempt is None:
        return 0
    if call.state in RINGING:
        return _most_at_once(transfer.request.strategy, transfer.request.routes[attempt.number - 1 :], rule)
    goes_on = attempt.outcome is None or (attempt.outcome is Outcome.COMPLETED and call.state is State.CONNECTED)
    return int(goes_on and attempt.route.rule == rule)


def wanted(request: Request, rule: str) -> int:
    return _most_at_once(request.strategy, request.routes, rule)


def _most_at_once(strategy: str, routes: Sequence[Route], rule: str) -> int:
    through = sum(route.rule == rule for route in routes)
    return through if strategy == "ring_all" else min(1, through)
