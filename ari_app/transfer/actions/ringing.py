"""A supervisor is rung, and answers or does not."""

from __future__ import annotations

from ari_app.transfer import digits
from ari_app.transfer import events as ev
from ari_app.transfer.actions import failing, joining, moves
from ari_app.transfer.causes import outcome_of
from ari_app.transfer.commands import SendDigits
from ari_app.transfer.model import Outcome, Phase
from ari_app.transfer.turn import Turn

DIALS_ON_SLACK = 2
"Times as long as the digits take: each of them is a request to Asterisk, which may be slow."


def ringing(turn: Turn, event: ev.SupervisorRinging) -> None:
    moves.dialed(turn, event)
    if not turn.attempt.ringing:
        turn.set_attempt(ringing=True)
        turn.tell(Phase.SUPERVISOR_RINGING, attempt=turn.attempt.number)
        if not turn.transfer.request.is_blind:
            moves.warm_briefing(turn)


def answered(turn: Turn, event: ev.SupervisorAnswered) -> None:
    """By a person; or by an attendant, who gets the digits that lead on to one."""
    moves.dialed(turn, event)
    if not turn.attempt.route.digits:
        supervisor_there(turn, event)
    elif not turn.attempt.dials_on:
        dial_on(turn, turn.attempt.route.digits)


def dial_on(turn: Turn, wanted: str) -> None:
    """Outside every bridge: neither the caller nor the assistant is heard there, nor does anybody hear a key (G4)."""
    turn.set_attempt(dials_on=True, deadline=turn.now + DIALS_ON_SLACK * digits.seconds(wanted) + moves.CONFIRM)
    turn.do(SendDigits(turn.attempt.channel_id, wanted))
    moves.follow_supervisors(turn)


def supervisor_there(turn: Turn, _: ev.SupervisorAnswered | ev.DigitsSent) -> None:
    """To be briefed; or, where the agent wants no briefing, to be joined: the answer is the yes."""
    request, behind = turn.transfer.request, turn.attempt.route.picks_up_within
    turn.set_attempt(answered_at=turn.now, deadline=turn.now + behind + request.briefing_timeout)
    moves.seat_supervisor(turn)
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
    outcome = Outcome.NO_ANSWER if turn.attempt.dials_on else outcome_of(event.sip_code, event.cause)
    failing.attempt_failed(turn, outcome)


def rang_out(turn: Turn, _: ev.DeadlinePassed) -> None:
    """Nobody took the call; a phone that never even rang is not there."""
    is_there = turn.attempt.ringing or turn.attempt.dials_on
    failing.attempt_failed(turn, Outcome.NO_ANSWER if is_there else Outcome.UNREACHABLE)
