"""A supervisor is rung, and answers or does not."""

from __future__ import annotations

from ari_app.transfer import events as ev
from ari_app.transfer.actions import failing, joining, moves
from ari_app.transfer.causes import outcome_of
from ari_app.transfer.commands import SeatSupervisor
from ari_app.transfer.model import Outcome, Phase
from ari_app.transfer.turn import Turn


def ringing(turn: Turn, event: ev.SupervisorRinging) -> None:
    moves.dialed(turn, event)
    if not turn.attempt.ringing:
        turn.set_attempt(ringing=True)
        turn.tell(Phase.SUPERVISOR_RINGING, attempt=turn.attempt.number)
        if not turn.transfer.request.is_blind:
            moves.warm_briefing(turn)


def answered(turn: Turn, event: ev.SupervisorAnswered) -> None:
    """To be briefed; or, where the agent wants no briefing, to be joined: the answer is the yes."""
    request = turn.transfer.request
    moves.dialed(turn, event)
    turn.set_attempt(answered_at=turn.now, deadline=turn.now + request.briefing_timeout)
    turn.do(SeatSupervisor(event.channel_id, turn.attempt.room_id))
    if request.is_blind:
        joining.commit(turn)
    else:
        moves.follow_supervisors(turn)
        moves.start_briefing(turn)


def not_dialed(turn: Turn, event: ev.SupervisorFailed) -> None:
    turn.set_attempt(error=event.reason)
    failing.attempt_failed(turn, Outcome.UNREACHABLE)


def not_answered(turn: Turn, event: ev.SupervisorLeft) -> None:
    moves.dialed(turn, event)
    turn.set_attempt(sip_code=event.sip_code, cause=event.cause)
    failing.attempt_failed(turn, outcome_of(event.sip_code, event.cause))


def rang_out(turn: Turn, _: ev.DeadlinePassed) -> None:
    """Nobody took the call; a phone that never even rang is not there."""
    failing.attempt_failed(turn, Outcome.NO_ANSWER if turn.attempt.ringing else Outcome.UNREACHABLE)
