"""The caller is moved to the supervisor, and only Asterisk's word counts."""

from __future__ import annotations

from ari_app.transfer import events as ev
from ari_app.transfer.actions import failing, moves
from ari_app.transfer.commands import Introduce, ShowCaller
from ari_app.transfer.model import LegState, Outcome, OwnedKind, Phase, State
from ari_app.transfer.turn import Turn


def commit(turn: Turn) -> None:
    """From here a cancel comes too late, and so does another supervisor."""
    turn.set_transfer(chosen=turn.attempt.number)
    turn.go(State.JOINING, deadline=turn.now + moves.CONFIRM)
    moves.join(turn)
    failing.taken_elsewhere(turn)


def join_progress(turn: Turn, event: ev.Seated | ev.Unseated | ev.MediaOut | ev.Released) -> None:
    """Only Asterisk's own confirmations count, in whichever order they come."""
    if isinstance(event, ev.MediaOut | ev.Released):
        moves.out_of_asterisk(turn, event.media_id if isinstance(event, ev.MediaOut) else event.id)
    elif event.bridge_id == turn.transfer.room_id:
        _note_seat(turn, event.channel_id, seated=isinstance(event, ev.Seated))
    if turn.transfer.caller_seated and turn.attempt.seated and turn.attempt.media_out:
        _switched(turn)


def _note_seat(turn: Turn, channel_id: str, *, seated: bool) -> None:
    if channel_id == turn.call.caller:
        turn.set_transfer(caller_seated=seated)
    elif channel_id == turn.attempt.channel_id:
        if seated and Phase.SUPERVISOR_JOINED not in dict(turn.transfer.marks):
            # a blind transfer has had no briefing to tell it
            moves.supervisor_joined(turn)
        turn.set_attempt(seated=seated)


def _switched(turn: Turn) -> None:
    """The room is the call now; what belonged to caller and agent is the transfer's to clear away."""
    call, transfer = turn.call, turn.transfer
    kept = {transfer.room_id, turn.attempt.channel_id}
    turn.set_attempt(outcome=Outcome.COMPLETED)
    turn.set_transfer(outcome=Outcome.COMPLETED, switched_call_id=call.caller)
    turn.tell(Phase.CALL_SWITCHED, switched_call_id=call.caller)
    turn.go(State.CONNECTED)
    turn.set(ledger=tuple(o for o in transfer.ledger if o.id in kept))
    turn.set_transfer(ledger=(*call.ledger, *(o for o in transfer.ledger if o.id not in kept)))
    _release_agent_of_transfer(turn)
    if turn.attempt.route.connected_line and call.caller_number:
        turn.do(ShowCaller(turn.attempt.channel_id, call.caller, call.caller_number, call.caller_name))
    if transfer.request.introduces:
        turn.do(Introduce(transfer.room_id, turn.new_media()))


def _release_agent_of_transfer(turn: Turn) -> None:
    for owned in turn.transfer.ledger:
        if owned.kind is not OwnedKind.BRIDGE:
            turn.release(owned)


def join_failed(turn: Turn, event: ev.JoinFailed | ev.DeadlinePassed) -> None:
    if isinstance(event, ev.JoinFailed):
        turn.set_transfer(error=event.reason)
    turn.set_attempt(outcome=Outcome.JOIN_FAILED)
    failing.give_back(turn, Outcome.JOIN_FAILED, farewell="join_failed")


def left_at_join(turn: Turn, event: ev.SupervisorLeft) -> None:
    turn.set_attempt(sip_code=event.sip_code, cause=event.cause, outcome=Outcome.SUPERVISOR_HANGUP, seated=False)
    failing.give_back(turn, Outcome.SUPERVISOR_HANGUP)


def agent_left(turn: Turn, _: ev.AgentLeft) -> None:
    """Whoever had the caller before is out, as it has to be. But a supervisor who has the caller back ends the
    conversation by it."""
    moves.agent_leg(turn, LegState.GONE)
    if turn.call.has_supervisor_back:
        moves.hang_up_caller(turn)


def supervisor_hung_up(turn: Turn, _: ev.SupervisorLeft) -> None:
    """After the join: the conversation is over."""
    moves.hang_up_caller(turn)
