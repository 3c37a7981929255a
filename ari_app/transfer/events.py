"""What happened to a call: facts in the past tense, told by people, by Asterisk or by our own commands.

Every event is frozen data that the journal can keep. Events of a leg name its channel, so that a late one of an
earlier attempt is recognised as such. `Seated`, `Unseated` and `Released` are Asterisk's own confirmations.
"""

from __future__ import annotations

from dataclasses import dataclass

from ari_app.transfer.model import Agent, Entry, Request, Route, Turn


@dataclass(frozen=True)
class Event:
    """Base of all events."""


# The caller


@dataclass(frozen=True)
class CallArrived(Event):
    """A caller entered the Stasis application."""

    caller: str
    entry: Entry
    bridge_id: str
    number: str = ""
    name: str = ""
    agent: Agent | None = None
    return_app: str | None = None
    answered: bool = False
    hold_class: str = "default"
    max_hold: float = 600.0
    fallback: str = "fallback"
    asterisk: str = ""


@dataclass(frozen=True)
class CallerAnswered(Event):
    """Our answer reached the caller's channel."""


@dataclass(frozen=True)
class CallerHeld(Event):
    """The caller is out of the agent's bridge and music runs."""

    moh_class: str


@dataclass(frozen=True)
class HoldFailed(Event):
    reason: str


@dataclass(frozen=True)
class CallerLeft(Event):
    """The caller hung up, or the channel left the application in another way."""

    cause: int | None = None


@dataclass(frozen=True)
class CallerStranded(Event):
    """Nobody could be reached who would take the caller: moving or continuing was refused."""

    reason: str


@dataclass(frozen=True)
class CallerPressed(Event):
    digit: str


@dataclass(frozen=True)
class WordsReady(Event):
    """What the caller is to be told is sound, and its line is in the bridge where it will be heard."""

    media_id: str


@dataclass(frozen=True)
class WordsOver(Event):
    """The words were said, or can't be."""

    media_id: str
    heard: bool = True


# The agent's leg


@dataclass(frozen=True)
class AgentAnswered(Event):
    channel_id: str


@dataclass(frozen=True)
class AgentFailed(Event):
    """The agent's leg could not be originated, or caller and agent could not be bridged."""

    reason: str


@dataclass(frozen=True)
class AgentLeft(Event):
    channel_id: str
    cause: int | None = None


# The conversation and the wishes of the agent


@dataclass(frozen=True)
class TranscriptAdded(Event):
    turns: tuple[Turn, ...]
    replace: bool = False
    overheard: bool = False
    "Understood by the app, in the place of an agent that sends nothing."
    at_most: int = 0
    "Bytes of conversation kept, the oldest go first; 0: all."


@dataclass(frozen=True)
class TransferRequested(Event):
    """A request that validation and routing have passed."""

    transfer_id: str
    request: Request
    turns: tuple[Turn, ...] = ()
    at_most: int = 0
    "Bytes of conversation kept, the oldest go first; 0: all."


@dataclass(frozen=True)
class CancelRequested(Event):
    reason: str | None = None


# The supervisor


@dataclass(frozen=True)
class SupervisorDialed(Event):
    """Asterisk took the originate: one INVITE leaves."""

    channel_id: str


@dataclass(frozen=True)
class SupervisorRinging(Event):
    channel_id: str


@dataclass(frozen=True)
class SupervisorAnswered(Event):
    channel_id: str


@dataclass(frozen=True)
class DigitsSent(Event):
    """The line has got all digits: from now on a supervisor may be there."""

    channel_id: str


@dataclass(frozen=True)
class SupervisorFailed(Event):
    """The originate or a digit was refused, or its fate is unknown: it is never repeated."""

    channel_id: str
    reason: str


@dataclass(frozen=True)
class SupervisorLeft(Event):
    channel_id: str
    sip_code: int | None = None
    cause: int | None = None


