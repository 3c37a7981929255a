"""Whose words a call's conversation is made of: the agent's as soon as it sends any, until then what the app overhears.

Never both: the same sentence would stand there twice, and the agent knows better what it has said. Of a talk that is
too long the latest words are kept: they are what a supervisor has to know.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ari_app.transfer.model import Call, Turn

AGENT, APP = "agent", "app"


def sent(call: Call, turns: Sequence[Turn], at_most: int, *, replace: bool = False) -> dict[str, Any]:
    """What changes in the call when the agent sends messages: the latest `at_most` bytes are kept. The first ones take
    the place of what was overheard."""
    if not turns and not replace:
        return {}
    kept = () if replace else of_agent(call)
    return {"conversation": _latest((*kept, *turns), at_most), "told_by": AGENT}


def overheard(call: Call, turns: Sequence[Turn], at_most: int) -> dict[str, Any]:
    """What changes when the app has understood something."""
    if call.told_by == AGENT:
        return {}
    return {"conversation": _latest((*call.conversation, *turns), at_most), "told_by": APP}


def of_agent(call: Call) -> tuple[Turn, ...]:
    """What the agent itself has sent."""
    return () if call.told_by == APP else call.conversation


def _latest(turns: tuple[Turn, ...], at_most: int) -> tuple[Turn, ...]:
    if not at_most:  # journals of versions that refused what was too long
        return turns
    size, first = size_of(turns), 0
    while size > at_most:
        size -= size_of(turns[first : first + 1])
        first += 1
    return turns[first:]


def size_of(turns: Sequence[Turn]) -> int:
    """Bytes."""
    return sum(len(turn.content.encode()) + len((turn.tool_calls or "").encode()) for turn in turns)
