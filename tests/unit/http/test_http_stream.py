"""The event stream: from the first phase to the last, without holes, and nothing left when the client goes."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest
from fake_control import FakeControl, settings
from prometheus_client import CollectorRegistry

from ari_app.http import stream
from ari_app.http.api import build

URL = "/v1/transfers/tr_1/events"


@pytest.fixture
async def started(control: FakeControl) -> FakeControl:
    await control.request_transfer("call_1", {})
    control.tell("tr_1", "started", "caller_on_hold")
    return control


def events(text: str) -> list[tuple[int, str]]:
    found = []
    for block in text.split("\n\n"):
        if block and not block.startswith(":"):
            fields = dict(line.split(": ", 1) for line in block.split("\n"))
            payload = json.loads(fields["data"])
            assert (int(fields["id"]), fields["event"]) == (payload["sequence"], payload["phase"])
            found.append((payload["sequence"], payload["phase"]))
    return found


async def followed(control: FakeControl) -> None:
    """The stream has told its history and waits."""
    await control.followed.wait()
    for _ in range(10):
        await asyncio.sleep(0)


async def test_the_stream_of_an_ended_transfer_is_its_history(client: httpx.AsyncClient, started: FakeControl) -> None:
    started.tell("tr_1", "transfer_complete")
    answer = await client.get(URL)
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert events(answer.text) == [(1, "started"), (2, "caller_on_hold"), (3, "transfer_complete")]
    assert not started.queues


async def test_history_then_what_comes_until_the_end(client: httpx.AsyncClient, started: FakeControl) -> None:
    asking = asyncio.ensure_future(client.get(URL))
    await followed(started)
    started.tell("tr_1", "supervisor_dialed", "transfer_failed")
    assert [number for number, _ in events((await asking).text)] == [1, 2, 3, 4]
    assert not started.queues


@pytest.mark.parametrize(("seen", "numbers"), [("1", [2, 3]), ("2", [3]), ("nonsense", [1, 2, 3]), ("-1", [1, 2, 3])])
async def test_a_stream_is_resumed_after_the_last_event(
    client: httpx.AsyncClient, started: FakeControl, seen: str, numbers: list[int]
) -> None:
    started.tell("tr_1", "transfer_cancelled")
    answer = await client.get(URL, headers={"Last-Event-ID": seen})
    assert [number for number, _ in events(answer.text)] == numbers


async def test_who_has_seen_the_end_is_told_not_to_come_back(client: httpx.AsyncClient, started: FakeControl) -> None:
    started.tell("tr_1", "transfer_cancelled")
    assert (await client.get(URL, headers={"Last-Event-ID": "3"})).status_code == 204


async def test_a_phase_between_following_and_history_comes_once(started: FakeControl) -> None:
    genuine = started.phases

    async def late(transfer_id: str) -> list[dict[str, Any]]:
        started.phases = genuine  # type: ignore[method-assign]
        started.tell(transfer_id, "summary_ready")
        history = await genuine(transfer_id)
        started.tell(transfer_id, "transfer_complete")
        return history

    started.phases = late  # type: ignore[method-assign]
    seen = [payload["sequence"] async for payload in stream.phases(started, "tr_1", 0) if payload]
    assert seen == [1, 2, 3, 4]


async def test_a_slow_reader_gets_what_it_missed_from_the_history(started: FakeControl) -> None:
    payloads = stream.phases(started, "tr_1", 0)
    seen = [await anext(payloads), await anext(payloads)]
    started.tell("tr_1", *["attempt_failed"] * 9, "transfer_failed")
    seen += [payload async for payload in payloads]
    assert [payload["sequence"] for payload in seen if payload] == list(range(1, 13))


async def test_silence_is_filled_with_comments(started: FakeControl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "HEARTBEAT", 0.0)
    payloads = stream.phases(started, "tr_1", 2)
    assert await anext(payloads) is None
    assert await anext(payloads) is None
    started.tell("tr_1", "transfer_complete")
    monkeypatch.setattr(stream, "HEARTBEAT", 5.0)
    assert [payload["sequence"] async for payload in payloads if payload] == [3]
    assert stream.KEEP_ALIVE.startswith(":") and stream.KEEP_ALIVE.endswith("\n\n")


@pytest.mark.parametrize("stuck", [False, True])
async def test_a_client_that_goes_leaves_nothing(started: FakeControl, stuck: bool) -> None:
    """`stuck`: it does not even read, so that the app waits in `send`."""
    app = build(started, settings(), CollectorRegistry())
    gone, sent = asyncio.Event(), []

    async def receive() -> dict[str, Any]:
        if not sent:
            await followed(started)
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)
        if stuck and message["type"] == "http.response.body":
            await asyncio.Event().wait()

    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": URL,
        "raw_path": URL.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"127.0.0.1")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8089),
    }
    asking = asyncio.ensure_future(app(scope, receive, send))
    await followed(started)
    assert len(sent) >= 2 and len(started.queues) == 1
    gone.set()
    await asking
    assert not started.queues
