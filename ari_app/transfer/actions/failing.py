"""An attempt or the whole transfer fails: the next destination, or the caller back to somebody."""

from __future__ import annotations

from ari_app.transfer import dispositions
from ari_app.transfer import events as ev
from ari_app.transfer.actions import disposing, moves
from ari_app.transfer.model import Attempt, Outcome, Phase, State
from ari_app.transfer.turn import Turn


def attempt_failed(turn: Turn, outcome: Outcome, *, farewell: str | None = None) -> None:
    """This destination is over. Whoever is rung or briefed beside it goes on; else the next one is rung while there is
    one and time for it."""
    _over(turn, outcome)
    transfer = turn.transfer
    if transfer.live:
        moves.let_supervisor_go(turn, farewell)
        moves.follow_supervisors(turn)
    elif len(transfer.attempts) < len(transfer.request.routes) and turn.now < transfer.join_deadline:
        moves.let_supervisor_go(turn, farewell)
        moves.ring_next(turn)
        moves.follow_supervisors(turn)
    else:
        nobody_left(turn, farewell)


def _over(turn: Turn, outcome: Outcome) -> None:
    turn.set_attempt(outcome=outcome)
    attempt = turn.attempt
    turn.tell(
        Phase.ATTEMPT_FAILED,
        attempt=attempt.number,
        outcome=outcome.value,
        sip_code=attempt.sip_code,
        cause=attempt.cause,
    )


def nobody_left(turn: Turn, farewell: str | None = None) -> None:
    """Another group, if one is wanted then and there is time for it. Else the transfer ends as its last attempt; of
    several at once, as the one that says most about why."""
    transfer = turn.transfer
    attempts = transfer.attempts[transfer.rung_before :]
    told = min(attempts, key=_says) if transfer.request.rings_all else attempts[-1]
    group = dispositions.next_group(transfer, told)
    if group and turn.now < transfer.join_deadline:
        moves.let_supervisor_go(turn, farewell)
        moves.seek(turn, group)
        return
    turn.set_transfer(chosen=told.number, error=transfer.error or told.error)
    give_back(turn, told.outcome or Outcome.INTERNAL_ERROR, farewell=farewell)


TELLING = (
    Outcome.DECLINED,
    Outcome.ACK_TIMEOUT,
    Outcome.SUPERVISOR_HANGUP,
    Outcome.BRIEFING_FAILED,
    Outcome.VOICEMAIL,
    Outcome.REJECTED,
    Outcome.BUSY,
    Outcome.NO_ANSWER,
    Outcome.CONGESTION,
    Outcome.UNREACHABLE,
)
"From a human's word, by way of a human who was there, to a phone that was not."


def _says(attempt: Attempt) -> int:
    return TELLING.index(attempt.outcome) if attempt.outcome in TELLING else len(TELLING)


def taken_elsewhere(turn: Turn) -> None:
    """Somebody has accepted: whoever else listens is told so, whoever is still rung is not rung any more."""
    losers = [attempt for attempt in turn.transfer.live if attempt.number != turn.transfer.chosen]
    for _ in turn.each(losers):
        _over(turn, Outcome.CANCELLED)
        moves.let_supervisor_go(turn, "taken_elsewhere", elsewhere=True)


def all_over(turn: Turn, outcome: Outcome) -> None:
    """Every attempt that is not over ends as the transfer does."""
    for _ in turn.each(turn.transfer.live):
        turn.set_attempt(outcome=outcome)


def cancel(turn: Turn, event: ev.CancelRequested) -> None:
    turn.set_transfer(error=event.reason)
    all_over(turn, Outcome.CANCELLED)
    give_back(turn, Outcome.CANCELLED, farewell="cancelled")


def give_back(turn: Turn, outcome: Outcome, *, farewell: str | None = None) -> None:
    """The caller first, then the farewell to the supervisor and the clearing away."""
    turn.set_transfer(outcome=outcome, caller_seated=False)
    disposing.dispose(turn)
    moves.let_supervisors_go(turn, farewell)


def returned(turn: Turn, event: ev.Seated) -> None:
    call = turn.call
    if (event.bridge_id, event.channel_id) == (call.bridge_id, call.caller):
        to_supervisor = call.agent is not None and call.agent.is_supervisor
        turn.go(State.CONNECTED if to_supervisor else State.TALKING)
        turn.tell(Phase.CALLER_RETURNED, to="supervisor" if to_supervisor else "agent")


def left_for_good(turn: Turn, _: ev.CallerLeft) -> None:
    """The fallback, or the application that handed the caller over, has the caller now."""
    transfer = turn.call.transfer_in_flight
    if transfer and transfer.outcome is not Outcome.COMPLETED:
        turn.tell(Phase.CALLER_RETURNED, to=turn.call.leaving_to)
    moves.close(turn, caller_gone=True)
