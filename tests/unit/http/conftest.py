"""The API over a fake desk, without and with a token."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from fake_control import TOKEN, FakeControl, settings
from prometheus_client import CollectorRegistry

from ari_app.http.api import build


@pytest.fixture
def control() -> FakeControl:
    return FakeControl()


@pytest.fixture
async def client(control: FakeControl) -> AsyncIterator[httpx.AsyncClient]:
    app = build(control, settings(), CollectorRegistry())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8089") as opened:
        yield opened


@pytest.fixture
async def guarded(control: FakeControl) -> AsyncIterator[httpx.AsyncClient]:
    """The API with a token that the client does not send by itself."""
    app = build(control, settings(TOKEN), CollectorRegistry())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://pbx.example") as opened:
        yield opened
