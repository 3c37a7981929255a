"""The table as a page: a diagram and the full matrix. Generated, so that it can't lie."""

from __future__ import annotations

from ari_app.transfer.events import EVENTS
from ari_app.transfer.model import State
from ari_app.transfer.table import ANYWHERE, TABLE, Row

INTRO = """# The state machine

Generated from `ari_app/transfer/table.py` by `scripts/state-machine`; a test compares.

One machine follows one call. A cell names the action (`ari_app/transfer/actions/`) and the states it may enter. `·` is
*noted*: the event came late, early or twice, and changes nothing. Events of an earlier leg, media channel or deadline
than the current one are noted everywhere.

With `ring_all` several supervisors are `dialing` or `briefing` at once, each for themselves: what one of them does is
read in the column where that one is. The call is `briefing` as long as anybody is.

The diagram leaves out what may happen in every state: the caller hangs up, or Asterisk is lost; both lead to
`closing`.
"""


def page() -> str:
    return "\n".join([INTRO, _states(), "## Diagram\n", _diagram(), "## Every cell\n", _matrix()]) + "\n"


def _states() -> str:
    rows = [f"| `{state}` | {'; '.join(sorted(_actions(state))) or 'nothing more happens'} |" for state in State]
    return "\n".join(["## States\n", "| state | what can happen there |", "|---|---|", *rows, ""])


def _actions(state: State) -> set[str]:
    own = {kind: row for kind, row in TABLE[state].items() if ANYWHERE.get(kind) is not row}
    return {f"{_words(kind.__name__)}" for kind in own}


def _diagram() -> str:
    arrows: dict[tuple[State, State], list[str]] = {}
    for state, rows in TABLE.items():
        for kind, row in rows.items():
            if ANYWHERE.get(kind) is row:
                continue
            for target in row.to:
                arrows.setdefault((state, target), []).append(_words(kind.__name__))
    lines = [f"    {a} --> {b}: {', '.join(names)}" for (a, b), names in arrows.items()]
    return "\n".join(["```mermaid", "stateDiagram-v2", "    [*] --> new", *lines, "    closed --> [*]", "```", ""])


def _matrix() -> str:
    states = [state for state in State if TABLE[state]]
    head = ["| event | " + " | ".join(f"`{state}`" for state in states) + " |", "|---" * (len(states) + 1) + "|"]
    body = [
        f"| {name} | " + " | ".join(_cell(TABLE[state].get(kind)) for state in states) + " |"
        for name, kind in sorted(EVENTS.items())
    ]
    return "\n".join([*head, *body])


def _cell(row: Row | None) -> str:
    if row is None:
        return "·"
    action = row.action.__name__.replace("_", " ")
    return f"{action} → {', '.join(row.to)}" if row.to else action


def _words(name: str) -> str:
    return "".join(f" {char.lower()}" if char.isupper() else char for char in name).strip()