@dataclass(frozen=True)
class SupervisorPressed(Event):
    channel_id: str
    digit: str


@dataclass(frozen=True)
class WhisperRequested(Event):
    """Words for the supervisor alone, who talks to the caller."""

    text: str


@dataclass(frozen=True)
class WhisperOver(Event):
    media_id: str


@dataclass(frozen=True)
class GroupFound(Event):
    """Whom else to ring, now that nobody of those before took the call."""

    asked: str
    "Name of the group that was asked for."
    group: str
    "The one whose destinations these are: the same, or what takes its place when it is closed."
    routes: tuple[Route, ...]
    strategy: str


@dataclass(frozen=True)
class GroupNotFound(Event):
    """Nobody else: the group is closed, was rung before, or has no room."""

    asked: str
    reason: str


# Rooms


@dataclass(frozen=True)
class RoomOpened(Event):
    room_id: str


@dataclass(frozen=True)
class RoomFailed(Event):
    room_id: str
    reason: str


@dataclass(frozen=True)
class Seated(Event):
    """Asterisk saw the channel enter the bridge."""

    bridge_id: str
    channel_id: str


@dataclass(frozen=True)
class Unseated(Event):
    """Asterisk saw the channel leave the bridge."""

    bridge_id: str
    channel_id: str


@dataclass(frozen=True)
class JoinFailed(Event):
    """The caller could not be moved into the room."""

    reason: str


@dataclass(frozen=True)
class ReturnFailed(Event):
    """The caller could not be moved back to the agent."""

    reason: str


# The briefing


@dataclass(frozen=True)
class SummaryReady(Event):
    text: str
    source: str
    "`request`, `llm` or `extractive`."
    seconds: float
    form: tuple[tuple[str, str], ...] = ()
    "The same in fields: who, problem, tried, decision, mood, language; what is unknown is missing."


@dataclass(frozen=True)
class BriefingStarted(Event):
    media_id: str


@dataclass(frozen=True)
class BriefingAccepted(Event):
    media_id: str
    by: str = "speech"


@dataclass(frozen=True)
class BriefingDeclined(Event):
    media_id: str
    by: str = "speech"
    reason: str | None = None
    kind: str = "refused"
    "`refused`, `message` (tell the caller this, or a call back) or `redirect` (somebody else)."
    suggestion: str | None = None
    "With `redirect`: who, in the supervisor's words."


@dataclass(frozen=True)
class VoicemailDetected(Event):
    media_id: str


@dataclass(frozen=True)
class BriefingExhausted(Event):
    """The question was put again as often as it may be."""

    media_id: str


@dataclass(frozen=True)
class BriefingFailed(Event):
    media_id: str
    reason: str


@dataclass(frozen=True)
class MediaOut(Event):
    """The briefing's media channel has left Asterisk."""

    media_id: str


# Housekeeping


@dataclass(frozen=True)
class Released(Event):
    """One owned thing is out of Asterisk."""

    id: str


@dataclass(frozen=True)
class DeadlinePassed(Event):
    at: float
    "The deadline that was armed; an older one is stale."


@dataclass(frozen=True)
class ReassuranceDue(Event):
    at: float
    "The moment that was set; an older one is stale."


@dataclass(frozen=True)
class TransferOverdue(Event):
    at: float


@dataclass(frozen=True)
class AsteriskLost(Event):
    """Asterisk restarted: every channel of the call is gone."""


@dataclass(frozen=True)
class Resumed(Event):
    """A new life of the app took the call up; what was under way is done once more, if it can be repeated."""

    caller_in: str | None = None
    "The bridge the caller is in now."


Alarm = DeadlinePassed | ReassuranceDue | TransferOverdue
"What happens because nothing else did."


def _all(base: type[Event]) -> dict[str, type[Event]]:
    return {kind.__name__: kind for kind in base.__subclasses__()}


EVENTS: dict[str, type[Event]] = _all(Event)
"Every event by its name, as the journal spells it."
