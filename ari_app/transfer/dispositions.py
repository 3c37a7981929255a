"""What becomes of the caller when a transfer ends without a supervisor. Pure.

return                        to whom the caller was with before: the agent, the other application, the music
dialplan:CONTEXT[,EXTENSION]  to the dialplan: voicemail, a queue, a promise to call back
hangup[:TEXT]                 a spoken line, then a hang-up; TEXT is the name of a text or the words themselves
next_group:NAME               nothing yet: the transfer goes on with the destinations of that group, if it is open and
                              was not rung before; else what the next word about this outcome says
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from ari_app.transfer.model import Attempt, Outcome, Transfer

GOODBYE = "caller_goodbye"
"Name of the text before a hang-up, when no other is given."
OUTCOMES = frozenset(Outcome) - {
    Outcome.COMPLETED,
    Outcome.CALLER_HANGUP,
    Outcome.REFUSED,
    Outcome.ASTERISK_LOST,
}
"Those that leave a caller to be taken care of."
BY_NAME_ONLY = frozenset({Outcome.CANCELLED})
"Whoever takes a request back wants the caller back: a default for every outcome does not count here."
GOES_ON = OUTCOMES - {Outcome.CANCELLED, Outcome.JOIN_FAILED, Outcome.INTERNAL_ERROR}
"""Those after which another group may be rung: a supervisor was not reached, or not won. A cancel is somebody's wish;
the other two are troubles with the caller's own leg, which another supervisor does not mend."""

_ACTION = re.compile(
    r"(?P<back>return)|(?P<hangup>hangup)(:(?P<text>[^\x00-\x1f\x7f]{1,500}))?"
    r"|dialplan:(?P<context>[A-Za-z0-9_.-]{1,64})(,(?P<extension>[A-Za-z0-9_.*#+-]{1,64}))?"
    r"|next_group:(?P<group>[A-Za-z0-9_.-]{1,64})"
)


class Kind(StrEnum):
    RETURN = "return"
    DIALPLAN = "dialplan"
    HANGUP = "hangup"
    NEXT_GROUP = "next_group"


@dataclass(frozen=True)
class Disposition:
    kind: Kind
    context: str = ""
    extension: str = "s"
    text: str = GOODBYE
    group: str = ""

    @property
    def place(self) -> str:
        """As `caller_returned` names it."""
        return f"dialplan:{self.context}" if self.kind is Kind.DIALPLAN else self.kind.value


RETURN = Disposition(Kind.RETURN)


def read(action: str) -> Disposition:
    """Raises ValueError."""
    found = _ACTION.fullmatch(action)
    if found is None:
        known = "dialplan:CONTEXT, dialplan:CONTEXT,EXTENSION, hangup, hangup:WORDS or next_group:NAME"
        raise ValueError(f"write return, {known}")
    if found["context"]:
        return Disposition(Kind.DIALPLAN, found["context"], found["extension"] or "s")
    if found["group"]:
        return Disposition(Kind.NEXT_GROUP, group=found["group"])
    return Disposition(Kind.HANGUP, text=found["text"] or GOODBYE) if found["hangup"] else RETURN


def in_order(layers: Sequence[Mapping[str, str]]) -> tuple[tuple[str, str], ...]:
    """What is to be done about each outcome, the first layer's word before the others': next groups, one after the
    other, and then one end."""
    wanted: list[tuple[str, str]] = []
    for outcome in dict.fromkeys(outcome for layer in layers for outcome in layer):
        for action in (layer[outcome] for layer in layers if outcome in layer):
            wanted.append((outcome, action))
            if read(action).kind is not Kind.NEXT_GROUP:
                break
    return tuple(each for each in wanted if each[1] != "return")


def of(transfer: Transfer) -> Disposition:
    """How it ends, by the request, the group, the rule or the house, for the supervisor by whom the transfer is
    decided."""
    ends = (each for each in _wanted(transfer.attempt, transfer.outcome) if each.kind is not Kind.NEXT_GROUP)
    return next(ends, RETURN)


def next_group(transfer: Transfer, last: Attempt) -> str | None:
    """The group to go on with when this attempt says how the last one ended."""
    groups = (each.group for each in _wanted(last, last.outcome) if each.kind is Kind.NEXT_GROUP)
    return next((group for group in groups if group not in transfer.groups), None)


def _wanted(attempt: Attempt | None, outcome: Outcome | None) -> Iterator[Disposition]:
    """In their order."""
    wanted = attempt.route.dispositions if attempt else ()
    return (read(action) for name, action in wanted if name == outcome)
