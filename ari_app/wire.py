"""The contract's messages, as they cross the border: requests in, phases and results out.

Inside, everything is the frozen data of `transfer/`; here bytes become that data and back. A request is validated as
a whole; the first thing that is wrong is named with its key.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from ari_app.errors import RequestRefused
from ari_app.transfer import dispositions
from ari_app.transfer.model import Turn

MAX_TEXT = 20_000
"Characters of one text field."
MAX_AT_ONCE = 10
"Destinations that ring together."


def _without_controls(value: str) -> str:
    if any(ord(c) < 32 and c not in "\t\n\r" or ord(c) == 127 for c in value):
        raise ValueError("control characters are not allowed")
    return value


def _one_line(value: str) -> str:
    if any(ord(c) < 32 or ord(c) == 127 for c in value):
        raise ValueError("control characters are not allowed")
    return value


Text = Annotated[str, Field(max_length=MAX_TEXT), AfterValidator(_without_controls)]
Line = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_one_line)]
Number = Annotated[str, Field(pattern=r"^\+?[A-Za-z0-9*#._-]{1,64}$")]
"A dialed or presented number: what could smuggle a dial string (`&`, `/`, `,`, `@`, `|`, controls) does not match."
DialedNumber = Annotated[str, Field(pattern=r"^\+?[A-Za-z0-9*#._-]{1,64}(;ext=[0-9*#A-Da-d]{1,16})?$")]
"With the extension behind it, as RFC 3966 writes it."
Identifier = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:-]{1,128}$")]
Wait = Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)]


class Message(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ChatMessage(BaseModel):
    """A message in the usual chat form. Keys of other dialects are passed over, not refused."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    role: Annotated[str, Field(min_length=1, max_length=32)]
    content: str | list[Any] | None = None
    name: Annotated[str, Field(max_length=200)] | None = None
    tool_calls: list[Any] | None = None
    tool_call_id: Annotated[str, Field(max_length=200)] | None = None

    def turn(self) -> Turn:
        calls = json.dumps(self.tool_calls, ensure_ascii=False) if self.tool_calls else None
        return Turn(self.role, _plain(self.content), self.name, calls, self.tool_call_id)


def _plain(content: str | list[Any] | None) -> str:
    """Half a surrogate pair, which no UTF-8 can carry, becomes a question mark."""
    if isinstance(content, list):
        parts = (part.get("text", "") if isinstance(part, dict) else part for part in content)
        content = " ".join(part for part in parts if isinstance(part, str) and part)
    return (content or "").encode(errors="replace").decode()


class Destination(Message):
    """Whom to ring. Policy (the routing rule) decides whether that is allowed."""

    routing_rule_id: Identifier
    sip_call_to: DialedNumber
    sip_call_from: Number | None = None
    participant_display_name: Annotated[Line, Field(pattern=r'^[^"<>\\`|&]*$')] | None = None
    headers: dict[str, Line] = {}
    "Extra headers of the INVITE: `X-…` or `User-to-User`."

    @model_validator(mode="after")
    def _headers_are_extensions(self) -> Destination:
        for name in self.headers:
            if not _is_extension_header(name):
                raise ValueError(f"headers: {name!r} is not allowed; use X-… or User-to-User")
        return self


def _is_extension_header(name: str) -> bool:
    plain = name.replace("-", "").isalnum() and name.isascii() and len(name) <= 64
    return plain and (name.lower().startswith("x-") or name.lower() == "user-to-user")


def _bounded_object(value: Any) -> Any:
    try:
        size = len(json.dumps(value, ensure_ascii=False, allow_nan=False).encode())
    except ValueError:
        raise ValueError("holds what JSON can't say (NaN, infinity, or half a surrogate pair)") from None
    if size > 16_384:
        raise ValueError("larger than 16,384 bytes of JSON")
    return value


def known_dispositions(value: dict[str, str]) -> dict[str, str]:
    """Outcome → action, as `transfer/dispositions.py` reads it."""
    for outcome, action in value.items():
        if outcome not in dispositions.OUTCOMES:
            raise ValueError(f"{outcome!r} leaves no caller to be taken care of, or is no outcome")
        if dispositions.read(action).group and outcome not in dispositions.GOES_ON:
            raise ValueError(f"{outcome}: no other group is rung then; name another action")
    return value


