"""Asterisk: its version and modules, the endpoints, and the music, which is listened to."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any

from ari_app.checks import music
from ari_app.checks.findings import Finding, fail, ok, warn
from ari_app.config import Settings
from ari_app.errors import AriError

if TYPE_CHECKING:
    from ari_app.ari.client import AriClient

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


async def look(settings: Settings, running: bool) -> AsyncIterator[Finding]:
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
        for finding in referring(settings, version):
            yield finding
        for finding in _modules(await client.call("asterisk.listModules")):
            yield finding
        yield _application(asterisk.app, await client.call("applications.get", applicationName=asterisk.app), running)
        for subject, endpoint, is_static in endpoints(settings):
            yield await _endpoint(client, subject, endpoint, is_static)
    rules = (rule.moh_class for rule in settings.routing_rules.values())
    for moh_class in dict.fromkeys((settings.hold.moh_class, *filter(None, rules))):
        yield await music.listen(settings, moh_class)


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


def referring(settings: Settings, reply: Any) -> Iterator[Finding]:
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
