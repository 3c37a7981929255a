"""What a call and its transfer are: frozen data, no behaviour beyond reading itself.

Who is who (RFC 5589 in brackets): the caller (transferee) talks to the agent (transferor), the supervisor is the
transfer target. Times are seconds of one clock that the runner owns.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum


class State(StrEnum):
    """Where a call is. One at a time; what runs beside it is a fact in `Call` or `Transfer`."""

    NEW = "new"
    "Nothing has happened yet."
    CONNECTING = "connecting"
    "The agent's leg is being rung, the caller hears ringback."
    TALKING = "talking"
    "Caller and agent are in one bridge."
    WAITING = "waiting"
    "The caller is on music without an agent (entries `hold` and `handover`)."
    DIALING = "dialing"
    "Caller on music; a supervisor is being rung, the briefing prepared."
    SEEKING = "seeking"
    "Nobody who was rung took the call; caller on music while the destinations of the next group are looked up."
    BRIEFING = "briefing"
    "A supervisor has answered and is being briefed; with `ring_all` others may still be rung, or briefed as well."
    JOINING = "joining"
    "The supervisor accepted: the caller is being moved in. Committed."
    CONNECTED = "connected"
    "Caller and supervisor are in one bridge."
    RETURNING = "returning"
    "The transfer failed: the caller is on the way back to the agent."
    LEAVING = "leaving"
    "The caller is being given to the dialplan's fallback or back to another ARI application."
    CLOSING = "closing"
    "The caller has left the app; what is left in Asterisk is being released."
    CLOSED = "closed"
    "Nothing of the call is left."


class Phase(StrEnum):
    """What the agent is told (contract, section 3)."""

    STARTED = "started"
    CALLER_ON_HOLD = "caller_on_hold"
    SUMMARY_GENERATING = "summary_generating"
    SUMMARY_READY = "summary_ready"
    CONSULTATION_ROOM_CREATED = "consultation_room_created"
    SUPERVISOR_DIALED = "supervisor_dialed"
    SUPERVISOR_RINGING = "supervisor_ringing"
    ATTEMPT_FAILED = "attempt_failed"
    SUPERVISOR_JOINED = "supervisor_joined"
    BRIEFING_STARTED = "briefing_started"
    BRIEFING_COMPLETE = "briefing_complete"
    CALL_SWITCHED = "call_switched"
    TRANSFER_COMPLETE = "transfer_complete"
    CALLER_RETURNED = "caller_returned"
    TRANSFER_CANCELLED = "transfer_cancelled"
    TRANSFER_FAILED = "transfer_failed"

    @property
    def is_terminal(self) -> bool:
        return self in (Phase.TRANSFER_COMPLETE, Phase.TRANSFER_CANCELLED, Phase.TRANSFER_FAILED)


class Outcome(StrEnum):
    """How a transfer, or one attempt of it, ended (contract, section 3)."""

    COMPLETED = "completed"
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    REJECTED = "rejected"
    UNREACHABLE = "unreachable"
    CONGESTION = "congestion"
    VOICEMAIL = "voicemail"
    DECLINED = "declined"
    ACK_TIMEOUT = "ack_timeout"
    SUPERVISOR_HANGUP = "supervisor_hangup"
    CALLER_HANGUP = "caller_hangup"
    CANCELLED = "cancelled"
    JOIN_FAILED = "join_failed"
    BRIEFING_FAILED = "briefing_failed"
    REFUSED = "refused"
    ASTERISK_LOST = "asterisk_lost"
    INTERNAL_ERROR = "internal_error"

    @property
    def terminal_phase(self) -> Phase:
        if self is Outcome.COMPLETED:
            return Phase.TRANSFER_COMPLETE
        return Phase.TRANSFER_CANCELLED if self in _CANCELS else Phase.TRANSFER_FAILED

    @property
    def retryable(self) -> bool:
        """Whether asking again later makes sense: the same people may be reached then."""
        return self in _RETRYABLE


_CANCELS = frozenset(
    {
        Outcome.CALLER_HANGUP,
        Outcome.CANCELLED,
        Outcome.DECLINED,
        Outcome.ACK_TIMEOUT,
        Outcome.VOICEMAIL,
        Outcome.NO_ANSWER,
        Outcome.BUSY,
        Outcome.REJECTED,
        Outcome.SUPERVISOR_HANGUP,
    }
)
_RETRYABLE = frozenset(
    {
        Outcome.NO_ANSWER,
        Outcome.BUSY,
        Outcome.UNREACHABLE,
        Outcome.CONGESTION,
        Outcome.VOICEMAIL,
        Outcome.ACK_TIMEOUT,
        Outcome.SUPERVISOR_HANGUP,
        Outcome.JOIN_FAILED,
        Outcome.BRIEFING_FAILED,
        Outcome.INTERNAL_ERROR,
    }
)


class Entry(StrEnum):
    """How the caller came in (contract, section 1)."""

    AGENT = "agent"
    HOLD = "hold"
    HANDOVER = "handover"


class LegState(StrEnum):
    RINGING = "ringing"
    UP = "up"
    GONE = "gone"


@dataclass(frozen=True)
class Agent:
    """Who has the caller before a transfer, and again when it fails: the first line of a call, reached by a leg of our
    own (B2BUA). Or a supervisor who sends the caller on by REFER; name and endpoint stay those of the first line,
    which a recall rings again, and are empty where there was none."""

    name: str
    endpoint: str
    channel_id: str
    ring_timeout: float = 30.0
    "Seconds."
    hangs_up_caller: bool = True
    "Whether the agent's hang-up while nothing else is going on ends the call; else it goes to the fallback."
    leg: LegState = LegState.RINGING
    refers: bool = False
    "Whether a REFER of its leg asks for a transfer."
    rule: str | None = None
    "Routing rule of the supervisor whose leg it is; None: it is the first line's."

    @property
    def is_supervisor(self) -> bool:
        return self.rule is not None


class OwnedKind(StrEnum):
    CHANNEL = "channel"
    BRIDGE = "bridge"
    MEDIA = "media"


@dataclass(frozen=True)
class Owned:
    """One thing in Asterisk that is ours to release."""

    kind: OwnedKind
    id: str
    asked: bool = False
    "Its release has been commanded."


@dataclass(frozen=True)
class Turn:
    """One message of the conversation, in the usual chat form; `extra` keeps tool calls as JSON text."""

    role: str
    content: str
    name: str | None = None
    tool_calls: str | None = None
    tool_call_id: str | None = None


@dataclass(frozen=True)
class Route:
    """One destination that policy has allowed: everything the originate needs."""

    rule: str
    endpoint: str
    "Dial string, e.g. PJSIP/+14155550123@trunk-a."
    sip_call_to: str
    "As the request names it, with an extension if there is one."
    sip_call_from: str
    display_name: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    ring_timeout: float = 25.0
    "Seconds."
    context: str = "none"
    "What the INVITE says about the call: `none`, `user-to-user` or `x-headers`."
    keys_reach_caller: bool = False
    connected_line: bool = False
    "After the join the supervisor's phone shows the caller."
    dispositions: tuple[tuple[str, str], ...] = ()
    """Outcome → what becomes of the caller then; what is missing is `return`. Of one outcome there may be several, in
    their order: next groups, and then an end."""
    recall_within: float = 0.0
    "Seconds after the join in which the supervisor's hang-up sends the caller back; 0: never."
    refers: bool = False
    "Whether a REFER of this supervisor's leg sends the caller on."
    digits: str = ""
    "Sent when the line has answered, before anybody is there who could be briefed; `w` is half a second of waiting."

    @property
    def picks_up_within(self) -> float:
        """Seconds a person behind an attendant gets to answer: as long as their phone would be rung directly."""
        return self.ring_timeout if self.digits else 0.0


@dataclass(frozen=True)
class Request:
    """A validated `WarmTransferRequest` (contract, section 2)."""

    routes: tuple[Route, ...]
    "Those of a next group are added when it is rung, and the strategy is that of the latest group then."
    strategy: str = "sequential"
    mode: str = "warm"
    "`warm`: briefed, and joined by their word. `blind`: joined by their answer."
    request_id: str | None = None
    reason: str | None = None
    summary: str | None = None
    summary_prompt: str | None = None
    briefing_profile: str = "default"
    supervisor_join_timeout: float = 120.0
    "Seconds for all ringing together."
    briefing_timeout: float = 180.0
    "Seconds from the supervisor's answer to the acknowledgement."
    moh_class: str = "default"
    reply_to: str | None = None
    metadata: str = "null"
    "JSON text, returned untouched."
    introduces: bool = False
    "After the join the assistant says one line to both; the profile decides."
    referrer: str | None = None
    "The leg whose REFER asked, and which is told of the outcome by NOTIFY."

    @property
    def rings_all(self) -> bool:
        return self.strategy == "ring_all"

    @property
    def is_blind(self) -> bool:
        return self.mode == "blind"

    reassure_every: float = 0.0
    "Seconds of music between two sentences to the caller; 0: music only."
    return_key: str | None = None
    "The key by which the caller on hold goes back to the agent."
    max_seconds: float = 0.0
    "Seconds from the request to a supervisor's yes, all attempts together; 0: no limit of its own."
    coach: bool = False
    "After the join the assistant may whisper to the supervisor; the profile decides."
    group: str | None = None
    "Whose destinations the routes are, if the request named a group."
    dispositions: tuple[tuple[str, str], ...] = ()
    "Its own words about outcomes, which count for the destinations of a next group, too."


@dataclass(frozen=True)
class Decline:
    """A supervisor's no."""

    kind: str = "refused"
    "`refused`, `message` (tell the caller this, or a call back) or `redirect` (somebody else)."
    reason: str | None = None
    "In the supervisor's words."
    suggestion: str | None = None
    "With `redirect`: who, in the supervisor's words."


