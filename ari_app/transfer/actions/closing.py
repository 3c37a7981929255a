"""Hang-ups, releases and the end."""

from __future__ import annotations

from ari_app.transfer import events as ev
from ari_app.transfer.actions import failing, moves, words
from ari_app.transfer.model import Outcome, OwnedKind, State, Transfer
from ari_app.transfer.result import result_of
from ari_app.transfer.turn import Turn


def caller_left(turn: Turn, _: ev.CallerLeft) -> None:
    """Whoever is still on the line is freed; a supervisor who has been listening is told why."""
    transfer = turn.call.transfer_in_flight
    if transfer and transfer.outcome is None:
        failing.all_over(turn, Outcome.CALLER_HANGUP)
        turn.set_transfer(outcome=Outcome.CALLER_HANGUP)
        moves.let_supervisors_go(turn, "caller_gone")
    moves.close(turn, caller_gone=True)


def note_caller_gone(turn: Turn, _: ev.CallerLeft) -> None:
    turn.set(caller_here=False)
    turn.drop(turn.call.caller)


def released(turn: Turn, event: ev.Released) -> None:
    moves.out_of_asterisk(turn, event.id)


def media_out(turn: Turn, event: ev.MediaOut) -> None:
    moves.out_of_asterisk(turn, event.media_id)


def asterisk_lost(turn: Turn, _: ev.AsteriskLost) -> None:
    """Nothing is left to release."""
    transfer = turn.call.transfer_in_flight
    turn.set(ledger=(), caller_here=False)
    if transfer:
        turn.set_transfer(ledger=())
        if transfer.outcome is not Outcome.COMPLETED:
            turn.set_transfer(outcome=Outcome.ASTERISK_LOST)
    turn.go(State.CLOSING)


def settle(turn: Turn) -> None:
    """After every step: bridges go when they are empty, the terminal phase when all is gone, the call at last."""
    words.settle(turn)
    _release_bridges(turn)
    transfer = turn.call.transfer_in_flight
    if transfer and transfer.outcome and not transfer.ledger and turn.call.state in _AT_REST:
        turn.set_transfer(ended_at=turn.now)
        _tell_the_end(turn)
    if turn.call.state is State.CLOSING and not turn.call.ledger and not turn.call.transfer_in_flight:
        turn.go(State.CLOSED)


_AT_REST = frozenset({State.CONNECTING, State.TALKING, State.WAITING, State.CONNECTED, State.CLOSING})


def _tell_the_end(turn: Turn) -> None:
    outcome = turn.transfer.outcome
    if outcome is None:
        raise AssertionError("settled without an outcome")
    marks = (*turn.transfer.marks, (str(outcome.terminal_phase), round(turn.now - turn.transfer.started_at, 6)))
    turn.set_transfer(marks=marks)
    result = result_of(turn.transfer)
    turn.tell(outcome.terminal_phase, result=result, outcome=result["outcome"], reason=result["error"])


def _release_bridges(turn: Turn) -> None:
    call, transfer = turn.call, turn.call.transfer_in_flight
    if transfer and call.state is not State.RETURNING:
        _release_rooms(turn, transfer)
    if call.state is State.CLOSING and all(owned.kind is OwnedKind.BRIDGE for owned in call.ledger):
        for owned in call.ledger:
            turn.release(owned)


def _release_rooms(turn: Turn, transfer: Transfer) -> None:
    """A room when its supervisor is out and the attempt over; the bridge of caller and agent when the agent is out."""
    legs = {attempt.room_id: attempt.channel_id for attempt in transfer.attempts}
    over = {attempt.room_id for attempt in transfer.attempts if attempt.outcome}
    here = {owned.id for owned in transfer.ledger}
    agent = turn.call.agent.channel_id if turn.call.agent else ""
    for owned in transfer.ledger:
        done = transfer.outcome is not None or owned.id in over
        if transfer.words and owned.id == transfer.words.bridge_id:
            continue
        if owned.kind is OwnedKind.BRIDGE and done and legs.get(owned.id, agent) not in here:
            turn.release(owned)
