"""REFER of an agent's leg on an Asterisk in memory: a request like any other, told to the leg as it ends."""

import pytest

from ari_app.runtime.referring import Referring
from ari_app.transfer.model import Agent, State
from tests.unit.runtime.conftest import CALLER, World, rules


class Referable(World):
    """The agent may refer to what rule rr_refer allows."""

    def __init__(self, refers=True):
        super().__init__()
        routing = dict(rules().routing)
        name = "rr_refer"
        routing[name] = type(routing["rr"])(name, "PJSIP/{to}@trunk", destinations=("3???",), refer=True)
        self.intake._rules = rules(routing=routing)
        self.desk.policy.agents["front-desk"] = lambda leg: Agent("front-desk", "PJSIP/front-desk", leg, refers=refers)
        self.desk.on_referred = Referring(routing, self.desk, self.intake).on_referred

    @property
    def notified(self):
        return [(made["channelId"], made["states"]) for made in self.ari.made("channels.transfer_progress")]

    async def referred(self, target="3001", by=None):
        await self.talking()
        leg = by or self.agent_leg
        self.ari.refers(leg, target)
        await self.settle()
        return leg


@pytest.fixture
async def world():
    async with Referable().running() as world:
        yield world


async def test_one_refer_is_one_transfer_and_its_success_is_told_before_the_leg_is_hung_up(world):
    leg = await world.referred()
    assert world.call.state is State.DIALING and len(world.ari.made("channels.originateWithId")) == 2
    assert world.ari.channels[leg].variables["PJSIP_TRANSFER_HANDLING()"] == "ari-only"
    world.ari.answers(world.supervisor_leg)
    await world.settle()
    world.ari.press(world.supervisor_leg, "1")
    await world.settle()
    assert world.notified == [(leg, "channel_progress"), (leg, "channel_answered")]
    made = [(each.operation, each.parameters.get("channelId")) for each in world.ari.calls]
    assert made.index(("channels.transfer_progress", leg)) < made.index(("channels.hangup", leg))


@pytest.mark.parametrize(
    "code, told", [(486, "channel_unavailable"), (404, "channel_unavailable"), (603, "channel_declined")]
)
async def test_a_failure_is_told_when_the_caller_is_back(world, code, told):
    leg = await world.referred()
    world.ari.rejects(world.supervisor_leg, code)
    await world.settle()
    assert world.call.state is State.TALKING
    assert world.notified == [(leg, "channel_progress"), (leg, told)]


@pytest.mark.parametrize("target", ["2001", "", "3001;x", "31"])
async def test_a_target_no_referable_rule_allows_is_declined_and_touches_nothing(world, target):
    leg = await world.referred(target)
    assert world.notified == [(leg, "channel_declined")]
    assert (world.call.state, world.payloads) == (State.TALKING, [])


async def test_only_the_agents_leg_may_ask(world):
    await world.referred(by=CALLER)
    assert world.notified == [(CALLER, "channel_declined")]
    assert world.call.state is State.TALKING


async def test_an_agent_without_the_setting_is_declined():
    async with Referable(refers=False).running() as world:
        leg = await world.referred()
        assert world.notified == [(leg, "channel_declined")]
        assert "PJSIP_TRANSFER_HANDLING()" not in world.ari.channels[leg].variables
        assert world.call.state is State.TALKING


async def test_a_second_refer_leaves_the_first_one_its_answer(world):
    leg = await world.referred()
    world.ari.refers(leg, "3001")
    world.ari.refers(leg, "9999")
    await world.settle()
    world.ari.rejects(world.supervisor_leg, 486)
    await world.settle()
    assert world.notified == [(leg, "channel_progress"), (leg, "channel_unavailable")]
    world.ari.refers(leg, "3001")
    await world.settle()
    assert world.call.state is State.DIALING
