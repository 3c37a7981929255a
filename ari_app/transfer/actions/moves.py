"""Building blocks of the actions: the moves of caller, agent and supervisor that several stories share."""

from __future__ import annotations

from dataclasses import replace

from ari_app.transfer import events as ev
from ari_app.transfer import ids
from ari_app.transfer.commands import (
    Dismiss,
    FindGroup,
    HandBack,
    HoldCaller,
    JoinCaller,
    OpenRoom,
    Release,
    RingSupervisor,
    SeatSupervisor,
    SendToFallback,
    StartBriefing,
    StopBriefing,
    WarmBriefing,
)
from ari_app.transfer.model import Attempt, LegState, Owned, OwnedKind, Phase, State
from ari_app.transfer.turn import Turn

CONFIRM = 2.0
"Seconds Asterisk has to confirm a move of the caller; then the caller goes somewhere safe (G2)."
ORIGINATE_SLACK = 5.0
"Seconds Asterisk rings on after our own deadline, in case the app is gone by then."


def wait_on_music(turn: Turn) -> None:
    call = turn.call
    turn.do(HoldCaller(call.caller, call.bridge_id, call.hold_class, answer=not call.answered))
    turn.go(State.WAITING, deadline=turn.now + call.max_hold)


def to_fallback(turn: Turn, event: ev.Event | None = None) -> None:
    """Nobody of ours can take the caller: the dialplan does."""
    if isinstance(event, ev.AgentLeft):
        agent_leg(turn, LegState.GONE)
    turn.set(leaving_to="fallback")
    turn.do(SendToFallback(turn.call.caller, turn.call.fallback))
    turn.go(State.LEAVING, deadline=turn.now + CONFIRM)


def hand_back(turn: Turn, app: str) -> None:
    outcome = turn.transfer.outcome
    args = f"returned,{turn.transfer.transfer_id},{outcome.value if outcome else ''}"
    turn.set(leaving_to=app)
    turn.do(HandBack(turn.call.caller, app, args))
    turn.go(State.LEAVING, deadline=turn.now + CONFIRM)


def agent_leg(turn: Turn, leg: LegState) -> None:
    if turn.call.agent:
        turn.set(agent=replace(turn.call.agent, leg=leg))


def hang_up_caller(turn: Turn) -> None:
    turn.own_for_call(OwnedKind.CHANNEL, turn.call.caller)
    close(turn)


def close(turn: Turn, *, caller_gone: bool = False) -> None:
    turn.set(caller_here=not caller_gone)
    turn.go(State.CLOSING)
    if caller_gone:
        turn.drop(turn.call.caller)
    end_introduction(turn)
    for owned in reversed(turn.call.ledger):
        if owned.kind is not OwnedKind.BRIDGE:
            turn.release(owned)


def end_introduction(turn: Turn) -> None:
    """Nobody is left to be introduced, or the life that spoke has ended."""
    transfer = turn.call.transfer_in_flight
    for owned in transfer.ledger if transfer else ():
        if owned.kind is OwnedKind.MEDIA:
            turn.release(owned)


def ring(turn: Turn) -> None:
    """One INVITE to the next destination of the request; to each of them, if all are to ring."""
    request = turn.transfer.request
    waiting = request.routes[len(turn.transfer.attempts) :]
    for _ in waiting if request.rings_all else waiting[:1]:
        ring_next(turn)
    follow_supervisors(turn)


def ring_next(turn: Turn) -> None:
    transfer = turn.transfer
    number = len(transfer.attempts) + 1
    route = transfer.request.routes[number - 1]
    channel_id = ids.supervisor_leg(transfer.transfer_id, number)
    deadline = min(turn.now + route.ring_timeout, transfer.join_deadline)
    attempt = Attempt(number, route, channel_id, ids.room(transfer.transfer_id, number), turn.now, deadline)
    turn.set_transfer(attempts=(*transfer.attempts, attempt))
    turn.own(OwnedKind.BRIDGE, attempt.room_id)
    turn.own(OwnedKind.CHANNEL, channel_id)
    turn.do(OpenRoom(attempt.room_id))
    turn.do(
        RingSupervisor(
            attempt,
            turn.call.call_id,
            transfer.transfer_id,
            timeout=deadline - turn.now + ORIGINATE_SLACK,
            reason=transfer.request.reason,
            form=transfer.summary_form,
        )
    )


