"""A transfer ended without a supervisor: the caller goes back, on into the dialplan, or is told goodbye.

Whatever was chosen, a caller is never stranded: what can't be done ends where every failed transfer ends by itself.
"""

from __future__ import annotations

from ari_app.transfer import dispositions
from ari_app.transfer import events as ev
from ari_app.transfer.actions import moves, words
from ari_app.transfer.commands import ContinueElsewhere, ReturnCaller
from ari_app.transfer.dispositions import Disposition, Kind
from ari_app.transfer.model import Entry, Outcome, Phase, State
from ari_app.transfer.turn import Turn

PARTING = 20.0
"Seconds for the last line to be made and said; then the caller goes back instead."


def dispose(turn: Turn) -> None:
    """A supervisor who sent the caller on, and is still there, has them back whatever was chosen."""
    agent = turn.call.agent
    if agent and agent.is_supervisor and turn.call.agent_is_up:
        take_back(turn)
        return
    chosen = dispositions.of(turn.transfer)
    match chosen.kind:
        case Kind.DIALPLAN:
            _go_on_in_dialplan(turn, chosen)
        case Kind.HANGUP:
            turn.set(leaving_to=chosen.place)
            words.speak(turn, chosen.text)
            turn.go(State.LEAVING, deadline=turn.now + PARTING)
        case Kind.RETURN:
            take_back(turn)


def _go_on_in_dialplan(turn: Turn, chosen: Disposition) -> None:
    transfer = turn.transfer
    outcome = transfer.outcome.value if transfer.outcome else ""
    variables = (("WT_OUTCOME", outcome), ("WT_TRANSFER_ID", transfer.transfer_id))
    turn.set(leaving_to=chosen.place)
    turn.do(ContinueElsewhere(turn.call.caller, chosen.context, chosen.extension, variables))
    turn.go(State.LEAVING, deadline=turn.now + moves.CONFIRM)


def take_back(turn: Turn) -> None:
    """To whom the caller was with before."""
    call = turn.call
    turn.set(leaving_to=None)
    if call.agent_is_up:
        turn.do(ReturnCaller(call.caller, call.bridge_id))
        turn.go(State.RETURNING, deadline=turn.now + moves.CONFIRM)
    elif call.return_app and call.entry is not Entry.AGENT:
        moves.hand_back(turn, call.return_app)
    elif call.agent or call.entry is Entry.AGENT:
        moves.to_fallback(turn)
    else:
        moves.wait_on_music(turn)
        turn.tell(Phase.CALLER_RETURNED, to="hold")


def parted(turn: Turn, event: ev.WordsOver) -> None:
    """The last line was heard; nobody is hung up without it."""
    if event.heard:
        turn.tell(Phase.CALLER_RETURNED, to=words.PARTING)
        moves.hang_up_caller(turn)
    else:
        take_back(turn)


def stranded(turn: Turn, event: ev.CallerStranded | ev.DeadlinePassed) -> None:
    """What was chosen can't be done: back, as if nothing had been chosen."""
    if _is_disposed(turn):
        take_back(turn)
    else:
        moves.to_fallback(turn, event)


def _is_disposed(turn: Turn) -> bool:
    transfer = turn.call.transfer_in_flight
    if transfer is None or transfer.outcome in (None, Outcome.COMPLETED):
        return False
    chosen = dispositions.of(transfer)
    return chosen.kind is not Kind.RETURN and turn.call.leaving_to == chosen.place
