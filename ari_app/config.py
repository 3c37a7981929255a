"""Settings: one TOML file, every key overridable by environment, e.g. `WARM_TRANSFER_ASTERISK__PASSWORD=…`.

Each option has a default that works with the shipped Asterisk configuration, a unit and one sentence.
`load` is the only reader of the file and the environment.
"""

from __future__ import annotations

import ipaddress
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from ari_app.briefing.prompts import Texts
from ari_app.errors import SettingsError

TEXT_NAMES = frozenset(field.name for field in fields(Texts))
Seconds = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


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


class AgentSettings(Section):
    """One agent that callers can be connected to."""

    endpoint: str = Field(pattern=r"^[A-Za-z]+/[^&,|\s]+$")
    "Dial string, e.g. PJSIP/front-desk."
    ring_timeout: Seconds = 30.0
    "Seconds the agent is rung before the caller goes to the fallback."
    on_hangup: Literal["hangup", "fallback"] = "hangup"
    "What happens to the caller when the agent hangs up and no transfer is going on."


class RoutingRule(Section):
    """Who may be dialed over one trunk, and as whom. What is not named here is refused."""

    endpoint: str = Field(pattern=r"^[A-Za-z]+/[^&,|\s]+$")
    "Dial string; `{to}` is sip_call_to, e.g. PJSIP/{to}@trunk-a or PJSIP/trunk-a/sip:{to}@host:port."
    callers: tuple[str, ...] = ()
    "Numbers this trunk may present; the first one is used when a request names none."
    destinations: tuple[str, ...] = ()
    "Patterns that may be dialed: `*` is any rest, `?` one character."
    ring_timeout: Seconds = 25.0
    "Seconds one destination is rung."
    max_concurrent: Annotated[int, Field(ge=1)] = 10
    "Supervisors rung or talked to over this rule at once; one more is refused."

    @field_validator("endpoint")
    @classmethod
    def _names_the_number(cls, value: str) -> str:
        if "{to}" not in value:
            raise ValueError("put {to} where the dialed number goes, e.g. PJSIP/{to}@trunk-a")
        return value


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


class BriefingProfile(Section):
    """How supervisors are briefed."""

    stt: Literal["auto", "deepgram", "openai", "pocketsphinx", "none"] = "auto"
    "Speech to text."
    llm: Literal["auto", "openai", "anthropic", "none"] = "auto"
    "Language model for summaries and questions."
    tts: Literal["auto", "elevenlabs", "cartesia", "openai", "espeak"] = "auto"
    "Text to speech."
    greet: Literal["after_hello", "at_once"] = "after_hello"
    "Speak at the end of the supervisor's hello, `hello_timeout` after the answer at the latest; or at once."
    hello_timeout: Annotated[float, Field(ge=0, le=10)] = 0.8
    "Seconds."
    voice: str = Field(default="en-us", pattern=r"^[A-Za-z0-9+_-]{1,64}$")
    "Voice of the embedded speech."
    words_per_minute: Annotated[int, Field(ge=80, le=400)] = 165
    "Pace of the embedded speech."
    reprompt_after: Seconds = 8.0
    "Seconds of silence after the question before it is put again."
    reprompts: Annotated[int, Field(ge=0, le=10)] = 2
    "How often the question is put again."
    texts: dict[str, str] = {}
    "Replaces what is said: name of the text (docs/reference/settings.md) = text."

    @field_validator("texts")
    @classmethod
    def _texts_are_known(cls, texts: dict[str, str]) -> dict[str, str]:
        for name in texts:
            if name not in TEXT_NAMES:
                raise ValueError(f"{name} is no text of the briefing; there are {', '.join(sorted(TEXT_NAMES))}")
        return texts


class Fallback(Section):
    """Where a caller goes whom nobody can serve."""

    context: Name = "fallback"
    "Dialplan context; extension `s`, priority 1."


class Limits(Section):
    """Bounds."""

    transfers: Annotated[int, Field(ge=1)] = 100
    "Transfers in flight at once; one more is refused."
    transcript_bytes: Annotated[int, Field(ge=1_000)] = 1_000_000
    "Bytes of conversation kept for one call; what would be more is refused."


class Settings(BaseSettings):
    """Everything that can be set."""

    model_config = SettingsConfigDict(
        env_prefix="WARM_TRANSFER_", env_nested_delimiter="__", extra="forbid", frozen=True,
        use_attribute_docstrings=True, nested_model_default_partial_update=True,
    )  # fmt: skip

    default_agent: str | None = None
    "The agent of callers for whom the dialplan names none."
    asterisk: Asterisk = Asterisk()
    http: Http = Http()
    journal: JournalSettings = JournalSettings()
    agents: dict[Name, AgentSettings] = {}
    routing_rules: dict[Name, RoutingRule] = {}
    hold: Hold = Hold()
    briefing: dict[Name, BriefingProfile] = {"default": BriefingProfile()}
    fallback: Fallback = Fallback()
    limits: Limits = Limits()
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    "What is logged. Numbers are shortened and secrets left out at every level; what people say never appears."

    @model_validator(mode="after")
    def _default_agent_is_known(self) -> Settings:
        if self.default_agent is not None and self.default_agent not in self.agents:
            raise ValueError(f"default_agent: no [agents.{self.default_agent}] in the settings; add it")
        return self

    @model_validator(mode="after")
    def _has_a_default_briefing(self) -> Settings:
        if "default" not in self.briefing:
            object.__setattr__(self, "briefing", {"default": BriefingProfile(), **self.briefing})
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
