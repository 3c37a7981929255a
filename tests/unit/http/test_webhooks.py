"""Webhooks: signed, in order, tried again, and still there after a restart."""

from __future__ import annotations

import asyncio
import json
import socket
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog
from aiohttp import web
from fake_control import phase
from receiver import OTHER_SECRET, SECRET, Receiver, is_genuine

from ari_app.config import Settings, Webhook
from ari_app.errors import JournalError, RequestRefused, SettingsError
from ari_app.http import webhooks as sending
from ari_app.http.posting import retry_after
from ari_app.http.signing import keys_of, signed
from ari_app.http.webhooks import Webhooks, encoded, opened
from ari_app.testing.fakes import ManualClock

PHASES = ("started", "caller_on_hold", "supervisor_dialed", "briefing_started", "call_switched", "transfer_complete")


def told(transfer_id: str = "tr_1", *names: str, after: int = 0) -> list[dict[str, Any]]:
    return [phase(transfer_id, number, name) for number, name in enumerate(names or PHASES, after + 1)]


class Sender:
    """One life of the app's webhooks."""

    def __init__(self, webhooks: Webhooks, clock: ManualClock) -> None:
        self.webhooks, self.clock = webhooks, clock

    def publish(self, payloads: list[dict[str, Any]]) -> None:
        for payload in payloads:
            self.webhooks.publish(payload)

    async def flushed(self) -> None:
        async with asyncio.timeout(20):
            await self.webhooks.flushed()

    def counts(self, name: str = "crm") -> tuple[int, int, int]:
        counts = self.webhooks.counts()[name]
        return counts.delivered, counts.failed, counts.pending


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/journal.db"


@asynccontextmanager
async def life(url: str, clock: ManualClock, **hooks: Any) -> AsyncIterator[Sender]:
    """`hooks`: name → url or settings of a webhook."""
    given = {name: hook if isinstance(hook, dict) else {"url": hook} for name, hook in hooks.items()}
    settings = {name: Webhook(**{"secret": SECRET, **hook}) for name, hook in given.items()}
    receivers = [sending.Receiver.of(name, webhook, {}) for name, webhook in settings.items()]
    async with opened(receivers, url, clock) as webhooks:
        running = asyncio.create_task(webhooks.run())
        await asyncio.sleep(0)
        try:
            yield Sender(webhooks, clock)
        finally:
            running.cancel()
            await asyncio.wait({running})


def on_disk(url: str) -> list[tuple[str, str, int]]:
    file = url.removeprefix("sqlite:///").replace("journal.db", "journal.webhooks.db")
    with sqlite3.connect(file) as spool:
        found = spool.execute("SELECT webhook, transfer_id, sequence FROM webhook_spool ORDER BY 1, 2, 3").fetchall()
    spool.close()
    return found


def left_in(folder: Path) -> list[Path]:
    return list(folder.iterdir())


