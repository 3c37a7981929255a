"""What `check` finds, and the mend it names."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ari_app import checks
from ari_app.ari import client as ari_client
from ari_app.briefing import silero
from ari_app.briefing.providers.catalog import CATALOG
from ari_app.checks import Finding, Level, configured, machine, music
from ari_app.checks import asterisk as asterisk_checks
from ari_app.config import Settings
from ari_app.errors import AriError
from ari_app.media import channel as media_channel
from ari_app.media.session import MediaLost
from ari_app.runtime.ports import Fate, Reply
from ari_app.testing.providers.openai import OpenAIServer
from ari_app.testing.providers.server import Fault

LOUD = b"\x00\x10" * 320
GONE = Reply(Fate.REFUSED, 404, message="not found")


class FakeAri:
    """An Asterisk that is as it should be; a test changes one answer."""

    unreachable: str | None = None
    answers: dict[str, Reply] = {}
    music: Any = LOUD
    "What the channel hears in each frame, or why it can't be opened."
    closed: list[str] = []

    def __init__(self, *_: str) -> None:
        self.app = _[-1]

    async def __aenter__(self) -> FakeAri:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.closed.append(self.app)

    async def connect(self) -> None:
        if self.unreachable:
            raise AriError(self.unreachable)

    async def listen(self) -> FakeAri:
        return self

    async def close(self) -> None:
        self.closed.append("events")

    async def call(self, operation: str, **parameters: Any) -> Reply:
        return self.answers.get(operation) or self.answers.get(parameters.get("resource", "")) or Reply(Fate.OK, 200)


class FakeChannel:
    def __init__(self, _: FakeAri, media_id: str, base_url: str, app: str) -> None:
        assert (base_url, app) == ("ws://127.0.0.1:8088", "warm-transfer-check")
        self.id = media_id

    async def open(self) -> FakeChannel:
        if isinstance(FakeAri.music, Exception):
            raise FakeAri.music
        return self

    async def audio(self) -> AsyncIterator[bytes]:
        while True:
            yield FakeAri.music
            await asyncio.sleep(0)

    async def close(self) -> None:
        FakeAri.closed.append("channel")


@pytest.fixture
def asterisk(monkeypatch: pytest.MonkeyPatch) -> type[FakeAri]:
    modules = [{"name": f"{name}.so", "status": "Running"} for name in asterisk_checks.MODULES]
    answers = {
        "asterisk.getInfo": version("22.10.1+dfsg"),
        "asterisk.listModules": Reply(Fate.OK, 200, modules),
        "applications.get": GONE,
        "endpoints.get": Reply(Fate.OK, 200, {"state": "online"}),
    }
    monkeypatch.setattr(FakeAri, "unreachable", None)
    monkeypatch.setattr(FakeAri, "answers", answers)
    monkeypatch.setattr(FakeAri, "music", LOUD)
    monkeypatch.setattr(FakeAri, "closed", [])
    monkeypatch.setattr(ari_client, "AriClient", FakeAri)
    monkeypatch.setattr(media_channel, "MediaChannel", FakeChannel)
    monkeypatch.setattr(music, "LISTENS", 0.02)
    for provider in CATALOG:
        monkeypatch.delenv(provider.key, raising=False)
    return FakeAri


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    return Settings(
        default_agent="front-desk",
        http={"listen": f"127.0.0.1:{port}"},  # type: ignore[arg-type]
        journal={"url": f"sqlite:///{tmp_path}/j.db"},  # type: ignore[arg-type]
        agents={"front-desk": {"endpoint": "PJSIP/front-desk"}},  # type: ignore[dict-item]
        routing_rules={"rr": {"endpoint": "PJSIP/{to}@trunk", "callers": ["1"], "destinations": ["*"]}},  # type: ignore[dict-item]
    )


def version(text: str) -> Reply:
    return Reply(Fate.OK, 200, {"system": {"version": text}})


def of(findings: list[Finding], subject: str) -> Finding:
    return next(finding for finding in findings if finding.subject == subject)


async def test_all_is_well(asterisk: type[FakeAri], settings: Settings, tmp_path: Path) -> None:
    findings = await checks.check(settings)
    assert [finding for finding in findings if finding.level is not Level.OK] == []
    assert of(findings, "music default").detail == "audible"
    assert asterisk.closed == ["warm-transfer", "channel", "events", "warm-transfer-check"]
    assert os.listdir(tmp_path) == []


async def test_an_asterisk_that_does_not_answer_is_one_finding(asterisk: type[FakeAri], settings: Settings) -> None:
    asterisk.unreachable = "Connection refused"
    findings = await checks.check(settings)
    assert findings[-1].level is Level.FAIL and "asterisk.url" in findings[-1].mend
    asterisk.unreachable = "401: Unauthorized"
    assert "asterisk.password" in (await checks.check(settings))[-1].mend


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("22.10.1+dfsg+~cs6", "ok"),
        ("22.11.0-rc1", "ok"),
        ("23.1.0", "ok"),
        ("22.10.0", "warn"),
        ("22.9.3", "warn"),
        ("22.8.2", "fail"),
        ("20.18.1", "fail"),
        ("certified/20.7-cert1", "fail"),
        ("GIT-master-deadbeef", "warn"),
    ],
)
async def test_the_version_counts(asterisk: type[FakeAri], settings: Settings, text: str, level: str) -> None:
    asterisk.answers["asterisk.getInfo"] = version(text)
    assert of(await checks.check(settings), "asterisk version").level == level


@pytest.mark.parametrize(
    ("text", "rule_refers", "told"),
    [
        ("22.10.1+dfsg", True, ["warn: this Asterisk crashes", "warn: this Asterisk crashes"]),
        ("22.11.0", True, ["ok: a REFER of this agent asks", "ok: a supervisor of this rule sends the caller on"]),
        ("22.11.0", False, ["warn: no routing rule", "ok: a REFER of this agent asks"]),
        ("GIT-master", True, ["warn: this Asterisk crashes", "warn: this Asterisk crashes"]),
    ],
)
def test_an_agent_and_a_supervisor_who_refer(text: str, rule_refers: bool, told: list[str]) -> None:
    rule = {"endpoint": "PJSIP/{to}@trunk", "refer": rule_refers}
    agents = {"ai": {"endpoint": "PJSIP/ai", "refer": True}, "other": {"endpoint": "PJSIP/other"}}
    settings = Settings(agents=agents, routing_rules={"rr": rule})  # type: ignore[arg-type]
    found = [f"{each.level}: {each.detail}" for each in asterisk_checks.referring(settings, version(text))]
    assert [line[: len(begins)] for line, begins in zip(found, told, strict=True)] == told


def test_an_agent_that_is_not_reached_by_sip_can_not_refer() -> None:
    with pytest.raises(ValueError, match="refer needs an endpoint PJSIP"):
        Settings(agents={"ai": {"endpoint": "Local/ai@agents", "refer": True}})  # type: ignore[dict-item]


async def test_missing_modules_are_named(asterisk: type[FakeAri], settings: Settings) -> None:
    listed = asterisk.answers["asterisk.listModules"].body
    listed[:] = [module for module in listed if module["name"] != "chan_websocket.so"]
    found = of(await checks.check(settings), "asterisk modules")
    assert (found.level, found.detail) == (Level.FAIL, "missing: chan_websocket.so")


async def test_an_application_somebody_has_is_told(asterisk: type[FakeAri], settings: Settings) -> None:
    asterisk.answers["applications.get"] = Reply(Fate.OK, 200, {})
    assert of(await checks.check(settings), "application").level is Level.WARN


async def test_an_endpoint_asterisk_has_not_got_fails_an_offline_one_warns(
    asterisk: type[FakeAri], settings: Settings
) -> None:
    asterisk.answers["endpoints.get"] = GONE
    findings = await checks.check(settings)
    assert of(findings, "agent front-desk").level is Level.FAIL
    assert "pjsip.conf" in of(findings, "routing rule rr").mend
    asterisk.answers["endpoints.get"] = Reply(Fate.OK, 200, {"state": "offline"})
    assert of(await checks.check(settings), "agent front-desk").level is Level.WARN


async def test_music_nobody_hears_fails(asterisk: type[FakeAri], settings: Settings) -> None:
    asterisk.music = bytes(640)
    found = of(await checks.check(settings), "music default")
    assert found.level is Level.FAIL and "silent" in found.detail
    asterisk.music = MediaLost("404")
    assert "chan_websocket" in of(await checks.check(settings), "music default").mend
    assert asterisk.closed.count("channel") == 2


async def test_a_port_somebody_has_fails(asterisk: type[FakeAri], settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", settings.http.port)):
        found = of(await checks.check(settings), "http.listen")
    assert found.level is Level.FAIL and "Address already in use" in found.detail


async def test_a_journal_nobody_can_write_fails(asterisk: type[FakeAri], settings: Settings) -> None:
    for url in ("sqlite:////no/such/dir/x.db", "mysql://x/y"):
        broken = settings.model_copy(update={"journal": settings.journal.model_copy(update={"url": url})})
        assert of(await checks.check(broken), "journal").level is Level.FAIL


async def test_a_machine_without_speech_fails(
    asterisk: type[FakeAri], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(machine.shutil, "which", lambda _: None)
    monkeypatch.setattr(machine.importlib, "import_module", missing)
    monkeypatch.setattr(silero, "PACKAGE", "no_such_package")
    silero.network.cache_clear()
    findings = await checks.check(settings)
    assert {"espeak-ng", "pocketsphinx", "voice activity"} == {f.subject for f in findings if f.level is Level.FAIL}


async def engines(environ: dict[str, str], **profile: Any) -> dict[str, Finding]:
    settings = Settings(briefing={"default": profile})  # type: ignore[dict-item]
    return {finding.subject: finding async for finding in configured.engines(settings, environ)}


@pytest.mark.parametrize(
    ("profile", "key", "found"),
    [
        ({"stt": "deepgram"}, "briefing default stt", "deepgram needs a key: set DEEPGRAM_API_KEY"),
        ({"tts": "nowhere.at_all:Voice"}, "briefing default tts", "can't be imported"),
        ({"factory": "json:no_such"}, "briefing.default.factory", "json:no_such can't be imported"),
    ],
)
async def test_an_engine_that_can_not_be_had_fails(profile: dict[str, str], key: str, found: str) -> None:
    finding = (await engines({}, **profile))[key]
    assert finding.level is Level.FAIL and found in finding.detail


async def test_auto_says_what_it_takes_and_why() -> None:
    found = await engines({})
    assert found["briefing default stt"].detail == "pocketsphinx (auto: no key of a cloud provider is set, embedded)"
    assert found["briefing default llm"].detail == "none (auto: no key of a cloud provider is set, embedded)"
    assert found["briefing default tts"].detail == "espeak (auto: no key of a cloud provider is set, embedded)"
    german = (await engines({}, language="de"))["briefing default stt"].detail
    assert german.startswith("none (auto: no key") and "keys only" in german


async def test_a_cloud_provider_is_asked_once_and_its_refusal_told_without_the_key() -> None:
    async with OpenAIServer() as server:
        profile = {"llm": "openai", "llm_options": {"base_url": server.url, "api_key": "canary"}}
        assert (await engines({}, **profile))["briefing default llm"].level is Level.OK
        assert len(server.seen) == 1
        server.fail(Fault.UNAUTHORIZED)
        refused = (await engines({}, **profile))["briefing default llm"]
        server.fail(Fault.SERVER_ERROR)
        assert (await engines({}, **profile))["briefing default llm"].level is Level.WARN
    assert refused.level is Level.FAIL and "refuses the key" in refused.detail
    assert "canary" not in str(refused)


def test_settings_that_refuse_everything_are_told() -> None:
    empty = Settings(routing_rules={"rr": {"endpoint": "PJSIP/{to}"}})  # type: ignore[dict-item]
    assert [finding.subject for finding in configured.policy(empty, {}) if finding.level is Level.WARN] == [
        "default_agent",
        "routing rule rr",
        "routing rule rr",
    ]
    assert "routing_rules" in [finding.subject for finding in configured.policy(Settings(), {})]


def test_a_secret_that_signs_nothing_is_told() -> None:
    secret = "whsec_" + "A" * 32
    hooks = {"url": "https://crm.example", "secret_env": "CRM"}
    settings = Settings(webhooks={"crm": hooks}, destination_webhooks={"duty": hooks})  # type: ignore[dict-item]

    def told(environ: dict[str, str]) -> dict[str, Level]:
        return {f.subject: f.level for f in configured.policy(settings, environ) if "webhooks" in f.subject}

    assert told({}) == dict.fromkeys(("webhooks.crm", "destination_webhooks.duty"), Level.FAIL)
    assert told({"CRM": secret}) == dict.fromkeys(("webhooks.crm", "destination_webhooks.duty"), Level.OK)


@pytest.mark.parametrize(
    ("dial", "destinations", "found"),
    [
        ("PJSIP/{to}@trunk-a", ("*",), [("PJSIP/trunk-a", False)]),
        ("PJSIP/trunk-a/sip:{to}@10.0.0.1:5060", ("+1*",), [("PJSIP/trunk-a", True)]),
        ("PJSIP/{to}", ("2001", "2002"), [("PJSIP/2001", False), ("PJSIP/2002", False)]),
        ("PJSIP/{to}", ("2*",), [("PJSIP/{to}", False)]),
    ],
)
def test_the_endpoint_of_a_rule(dial: str, destinations: tuple[str, ...], found: list[tuple[str, bool]]) -> None:
    rule = {"endpoint": dial, "destinations": destinations}
    settings = Settings(routing_rules={"rr": rule})  # type: ignore[dict-item]
    assert [(endpoint, static) for _, endpoint, static in asterisk_checks.endpoints(settings)] == found
