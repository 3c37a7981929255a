"""Settings: one TOML file, every key overridable by environment, e.g. `WARM_TRANSFER_ASTERISK__PASSWORD=…`.

Each option has a default that works with the shipped Asterisk configuration, a unit and one sentence.
`load` is the only reader of the file and the environment.
"""

from __future__ import annotations

import ipaddress
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from ari_app.briefing.prompts import LANGUAGES, Texts
from ari_app.errors import SettingsError
from ari_app.runtime.groups import REFUSE, hours_of
from ari_app.transfer import digits, dispositions
from ari_app.transfer.model import Phase
from ari_app.transfer.routing import matches
from ari_app.wire import Destination, known_dispositions

TEXT_NAMES = frozenset(field.name for field in fields(Texts))
ENGINES = {
    "stt": ("deepgram", "openai", "pocketsphinx", "none"),
    "llm": ("openai", "anthropic", "none"),
    "tts": ("elevenlabs", "cartesia", "openai", "espeak"),
}
"The engines that come with the app, by stage."
Seconds = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
Engine = Annotated[str, Field(max_length=200)]
_REFERENCE = r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$"
Reference = Annotated[str, Field(pattern=_REFERENCE)]
"Something to import, as in `package.module:name`."


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_action(action: str) -> str:
    dispositions.read(action)
    return action


Actions = Annotated[dict[str, str], AfterValidator(known_dispositions)]
"Outcome → what becomes of the caller."


def is_reference(text: str) -> bool:
    """Whether it names something to import: `module:callable`."""
    return re.fullmatch(_REFERENCE, text) is not None


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Asterisk(Section):
    """Where Asterisk's HTTP server is and who we are there."""

    url: str = Field(default="http://127.0.0.1:8088", pattern=r"^https?://[^/\s]+(/.*)?$")
    "Base URL of Asterisk's HTTP server, without `/ari`."
    username: str = "warm-transfer"
    "ARI user (ari.conf)."
    password: SecretStr = SecretStr("")
    "Its password."
    app: Name = "warm-transfer"
    "Name of the Stasis application."
    request_timeout: Seconds = 2.0
    "Seconds one ARI request may take before its fate is unknown."


class Http(Section):
    """The control API."""

    listen: str = "127.0.0.1:8089"
    "Address and port. Without a token only loopback is allowed."
    token: SecretStr = SecretStr("")
    "Bearer token that every request but /healthz, /readyz and /metrics must carry; empty: no check."

    @property
    def host(self) -> str:
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        return int(self.listen.rpartition(":")[2])

    @field_validator("listen")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        host, _, port = value.rpartition(":")
        if not host or not port.isdigit() or int(port) > 65_535:
            raise ValueError("write it as address:port, e.g. 127.0.0.1:8089")
        return value

    @model_validator(mode="after")
    def _is_private_without_token(self) -> Http:
        if not self.token.get_secret_value() and not _is_loopback(self.host):
            raise ValueError(f"listen {self.listen} is not loopback: set http.token, or listen on 127.0.0.1")
        return self


class JournalSettings(Section):
    """Where every step of every call is kept."""

    url: str = "sqlite:///warm-transfer.db"
    "SQLAlchemy URL: `sqlite:///FILE` or `postgresql://USER:PASSWORD@HOST/DB` (extra `postgresql`)."
    keep_days: Annotated[int, Field(ge=1, le=3650)] = 30
    "Days after which ended calls are deleted at start."


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
        given = sum(map(bool, (self.secret.get_secret_value(), self.secret_file, self.secret_env)))
        if given > 1 or (self.signature != "none" and not given):
            raise ValueError("secret: give one of secret, secret_file and secret_env")
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
        if self.refer and not self.endpoint.upper().startswith("PJSIP/"):
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


