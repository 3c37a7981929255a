"""What becomes of the caller when a transfer ends without a supervisor. Pure.

return                        to whom the caller was with before: the agent, the other application, the music
dialplan:CONTEXT[,EXTENSION]  to the dialplan: voicemail, a queue, a promise to call back
hangup[:TEXT]                 a spoken line, then a hang-up; TEXT is the name of a text or the words themselves
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from ari_app.transfer.model import Outcome, Transfer

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

_ACTION = re.compile(
    r"(?P<back>return)|(?P<hangup>hangup)(:(?P<text>[^\x00-\x1f\x7f]{1,500}))?"
    r"|dialplan:(?P<context>[A-Za-z0-9_.-]{1,64})(,(?P<extension>[A-Za-z0-9_.*#+-]{1,64}))?"
)


class Kind(StrEnum):
    RETURN = "return"
    DIALPLAN = "dialplan"
    HANGUP = "hangup"


@dataclass(frozen=True)
class Disposition:
    kind: Kind
    context: str = ""
    extension: str = "s"
    text: str = GOODBYE

    @property
    def place(self) -> str:
        """As `caller_returned` names it."""
        return f"dialplan:{self.context}" if self.kind is Kind.DIALPLAN else self.kind.value


RETURN = Disposition(Kind.RETURN)


def read(action: str) -> Disposition:
    """Raises ValueError."""
    found = _ACTION.fullmatch(action)
    if found is None:
        raise ValueError("write return, dialplan:CONTEXT, dialplan:CONTEXT,EXTENSION, hangup or hangup:WORDS")
    if found["context"]:
        return Disposition(Kind.DIALPLAN, found["context"], found["extension"] or "s")
    return Disposition(Kind.HANGUP, text=found["text"] or GOODBYE) if found["hangup"] else RETURN


def of(transfer: Transfer) -> Disposition:
    """What is wanted, by the request, the rule or the house, of the supervisor by whom the transfer is decided."""
    chosen = dict(transfer.attempt.route.dispositions) if transfer.attempt else {}
    action = chosen.get(transfer.outcome.value) if transfer.outcome else None
    return read(action) if action else RETURN
