"""Who talks to whom: agents, supervisors, callers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    Field,
    SecretStr,
    field_validator,
    model_validator,
)

from ari_app.config.sections import Name, Seconds, Section, check_secret
from ari_app.runtime.groups import REFUSE, hours_of
from ari_app.transfer import digits, dispositions
from ari_app.transfer.routing import is_sip
from ari_app.wire import Destination, known_dispositions


def _is_action(action: str) -> str:
    dispositions.read(action)
    return action


Actions = Annotated[dict[str, str], AfterValidator(known_dispositions)]
"Outcome → what becomes of the caller."


class Signatures(Section):
    """Signed user events (docs/reference/signatures.md) of callers without an agent: entries hold and handover."""

    signature: Literal["none", "optional", "required"] = "none"
    "Whether user events must be signed. `optional`: they may be unsigned, but not wrongly signed."
    secret: SecretStr = SecretStr("")
    "What they are signed with: 32 characters or more. Several, with spaces between, while it is changed."
    secret_file: Path | None = None
    "File with the secret, e.g. one mounted into the container."
    secret_env: str | None = Field(default=None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    "Environment variable with the secret."

    @model_validator(mode="after")
    def _has_one_secret_to_check_with(self) -> Signatures:
        check_secret(self, required=self.signature != "none")
        return self


class AgentSettings(Signatures):
    """One agent that callers can be connected to. One of `secret`, `secret_file`, `secret_env` is required where user
    events are signed (docs/reference/signatures.md)."""

    endpoint: str = Field(pattern=r"^[A-Za-z]+/[^&,|\s]+$")
    "Dial string, e.g. PJSIP/front-desk."
    ring_timeout: Seconds = 30.0
    "Seconds the agent is rung before the caller goes to the fallback."
    on_hangup: Literal["hangup", "fallback"] = "hangup"
    "What happens to the caller when the agent hangs up and no transfer is going on."
    transcribe: Name | None = None
    """Profile whose speech to text listens to caller and agent while they talk, for an agent that sends no transcript
    itself (docs/how-to/transcribe-for-your-agent.md); pocketsphinx can't. Nobody is heard when it is missing."""
    transcribe_minutes: Annotated[float, Field(gt=0, le=1_440)] = 60.0
    "Minutes of talk transcribed in one call."
    refer: bool = False
    """Whether a SIP REFER of this agent asks for a transfer (docs/how-to/sip-only-agents.md). Asterisk before 22.11
    crashes when such a REFER carries `Refer-Sub: false`: only for agents that don't."""

    @model_validator(mode="after")
    def _refers_over_sip(self) -> AgentSettings:
        if self.refer and not is_sip(self.endpoint):
            raise ValueError("refer needs an endpoint PJSIP/…: REFER is SIP")
        return self


class RoutingRule(Section):
    """Who may be dialed over one trunk, and as whom. What is not named here is refused."""

    endpoint: str = Field(pattern=r"^[A-Za-z]+/[^&,|\s]+$")
    """Dial string; `{to}` is sip_call_to, e.g. PJSIP/{to}@trunk-a or PJSIP/trunk-a/sip:{to}@host:port. Without it every
    number rings this one phone."""
    digits_after_answer: Annotated[str, Field(pattern=digits.TEMPLATE)] = ""
    """Keys sent when the line has answered, for an auto attendant (docs/how-to/reach-an-extension.md): `0-9 * # A-D`,
    `w` waits half a second, `{ext}` is the extension of `sip_call_to` (`+14155550100;ext=1234`)."""
    callers: tuple[str, ...] = ()
    "Numbers this trunk may present; the first one is used when a request names none."
    present: Literal["fixed", "caller"] = "fixed"
    "Number presented when a request names none: the first of `callers`, or the caller's own where the trunk lets you."
    destinations: tuple[str, ...] = ()
    "Patterns that may be dialed: `*` is any rest, `?` one character."
    ring_timeout: Seconds = 25.0
    "Seconds one destination is rung; after `digits_after_answer` also those a person gets to say hello."
    max_concurrent: Annotated[int, Field(ge=1)] = 10
    "Supervisors rung or talked to over this rule at once; one more is refused."
    skip_offline: bool = False
    "Destinations whose PJSIP endpoint Asterisk calls offline are left out; it knows with `qualify_frequency`."
    cool_down: Annotated[float, Field(ge=0, le=86_400)] = 0.0
    "Seconds for which whoever declined is not rung again, where others can be; 0: not at all. Forgotten at a restart."
    context: Literal["none", "user-to-user", "x-headers"] = "none"
    "What the supervisor's INVITE says about the call in headers: `User-to-User`, `X-WT-…`, or nothing. PJSIP only."
    keys_reach_caller: bool = False
    "After the join the caller hears the supervisor's keys, as a door phone has to; otherwise never one."
    connected_line: bool = False
    """Once joined, the supervisor's phone shows the caller's number and name, unless the caller withholds them: one
    UPDATE with P-Asserted-Identity. PJSIP only."""

    refer: bool = False
    """Whether agents and supervisors may ask for these destinations by SIP REFER, and whoever is reached over this rule
    may send the caller on by one after the join (docs/how-to/sip-only-agents.md). PJSIP only."""
    moh_class: Name | None = None
    "Music on hold class of callers who wait for this rule's supervisors, when the request names none."
    dispositions: Actions = {}
    "Outcome = what becomes of the caller then, before what `[dispositions]` says."
    recall_within: Annotated[float, Field(ge=0, le=3600, allow_inf_nan=False)] = 0.0
    "Seconds after the join in which a supervisor's hang-up takes the caller back to the agent; 0: it ends the call."


