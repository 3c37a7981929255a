"""What an agent asks with and what it gets back. The rules are those of the app's own border (`ari_app.wire`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, ModelWrapValidatorHandler, ValidationError, model_validator

from ari_app import wire
from ari_app.briefing.pipeline import Pipeline
from ari_app.errors import RequestRefused, WarmTransferError
from ari_app.transfer.model import Outcome
from ari_app.transfer.model import Phase as WarmTransferPhase

__all__ = ["SIPDestination", "WarmTransferConfig", "WarmTransferPhase", "WarmTransferResult", "plain_messages"]

Message = dict[str, Any]
"A message in the usual chat form."


def plain_messages(messages: Sequence[Any]) -> list[Message]:
    """Checked, as text (images and the like are left out), and without the keys that nobody needs.

    Raises WarmTransferError with the number of the message that is wrong."""
    if isinstance(messages, str | bytes | Mapping):
        raise WarmTransferError("chat_history: give a list of messages {role, content}")
    return [_plain(number, message) for number, message in enumerate(messages)]


def _plain(number: int, message: Any) -> Message:
    given = message.model_dump() if hasattr(message, "model_dump") else message
    try:
        checked = wire.parse(wire.ChatMessage, given)
    except RequestRefused as refused:
        raise WarmTransferError(f"chat_history.{number}.{refused}") from None
    # jansson, Asterisk's JSON, takes no NUL
    text = checked.turn().content.replace("\0", "")
    return checked.model_dump(exclude_none=True) | {"content": text}


class _Careful(wire.Message):
    # first among the bases, so that this surrounds their validators
    @model_validator(mode="wrap")
    @classmethod
    def _misuse_is_named(cls, given: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return handler(given)
        except ValidationError as error:
            raise WarmTransferError(_sentence(cls.__name__, error)) from None


def _sentence(name: str, error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    key = ".".join(str(part) for part in first["loc"])
    reason = str(first["msg"]).removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        reason = f"there is no such key; see the fields of {name}"
    return f"{name}: {key}: {reason}" if key else f"{name}: {reason}"


class SIPDestination(_Careful, wire.Destination):
    """Whom to ring, through which routing rule of the app's settings."""

    def __init__(
        self,
        routing_rule_id: str,
        sip_call_to: str,
        sip_call_from: str | None = None,
        participant_display_name: str | None = None,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> None:
        optional: dict[str, Any] = {
            "sip_call_from": sip_call_from,
            "participant_display_name": participant_display_name,
            "headers": headers,
        }
        given = {key: value for key, value in optional.items() if value is not None}
        super().__init__(**{"routing_rule_id": routing_rule_id, "sip_call_to": sip_call_to}, **given, **more)


class WarmTransferConfig(_Careful, wire.WarmTransferRequest):
    """The request of the contract's section 2: `destination`, or `destinations` and `strategy`, and what is optional.

    Raises WarmTransferError, naming the key, when it could not be accepted by any app."""

    chat_history: Annotated[Sequence[Any], AfterValidator(plain_messages)] = ()  # type: ignore[assignment]
    "Any length: what is too long for one message is sent ahead."
    summary_llm: Annotated[Any, Field(exclude=True)] = None
    "In process only: the model that writes this summary."
    briefing_pipeline_factory: Annotated[Callable[[], Pipeline] | None, Field(exclude=True)] = None
    "In process only: called once, for the engines of this briefing."

    @property
    def brings_engines(self) -> bool:
        return self.summary_llm is not None or self.briefing_pipeline_factory is not None

    def variables(self) -> dict[str, Any]:
        """What was given, but the history, as it crosses the border."""
        return self.model_dump(mode="python", exclude_unset=True, exclude={"chat_history"})


@dataclass(frozen=True)
class WarmTransferResult:
    """How a transfer ended (contract, section 3). A failure is a result, too."""

    success: bool
    phase: WarmTransferPhase
    outcome: Outcome | str
    error: str | None = None
    "One sentence for people; None after success."
    consultation_room_id: str | None = None
    supervisor_call_id: str | None = None
    switched_call_id: str | None = None
    summary: str | None = None
    decline_reason: str | None = None
    sip_code: int | None = None
    cause: int | None = None
    attempts: list[dict[str, Any]] = field(default_factory=list)
    retryable: bool = False
    durations: dict[str, float] = field(default_factory=dict)
    transfer_id: str | None = None
    "None when the app never had it."
    request_id: str | None = None

    @classmethod
    def of(cls, told: Mapping[str, Any], transfer_id: str | None, request_id: str | None) -> WarmTransferResult:
        """From `data.result` of a terminal phase; what a newer app adds is passed over."""
        known = {each.name: told[each.name] for each in fields(cls) if each.name in told}
        known |= {"phase": WarmTransferPhase(told["phase"]), "outcome": outcome_of(told["outcome"])}
        return cls(**known | {"transfer_id": transfer_id, "request_id": request_id})

    @classmethod
    def failed(
        cls,
        outcome: Outcome,
        error: str,
        *,
        request_id: str | None,
        transfer_id: str | None = None,
        retryable: bool | None = None,
    ) -> WarmTransferResult:
        """A failure that only this side knows of."""
        return cls(
            success=False,
            phase=outcome.terminal_phase,
            outcome=outcome,
            error=error,
            retryable=outcome.retryable if retryable is None else retryable,
            transfer_id=transfer_id,
            request_id=request_id,
        )


def outcome_of(told: str) -> Outcome | str:
    """A newer app may know more outcomes."""
    return Outcome(told) if told in set(Outcome) else told
