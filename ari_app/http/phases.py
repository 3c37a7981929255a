"""What each phase says in its `data`, for OpenAPI and the published schemas. Receivers pass over keys they do not
know: later versions may add some.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict

from ari_app.transfer.model import Outcome, Phase
from ari_app.wire import TransferResult


class Data(BaseModel):
    """Nothing: the phase says it all."""

    model_config = ConfigDict(use_attribute_docstrings=True)


class Started(Data):
    """The request is accepted."""

    reason: str | None
    "Why the agent escalates."


class CallerOnHold(Data):
    """The caller's music runs, and the agent no longer hears the caller."""

    moh_class: str
    "Music on hold class that is really playing."


class SummaryReady(Data):
    """The summary is made."""

    summary: str
    source: Literal["request", "llm", "extractive"]
    "Who made it: the agent itself, a model, or the rules that need none."
    seconds: float
    "How long it took."
    form: dict[str, str]
    "The same in parts: who, problem, tried, decision, mood, language; what is unknown is missing or empty."


class ConsultationRoomCreated(Data):
    """The private bridge exists."""

    attempt: int


class SupervisorDialed(Data):
    """Asterisk has taken the originate; once per attempt."""

    attempt: int
    sip_call_to: str
    sip_call_from: str
    supervisor_call_id: str
    "Channel of the supervisor's leg."


class SupervisorRinging(Data):
    """180 or 183."""

    attempt: int


class AttemptFailed(Data):
    """This destination is over, others may follow."""

    attempt: int
    outcome: Outcome
    sip_code: int | None
    cause: int | None
    "Q.850."


class SupervisorJoined(Data):
    """The supervisor is in the room."""

    attempt: int
    supervisor_call_id: str


class BriefingStarted(Data):
    """The first audio was handed to the supervisor."""

    attempt: int


class BriefingComplete(Data):
    """A decision, or its absence."""

    attempt: int
    resolution: Literal["accepted", "declined", "voicemail", "timeout", "supervisor_hangup", "failed"]
    by: Literal["dtmf", "speech"] | None
    decline_reason: str | None
    "In the supervisor's words."
    decline_kind: Literal["refused", "message", "redirect"] | None
    suggestion: str | None
    "With `redirect`: who, in the supervisor's words."


class CallSwitched(Data):
    """Caller and supervisor are confirmed in one bridge, the agent and the briefing's media are out."""

    switched_call_id: str
    "The caller's channel."


class CallerReturned(Data):
    """After a failure: the caller is with somebody again."""

    to: str
    """`agent`, `supervisor` (who had sent the caller on), `hold`, `fallback`, the application that got the caller back,
    `dialplan:CONTEXT`, or `hangup`."""


class End(Data):
    """The transfer is over, and nothing of it is left in Asterisk."""

    result: TransferResult
    outcome: Outcome
    reason: str | None
    "One sentence for people; null after success."


DATA: Mapping[Phase, type[Data]] = {
    Phase.STARTED: Started,
    Phase.CALLER_ON_HOLD: CallerOnHold,
    Phase.SUMMARY_GENERATING: Data,
    Phase.SUMMARY_READY: SummaryReady,
    Phase.CONSULTATION_ROOM_CREATED: ConsultationRoomCreated,
    Phase.SUPERVISOR_DIALED: SupervisorDialed,
    Phase.SUPERVISOR_RINGING: SupervisorRinging,
    Phase.ATTEMPT_FAILED: AttemptFailed,
    Phase.SUPERVISOR_JOINED: SupervisorJoined,
    Phase.BRIEFING_STARTED: BriefingStarted,
    Phase.BRIEFING_COMPLETE: BriefingComplete,
    Phase.CALL_SWITCHED: CallSwitched,
    Phase.CALLER_RETURNED: CallerReturned,
    Phase.TRANSFER_COMPLETE: End,
    Phase.TRANSFER_CANCELLED: End,
    Phase.TRANSFER_FAILED: End,
}
