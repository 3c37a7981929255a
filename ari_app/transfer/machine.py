"""`step`: one event, the next state of the call, and what to do about it. Pure; time is a parameter.

The caller of `step` owes: journal the event before running the commands, run them in order, publish the phases,
and deliver `alarm(step.call)` when its time has come.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ari_app.transfer.actions import closing, words
from ari_app.transfer.commands import Command
from ari_app.transfer.events import (
    AgentAnswered,
    AgentLeft,
    Alarm,
    BriefingAccepted,
    BriefingDeclined,
    BriefingExhausted,
    BriefingFailed,
    BriefingStarted,
    DeadlinePassed,
    DigitsSent,
    Event,
    GroupFound,
    GroupNotFound,
    ReassuranceDue,
    RoomFailed,
    RoomOpened,
    SupervisorAnswered,
    SupervisorDialed,
    SupervisorFailed,
    SupervisorLeft,
    SupervisorPressed,
    SupervisorRinging,
    TransferOverdue,
    TransferRequested,
    VoicemailDetected,
    WhisperOver,
    WhisperRequested,
    WordsOver,
    WordsReady,
)
from ari_app.transfer.model import Attempt, Call, State, Transfer
from ari_app.transfer.table import TABLE
from ari_app.transfer.turn import Told, Turn


@dataclass(frozen=True)
class Step:
    """What one event made of a call."""

    call: Call
    commands: tuple[Command, ...] = ()
    phases: tuple[Told, ...] = ()
    noted: bool = False
    "The event changed nothing: it came late, early or twice."


def step(call: Call, event: Event, now: float) -> Step:
    """Total: defined for every state and event. What a supervisor does is looked up where that supervisor is."""
    event = by_place(call, event)
    attempt = attempt_of(call, event)
    row = TABLE[call.stage(attempt) if attempt else call.state].get(type(event))
    if row is None or is_stale(call, event):
        return Step(call, noted=True)
    turn = Turn(call, now, attempt.number if attempt else 0)
    row.action(turn, event)
    closing.settle(turn)
    return Step(turn.call, tuple(turn.commands), tuple(turn.phases))


def by_place(call: Call, event: Event) -> Event:
    """A supervisor who has the agent's place leaves as the agent does, even where it was told before they had it."""
    agent = call.agent
    if isinstance(event, SupervisorLeft) and agent and event.channel_id == agent.channel_id:
        return AgentLeft(event.channel_id, event.cause)
    return event


def attempt_of(call: Call, event: Event) -> Attempt | None:
    """Whose event it is: the supervisor, among those who count, whose leg, line or room it names, or who has had the
    time that is up."""
    current = call.transfer.current if call.transfer else ()
    if isinstance(event, DeadlinePassed):
        waiting = (attempt for attempt in current if call.state in (State.DIALING, State.BRIEFING))
        return min(waiting, key=lambda attempt: attempt.deadline or 0.0, default=None)
    named = {getattr(event, key, "") for key in ("channel_id", "media_id", "room_id", "id")}
    mine = (attempt for attempt in current if named & {attempt.channel_id, attempt.media_id, attempt.room_id})
    return next(mine, None)


_OF_ATTEMPT = (
    RoomOpened,
    RoomFailed,
    SupervisorDialed,
    SupervisorRinging,
    SupervisorAnswered,
    SupervisorFailed,
    SupervisorLeft,
    SupervisorPressed,
    BriefingStarted,
    BriefingAccepted,
    BriefingDeclined,
    VoicemailDetected,
    BriefingExhausted,
    BriefingFailed,
)


def is_stale(call: Call, event: Event) -> bool:
    """Whether the event is of an earlier leg, media channel or deadline than the current ones, or the same request
    once more (G3)."""
    spoken = call.transfer.words if call.transfer else None
    match event:
        case DeadlinePassed():
            return event.at != call.deadline
        case ReassuranceDue():
            return call.transfer is None or event.at != call.transfer.reassure_at
        case TransferOverdue():
            return call.transfer is None or event.at != call.transfer.give_up_at
        case WhisperRequested():
            return call.whispering is not None or not (call.transfer and call.transfer.request.coach)
        case WhisperOver():
            return call.whispering is None or event.media_id != call.whispering.media_id
        case WordsReady() | WordsOver():
            return spoken is None or event.media_id != spoken.media_id
        case DigitsSent():
            attempt = attempt_of(call, event)
            return attempt is None or not attempt.dials_on
        case GroupFound() | GroupNotFound():
            return call.transfer is None or event.asked not in call.transfer.groups[-1:]
        case TransferRequested():
            return event.request.request_id in dict(call.requests)
        case AgentAnswered() | AgentLeft():
            return call.agent is None or event.channel_id != call.agent.channel_id
        case _:
            return isinstance(event, _OF_ATTEMPT) and attempt_of(call, event) is None


def alarm(call: Call) -> Alarm | None:
    """What comes next if nothing happens until then."""
    due: list[Alarm] = [] if call.deadline is None else [DeadlinePassed(call.deadline)]
    transfer = call.transfer_in_flight
    if transfer and call.state in words.HELD:
        due += [] if transfer.give_up_at is None else [TransferOverdue(transfer.give_up_at)]
        due += [] if transfer.reassure_at is None else [ReassuranceDue(transfer.reassure_at)]
    return min(due, key=lambda each: each.at, default=None)


@dataclass(frozen=True)
class Story:
    """A call with all its transfers and phases."""

    call: Call
    transfers: dict[str, Transfer]
    told: list[Told]


def fold(call_id: str, steps: Iterable[tuple[float, Event]]) -> Story:
    """The state, every transfer and every phase of a call from its journal (G10)."""
    call, transfers, told = Call(call_id), dict[str, Transfer](), list[Told]()
    for at, event in steps:
        after = step(call, event, at)
        call = after.call
        told.extend(after.phases)
        if call.transfer:
            transfers[call.transfer.transfer_id] = call.transfer
    return Story(call, transfers, told)
