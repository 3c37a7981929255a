"""Which phones and trunks Asterisk can't reach now: looked up beside the calls, so that no INVITE waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from ari_app.runtime.ports import Ari
from ari_app.transfer.model import Route

EVERY = 2.0
"Seconds between two looks."
AGAIN = 0.2
"Seconds before the next one when Asterisk did not answer."


class Reachability:
    """`run` looks, and never returns by itself. What is not known to be offline is rung."""

    def __init__(self, ari: Ari, rules: frozenset[str]) -> None:
        """`rules`: names of those whose offline endpoints are passed over."""
        self._ari = ari
        self._rules = rules
        self._offline: frozenset[str] = frozenset()

    async def run(self) -> None:
        while self._rules:
            answered = await self.look()
            await asyncio.sleep(EVERY if answered else AGAIN)

    async def look(self) -> bool:
        """Whether Asterisk answered."""
        reply = await self._ari.call("endpoints.listByTech", tech="PJSIP")
        found = reply.body or () if reply.ok else ()
        self._offline = frozenset(each["resource"] for each in found if each.get("state") == "offline")
        return reply.ok

    def reachable(self, routes: Sequence[Route]) -> tuple[Route, ...]:
        return tuple(route for route in routes if not self._is_away(route))

    def _is_away(self, route: Route) -> bool:
        return route.rule in self._rules and endpoint_of(route.endpoint) in self._offline


def endpoint_of(dial: str) -> str | None:
    """The endpoint whose own contact is dialed: `PJSIP/2001`, `PJSIP/2001@trunk`. With an address beside it,
    `PJSIP/trunk/sip:2001@host`, the contact is not used, and Asterisk calls an endpoint without one offline."""
    technology, _, rest = dial.partition("/")
    return rest.rpartition("@")[2] if technology.upper() == "PJSIP" and "/" not in rest else None