def seek(turn: Turn, group: str) -> None:
    """Who that is depends on the time of day and on what else is going on: the runtime knows."""
    tried = turn.transfer.groups
    turn.set_transfer(groups=(*tried, group))
    turn.do(FindGroup(group, tried))
    turn.go(State.SEEKING, deadline=turn.now + CONFIRM)


def follow_supervisors(turn: Turn) -> None:
    """The call is where its furthest supervisor is, until the first of them has had their time."""
    live = turn.transfer.live
    answered = any(attempt.answered_at is not None for attempt in live)
    deadline = min(attempt.deadline for attempt in live if attempt.deadline is not None)
    turn.go(State.BRIEFING if answered else State.DIALING, deadline=deadline)


def dialed(turn: Turn, _: ev.Event) -> None:
    attempt = turn.attempt
    if not attempt.dialed:
        turn.set_attempt(dialed=True)
        turn.tell(
            Phase.SUPERVISOR_DIALED,
            attempt=attempt.number,
            sip_call_to=attempt.route.sip_call_to,
            sip_call_from=attempt.route.sip_call_from,
            supervisor_call_id=attempt.channel_id,
        )


def warm_briefing(turn: Turn) -> None:
    """A line for the assistant while it still rings, so that the first word needs none to be opened."""
    if turn.attempt.media_id is None:
        turn.do(WarmBriefing(_new_line(turn)))


def seat_supervisor(turn: Turn) -> None:
    attempt = turn.attempt
    turn.do(SeatSupervisor(attempt.channel_id, attempt.room_id, attempt.route.keys_reach_caller))


def start_briefing(turn: Turn, *, again: bool = False) -> None:
    media_id = _line(turn)
    turn.do(StartBriefing(turn.attempt, turn.attempt.room_id, media_id, again))


def _line(turn: Turn) -> str:
    """The assistant's line to the supervisor: the one that is open, else a new one."""
    attempt = turn.attempt
    return attempt.media_id if attempt.media_id and not attempt.media_out else _new_line(turn)


def _new_line(turn: Turn) -> str:
    media_id = turn.new_media()
    turn.set_attempt(media_id=media_id, media_out=False, media_speaks=False)
    return media_id


def supervisor_joined(turn: Turn) -> None:
    attempt = turn.attempt
    if not attempt.seated:
        turn.set_attempt(seated=True)
        turn.tell(Phase.SUPERVISOR_JOINED, attempt=attempt.number, supervisor_call_id=attempt.channel_id)


def join(turn: Turn) -> None:
    """Media out first, so that the caller never hears a word of the briefing (G4)."""
    if turn.attempt.media_id and not turn.attempt.media_out:
        turn.mark_asked(turn.attempt.media_id)
        turn.do(StopBriefing(turn.attempt.media_id))
    turn.do(JoinCaller(turn.call.caller, turn.attempt.room_id))


def let_supervisors_go(turn: Turn, farewell: str | None) -> None:
    """Everybody who is not on the way out already."""
    for _ in turn.each(turn.transfer.attempts):
        let_supervisor_go(turn, farewell)


def let_supervisor_go(turn: Turn, farewell: str | None, *, elsewhere: bool = False) -> None:
    """With a last sentence to somebody who is in the room and listening, at once for everybody else."""
    attempt = turn.attempt
    here = [o for o in turn.transfer.ledger if o.id in (attempt.channel_id, attempt.media_id) and not o.asked]
    listens = attempt.seated and not turn.transfer.request.is_blind
    if farewell and listens and any(o.id == attempt.channel_id for o in here):
        _dismiss(turn, farewell)
    else:
        for owned in reversed(here):
            turn.release(owned, elsewhere=elsewhere)


def _dismiss(turn: Turn, farewell: str) -> None:
    channel_id, room_id, media_id = turn.attempt.channel_id, turn.attempt.room_id, _line(turn)
    turn.set_attempt(is_dismissed=True)
    turn.mark_asked(media_id)
    turn.mark_asked(channel_id)
    turn.do(Dismiss(farewell, channel_id, room_id, media_id))


def out_of_asterisk(turn: Turn, id: str) -> None:
    """A supervisor who is gone takes the assistant's line along: nobody talks on into an empty room."""
    turn.drop(id)
    for attempt in turn.call.transfer.attempts if turn.call.transfer else ():
        if attempt.media_id == id:
            turn.set_transfer_attempt(replace(attempt, media_out=True))
        elif attempt.channel_id == id and attempt.is_dismissed and attempt.media_id and not attempt.media_out:
            turn.do(Release(Owned(OwnedKind.MEDIA, attempt.media_id, asked=True)))
