"""The contract of the port `Ari`, and the link's life, on a real Asterisk."""

from __future__ import annotations

import asyncio
import itertools
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ari_app.ari.client import AriClient
from ari_app.ari.decode import AriEvent, Entered
from ari_app.ari.link import AriLink
from ari_app.runtime.ports import Fate, Snapshot
from ari_app.testing.ari_contract import AriContract

pytestmark = pytest.mark.sipp
ROOT = Path(__file__).parents[2]
APP = "contract"


def lab_verb(verb: str, folder: Path) -> dict[str, Any]:
    command = [sys.executable, str(ROOT / "asterisk/lab"), verb, "--dir", str(folder)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return dict(json.loads(said)) if said else {}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("lab")
    yield lab_verb("up", folder)
    lab_verb("down", folder)


class RealWorld:
    app = APP

    def __init__(self, client: AriClient) -> None:
        self.ari = client
        self.events: list[AriEvent] = []
        self.lives: list[Snapshot | str] = []
        "Connections and losses, in order."
        self.link = AriLink(client, on_event=self._event, on_connected=self._life, on_disconnected=self._life)
        self._numbers = itertools.count(1)
        self._news = asyncio.Event()

    def _event(self, event: AriEvent) -> None:
        self.events.append(event)
        self._news.set()

    def _life(self, change: Snapshot | str) -> None:
        self.lives.append(change)
        self._news.set()

    def new_id(self, role: str) -> str:
        return f"{role}-{id(self):x}-{next(self._numbers)}"

    async def leg(self) -> str:
        leg = self.new_id("leg")
        reply = await self.ari.call(
            "channels.originateWithId", channelId=leg, endpoint="Local/s@fallback/n", app=APP, timeout=5
        )
        assert reply.ok, reply
        await self.until(lambda: any(isinstance(e, Entered) and e.channel == leg for e in self.events))
        return leg

    async def until(self, check: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not check():
                self._news.clear()
                await self._news.wait()


@pytest.fixture
async def world(lab: dict[str, Any]) -> AsyncIterator[RealWorld]:
    async with AriClient(lab["ari_url"], lab["username"], lab["password"], APP) as client:
        world = RealWorld(client)
        task = asyncio.create_task(world.link.run())
        await world.until(lambda: bool(world.lives))
        yield world
        snapshot = await client.snapshot()
        for channel in snapshot.channels:
            await client.call("channels.hangup", channelId=channel)
        for bridge in snapshot.bridges:
            await client.call("bridges.destroy", bridgeId=bridge)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class TestRealAri(AriContract):
    """The stories, told to Asterisk."""


async def test_every_operation_of_the_app_is_known(world: RealWorld) -> None:
    """The ones that the stories leave out, with every parameter: a misspelt one would have no status."""
    leg, variables = world.new_id("leg"), {"A": "1", "B": {"value": "2", "report_events": True}}
    reply = await world.ari.call(
        "channels.originateWithId", channelId=leg, endpoint="Local/s@fallback/n", app=APP, appArgs="a,b",
        callerId='"Zoé" <+331>', timeout=5, formats="ulaw", body={"variables": variables},
    )  # fmt: skip
    assert reply.ok, reply
    await world.until(lambda: Entered(leg, ("a", "b"), "+331", "Zoé", "Up", {"B": "2"}) in world.events)
    assert (await world.ari.call("channels.getChannelVar", channelId=leg, variable="A")).body == {"value": "1"}
    room = world.new_id("room")
    await world.ari.call("bridges.createWithId", bridgeId=room, type="mixing,dtmf_events", name="room")
    reply = await world.ari.call(
        "bridges.addChannel", bridgeId=room, channel=leg, role="participant", mute=False, absorbDTMF=False,
        inhibitConnectedLineUpdates=True,
    )  # fmt: skip
    assert reply.ok, reply


async def test_a_body_that_is_too_large_is_refused(world: RealWorld) -> None:
    body = {"variables": {"summary": "x" * 41_000}}
    reply = await world.ari.call("events.userEvent", eventName="large", application=APP, body=body)
    assert (reply.fate, reply.status) == (Fate.REFUSED, 413)


async def test_connected_and_ready_within_half_a_second(lab: dict[str, Any]) -> None:
    async with AriClient(lab["ari_url"], lab["username"], lab["password"], "quick") as client, asyncio.timeout(0.5):
        world = RealWorld(client)
        task = asyncio.create_task(world.link.run())
        await world.until(lambda: bool(world.lives))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_asterisk_restarts_and_the_link_is_back(world: RealWorld, lab: dict[str, Any]) -> None:
    leg = await world.leg()
    before = world.lives[-1]
    again = await asyncio.to_thread(lab_verb, "restart", Path(lab["dir"]))
    assert again["ari_url"] == lab["ari_url"], "another lab took the port meanwhile"
    back = asyncio.get_running_loop().time()
    await world.until(lambda: len(world.lives) >= 3 and isinstance(world.lives[-1], Snapshot))
    assert asyncio.get_running_loop().time() - back < 2.0
    after = world.lives[-1]
    assert isinstance(before, Snapshot) and isinstance(after, Snapshot)
    assert isinstance(world.lives[1], str)
    assert after.started != before.started
    assert leg not in after.channels


async def test_a_second_connection_takes_the_app(world: RealWorld, lab: dict[str, Any]) -> None:
    async with AriClient(lab["ari_url"], lab["username"], lab["password"], APP) as other:
        await other.connect()
        async with await other.listen():
            await world.until(lambda: "another connection has taken the application" in world.lives)
            assert not world.link.connected
