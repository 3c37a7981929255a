"""The life of the events connection: order, loss, return. Nothing waits: the pauses are counted, not slept."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import structlog
from aiohttp import web
from stub_asterisk import LISTS, Stub, says

from ari_app.ari import link as link_module
from ari_app.ari import transport
from ari_app.ari.client import AriClient
from ari_app.ari.decode import AriEvent, LeftApp
from ari_app.ari.link import STAND_BACK, AriLink, backoff
from ari_app.runtime.ports import Snapshot


def left(channel: str) -> str:
    return json.dumps({"type": "StasisEnd", "channel": {"id": channel}})


class Story:
    """What the link told, in order, and how long it would have paused."""

    def __init__(self) -> None:
        self.told: asyncio.Queue[Any] = asyncio.Queue()
        self.pauses: list[float] = []
        self.before_trying_again: Callable[[], Any] = lambda: None
        self.refuses: AriEvent | None = None

    def event(self, event: AriEvent) -> None:
        if event == self.refuses:
            raise KeyError("a bug")
        self.told.put_nowait(event)

    def connected(self, snapshot: Snapshot) -> None:
        self.told.put_nowait(snapshot)

    def disconnected(self, reason: str) -> None:
        self.told.put_nowait(reason)

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        await asyncio.sleep(0)
        if step := self.before_trying_again():
            await step

    async def next(self) -> Any:
        async with asyncio.timeout(5):
            return await self.told.get()


@asynccontextmanager
async def running(stub: Stub, story: Story, password: str = "secret") -> AsyncIterator[AriLink]:
    async with AriClient(stub.url, "user", password, "wt") as client:
        link = AriLink(
            client,
            on_event=story.event,
            on_connected=story.connected,
            on_disconnected=story.disconnected,
            pause=float,
            sleep=story.sleep,
        )
        task = asyncio.create_task(link.run())
        try:
            yield link
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def connected(stub: Stub, story: Story) -> web.WebSocketResponse:
    assert isinstance(await story.next(), Snapshot)
    return await stub.sockets.get()


async def test_the_snapshot_comes_before_events_that_arrived_meanwhile(stub: Stub) -> None:
    story = Story()

    async def while_events_arrive(_: web.Request) -> web.StreamResponse:
        socket = await stub.sockets.get()
        await socket.send_str(left("c1"))
        await socket.send_str(left("c2"))
        return web.json_response(LISTS["/ari/channels"])

    stub.answers["/ari/channels"] = while_events_arrive
    async with running(stub, story) as link:
        first, *rest = [await story.next() for _ in range(3)]
        assert link.connected
    assert isinstance(first, Snapshot) and set(first.channels) == {"c1", "c2", "c3"}
    assert rest == [LeftApp("c1"), LeftApp("c2")]


async def test_it_registers_the_app_and_asks_only_for_what_it_reads(stub: Stub) -> None:
    story = Story()
    async with running(stub, story):
        await story.next()
    assert stub.requests[0][2] == {"app": "wt", "subscribeAll": "false"}
    method, path, _, body = stub.requests[1]
    assert (method, path) == ("PUT", "/ari/applications/wt/eventFilter")
    assert {"type": "ChannelUserevent"} in json.loads(body)["allowed"]
    assert {"type": "ChannelVarset"} not in json.loads(body)["allowed"]


async def test_without_the_filter_it_works_as_well(stub: Stub) -> None:
    story = Story()
    stub.answers["/ari/applications/wt/eventFilter"] = says(400, {"message": "Invalid format definition"})
    async with running(stub, story):
        socket = await connected(stub, story)
        await socket.send_str('{"type": "ChannelVarset"}')
        await socket.send_str(left("c1"))
        assert await story.next() == LeftApp("c1")


async def test_a_frame_that_is_no_event_does_not_kill_the_link(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    story = Story()
    monkeypatch.setattr(link_module, "OVERSIZED", 5_000_000)
    async with running(stub, story):
        socket = await connected(stub, story)
        with structlog.testing.capture_logs() as logs:
            for frame in ("{", "[]", "null", "1", '{"type": 3}', '{"type": "StasisStart"}', "[" * 100_000):
                await socket.send_str(frame)
            await socket.send_bytes(b"\x00\xff")
            await socket.send_str('"' + "x" * 5_000_000 + '"')
            await socket.send_str(left("c1"))
            assert await story.next() == LeftApp("c1")
    assert [entry["event"] for entry in logs] == ["event malformed"] * 8


async def test_an_event_nobody_can_take_does_not_kill_the_link(stub: Stub) -> None:
    story = Story()
    story.refuses = LeftApp("c1")
    async with running(stub, story):
        socket = await connected(stub, story)
        with structlog.testing.capture_logs() as logs:
            await socket.send_str(left("c1"))
            await socket.send_str(left("c2"))
            assert await story.next() == LeftApp("c2")
    assert [entry["event"] for entry in logs] == ["event not taken"]


async def test_closed_by_asterisk_it_comes_back(stub: Stub) -> None:
    story = Story()
    async with running(stub, story) as link:
        socket = await connected(stub, story)
        await socket.close()
        assert await story.next() == "closed with code 1000"
        assert not link.connected
        await connected(stub, story)
    assert story.pauses == [0]


async def test_asterisk_absent_at_the_start(stub: Stub) -> None:
    story = Story()
    await stub.stop()
    story.before_trying_again = lambda: stub.start() if len(story.pauses) == 4 else None
    with structlog.testing.capture_logs() as logs:
        async with running(stub, story):
            await connected(stub, story)
    assert story.pauses == [0, 1, 2, 3]
    assert [entry["event"] for entry in logs if entry["log_level"] == "error"] == ["cannot connect to Asterisk"]


async def test_asterisk_restarts(stub: Stub) -> None:
    story = Story()

    def back_after_three() -> Any:
        return stub.start() if len(story.pauses) == 3 else None

    async with running(stub, story):
        socket = await connected(stub, story)
        story.before_trying_again = back_after_three
        await socket.send_str(left("c1"))
        assert await story.next() == LeftApp("c1")
        await stub.stop()
        assert "closed" in await story.next()
        await connected(stub, story)


async def test_a_wrong_password_is_logged_once_and_never_shown(stub: Stub) -> None:
    story = Story()

    def mended() -> None:
        stub.password = "hunter2" if len(story.pauses) == 3 else "secret"

    story.before_trying_again = mended
    with structlog.testing.capture_logs() as logs:
        async with running(stub, story, password="hunter2"):
            await connected(stub, story)
    complaints = [entry for entry in logs if entry["event"] == "cannot connect to Asterisk"]
    assert [c["reason"] for c in complaints] == ["401: Asterisk does not accept the ARI user name and password"]
    assert "hunter2" not in str(logs)


async def test_a_snapshot_that_fails_is_tried_again_from_the_start(stub: Stub) -> None:
    story = Story()
    stub.answers["/ari/bridges"] = says(500)
    story.before_trying_again = stub.answers.clear
    async with running(stub, story):
        assert isinstance(await story.next(), Snapshot)
    assert story.pauses[0] == 0


async def test_events_that_are_refused_are_tried_again(stub: Stub) -> None:
    story = Story()
    stub.answers["/ari/events"] = says(503)
    story.before_trying_again = stub.answers.clear
    with structlog.testing.capture_logs() as logs:
        async with running(stub, story):
            assert isinstance(await story.next(), Snapshot)
    assert "503" in next(entry["reason"] for entry in logs if entry["event"] == "cannot connect to Asterisk")


async def test_replaced_by_another_process_it_stands_back(stub: Stub) -> None:
    story = Story()
    async with running(stub, story):
        socket = await connected(stub, story)
        with structlog.testing.capture_logs() as logs:
            await socket.send_str('{"type": "ApplicationReplaced", "application": "wt"}')
            assert await story.next() == "another connection has taken the application"
        await connected(stub, story)
    assert story.pauses == [STAND_BACK]
    assert logs[0]["event"] == "application taken by another connection" and logs[0]["log_level"] == "error"


async def test_a_half_open_connection_is_noticed(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "HEARTBEAT", 0.02)
    story = Story()
    stub.answers_pings = False
    async with running(stub, story):
        await connected(stub, story)
        assert "ServerTimeoutError" in await story.next()


async def test_cancelled_it_leaves_nothing_behind(stub: Stub) -> None:
    story = Story()
    async with running(stub, story) as link:
        socket = await connected(stub, story)
        before = asyncio.all_tasks()
    assert await story.next() == "cancelled"
    assert not link.connected
    async with asyncio.timeout(5):
        await stub.ended.wait()
    assert socket.closed
    assert asyncio.all_tasks() <= before


def test_pauses_grow_to_a_second_and_differ() -> None:
    for attempt, longest in enumerate([0.1, 0.2, 0.4, 0.8, 1.0, 1.0]):
        assert all(longest / 2 <= backoff(attempt) <= longest for _ in range(20))
    assert backoff(1_000_000) <= 1.0
    assert len({backoff(5) for _ in range(20)}) > 1
