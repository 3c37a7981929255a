from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from stub_asterisk import Stub

from ari_app.ari.client import AriClient


@pytest.fixture
async def stub() -> AsyncIterator[Stub]:
    stub = Stub()
    await stub.start()
    yield stub
    await stub.stop()


@pytest.fixture
async def client(stub: Stub) -> AsyncIterator[AriClient]:
    """Connected."""
    async with AriClient(stub.url, "user", "secret", "wt") as client:
        await client.connect()
        yield client