@dataclass(frozen=True)
class Attempt:
    """One supervisor rung."""

    number: int
    route: Route
    channel_id: str
    room_id: str
    started_at: float
    deadline: float | None = None
    "When this supervisor has to have answered; after the answer, when there must be a decision."
    room_open: bool = False
    dialed: bool = False
    ringing: bool = False
    dials_on: bool = False
    "The line has answered, and gets the digits that lead on to the supervisor. Nobody can be briefed meanwhile."
    answered_at: float | None = None
    seated: bool = False
    "In the room, confirmed by Asterisk."
    briefing_started: bool = False
    media_id: str | None = None
    media_out: bool = True
    media_speaks: bool = False
    "The current line was heard of: should it be missing in Asterisk, it is lost and not still to come."
    is_dismissed: bool = False
    "Is being told goodbye, beside everything else."
    decline: Decline | None = None
    outcome: Outcome | None = None
    sip_code: int | None = None
    cause: int | None = None
    "Q.850 cause as Asterisk reports it."
    error: str | None = None


@dataclass(frozen=True)
class Words:
    """What the caller on hold is being told, in a bridge of their own, between two stretches of music."""

    media_id: str
    bridge_id: str
    text: str
    "Name of the text in the briefing's prompts, or the words themselves."
    key: str | None = None
    "The key back to the agent, told with it."
    is_listening: bool = False
    "The music was stopped for it."


