"""Whoever has just declined is left alone for a while, as long as somebody else can be rung. Kept in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ari_app.transfer.model import Call, Outcome, Phase, Route
from ari_app.transfer.turn import Told


class CoolDowns:
    def __init__(self, seconds: Mapping[str, float]) -> None:
        """`seconds` of each routing rule; 0 is none."""
        self.seconds = seconds
        self._until: dict[tuple[str, str], float] = {}

    def note(self, call: Call, told: Sequence[Told]) -> None:
        for phase in told:
            if phase.phase is Phase.ATTEMPT_FAILED and phase.data["outcome"] == Outcome.DECLINED:
                attempts = call.transfer.attempts if call.transfer else ()
                for attempt in attempts:
                    if attempt.number == phase.data["attempt"]:
                        self.rest(attempt.route, phase.at)

    def rest(self, route: Route, now: float) -> None:
        if seconds := self.seconds.get(route.rule, 0.0):
            self._until[_who(route)] = now + seconds

    def spared(self, routes: Sequence[Route], now: float) -> tuple[Route, ...]:
        """Without those who rest; all of them when nobody else is left."""
        self._until = {who: until for who, until in self._until.items() if until > now}
        return tuple(route for route in routes if _who(route) not in self._until) or tuple(routes)


def _who(route: Route) -> tuple[str, str]:
    return route.rule, route.sip_call_to
