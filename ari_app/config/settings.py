"""Settings: one TOML file, every key overridable by environment, e.g. `WARM_TRANSFER_ASTERISK__PASSWORD=…`.

Each option has a default that works with the shipped Asterisk configuration, a unit and one sentence.
`load` is the only reader of the file and the environment.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import (
    ValidationError,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from ari_app.config.briefing import BriefingProfile
from ari_app.config.people import (
    AgentSettings,
    Dispositions,
    Fallback,
    GroupSettings,
    Hold,
    RoutingRule,
    Signatures,
)
from ari_app.config.sections import Name, WithSecret
from ari_app.config.server import Asterisk, DestinationWebhook, Http, JournalSettings, Limits, Webhook
from ari_app.errors import SettingsError
from ari_app.runtime.groups import REFUSE
from ari_app.transfer import digits, dispositions
from ari_app.transfer.routing import matches


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


def secret_of(where: str, given: WithSecret, environ: Mapping[str, str]) -> tuple[str, str]:
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