class WarmTransferRequest(Message):
    """`WarmTransferRequest` (contract, section 2)."""

    request_id: Identifier | None = None
    destination: Destination | None = None
    destinations: Annotated[list[Destination], Field(min_length=1, max_length=20)] | None = None
    group: Identifier | None = None
    "A `[groups.NAME]` of the settings, in place of destinations."
    strategy: Literal["sequential", "ring_all"] = "sequential"
    mode: Literal["warm", "blind"] = "warm"
    reason: Text | None = None
    chat_history: Annotated[list[ChatMessage], Field(max_length=5_000)] = []
    summary: Text | None = None
    summary_prompt: Text | None = None
    briefing_profile: Identifier = "default"
    supervisor_join_timeout: Wait = 120.0
    briefing_timeout: Wait = 180.0
    moh_class: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")] | None = None
    reply_to: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:-]{1,128}$")] | None = None
    metadata: Annotated[dict[str, Any] | None, AfterValidator(_bounded_object)] = None
    dispositions: Annotated[dict[str, str], AfterValidator(known_dispositions)] = {}

    @model_validator(mode="after")
    def _has_one_kind_of_destination(self) -> WarmTransferRequest:
        if sum(given is not None for given in (self.destination, self.destinations, self.group)) != 1:
            raise ValueError("destination: give either destination or destinations, or a group")
        return self

    @model_validator(mode="after")
    def _rings_no_crowd(self) -> WarmTransferRequest:
        if self.strategy == "ring_all" and len(self.wanted) > MAX_AT_ONCE:
            raise ValueError(f"destinations: ring_all rings {MAX_AT_ONCE} at most")
        return self

    @property
    def wanted(self) -> tuple[Destination, ...]:
        return tuple(self.destinations) if self.destinations else (self.destination,)  # type: ignore[return-value]


class FoundDestinations(BaseModel):
    """What a destination webhook answers. Other keys are passed over."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    destinations: Annotated[list[Destination], Field(min_length=1, max_length=20)]
    strategy: Literal["sequential", "ring_all"] = "sequential"


class WarmTransferTranscript(Message):
    turns: Annotated[list[ChatMessage], Field(max_length=5_000)]
    replace: bool = False


class WarmTransferCancel(Message):
    reason: Text | None = None


class WarmTransferWhisper(Message):
    text: Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_without_controls)]


class HttpTransferRequest(WarmTransferRequest):
    """`POST /v1/transfers`: the request plus which call it is for."""

    call_id: Identifier | None = None
    channel: Annotated[str, Field(max_length=150)] | None = None

    @model_validator(mode="after")
    def _names_a_call(self) -> HttpTransferRequest:
        if (self.call_id is None) == (self.channel is None):
            raise ValueError("call_id: give either call_id or channel")
        return self


M = TypeVar("M", bound=BaseModel)


def parse(model: type[M], variables: Mapping[str, Any]) -> M:
    """Bytes of a user event or an HTTP body as a message. Raises RequestRefused, naming the key and the mend."""
    try:
        return model.model_validate(variables)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise RequestRefused(_mend(first), key=".".join(str(part) for part in first["loc"]) or None) from None


def _mend(error: Any) -> str:
    if error["type"] == "extra_forbidden":
        return "unknown key"
    if error["type"] == "string_pattern_mismatch":
        return f"does not match {error['ctx']['pattern']}"
    return str(error["msg"]).removeprefix("Value error, ")


# What goes out


class DeclineResult(BaseModel):
    kind: str
    reason: str | None
    suggestion: str | None


class AttemptResult(BaseModel):
    attempt: int
    routing_rule_id: str
    sip_call_to: str
    sip_call_from: str
    supervisor_call_id: str
    outcome: str | None
    sip_code: int | None
    cause: int | None
    decline: DeclineResult | None


class TransferResult(BaseModel):
    """How a transfer ended (contract, section 3)."""

    success: bool
    phase: str
    outcome: str
    error: str | None = None
    consultation_room_id: str | None = None
    supervisor_call_id: str | None = None
    switched_call_id: str | None = None
    summary: str | None = None
    decline_reason: str | None = None
    sip_code: int | None = None
    cause: int | None = None
    attempts: list[AttemptResult] = []
    retryable: bool = False
    durations: dict[str, float] = {}


class TransferView(BaseModel):
    """`GET /v1/transfers/{id}`."""

    transfer_id: str
    request_id: str | None
    call_id: str
    channel: str
    phase: str
    started_at: float
    attempts: list[AttemptResult]
    result: TransferResult | None


class CallView(BaseModel):
    """`GET /v1/calls/{id}`."""

    call_id: str
    channel: str
    agent: str | None
    state: str
    since: float
    transfer_id: str | None


class PhasePayload(BaseModel):
    """`WarmTransferPhase` (contract, section 3)."""

    transfer_id: str
    request_id: str | None
    call_id: str | None
    sequence: int
    phase: str
    timestamp: float
    elapsed: float
    consultation_room_id: str | None
    data: dict[str, Any]
    metadata: Any
