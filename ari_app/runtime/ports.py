"""What the runtime needs of the world: five small ports. Adapters implement them and never import each other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol

from ari_app.transfer.events import Event
from ari_app.transfer.model import Attempt, Call, Transfer


class Fate(Enum):
    """How an ARI request ended."""

    OK = "ok"
    REFUSED = "refused"
    "Asterisk answered 4xx (but 408): it did not happen, and trying again won't help."
    UNKNOWN = "unknown"
    "Transport error, time-out, 408 or 5xx: it may or may not have happened."


@dataclass(frozen=True)
class Reply:
    """The end of one ARI request. Never raised."""

    fate: Fate
    status: int | None = None
    "HTTP status, None when nothing was answered."
    body: Any = None
    message: str = ""
    "Why, in Asterisk's words or the transport's; safe to log."

    @property
    def ok(self) -> bool:
        return self.fate is Fate.OK

    @property
    def gone(self) -> bool:
        """What was to be released does not exist: already so."""
        return self.status == 404

    @property
    def exists(self) -> bool:
        """What was to be created under our id is there: already so."""
        return self.status == 409


@dataclass(frozen=True)
class ChannelFacts:
    id: str
    state: str
    "Asterisk's channel state: Down, Ring, Ringing, Up …"
    name: str = ""


@dataclass(frozen=True)
class Snapshot:
    """What Asterisk has right now, read back after a connection or a doubt."""

    started: str
    "Asterisk's start time as it reports it; changes with every restart."
    channels: Mapping[str, ChannelFacts] = field(default_factory=dict)
    bridges: Mapping[str, frozenset[str]] = field(default_factory=dict)
    "Bridge id → ids of the channels in it."
    ours: frozenset[str] = frozenset()
    "Ids of the channels and bridges that our Stasis application follows now."


class Ari(Protocol):
    """ARI by the operation names of Asterisk's own API description, e.g. `channels.hangup`."""

    async def call(self, operation: str, *, deadline: float = 2.0, **parameters: Any) -> Reply:
        """Runs one operation within `deadline` seconds; `body` becomes the JSON body. Never raises."""

    async def snapshot(self) -> Snapshot:
        """Lists channels, bridges and the application. Raises AriError when Asterisk can't be asked."""


@dataclass(frozen=True)
class Step:
    """One line of the journal: what happened to a call, when."""

    call_id: str
    number: int
    "1, 2, 3 … without holes within a call."
    at: float
    event: Event


class Journal(Protocol):
    """Append-only record of steps. A call's state is the fold of its steps."""

    async def append(self, step: Step, *, call: Call) -> None:
        """Returns when the step is durable; `call` is the state after it (for the indexes). Raises JournalError."""

    async def unfinished(self) -> Sequence[str]:
        """Ids of the calls that have not reached CLOSED."""

    async def steps(self, call_id: str) -> Sequence[Step]: ...


Tell = Callable[[Event], None]
"Puts an event into the call's mailbox; never blocks, safe to call at any time."


class Briefing(Protocol):
    """One transfer's briefing, of one supervisor or of several at once, each on a line of their own. Everything it
    finds out is told as an event; nothing is raised."""

    async def prepare(self) -> None:
        """Makes the summary and the first speech, while it rings. Tells SummaryReady exactly once."""

    def context(self) -> Mapping[str, str]:
        """What can be said about the call at this moment, without asking a model: who, problem, tried, decision,
        mood, language; what is unknown is missing or empty. Waits for nothing: the INVITE waits for it."""

    async def warm(self, media_id: str) -> None:
        """Opens the media channel `media_id` while it still rings, for `brief`. Tells MediaOut when it can't."""

    async def brief(self, attempt: Attempt, room_id: str, media_id: str) -> None:
        """Opens the media channel `media_id` in the room and talks until a decision, then returns.

        Tells BriefingStarted with the first audio, then one of BriefingAccepted, BriefingDeclined,
        VoicemailDetected, BriefingExhausted or BriefingFailed; or MediaOut when the line broke. A machine is hung up
        with VoicemailDetected, so whatever is to be left on it is said before."""

    def press(self, digit: str, media_id: str) -> None:
        """A key of the supervisor on this line that the call itself does not decide by."""

    async def stop(self, media_id: str) -> None:
        """Silence at once; the media channel is out of Asterisk when it returns. It may come before the `brief` or
        `introduce` of the same id, which then opens nothing."""

    async def farewell(self, text: str, room_id: str, media_id: str) -> None:
        """Says one last sentence to the supervisor and returns when it was heard; never longer than 4 s.

        `text` is the name of a text: farewell_declined, farewell_message, farewell_redirect, farewell_timeout,
        caller_gone, cancelled or join_failed. Uses the open media channel when there is one, else opens `media_id`.
        The media is out afterwards."""

    async def introduce(self, room_id: str, media_id: str) -> None:
        """Says the introduction to everybody in the room and returns when it was heard; never longer than 5 s.

        Opens `media_id`, which is new. Caller and supervisor talk already, so a failure is nobody's. The media is out
        afterwards."""

    async def ready_words(self, text: str, room_id: str, media_id: str, *, key: str | None = None) -> bool:
        """Makes words to one party alone, and brings `media_id`, which is new, into the room they are said in.

        `text` is the name of a text or the words themselves; `key`, the caller's way back, is told with it. False when
        there will be no words. The media stays until `stop`."""

    async def say_words(self, text: str, media_id: str, *, key: str | None = None) -> bool:
        """Says what `ready_words` made and returns when it was heard, or with False."""