class EngineOptions(Section):
    """What one engine of a profile is given; what is missing is the provider's own choice. `model` and `base_url`
    need the provider named: `auto` may take another one tomorrow."""

    model: str | None = Field(default=None, min_length=1, max_length=200)
    "Name of the model, in the provider's words."
    voice: str | None = Field(default=None, min_length=1, max_length=200)
    "Voice, in the provider's words; for `tts`."
    language: str | None = Field(default=None, pattern=r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})?$")
    "Language, as in `en` or `en-US`; the profile's when missing."
    base_url: str | None = Field(default=None, pattern=r"^https?://[^\s]+$")
    "Another server that speaks the provider's protocol, e.g. a local one."
    api_key: SecretStr = SecretStr("")
    "The key; better named by `api_key_file` or `api_key_env`."
    api_key_file: Path | None = None
    "File with the key, e.g. a secret mounted into the container."
    api_key_env: str | None = Field(default=None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    "Environment variable with the key; the provider's usual one when missing."


class BriefingProfile(Section):
    """How supervisors are briefed. `stt`, `llm`, `tts`: the name of a provider, or `module:callable` of your own
    (docs/how-to/add-a-provider.md). `auto` takes the cloud provider whose usual environment key is set, and the
    embedded one otherwise."""

    language: str = "en"
    "What is spoken and understood: en, es, fr or de."
    stt: Engine = "auto"
    "Speech to text: auto, deepgram, openai, pocketsphinx, none."
    llm: Engine = "auto"
    "Language model for summaries and questions: auto, openai, anthropic, none."
    tts: Engine = "auto"
    "Text to speech: auto, elevenlabs, cartesia, openai, espeak."
    stt_options: EngineOptions = EngineOptions()
    "Model, key and address of the recogniser; see below."
    llm_options: EngineOptions = EngineOptions()
    "Model, key and address of the model; see below."
    tts_options: EngineOptions = EngineOptions()
    "Model, key and address of the voice; see below."
    fallback: Name | None = None
    "Profile whose engines take over when this one's fail, before the embedded ones do."
    factory: Reference | None = None
    "`module:callable` that makes a Pipeline for each transfer; what that leaves out is this profile's own."
    vad: Literal["silero", "none"] = "silero"
    "Voice activity: without it nobody can interrupt the briefing."
    smart_turn: Path | None = None
    "ONNX file of a smart-turn model: tells a pause for breath from the end of a turn."
    redact: Reference | None = None
    "`module:callable` (text in, text out) for what leaves for a model; default: card and id numbers are withheld."
    summary_prompt: str | None = Field(default=None, min_length=1, max_length=4_000)
    "Replaces the prompt for summaries; the request's own comes before it."
    summary_tokens: Annotated[int, Field(ge=200, le=200_000)] = 6_000
    "Tokens of conversation a model is given; of longer ones head and tail."
    summary_timeout: Annotated[float, Field(gt=0, le=30)] = 4.0
    "Seconds a model gets for the summary while it rings; then the extractive one is taken."
    greet: Literal["after_hello", "at_once"] = "after_hello"
    "Speak at the end of the supervisor's hello, `hello_timeout` after the answer at the latest; or at once."
    hello_timeout: Annotated[float, Field(ge=0, le=10)] = 0.8
    "Seconds."
    voice: str | None = Field(default=None, pattern=r"^[A-Za-z0-9+_-]{1,64}$")
    "Voice of the embedded speech; the language's when missing."
    words_per_minute: Annotated[int, Field(ge=80, le=400)] = 165
    "Pace of the embedded speech."
    reprompt_after: Seconds = 8.0
    "Seconds of silence after the question before it is put again."
    reprompts: Annotated[int, Field(ge=0, le=10)] = 2
    "How often the question is put again."
    wait_timeout: Annotated[float, Field(gt=0, le=600)] = 60.0
    'Seconds of silence after "give me a minute".'
    voicemail: Literal["next", "message"] = "next"
    "What a machine gets: nothing, or the text `voicemail_message` after its tone; then the next destination."
    introduction: bool = False
    "After the join the assistant says the text `introduction` to both, and leaves."
    coach: bool = False
    "After the join words may be whispered to the supervisor (docs/how-to/coach-a-supervisor.md)."
    texts: dict[str, str] = {}
    "Replaces what is said: name of the text (docs/reference/settings.md) = text."

    @field_validator("language")
    @classmethod
    def _language_is_known(cls, language: str) -> str:
        if language not in LANGUAGES:
            raise ValueError(f"no texts in {language}; there are {', '.join(LANGUAGES)}")
        return language

    @field_validator("stt", "llm", "tts")
    @classmethod
    def _engine_is_known(cls, engine: str, info: ValidationInfo) -> str:
        known = ("auto", *ENGINES[str(info.field_name)])
        if engine not in known and not is_reference(engine):
            raise ValueError(f"there is no engine {engine}; write one of {', '.join(known)}, or module:callable")
        return engine

    @field_validator("texts")
    @classmethod
    def _texts_are_known(cls, texts: dict[str, str]) -> dict[str, str]:
        for name in texts:
            if name not in TEXT_NAMES:
                raise ValueError(f"{name} is no text of the briefing; there are {', '.join(sorted(TEXT_NAMES))}")
        return texts

    @model_validator(mode="after")
    def _options_have_their_engine(self) -> BriefingProfile:
        for stage in ENGINES:
            options: EngineOptions = getattr(self, f"{stage}_options")
            if getattr(self, stage) == "auto" and (options.model or options.base_url):
                raise ValueError(f'{stage}_options: model and base_url need {stage} to name its provider, not "auto"')
        return self


class Fallback(Section):
    """Where a caller goes whom nobody can serve."""

    context: Name = "fallback"
    "Dialplan context; extension `s`, priority 1."


class Posted(Section):
    """What is posted over HTTP, signed as Standard Webhooks."""

    url: str = Field(pattern=r"^https?://[^/\s?#@]+([/?][^\s#]*)?$")
    "Where it is posted: https, or http to a loopback address."
    secret: SecretStr = SecretStr("")
    "`whsec_` and 24 to 64 bytes in base64. Several, with spaces between, while it is changed: each of them signs."
    secret_file: Path | None = None
    "File with the secret, e.g. one mounted into the container."
    secret_env: str | None = Field(default=None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    "Environment variable with the secret."
    allow_http: bool = False
    "Allows http to other hosts; conversations are then readable on the way."

    @model_validator(mode="after")
    def _is_private_on_the_way(self) -> Posted:
        url = urlsplit(self.url)
        if url.scheme == "http" and not self.allow_http and not _is_loopback(url.hostname or ""):
            raise ValueError("url: use https, or set allow_http")
        return self

    @model_validator(mode="after")
    def _has_one_secret(self) -> Posted:
        given = (self.secret.get_secret_value(), self.secret_file, self.secret_env)
        if sum(map(bool, given)) != 1:
            raise ValueError("secret: give one of secret, secret_file and secret_env")
        return self


class Webhook(Posted):
    """A receiver of phases over HTTP, signed as Standard Webhooks (docs/reference/webhooks.md). One of `secret`,
    `secret_file`, `secret_env` is required."""

    phases: tuple[Phase, ...] = ()
    "Which phases are sent; all when empty."
    timeout: Annotated[float, Field(gt=0, le=60)] = 15.0
    "Seconds the receiver has for its answer."
    most_waiting: Annotated[int, Field(ge=100, le=100_000)] = 10_000
    "Phases kept for a receiver that does not take them; one more, and the oldest goes."


class DestinationWebhook(Posted):
    """Whoever says at run time whom to ring, for the key `group` of a request; signed as Standard Webhooks
    (docs/how-to/find-the-right-human.md). One of `secret`, `secret_file`, `secret_env` is required."""

    timeout: Annotated[float, Field(gt=0, le=10)] = 1.0
    "Seconds the receiver has for its answer; the caller talks to the agent meanwhile."


class Limits(Section):
    """Bounds."""

    transfers: Annotated[int, Field(ge=1)] = 100
    "Transfers in flight at once; one more is refused."
    transcript_bytes: Annotated[int, Field(ge=1_000)] = 1_000_000
    "Bytes of conversation kept for one call: the oldest go first. One message with more at once is refused."


class Settings(BaseSettings):
    """Everything that can be set."""

    model_config = SettingsConfigDict(
        env_prefix="WARM_TRANSFER_", env_nested_delimiter="__", extra="forbid", frozen=True,
        nested_model_default_partial_update=True,
    )  # fmt: skip

    default_agent: str | None = None
    "The agent of callers for whom the dialplan names none."
    asterisk: Asterisk = Asterisk()
    http: Http = Http()
    journal: JournalSettings = JournalSettings()
    agents: dict[Name, AgentSettings] = {}
    signatures: Signatures = Signatures()
    routing_rules: dict[Name, RoutingRule] = {}
    groups: dict[Name, GroupSettings] = {}
    hold: Hold = Hold()
    dispositions: Dispositions = Dispositions()
    briefing: dict[Name, BriefingProfile] = {"default": BriefingProfile()}
    fallback: Fallback = Fallback()
    webhooks: dict[Name, Webhook] = {}
    destination_webhooks: dict[Name, DestinationWebhook] = {}
    limits: Limits = Limits()
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    "What is logged. Numbers are shortened and secrets left out at every level; what people say never appears."

    @model_validator(mode="after")
    def _default_agent_is_known(self) -> Settings:
        if self.default_agent is not None and self.default_agent not in self.agents:
            raise ValueError(f"default_agent: no [agents.{self.default_agent}] in the settings; add it")
        return self

    @model_validator(mode="after")
    def _groups_ring_whom_the_rules_allow(self) -> Settings:
        for name, group in self.groups.items():
            for number, wanted in enumerate(group.destinations):
                rule = self.routing_rules.get(wanted.routing_rule_id)
                key, (to, extension) = f"groups.{name}.destinations.{number}", digits.split(wanted.sip_call_to)
                if rule is None or not any(matches(pattern, to) for pattern in rule.destinations):
                    raise ValueError(f"{key}: no [routing_rules.{wanted.routing_rule_id}] that allows it")
                if extension and digits.EXT not in rule.digits_after_answer:
                    where = f"[routing_rules.{wanted.routing_rule_id}] digits_after_answer"
                    raise ValueError(f"{key}: its rule takes no extension; put {digits.EXT} into {where}")
        return self

    @model_validator(mode="after")
    def _closed_groups_lead_somewhere(self) -> Settings:
        for name in self.destination_webhooks.keys() & self.groups.keys():
            raise ValueError(f"destination_webhooks.{name}: there is a [groups.{name}]; choose another name")
        if REFUSE in self.groups:
            raise ValueError(f"groups.{REFUSE}: this name has a meaning of its own; choose another one")
        for name, group in self.groups.items():
            seen = [name]
            while group.closed != REFUSE:
                if group.closed not in self.groups or group.closed in seen:
                    raise ValueError(f"groups.{seen[-1]}.closed: name another [groups.NAME], and none in a circle")
                seen.append(group.closed)
                group = self.groups[group.closed]
        return self

    @model_validator(mode="after")
    def _next_groups_are_known(self) -> Settings:
        for key, action in self._actions():
            group = dispositions.read(action).group
            if group and group not in self.groups:
                raise ValueError(f"{key}: no [groups.{group}] in the settings; add it")
        return self

    def _actions(self) -> Iterator[tuple[str, str]]:
        yield "dispositions.default", self.dispositions.default
        places = {"dispositions.outcomes": self.dispositions.outcomes}
        places |= {f"routing_rules.{name}.dispositions": rule.dispositions for name, rule in self.routing_rules.items()}
        places |= {f"groups.{name}.dispositions": group.dispositions for name, group in self.groups.items()}
        for place, actions in places.items():
            for outcome, action in actions.items():
                yield f"{place}.{outcome}", action

    @model_validator(mode="after")
    def _has_a_default_briefing(self) -> Settings:
        if "default" not in self.briefing:
            object.__setattr__(self, "briefing", {"default": BriefingProfile(), **self.briefing})
        return self

    @model_validator(mode="after")
    def _fallback_profiles_are_known(self) -> Settings:
        for name, profile in self.briefing.items():
            if profile.fallback is not None and (profile.fallback not in self.briefing or profile.fallback == name):
                raise ValueError(
                    f"briefing.{name}.fallback: name another [briefing.{profile.fallback}] of the settings"
                )
        return self

    @model_validator(mode="after")
    def _transcribing_profiles_are_known(self) -> Settings:
        for name, agent in self.agents.items():
            if agent.transcribe is not None and agent.transcribe not in self.briefing:
                raise ValueError(f"agents.{name}.transcribe: no [briefing.{agent.transcribe}] in the settings; add it")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return env_settings, init_settings


def secret_of(where: str, given: Signatures | Posted, environ: Mapping[str, str]) -> tuple[str, str]:
    """The full key that names the secret, and the secret, empty when the variable is not set. Raises SettingsError."""
    if given.secret_file:
        key = f"{where}.secret_file"
        return key, secret_in(given.secret_file, key)
    if given.secret_env:
        return f"{where}.secret_env", environ.get(given.secret_env, "")
    return f"{where}.secret", given.secret.get_secret_value()


def secret_in(file: Path, key: str) -> str:
    """What stands in a file that `key` names. Raises SettingsError, never with the content."""
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{key}: {file} can't be read ({type(error).__name__})") from None


def load(path: Path | None) -> Settings:
    """Reads the file (None: the environment alone). Raises SettingsError: one line, the key and the mend."""
    try:
        return Settings(**_read(path))
    except ValidationError as error:
        raise SettingsError(_one_line(error)) from None


def _read(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}; give a readable TOML file with --config") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: not valid TOML: {error}") from None


def _one_line(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    key = ".".join(str(part) for part in first["loc"])
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        message = "unknown key; remove it or correct its spelling (docs/reference/settings.md lists all)"
    return f"{key}: {message}" if key else message