@dataclass(frozen=True)
class Whispering:
    """What Asterisk needs for words to the supervisor alone: a line, a snoop on the leg, a bridge of both."""

    media_id: str
    snoop_id: str
    bridge_id: str

    @property
    def parts(self) -> frozenset[str]:
        return frozenset({self.media_id, self.snoop_id, self.bridge_id})


@dataclass(frozen=True)
class Transfer:
    """One warm transfer of a call."""

    transfer_id: str
    request: Request
    started_at: float
    join_deadline: float
    "No new supervisor is rung after this time."
    attempts: tuple[Attempt, ...] = ()
    chosen: int = 0
    """Number of the attempt by which the transfer is decided: whose supervisor accepted or, when all have failed, what
    says most. 0: none yet."""
    held: bool = False
    caller_seated: bool = False
    "The caller is in the room, confirmed by Asterisk."
    summary: str | None = None
    summary_source: str | None = None
    summary_form: tuple[tuple[str, str], ...] = ()
    "The summary in fields; empty while none is ready, or where nothing is known."
    media_count: int = 0
    outcome: Outcome | None = None
    error: str | None = None
    decline_reason: str | None = None
    ledger: tuple[Owned, ...] = ()
    "What is still in Asterisk because of this transfer; the terminal phase waits until it is empty."
    sequence: int = 0
    phase: Phase = Phase.STARTED
    marks: tuple[tuple[str, float], ...] = ()
    "Phase → seconds since the start, first time only."
    ended_at: float | None = None
    switched_call_id: str | None = None
    words: Words | None = None
    "What the caller is being told."
    words_count: int = 0
    reassure_at: float | None = None
    "When the caller is told next how it stands."
    give_up_at: float | None = None
    "When the whole transfer has taken too long."
    groups: tuple[str, ...] = ()
    "Those that were rung or asked for: each is tried once (no endless ring)."
    rung_before: int = 0
    "Attempts of earlier groups; the last group alone says how the transfer ends."

    @property
    def attempt(self) -> Attempt | None:
        """The chosen one, else the last."""
        return self.attempts[self.chosen - 1] if self.attempts else None

    @property
    def live(self) -> tuple[Attempt, ...]:
        """Whoever is rung or talked to, and not over."""
        return tuple(attempt for attempt in self.attempts if attempt.outcome is None)

    @property
    def current(self) -> tuple[Attempt, ...]:
        """Whose events still count: nobody's but the chosen one's, once there is one; nobody's after a failure."""
        if self.outcome not in (None, Outcome.COMPLETED):
            return ()
        return self.live if not self.chosen else (self.attempts[self.chosen - 1],)

    @property
    def room_id(self) -> str:
        """The room of the supervisor who was chosen, or rung last."""
        return self.attempt.room_id if self.attempt else ""

    @property
    def is_over(self) -> bool:
        return self.ended_at is not None

    def with_attempt(self, attempt: Attempt) -> Transfer:
        kept = tuple(attempt if a.number == attempt.number else a for a in self.attempts)
        return replace(self, attempts=kept)