class GroupSettings(Section):
    """Destinations under one name, for the key `group` of a request."""

    destinations: Annotated[tuple[Destination, ...], Field(min_length=1, max_length=20)]
    "Tables with the keys of a destination: `routing_rule_id`, `sip_call_to` … The rules hold as for any other."
    strategy: Literal["sequential", "ring_all"] = "sequential"
    "How they are rung, when the request does not say."
    hours: tuple[str, ...] = ()
    "When it is open: `Mon-Fri 08:00-18:00`, or a list of such; empty: always. `22:00-06:00` ends on the day after."
    time_zone: str = "UTC"
    "Of the hours, as in `Europe/Berlin`."
    closed: Name = REFUSE
    "When it is not open: `refuse`, or the group that takes its place."
    dispositions: Actions = {}
    "Outcome = what becomes of a caller whom nobody of these took, before what their rules say."

    @field_validator("hours", mode="before")
    @classmethod
    def _one_text_is_a_list(cls, hours: Any) -> Any:
        return (hours,) if isinstance(hours, str) else hours

    @field_validator("hours")
    @classmethod
    def _hours_are_understood(cls, hours: tuple[str, ...]) -> tuple[str, ...]:
        for each in hours:
            hours_of(each)
        return hours

    @field_validator("time_zone")
    @classmethod
    def _zone_is_known(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (KeyError, ValueError, OSError):
            raise ValueError(f"no time zone {zone!r} on this machine; write it like Europe/Berlin") from None
        return zone


class Dispositions(Section):
    """What becomes of the caller when no supervisor takes the call: `return` (to the agent, else the fallback),
    `dialplan:CONTEXT[,EXTENSION]`, or `hangup[:WORDS]`, which says the words, or the text of that name, before. With
    `next_group:NAME` the transfer goes on with the destinations of `[groups.NAME]`
    (docs/how-to/when-nobody-takes-the-call.md)."""

    default: Annotated[str, AfterValidator(_is_action)] = "return"
    "For every outcome that is not named, but `cancelled`."
    outcomes: Actions = {}
    "Outcome = action."
    contexts: tuple[Name, ...] = ()
    "Contexts of the dialplan to which a request may send the caller; the settings' own need not be here."

    def by_outcome(self) -> dict[str, str]:
        goes_on = dispositions.read(self.default).kind is dispositions.Kind.NEXT_GROUP
        every = dispositions.GOES_ON if goes_on else dispositions.OUTCOMES - dispositions.BY_NAME_ONLY
        return {outcome.value: self.default for outcome in sorted(every)} | self.outcomes


class Hold(Section):
    """The caller's wait."""

    moh_class: Name = "default"
    "Music on hold class when the request names none."
    max_seconds: Seconds = 600.0
    "Seconds a caller of the entries `hold` and `handover` waits on music before the fallback."
    lease: Seconds = 30.0
    "Seconds without this app after which Asterisk itself takes a held caller to the extension `T`."
    talk_lease: Seconds = 3600.0
    "The same while the caller talks to somebody."
    reassure_every: Annotated[float, Field(ge=0, le=3600, allow_inf_nan=False)] = 0.0
    "Seconds of music after which the caller is told how it stands (texts `caller_…`); 0: never."
    return_key: str | None = Field(default=None, pattern=r"^[0-9]$")
    "Key by which the caller ends the transfer and goes back to the agent, until a supervisor has accepted."
    max_transfer_seconds: Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)] = 0.0
    "Seconds from the request to a supervisor's yes, after which the caller goes back; 0: only the request's timeouts."


class Fallback(Section):
    """Where a caller goes whom nobody can serve."""

    context: Name = "fallback"
    "Dialplan context; extension `s`, priority 1."
