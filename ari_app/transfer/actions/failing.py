"""An attempt or the whole transfer fails: the next destination, or the caller back to somebody."""

from __future__ import annotations

from ari_app.transfer import events as ev
from ari_app.transfer.actions import disposing, moves
from ari_app.transfer.model import Outcome, Phase, State
from ari_app.transfer.turn import Turn


def attempt_failed(turn: Turn, outcome: Outcome, *, farewell: str | None = None) -> None:
    """This destination is over; the next one is rung while there is one and time for it."""
    turn.set_attempt(outcome=outcome)
    attempt = turn.attempt
    turn.tell(
        Phase.ATTEMPT_FAILED,
        attempt=attempt.number,
        outcome=outcome.value,
        sip_code=attempt.sip_code,
        cause=attempt.cause,
    )
    transfer = turn.transfer
    if len(transfer.attempts) < len(transfer.request.routes) and turn.now < transfer.join_deadline:
        moves.let_supervisor_go(turn, farewell)
        moves.ring_next(turn)
    else:
        give_back(turn, outcome, farewell=farewell)


def cancel(turn: Turn, event: ev.CancelRequested) -> None:
    turn.set_transfer(error=event.reason)
    turn.set_attempt(outcome=Outcome.CANCELLED)
    give_back(turn, Outcome.CANCELLED, farewell="cancelled")


def give_back(turn: Turn, outcome: Outcome, *, farewell: str | None = None) -> None:
    """The caller first, then the farewell to the supervisor and the clearing away."""
    turn.set_transfer(outcome=outcome, caller_seated=False)
    disposing.dispose(turn)
    moves.let_supervisor_go(turn, farewell)


def returned(turn: Turn, event: ev.Seated) -> None:
    if (event.bridge_id, event.channel_id) == (turn.call.bridge_id, turn.call.caller):
        turn.go(State.TALKING)
        turn.tell(Phase.CALLER_RETURNED, to="agent")


def left_for_good(turn: Turn, _: ev.CallerLeft) -> None:
    """The fallback, or the application that handed the caller over, has the caller now."""
    transfer = turn.call.transfer_in_flight
    if transfer and transfer.outcome is not Outcome.COMPLETED:
        turn.tell(Phase.CALLER_RETURNED, to=turn.call.leaving_to)
    moves.close(turn, caller_gone=True)
