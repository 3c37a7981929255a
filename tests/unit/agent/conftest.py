"""An agent's session at a fake Asterisk."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from fake_asterisk import CHANNEL, LOGIN, FakeAsterisk

from ari_app import AgentSession, SIPDestination, WarmTransferConfig


@pytest.fixture
async def asterisk() -> AsyncIterator[FakeAsterisk]:
    fake = FakeAsterisk()
    await fake.start()
    yield fake
    await fake.stop()


@pytest.fixture
async def session(asterisk: FakeAsterisk) -> AsyncIterator[AgentSession]:
    username, password = LOGIN
    async with AgentSession(
        ari_url=asterisk.url, username=username, password=password, channel_id=CHANNEL, started_within=0.5
    ) as opened:
        yield opened


@pytest.fixture
def config() -> WarmTransferConfig:
    return WarmTransferConfig(
        destination=SIPDestination(routing_rule_id="rr_x", sip_call_to="+14155550123"), request_id="case-1"
    )
