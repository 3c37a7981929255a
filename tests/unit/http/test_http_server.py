"""uvicorn inside a task group of ours."""

from __future__ import annotations

import asyncio
import signal
import socket

import httpx
import pytest
from fake_control import FakeControl, settings
from prometheus_client import CollectorRegistry

from ari_app.errors import SettingsError
from ari_app.http.api import build
from ari_app.http.server import listen, serve


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        found: int = free.getsockname()[1]
        return found


async def answered(client: httpx.AsyncClient, path: str) -> httpx.Response:
    for _ in range(200):
        try:
            return await client.get(path)
        except httpx.ConnectError:
            await asyncio.sleep(0.005)
    raise AssertionError("the server does not answer")


async def test_it_serves_until_cancelled_and_frees_everything(control: FakeControl, port: int) -> None:
    before = signal.getsignal(signal.SIGTERM)
    app = build(control, settings(), CollectorRegistry())
    await control.request_transfer("call_1", {})
    control.tell("tr_1", "started")
    serving = asyncio.ensure_future(serve(app, "127.0.0.1", port))
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        answer = await answered(client, "/healthz")
        assert (answer.status_code, "server" in answer.headers) == (200, False)
        assert signal.getsignal(signal.SIGTERM) is before
        async with client.stream("GET", "/v1/transfers/tr_1/events") as following:
            lines = following.aiter_lines()
            assert await anext(lines) == "id: 1"
            serving.cancel()
            with pytest.raises(asyncio.CancelledError):
                await serving
    assert not control.queues
    listen("127.0.0.1", port).close()


async def test_a_client_that_hangs_up_is_noticed(control: FakeControl, port: int) -> None:
    app = build(control, settings(), CollectorRegistry())
    await control.request_transfer("call_1", {})
    control.tell("tr_1", "started")
    listener = listen("127.0.0.1", port)
    serving = asyncio.ensure_future(serve(app, "127.0.0.1", port, listener=listener))
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        await answered(client, "/healthz")
        async with client.stream("GET", "/v1/transfers/tr_1/events") as following:
            await anext(following.aiter_lines())
            assert control.queues
    async with asyncio.timeout(2):
        await control.left.wait()
    assert not control.queues
    serving.cancel()
    await asyncio.wait({serving})


async def test_a_port_in_use_is_one_clear_line(control: FakeControl) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError, match=rf"^http.listen: 127.0.0.1:{port}: Address already in use; .*$"):
            await serve(build(control, settings(), CollectorRegistry()), "127.0.0.1", port)


async def test_an_address_that_is_not_ours_is_one_clear_line() -> None:
    with pytest.raises(SettingsError, match="http.listen: 192.0.2.1"):
        listen("192.0.2.1", 1)
