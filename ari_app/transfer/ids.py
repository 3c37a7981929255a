"""Names of everything we create in Asterisk, derived from the transfer or call and a role.

They are chosen and journaled before the request leaves, so that a restarted app finds what it made, and so that a
repeated request can be recognised as already done. `PREFIX` marks what is ours to sweep.
"""

from __future__ import annotations

PREFIX = "wt-"


def agent_leg(call_id: str, again: int = 0) -> str:
    """`again`: how often the caller came back to the agent."""
    return f"{PREFIX}{call_id}-agent" + (f"-{again}" if again else "")


def talk_bridge(call_id: str, again: int = 0) -> str:
    return f"{PREFIX}{call_id}-talk" + (f"-{again}" if again else "")


def room(transfer_id: str, attempt: int) -> str:
    """One for each attempt: a supervisor who is being thanked must not meet the next one, nor the caller (G4)."""
    return f"{PREFIX}{transfer_id}-room-{attempt}"


def supervisor_leg(transfer_id: str, attempt: int) -> str:
    return f"{PREFIX}{transfer_id}-supervisor-{attempt}"


def overheard(call_id: str, side: str, time: str) -> str:
    """What listens to one side of the talk, before `-snoop`, `-media` and `-room`; `time` tells one time of listening
    from another: what an earlier life of the app left is being swept meanwhile."""
    return f"{PREFIX}{call_id}-overheard-{side}-{time}"


def media(transfer_id: str, count: int) -> str:
    return f"{PREFIX}{transfer_id}-media-{count}"


def words_bridge(transfer_id: str) -> str:
    """Where the caller on hold is spoken to."""
    return f"{PREFIX}{transfer_id}-words"


def words_media(transfer_id: str, count: int) -> str:
    return f"{PREFIX}{transfer_id}-words-{count}"


def whisper(transfer_id: str, count: int, part: str) -> str:
    return f"{PREFIX}{transfer_id}-whisper-{count}-{part}"
