"""Limits are exact: in a burst, with retries, with copies; and whoever declined is left alone for a while."""

import pytest

from ari_app.runtime.cool_downs import CoolDowns
from ari_app.transfer.model import Route
from ari_app.transfer.routing import Rule
from tests.unit.runtime.conftest import World

TWO = {"routing_rule_id": "two", "sip_call_to": "2001"}
THREE = {"routing_rule_id": "three", "sip_call_to": "2002"}


def rule(name, most):
    return Rule(name, "PJSIP/{to}@trunk", destinations=("2???",), max_concurrent=most)


class Crowd:
    """Many callers, each with the agent."""

    def __init__(self, world):
        self.world = world

    async def arrive(self, count):
        for number in range(count):
            self.world.ari.caller_arrives(f"caller-{number}")
        await self.world.settle()
        for runner in list(self.world.desk.live.values()):
            self.world.ari.answers(runner.call.agent.channel_id)
        await self.world.settle()

    def ask(self, number, *destinations, **more):
        asked = {"destinations": list(destinations), **more}
        self.world.desk.user_event("WarmTransferRequest", asked, f"caller-{number}")

    def call(self, number):
        return next(r.call for r in self.world.desk.live.values() if r.call.caller == f"caller-{number}")

    def ringing(self, name):
        calls = [runner.call for runner in self.world.desk.live.values()]
        legs = [call.transfer.attempt for call in calls if call.transfer_in_flight]
        return sum(leg.outcome is None and leg.route.rule == name for leg in legs)

    @property
    def outcomes(self):
        ends = [payload["data"]["outcome"] for payload in self.world.payloads if payload["phase"] == "transfer_failed"]
        return {name: ends.count(name) for name in set(ends)}


@pytest.fixture
async def crowd():
    routing = {"two": rule("two", 2), "three": rule("three", 3)}
    async with World(routing=routing, max_transfers=20).running() as world:
        crowd = Crowd(world)
        await crowd.arrive(12)
        yield crowd


async def test_a_burst_admits_exactly_the_limit(crowd):
    for number in range(12):
        for _ in range(3):
            crowd.ask(number, THREE, request_id=f"r{number}")
    await crowd.world.settle()
    assert crowd.ringing("three") == 3
    assert crowd.outcomes == {"congestion": 27}
    assert sum(crowd.call(number).transfer is not None for number in range(12)) == 3


async def test_the_limit_of_all_transfers_is_exact_too():
    async with World(max_transfers=4, routing={"three": rule("three", 10)}).running() as world:
        crowd = Crowd(world)
        await crowd.arrive(10)
        for number in range(10):
            crowd.ask(number, THREE)
        await world.settle()
        assert (crowd.ringing("three"), crowd.outcomes) == (4, {"congestion": 6})


async def test_a_second_destination_never_goes_over_the_limit(crowd):
    for number in range(12):
        crowd.ask(number, TWO, THREE)
    await crowd.world.settle()
    assert (crowd.ringing("two"), crowd.ringing("three")) == (2, 0)
    # one place of `three` is left, for the two others are kept for those who may still come to it
    crowd.ask(5, THREE)
    crowd.ask(6, THREE)
    await crowd.world.settle()
    assert crowd.ringing("three") == 1
    for number in range(2):
        crowd.world.ari.rejects(crowd.call(number).transfer.attempt.channel_id, 486)
    await crowd.world.settle()
    assert (crowd.ringing("two"), crowd.ringing("three")) == (0, 3)
    # and with `two` behind them, its places are free
    crowd.ask(7, TWO)
    crowd.ask(8, TWO)
    crowd.ask(9, TWO)
    await crowd.world.settle()
    assert (crowd.ringing("two"), crowd.ringing("three")) == (2, 3)


async def test_a_place_is_free_again_when_the_transfer_is_over(crowd):
    crowd.ask(0, TWO)
    crowd.ask(1, TWO)
    await crowd.world.settle()
    crowd.world.ari.rejects(crowd.call(0).transfer.attempt.channel_id, 486)
    await crowd.world.settle()
    crowd.ask(2, TWO)
    crowd.ask(3, TWO)
    await crowd.world.settle()
    assert crowd.ringing("two") == 2
    assert crowd.outcomes == {"congestion": 1}


def to(number):
    return Route("rr", f"PJSIP/{number}", str(number), "")


async def test_whoever_declined_is_left_alone_while_others_can_be_rung():
    async with World().running() as world:
        both = [{"routing_rule_id": "rr", "sip_call_to": number} for number in ("2001", "2002")]

        async def declined(number):
            world.ask(destination=None, destinations=both)
            await world.settle()
            attempt = world.call.transfer.attempt
            assert attempt.route.sip_call_to == number
            world.ari.answers(attempt.channel_id)
            await world.settle()
            world.ari.press(attempt.channel_id, "2")
            await world.settle()

        await world.talking()
        world.cool_downs.seconds["rr"] = 60.0
        await declined("2001")
        world.desk.user_event("WarmTransferCancel", {}, "caller-1")
        await world.settle()
        assert world.call.state.value == "talking"
        world.ask(destination=None, destinations=both)
        await world.settle()
        assert [route.sip_call_to for route in world.call.transfer.request.routes] == ["2002"]


def test_rest_ends_and_is_not_kept_when_nobody_else_is_left():
    rests = CoolDowns({"rr": 60.0})
    rests.rest(to(1), 100.0)
    assert rests.spared([to(1), to(2)], 159.0) == (to(2),)
    assert rests.spared([to(1)], 159.0) == (to(1),)
    rests.rest(to(2), 120.0)
    assert rests.spared([to(1), to(2)], 159.0) == (to(1), to(2))
    assert rests.spared([to(1), to(2)], 160.0) == (to(1),)
    assert rests.spared([to(1), to(2)], 180.0) == (to(1), to(2))
    rests.rest(Route("other", "PJSIP/1", "1", ""), 200.0)
    assert rests.spared([Route("other", "PJSIP/1", "1", ""), to(2)], 201.0)[0].rule == "other"
