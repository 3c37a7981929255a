"""Whose words a call's conversation is made of: the agent's as soon as it sends any, until then what the app overhears.

Never both: the same sentence would stand there twice, and the agent knows better what it has said.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ari_app.transfer.model import Call, Turn

AGENT, APP = "agent", "app"


def sent(call: Call, turns: Sequence[Turn], *, replace: bool = False) -> dict[str, Any]:
    """What changes in the call when the agent sends messages; the first ones take the place of what was overheard."""
    if not turns and not replace:
        return {}
    kept = () if replace else of_agent(call)
    return {"conversation": (*kept, *turns), "told_by": AGENT}


def overheard(call: Call, turns: Sequence[Turn], at_most: int) -> dict[str, Any]:
    """What changes when the app has understood something: the latest `at_most` bytes are kept."""
    if call.told_by == AGENT:
        return {}
    return {"conversation": _latest((*call.conversation, *turns), at_most), "told_by": APP}


def of_agent(call: Call) -> tuple[Turn, ...]:
    """What the agent itself has sent."""
    return () if call.told_by == APP else call.conversation


def _latest(turns: tuple[Turn, ...], at_most: int) -> tuple[Turn, ...]:
    size = sum(_size(turn) for turn in turns)
    while turns and size > at_most:
        size -= _size(turns[0])
        turns = turns[1:]
    return turns


def _size(turn: Turn) -> int:
    return len(turn.content.encode())
