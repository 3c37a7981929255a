"""A new life of the app: whatever was under way is asked for once more; only ringing can't be repeated."""

from __future__ import annotations

from ari_app.transfer import events as ev
from ari_app.transfer.actions import coaching, holding, moves
from ari_app.transfer.commands import (
    ConnectAgent,
    HoldCaller,
    OpenRoom,
    PrepareBriefing,
    Release,
    ReturnCaller,
)
from ari_app.transfer.model import Owned, OwnedKind, State
from ari_app.transfer.turn import Turn


def resume(turn: Turn, event: ev.Resumed) -> None:
    """Whatever was under way is asked for once more; only ringing is not, for it can't be repeated."""
    for owned in (*turn.call.ledger, *(turn.call.transfer.ledger if turn.call.transfer else ())):
        if owned.asked:
            turn.do(Release(owned))
    _RESUME.get(turn.call.state, _nothing)(turn, event)


def _nothing(turn: Turn, event: ev.Resumed) -> None:
    pass


def _resume_connecting(turn: Turn, event: ev.Resumed) -> None:
    if turn.call.agent_is_up and turn.call.agent:
        turn.do(ConnectAgent(turn.call.caller, turn.call.agent.channel_id, turn.call.bridge_id))
        turn.go(State.CONNECTING, deadline=turn.now + moves.CONFIRM)
    elif turn.call.recalls:
        turn.do(HoldCaller(turn.call.caller, event.caller_in or "", turn.call.hold_class))


def _resume_talking(turn: Turn, event: ev.Resumed) -> None:
    if event.caller_in != turn.call.bridge_id:
        turn.do(ReturnCaller(turn.call.caller, turn.call.bridge_id))


def _resume_waiting(turn: Turn, event: ev.Resumed) -> None:
    turn.do(HoldCaller(turn.call.caller, "", turn.call.hold_class, answer=not turn.call.answered))


def _resume_supervisors(turn: Turn, event: ev.Resumed) -> None:
    call, live = turn.call, turn.transfer.live
    holding.resume(turn)
    turn.do(HoldCaller(call.caller, event.caller_in or call.bridge_id, turn.transfer.request.moh_class))
    turn.do(*(OpenRoom(attempt.room_id) for attempt in live))
    if not turn.transfer.request.is_blind:
        turn.do(PrepareBriefing())
    for attempt in turn.each(live):
        _drop_line(turn)
        if call.stage(attempt) is State.BRIEFING:
            moves.seat_supervisor(turn)
            moves.start_briefing(turn)


def _resume_seeking(turn: Turn, event: ev.Resumed) -> None:
    _resume_supervisors(turn, event)
    *tried, group = turn.transfer.groups
    turn.set_transfer(groups=tuple(tried))
    moves.seek(turn, group)


def _drop_line(turn: Turn) -> None:
    """The other end of it was in the life that ended."""
    if turn.attempt.media_id and not turn.attempt.media_out:
        turn.release(Owned(OwnedKind.MEDIA, turn.attempt.media_id))
    turn.set_attempt(media_id=None, media_out=True)


def _resume_joining(turn: Turn, event: ev.Resumed) -> None:
    turn.go(State.JOINING, deadline=turn.now + moves.CONFIRM)
    if not turn.attempt.seated:
        moves.seat_supervisor(turn)
    if not (turn.transfer.caller_seated and turn.attempt.seated):
        moves.join(turn)


def _resume_connected(turn: Turn, event: ev.Resumed) -> None:
    moves.end_introduction(turn)
    coaching.whispered(turn, event)


def _resume_returning(turn: Turn, event: ev.Resumed) -> None:
    turn.do(ReturnCaller(turn.call.caller, turn.call.bridge_id))
    turn.go(State.RETURNING, deadline=turn.now + moves.CONFIRM)


def _resume_leaving(turn: Turn, event: ev.Resumed) -> None:
    moves.to_fallback(turn)


_RESUME = {
    State.CONNECTING: _resume_connecting,
    State.TALKING: _resume_talking,
    State.WAITING: _resume_waiting,
    State.DIALING: _resume_supervisors,
    State.SEEKING: _resume_seeking,
    State.BRIEFING: _resume_supervisors,
    State.JOINING: _resume_joining,
    State.CONNECTED: _resume_connected,
    State.RETURNING: _resume_returning,
    State.LEAVING: _resume_leaving,
}