def nowhere() -> str:
    """An address where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}/hook"


async def test_every_phase_arrives_signed_and_in_order(url: str, clock: ManualClock) -> None:
    async with Receiver() as receiver, life(url, clock, crm=receiver.url) as sender:
        sender.publish(told())
        await sender.flushed()
        assert sender.counts() == (6, 0, 0)
    assert receiver.sequences == [1, 2, 3, 4, 5, 6] and receiver.forged == 0
    assert [id for id, _ in receiver.tries] == [f"tr_1_{number}" for number in range(1, 7)]
    first = receiver.taken[0]
    assert first == {"type": "warm_transfer.started", "timestamp": "1970-01-01T00:00:01.000Z", "data": told()[0]}
    assert on_disk(url) == []


def test_the_signature_is_that_of_the_specification() -> None:
    """Headers and secrets as a stranger reads them; the key that is being replaced signs as well."""
    webhook = Webhook(url="https://crm.example/hook", secret=f"{SECRET} {OTHER_SECRET}")  # type: ignore[arg-type]
    headers = signed("tr_1_1", b"{}", keys_of("crm", webhook, {}), 1_700_000_000.9)
    assert (headers["webhook-id"], headers["webhook-timestamp"]) == ("tr_1_1", "1700000000")
    assert is_genuine(headers, b"{}", SECRET) and is_genuine(headers, b"{}", OTHER_SECRET)
    assert not is_genuine(headers, b"{ }", SECRET)


def test_the_receiver_of_the_how_to_knows_a_genuine_webhook() -> None:
    page = Path(__file__).parents[3] / "docs" / "how-to" / "get-told-by-webhook.md"
    names: dict[str, Any] = {}
    exec(page.read_text("utf-8").split("```python\n")[1].split("```")[0], names)
    webhook = Webhook(url="https://crm.example", secret=SECRET)  # type: ignore[arg-type]
    body, keys = encoded(told()[0]), keys_of("crm", webhook, {})
    headers = signed("tr_1_1", body, keys, time.time())
    assert names["received"](headers, body, SECRET)["type"] == "warm_transfer.started"
    for forged in ((headers, body + b" ", SECRET), (signed("tr_1_1", body, keys, 1.0), body, SECRET)):
        with pytest.raises(ValueError):
            names["received"](*forged)
    with pytest.raises(ValueError):
        names["received"](headers, body, OTHER_SECRET)


async def test_only_the_phases_that_are_wanted(url: str, clock: ManualClock) -> None:
    async with Receiver() as receiver:
        hook = {"url": receiver.url, "phases": ("call_switched", "transfer_complete")}
        async with life(url, clock, crm=hook) as sender:
            sender.publish(told())
            await sender.flushed()
    assert receiver.sequences == [5, 6]


async def test_a_dead_receiver_and_a_silent_one_delay_nobody(url: str, clock: ManualClock) -> None:
    async with Receiver() as alive, Receiver() as silent:
        silent.held = asyncio.Event()
        async with life(url, clock, alive=alive.url, dead=nowhere(), silent=silent.url) as sender:
            sender.publish(told())
            await alive.tried(6)
            assert alive.sequences == [1, 2, 3, 4, 5, 6]
            await silent.tried(1)
            assert sender.counts("silent") == (0, 0, 6)
            silent.held.set()
            await sender.flushed()
            assert sender.counts("dead") == (0, 0, 6)


async def test_who_was_away_gets_everything_in_order_when_the_time_has_come(url: str, clock: ManualClock) -> None:
    away = Receiver(answer=lambda said: 204 if clock.now() >= 1_006 else 500)
    async with away, life(url, clock, crm=away.url) as sender:
        sender.publish(told())
        await sender.flushed()
        assert (away.taken, len(away.tries)) == ([], 1)
        clock.advance(6.1)
        await away.tried(7)
        await sender.flushed()
    assert away.sequences == [1, 2, 3, 4, 5, 6]
    assert away.tries[0] == away.tries[1], "the same id and body in every try"


async def test_the_next_transfer_finds_out_that_the_receiver_is_back(url: str, clock: ManualClock) -> None:
    state = {"up": False}
    receiver = Receiver(answer=lambda said: 204 if state["up"] else 503)
    async with receiver, life(url, clock, crm=receiver.url) as sender:
        sender.publish(told("tr_1"))
        await sender.flushed()
        state["up"] = True
        sender.publish(told("tr_2"))
        await receiver.tried(13)
        await sender.flushed()
        assert sender.counts() == (12, 0, 0)
    for transfer in ("tr_1", "tr_2"):
        mine = [said["data"]["sequence"] for said in receiver.taken if said["data"]["transfer_id"] == transfer]
        assert mine == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("status", [302, 400, 404])
async def test_a_refusal_is_final_and_the_next_phase_goes_on(url: str, clock: ManualClock, status: int) -> None:
    location = web.Response(status=status, headers={"Location": "/elsewhere"})
    receiver = Receiver(answer=lambda said: location if said["data"]["sequence"] == 1 else 204)
    async with receiver, life(url, clock, crm=receiver.url) as sender:
        sender.publish(told())
        await sender.flushed()
        assert sender.counts() == (5, 1, 0)
    assert len(receiver.tries) == 6


async def test_who_wants_no_more_is_left_alone_until_the_next_life(url: str, clock: ManualClock) -> None:
    receiver = Receiver(answer=lambda said: 410)
    async with receiver, life(url, clock, crm=receiver.url) as sender:
        sender.publish(told())
        await sender.flushed()
        sender.publish(told("tr_2"))
        await sender.flushed()
        assert (len(receiver.tries), sender.counts()) == (1, (0, 6, 0))
        assert on_disk(url) == []
    receiver.answer = lambda said: 204
    async with receiver, life(url, clock, crm=receiver.url) as sender:
        sender.publish(told("tr_3"))
        await sender.flushed()
        assert sender.counts() == (6, 0, 0)


async def test_too_many_requests_are_followed_by_quiet(url: str, clock: ManualClock) -> None:
    later = web.Response(status=429, headers={"Retry-After": "60"})
    receiver = Receiver(answer=lambda said: later if clock.now() < 1_060 else 204)
    async with receiver, life(url, clock, crm=receiver.url) as sender:
        sender.publish(told("tr_1"))
        await sender.flushed()
        sender.publish(told("tr_2"))
        await sender.flushed()
        clock.advance(59)
        await sender.flushed()
        assert len(receiver.tries) == 1
        clock.advance(1)
        await receiver.tried(13)
        await sender.flushed()
        assert sender.counts() == (12, 0, 0)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("0", 0), ("120", 120), ("-5", 0), ("soon", 0), ("", 0), ("9" * 400, 0), ("Thu, 01 Jan 1970 00:01:00 GMT", 50)],
)
def test_retry_after_as_receivers_write_it(value: str, seconds: float) -> None:
    assert retry_after(value, now=10.0) == seconds


async def test_a_life_that_ends_in_mid_delivery_is_continued_by_the_next(url: str, clock: ManualClock) -> None:
    async with Receiver() as receiver:
        receiver.held = asyncio.Event()
        async with life(url, clock, crm=receiver.url) as sender:
            sender.publish(told())
            await receiver.tried(1)
        assert len(on_disk(url)) == 6
        receiver.held = None
        receiver.taken.clear()
        async with life(url, clock, crm=receiver.url) as sender:
            await sender.flushed()
        assert receiver.sequences == [1, 2, 3, 4, 5, 6]
        assert receiver.tries[0] == receiver.tries[1], "what may have arrived comes again with the same id"
        assert on_disk(url) == []


async def test_what_was_published_last_is_on_disk_when_the_app_has_ended(url: str, clock: ManualClock) -> None:
    async with life(url, clock, crm=nowhere()) as sender:
        sender.publish(told())
    assert [sequence for _, _, sequence in on_disk(url)] == [1, 2, 3, 4, 5, 6]


async def test_what_a_crash_left_between_journal_and_spool_is_taken_over(url: str, clock: ManualClock) -> None:
    """The journal has six phases of the first transfer, the spool got three; nothing of the second one, which goes on.
    The third ended long ago and the fourth is not in the journal any more."""
    journal = {"tr_1": told("tr_1"), "tr_2": told("tr_2", "started"), "tr_3": told("tr_3")}

    async def history(transfer_id: str) -> list[dict[str, Any]]:
        if transfer_id not in journal:
            raise RequestRefused("no such transfer", status=404)
        return journal[transfer_id]

    async with Receiver() as receiver:
        async with life(url, clock, crm=receiver.url) as sender:
            sender.publish([*journal["tr_1"][:3], *told("tr_3"), *told("tr_4", "started")])
            await sender.flushed()
        receiver.taken.clear()
        for expected in (["tr_1_4", "tr_1_5", "tr_1_6", "tr_2_1"], []):
            seen = len(receiver.tries)
            async with life(url, clock, crm=receiver.url) as sender:
                await sender.webhooks.catch_up(history, ["tr_2", "tr_3"])
                await sender.flushed()
            assert sorted(id for id, _ in receiver.tries[seen:]) == expected


async def test_a_burst_arrives_whole_and_each_transfer_in_order(url: str, clock: ManualClock) -> None:
    async with Receiver() as receiver, life(url, clock, crm=receiver.url, dead=nowhere()) as sender:
        for number in range(1, 11):
            for transfer in range(100):
                sender.publish([phase(f"tr_{transfer}", number, "supervisor_ringing")])
        await sender.flushed()
        assert sender.counts() == (1_000, 0, 0)
    for transfer in range(100):
        mine = [said["data"]["sequence"] for said in receiver.taken if said["data"]["transfer_id"] == f"tr_{transfer}"]
        assert mine == list(range(1, 11))


async def test_the_spool_is_bounded_and_the_oldest_go(url: str, clock: ManualClock) -> None:
    hook = {"url": nowhere(), "most_waiting": 100}
    async with life(url, clock, crm=hook) as sender:
        with structlog.testing.capture_logs() as logs:
            sender.publish([phase(f"tr_{number:03}", 1, "started") for number in range(250)])
            await sender.flushed()
        assert sender.counts() == (0, 150, 100)
    assert [transfer for _, transfer, _ in on_disk(url)] == [f"tr_{number:03}" for number in range(150, 250)]
    assert len([line for line in logs if "too much waiting" in line["event"]]) == 1


async def test_a_spool_that_breaks_delays_nobody(url: str, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Receiver() as receiver, life(url, clock, crm=receiver.url) as sender:
        with monkeypatch.context() as broken:

            async def full(*_: object) -> None:
                raise JournalError("no space left on device")

            broken.setattr(sender.webhooks._spool, "write", full)
            sender.publish(told())
            await receiver.tried(6)
        clock.advance(1.0)
        await sender.flushed()
        assert (sender.counts(), receiver.sequences) == ((6, 0, 0), [1, 2, 3, 4, 5, 6])


async def test_what_waits_for_a_webhook_nobody_has_any_more_is_thrown_away(url: str, clock: ManualClock) -> None:
    async with life(url, clock, old=nowhere()) as sender:
        sender.publish(told())
    async with life(url, clock, crm=nowhere()) as sender:
        await sender.flushed()
    assert on_disk(url) == []


async def test_without_webhooks_nothing_is_kept(url: str, clock: ManualClock, tmp_path: Path) -> None:
    async with life(url, clock) as sender:
        sender.publish(told())
        await sender.flushed()
    assert not left_in(tmp_path)


async def test_neither_bodies_nor_secrets_nor_addresses_are_logged(url: str, clock: ManualClock) -> None:
    later = web.Response(status=500, text="canary-answer")
    receiver = Receiver(answer=lambda said: 404 if said["data"]["sequence"] == 1 else later)
    with structlog.testing.capture_logs() as logs:
        async with receiver, life(url, clock, crm=receiver.url) as sender:
            sender.publish([payload | {"metadata": "canary-body"} for payload in told()])
            await sender.flushed()
    text = json.dumps(logs)
    assert "refused a phase" in text and "tried again" in text
    assert "canary" not in text and SECRET not in text and receiver.url not in text


def test_a_body_is_one_line_of_plain_json_whatever_it_says() -> None:
    odd = phase("tr_1", 1, "started") | {"metadata": {"half a pair": "\ud800", "line": "a\nb"}}
    body = encoded(odd)
    assert b"\n" not in body and json.loads(body)["data"] == odd


# The settings


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"url": "http://crm.example/hook"}, "https"),
        ({"url": "https://user:pass@crm.example/hook"}, "url"),
        ({"url": "ftp://crm.example"}, "url"),
        ({"secret": ""}, "secret"),
        ({"secret_env": "CRM_SECRET"}, "secret"),
        ({"phases": ["began"]}, "phases"),
        ({"timeout": 0}, "timeout"),
        ({"secrets": []}, "secrets"),
    ],
)
def test_settings_that_can_not_be_meant(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        Settings(webhooks={"crm": {"url": "https://crm.example/hook", "secret": SECRET, **changes}})


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:9/hook", "http://localhost/", "http://[::1]:9/", "https://crm.x"]
)
def test_addresses_that_need_no_permission(address: str) -> None:
    assert Webhook(url=address, secret=SECRET).url == address  # type: ignore[arg-type]


def test_plain_http_needs_to_be_allowed() -> None:
    assert Webhook(url="http://crm.lan/hook", secret=SECRET, allow_http=True).allow_http  # type: ignore[arg-type]


def test_a_secret_comes_from_a_file_or_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(f"{SECRET}\n{OTHER_SECRET}\n")
    from_file = Webhook(url="https://crm.example", secret_file=file)
    from_environment = Webhook(url="https://crm.example", secret_env="CRM_SECRET")
    assert len(keys_of("crm", from_file, {})) == 2
    assert keys_of("crm", from_environment, {"CRM_SECRET": SECRET}) == keys_of("crm", from_file, {})[:1]
    file.unlink()
    for webhook in (from_file, from_environment):
        with pytest.raises(SettingsError, match=r"webhooks\.crm\.secret_"):
            keys_of("crm", webhook, {})


@pytest.mark.parametrize("secret", ["hunter2", "whsec_hunter2", "whsec_c2hvcnQ=", "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"])
def test_a_secret_that_is_none_is_named_but_not_told(secret: str) -> None:
    with pytest.raises(SettingsError, match=r"webhooks\.crm\.secret: ") as refused:
        keys_of("crm", Webhook(url="https://crm.example", secret=secret), {})  # type: ignore[arg-type]
    assert secret not in str(refused.value)