@dataclass(frozen=True)
class Call:
    """The life of a caller's channel in the app. Its state is the fold of its events."""

    call_id: str
    state: State = State.NEW
    since: float = 0.0
    "When the state was entered."
    deadline: float | None = None
    "When `DeadlinePassed` is due."
    caller: str = ""
    "Channel id."
    caller_number: str = ""
    caller_name: str = ""
    entry: Entry = Entry.AGENT
    return_app: str | None = None
    agent: Agent | None = None
    bridge_id: str = ""
    "Where caller and agent talk."
    hold_class: str = "default"
    max_hold: float = 600.0
    "Seconds a caller without an agent waits on music before the fallback."
    fallback: str = "fallback"
    "Dialplan context."
    asterisk: str = ""
    "Start time of the Asterisk that carries the call; another one means that it is lost."
    answered: bool = False
    caller_here: bool = True
    conversation: tuple[Turn, ...] = ()
    told_by: str = ""
    "Who the conversation is from: `agent`, or `app` when it was overheard; see conversation.py."
    requests: tuple[tuple[str, str], ...] = ()
    "(request_id, transfer_id) of every request that was accepted."
    transfer: Transfer | None = None
    "The transfer in flight, or the last one."
    ledger: tuple[Owned, ...] = ()
    "What the call itself owns in Asterisk: the agent's leg and the bridge of both."
    leaving_to: str | None = None
    recalls: int = 0
    "How often the caller came back to the agent because a supervisor hung up too soon."
    whispering: Whispering | None = None
    whispers: int = 0
    arrived_at: float = 0.0

    @property
    def transfer_in_flight(self) -> Transfer | None:
        return self.transfer if self.transfer and not self.transfer.is_over else None

    @property
    def agent_is_up(self) -> bool:
        return self.agent is not None and self.agent.leg is LegState.UP

    @property
    def agent_name(self) -> str | None:
        return self.agent.name or None if self.agent else None

    @property
    def has_supervisor_back(self) -> bool:
        """The supervisor in the agent's place talks to the caller again: their REFER has failed."""
        failed = self.transfer is not None and self.transfer.outcome is not Outcome.COMPLETED
        return self.state is State.CONNECTED and failed

    @property
    def referring_leg(self) -> str:
        """Of the one party whose REFER asks for a transfer now; empty when there is none."""
        if self.agent and (self.has_supervisor_back or (self.state is State.TALKING and self.agent.refers)):
            return self.agent.channel_id
        attempt = self.transfer.attempt if self.transfer and self.state is State.CONNECTED else None
        return attempt.channel_id if attempt and attempt.route.refers else ""

    def stage(self, attempt: Attempt) -> State:
        """Where one supervisor is: each is rung and briefed alone, whatever the others do meanwhile."""
        if self.state not in (State.DIALING, State.BRIEFING):
            return self.state
        return State.DIALING if attempt.answered_at is None else State.BRIEFING
