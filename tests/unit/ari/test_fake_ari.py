"""The fake keeps the contract, and its knobs and its outside world do what they say."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from ari_app.ari.decode import (
    AriEvent,
    Destroyed,
    Entered,
    EnteredBridge,
    HangupRequested,
    LeftApp,
    LeftBridge,
    Pressed,
    Ringing,
)
from ari_app.errors import AriError
from ari_app.runtime.ports import Fate
from ari_app.testing.ari_contract import AriContract
from ari_app.testing.fake_ari import FakeAri


class FakeWorld:
    app = "wt"

    def __init__(self) -> None:
        self.events: list[AriEvent] = []
        self.ari = FakeAri(self.app, self.events.append)
        self.ari.no_such_endpoints.add("PJSIP/no-such-endpoint")
        self._numbers = itertools.count(1)

    def new_id(self, role: str) -> str:
        return f"{role}-{next(self._numbers)}"

    async def leg(self) -> str:
        leg = self.new_id("leg")
        await self.ari.call("channels.originateWithId", channelId=leg, endpoint="Local/s@fallback/n", app=self.app)
        self.ari.answers(leg)
        return leg

    async def until(self, check: Callable[[], bool]) -> None:
        assert check()


class TestFakeAri(AriContract):
    @pytest.fixture
    def world(self) -> FakeWorld:
        return FakeWorld()


@pytest.fixture
def events() -> list[AriEvent]:
    return []


@pytest.fixture
def ari(events: list[AriEvent]) -> FakeAri:
    return FakeAri("wt", events.append, apps=("agent",))


async def dialed(ari: FakeAri) -> None:
    await ari.call("channels.originateWithId", channelId="s", endpoint="PJSIP/s", app="wt", appArgs="leg")


async def test_a_caller_arrives_presses_and_leaves(ari: FakeAri, events: list[AriEvent]) -> None:
    ari.caller_arrives("c", "hold", number="+33", name="Zoé", WT="1")
    ari.press("c", "5")
    ari.hangs_up("c")
    assert events == [
        Entered("c", ("hold",), "+33", "Zoé", "Ring", {"WT": "1"}),
        Pressed("c", "5"),
        HangupRequested("c", 16),
        LeftApp("c"),
        Destroyed("c", 16),
    ]


async def test_a_supervisor_rings_and_answers(ari: FakeAri, events: list[AriEvent]) -> None:
    await dialed(ari)
    assert (await ari.call("bridges.createWithId", bridgeId="b")).ok
    ari.rings("s")
    assert (await ari.call("bridges.addChannel", bridgeId="b", channel="s")).status == 422
    ari.answers("s")
    assert (await ari.call("bridges.addChannel", bridgeId="b", channel="s")).ok
    ari.hangs_up("s")
    assert events == [
        Ringing("s"),
        Entered("s", ("leg",), state="Up"),
        EnteredBridge("b", "s"),
        HangupRequested("s", 16),
        LeftBridge("b", "s"),
        LeftApp("s"),
        Destroyed("s", 16),
    ]


async def test_a_supervisor_is_busy(ari: FakeAri, events: list[AriEvent]) -> None:
    await dialed(ari)
    ari.rejects("s", 486)
    assert events == [HangupRequested("s", 17, 486), Destroyed("s", 17, 486)]


async def test_a_supervisor_does_not_answer(ari: FakeAri, events: list[AriEvent]) -> None:
    await dialed(ari)
    ari.rings_out("s")
    assert events == [Destroyed("s", 19, 480)]


async def test_a_caller_who_was_moved_away_is_not_ours_to_hear_of(ari: FakeAri, events: list[AriEvent]) -> None:
    ari.caller_arrives("c")
    await ari.call("channels.move", channelId="c", app="agent")
    ari.hangs_up("c")
    assert events == [Entered("c", state="Ring"), LeftApp("c"), HangupRequested("c", 16)]


async def test_refused_once(ari: FakeAri) -> None:
    ari.refuse("bridges.createWithId", 422, "no")
    reply = await ari.call("bridges.createWithId", bridgeId="b")
    assert (reply.fate, reply.status, reply.message) == (Fate.REFUSED, 422, "422: no")
    assert ari.bridges == {}
    assert (await ari.call("bridges.createWithId", bridgeId="b")).ok


@pytest.mark.parametrize("done", [True, False])
async def test_lost(ari: FakeAri, done: bool) -> None:
    ari.lose("bridges.createWithId", done=done)
    reply = await ari.call("bridges.createWithId", bridgeId="b")
    assert (reply.fate, reply.status) == (Fate.UNKNOWN, None)
    assert ("b" in ari.bridges) is done


async def test_delayed_within_and_past_the_deadline() -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    ari = FakeAri("wt", sleep=sleep)
    ari.delay("bridges.createWithId", 1.0)
    ari.delay("bridges.createWithId", 5.0)
    assert (await ari.call("bridges.createWithId", bridgeId="a")).ok
    assert (await ari.call("bridges.createWithId", bridgeId="b", deadline=2.0)).fate is Fate.UNKNOWN
    assert slept == [1.0, 2.0]
    assert set(ari.bridges) == {"a"}


async def test_out_of_reach(ari: FakeAri) -> None:
    ari.reachable = False
    assert (await ari.call("bridges.createWithId", bridgeId="b")).fate is Fate.UNKNOWN
    with pytest.raises(AriError):
        await ari.snapshot()


async def test_a_restart_leaves_nothing(ari: FakeAri) -> None:
    ari.caller_arrives("c")
    before = (await ari.snapshot()).started
    ari.restarts()
    after = await ari.snapshot()
    assert after.started != before and not after.channels


async def test_a_misspelt_request_fails_the_test(ari: FakeAri) -> None:
    with pytest.raises(AttributeError):
        await ari.call("channels.explode")
    with pytest.raises(TypeError):
        await ari.call("channels.hangup", channel="c")
    with pytest.raises(TypeError):
        await ari.call("channels.hangup")


async def test_requests_are_remembered(ari: FakeAri) -> None:
    ari.caller_arrives("c")
    await ari.call("channels.startMoh", channelId="c", mohClass="jazz")
    await ari.call("channels.stopMoh", channelId="c")
    assert [call.operation for call in ari.calls] == ["channels.startMoh", "channels.stopMoh"]
    assert ari.made("channels.startMoh") == [{"channelId": "c", "mohClass": "jazz"}]
