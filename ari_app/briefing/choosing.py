"""Which engine each stage of a profile gets, why, and with what options. Imports no engine; the environment is a
parameter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import get_args

from ari_app.briefing.providers.border import Options
from ari_app.briefing.providers.catalog import Provider, Stage, clouds_for, provider
from ari_app.config import BriefingProfile, EngineOptions, is_reference, secret_in
from ari_app.errors import ProviderError, SettingsError

STAGES: tuple[Stage, ...] = get_args(Stage)
EMBEDDED = {"stt": "pocketsphinx", "llm": "none", "tts": "espeak"}
"Without keys and network."
HEARD_BY_POCKETSPHINX = ("en",)
"Languages of the model that the package brings."


@dataclass(frozen=True)
class Choice:
    """The engine of one stage."""

    stage: Stage
    name: str
    why: str
    "For people: `check` and `serve` say it."

    @property
    def is_embedded(self) -> bool:
        return self.name in (EMBEDDED[self.stage], "none")


def choices(profile: BriefingProfile, environ: Mapping[str, str]) -> tuple[Choice, ...]:
    return tuple(choose(profile, stage, environ) for stage in STAGES)


def choose(profile: BriefingProfile, stage: Stage, environ: Mapping[str, str]) -> Choice:
    """What the settings name; for `auto` the first cloud whose usual key is set and whose SDK is installed."""
    named = getattr(profile, stage)
    if named != "auto":
        return Choice(stage, named, "as set")
    clouds = clouds_for(stage, environ)
    for cloud in clouds:
        if is_installed(cloud):
            return Choice(stage, cloud.name, f"auto: {cloud.key} is set")
    missing = f"extra {clouds[0].extra} is not installed" if clouds else "no key of a cloud provider is set"
    if stage == "stt" and profile.language not in HEARD_BY_POCKETSPHINX:
        return Choice(stage, "none", f"auto: {missing}, and the embedded engine hears no {profile.language}: keys only")
    return Choice(stage, EMBEDDED[stage], f"auto: {missing}, embedded")


def is_installed(cloud: Provider) -> bool:
    return not cloud.extra or find_spec(cloud.extra) is not None


def options_of(profile: BriefingProfile, stage: Stage, name: str, environ: Mapping[str, str], where: str) -> Options:
    """`where` names the profile's key for the message. Raises SettingsError when the key is missing."""
    given: EngineOptions = getattr(profile, f"{stage}_options")
    return Options(
        api_key=_key(given, stage, name, environ, where),
        base_url=given.base_url,
        model=given.model,
        voice=given.voice,
        language=given.language or profile.language,
    )


def _key(given: EngineOptions, stage: Stage, name: str, environ: Mapping[str, str], where: str) -> str:
    """The key itself, its file, its variable, or the provider's usual variable, in this order. A server of one's own
    and an engine of one's own may need none."""
    if key := given.api_key.get_secret_value():
        return key
    if given.api_key_file:
        return _key_in(given.api_key_file, f"{where}_options.api_key_file")
    usual = None if is_reference(name) else _usual(stage, name)
    variable = given.api_key_env or usual
    key = environ.get(variable, "") if variable else ""
    if not key and given.api_key_env:
        raise SettingsError(f"{where}_options.api_key_env: {variable} is not set in the environment")
    if not key and usual and not given.base_url:
        raise SettingsError(f"{where}: {name} needs a key: set {usual}, or {where}_options.api_key_file")
    return key


def _usual(stage: Stage, name: str) -> str | None:
    try:
        return provider(stage, name).key
    except ProviderError:
        return None


def _key_in(file: Path, where: str) -> str:
    key = secret_in(file, where).strip()
    if not key:
        raise SettingsError(f"{where}: {file} is empty")
    return key
