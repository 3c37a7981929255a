"""The settings themselves: what they refuse, their secrets, and the engines they choose."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import TYPE_CHECKING

from ari_app.checks.findings import Finding, fail, ok, warn
from ari_app.config import BriefingProfile, Settings
from ari_app.errors import ProviderError, SettingsError
from ari_app.signers import signers_of

if TYPE_CHECKING:
    from ari_app.briefing.choosing import Choice


def policy(settings: Settings, environ: Mapping[str, str]) -> Iterator[Finding]:
    if settings.default_agent is None:
        mend = "set default_agent, or let the dialplan name one: Stasis(warm-transfer,agent=NAME)"
        yield warn("default_agent", "none: callers without a named agent go to the fallback", mend)
    if not settings.routing_rules:
        yield warn("routing_rules", "none: every transfer is refused", "add a [routing_rules.NAME]")
    for name, rule in settings.routing_rules.items():
        if not rule.destinations:
            mend = f"list what may be dialed in routing_rules.{name}.destinations"
            yield warn(f"routing rule {name}", "no destinations: everything is refused", mend)
        if not rule.callers:
            mend = f"list the trunk's numbers in routing_rules.{name}.callers"
            yield warn(f"routing rule {name}", "no callers: requests that present a number are refused", mend)
    yield _signatures(settings, environ)
    yield from _webhooks(settings, environ)
    if not settings.http.token.get_secret_value():
        yield ok("http.token", "none: loopback only")


def _signatures(settings: Settings, environ: Mapping[str, str]) -> Finding:
    try:
        signers = signers_of(settings, environ)
    except SettingsError as error:
        return fail("signatures", str(error), "see docs/reference/signatures.md")
    wanted = [name or "without an agent" for name, signer in signers.items() if signer.demand == "required"]
    return ok("signatures", f"required of user events of: {', '.join(wanted)}" if wanted else "of user events: none")


def _webhooks(settings: Settings, environ: Mapping[str, str]) -> Iterator[Finding]:
    from ari_app.http.signing import keys_of

    for section in ("webhooks", "destination_webhooks"):
        for name, webhook in getattr(settings, section).items():
            subject = f"{section}.{name}"
            try:
                keys = keys_of(name, webhook, environ, section)
            except SettingsError as error:
                yield fail(subject, str(error), "see docs/reference/webhooks.md")
            else:
                yield ok(subject, f"signed with {len(keys)} secret{'s' if len(keys) > 1 else ''}")


async def engines(settings: Settings, environ: Mapping[str, str]) -> AsyncIterator[Finding]:
    from ari_app.briefing.choosing import choices

    for name, profile in settings.briefing.items():
        for choice in choices(profile, environ):
            yield await _engine(name, profile, choice, environ)
        for key in ("factory", "redact"):
            if getattr(profile, key):
                yield _reference(f"briefing.{name}.{key}", getattr(profile, key))


async def _engine(name: str, profile: BriefingProfile, choice: Choice, environ: Mapping[str, str]) -> Finding:
    """What a stage gets and why; a cloud provider is asked once."""
    from ari_app.briefing.engines import cloud
    from ari_app.briefing.trying import tried

    subject, detail = f"briefing {name} {choice.stage}", f"{choice.name} ({choice.why})"
    if choice.is_embedded:
        return ok(subject, detail)
    try:
        engine = cloud(name, profile, choice, environ)
    except SettingsError as error:
        return fail(subject, str(error), f'or write briefing.{name}.{choice.stage} = "auto"')
    try:
        await tried(choice.stage, engine)
    except ProviderError as error:
        found = f"{detail}: {error}"
        if error.retryable:
            return warn(subject, found, "see the provider's status and the network; the next engine below stands in")
        return fail(subject, found, f"correct the key or the model in briefing.{name}.{choice.stage}_options")
    finally:
        if hasattr(engine, "aclose"):
            await engine.aclose()
    return ok(subject, f"{detail}, answers")


def _reference(key: str, name: str) -> Finding:
    from ari_app.briefing.engines import reference

    try:
        reference(name, key)
    except SettingsError as error:
        return fail(key, str(error), "install it where the app runs, or correct module:callable")
    return ok(key, f"{name} can be imported")


def transcribing(settings: Settings, environ: Mapping[str, str]) -> Iterator[Finding]:
    for name, agent in settings.agents.items():
        if agent.transcribe is not None:
            yield _transcribes(f"agent {name} transcribe", agent.transcribe, settings.briefing, environ)


def _transcribes(
    subject: str, name: str, profiles: Mapping[str, BriefingProfile], environ: Mapping[str, str]
) -> Finding:
    """Who would listen: the profile's own recogniser, or that of its fallback."""
    from ari_app.briefing.choosing import choose

    listens = [choose(profiles[each], "stt", environ) for each in (name, profiles[name].fallback) if each]
    able = next((choice for choice in listens if not choice.is_embedded), None)
    if able is None:
        mend = f"let briefing.{name}.stt name a cloud recogniser or your own, or leave transcribe out"
        return fail(subject, f"{listens[0].name} ({listens[0].why}) understands decisions at most", mend)
    return ok(subject, f"{able.name} listens to caller and agent: tell them, where the law asks for it")