class Briefer(Protocol):
    def open(self, call: Call, transfer: Transfer, tell: Tell) -> Briefing:
        """One for each transfer; starts nothing yet."""


class Publisher(Protocol):
    def publish(self, payload: Mapping[str, Any], *, reply_to: str | None) -> None:
        """Hands a phase to everybody who asked for it; a queue beside the call, never blocks."""

    def retell(self, payload: Mapping[str, Any], *, reply_to: str) -> None:
        """Hands a phase that was published before to one application alone, in the same manner."""


class Clock(Protocol):
    def now(self) -> float:
        """Seconds; monotonic within the process, close to wall clock so that it survives a restart."""

    def until(self, at: float | None) -> AbstractAsyncContextManager[object]:
        """Raises TimeoutError inside when `at` has come; None never comes."""


class Switchboard(Protocol):
    """What Asterisk says, in plain words. Called from the events' reading loop: never blocks, never raises."""

    def channel_entered(self, channel: str, args: Sequence[str], number: str, name: str, *, answered: bool) -> None: ...

    def channel_left(self, channel: str, *, cause: int | None = None) -> None: ...

    def channel_destroyed(self, channel: str, *, cause: int | None, sip_code: int | None) -> None: ...

    def bridge_gone(self, bridge: str) -> None: ...

    def ringing(self, channel: str) -> None: ...

    def pressed(self, channel: str, digit: str) -> None: ...

    def seated(self, bridge: str, channel: str) -> None: ...

    def unseated(self, bridge: str, channel: str) -> None: ...

    def move_failed(self, channel: str, destination: str) -> None: ...

    def referred(self, channel: str, target: str) -> None: ...

    def user_event(self, name: str, variables: Mapping[str, Any], channel: str | None) -> None: ...


class Control(Protocol):
    """What people and programs may ask of the desk; HTTP and the command line are thin skins over it.

    Views are the contract's shapes as plain dicts. `RequestRefused` carries the HTTP status (404, 409, 422 …)."""

    async def request_transfer(self, call_ref: str, variables: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
        """Starts a transfer of the call with this call id or channel id. The view, and whether it is a new one."""

    async def cancel(self, transfer_id: str, reason: str | None) -> dict[str, Any]: ...

    async def whisper(self, transfer_id: str, text: str) -> dict[str, Any]:
        """Words for the supervisor alone, who talks to the caller."""

    async def add_transcript(self, call_ref: str, variables: Mapping[str, Any]) -> dict[str, Any]: ...

    async def calls(self, limit: int) -> list[dict[str, Any]]:
        """Newest first, live and ended."""

    async def call(self, call_id: str) -> dict[str, Any]: ...

    async def transfers(self, limit: int) -> list[dict[str, Any]]:
        """Newest first, live and ended."""

    async def transfer(self, transfer_id: str) -> dict[str, Any]: ...

    async def phases(self, transfer_id: str) -> list[dict[str, Any]]:
        """Every phase payload so far, from sequence 1."""

    def follow(self, transfer_id: str) -> AbstractContextManager[asyncio.Queue[dict[str, Any]]]:
        """Phase payloads from now on; a follower who does not read misses the oldest."""

    async def ready(self) -> dict[str, bool]:
        """`ari`: connected; `journal`: writable; `draining`: no new work is taken."""
