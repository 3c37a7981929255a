"""REFER on an Asterisk in memory: of an agent's leg a request like any other, of a supervisor's who has the caller a
blind one; told to the leg as it ends."""

import pytest

from ari_app.runtime.referring import Referring
from ari_app.runtime.views import call_view
from ari_app.transfer.model import Agent, State
from tests.unit.runtime.conftest import CALLER, World, rules


class Referable(World):
    """The agent may refer to what rule rr_refer allows."""

    def __init__(self, refers=True, most=10):
        super().__init__()
        routing = dict(rules().routing)
        name = "rr_refer"
        allowed = {"destinations": ("3???",), "refer": True, "max_concurrent": most, "digits_after_answer": "{ext}#"}
        routing[name] = type(routing["rr"])(name, "PJSIP/{to}@trunk", **allowed)
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


async def test_a_target_may_have_an_extension(world):
    await world.referred("3001;ext=12")
    route = world.call.transfer.attempt.route
    assert (world.call.state, route.endpoint, route.digits) == (State.DIALING, "PJSIP/3001@trunk", "12#")


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


async def connected(world):
    """A supervisor of rule rr_refer has the caller. Their leg."""
    await world.talking()
    world.ask(destination={"routing_rule_id": "rr_refer", "sip_call_to": "3001"})
    await world.settle()
    leg = world.supervisor_leg
    world.ari.answers(leg)
    await world.settle()
    world.ari.press(leg, "1")
    await world.settle()
    assert world.call.state is State.CONNECTED
    return leg


async def sent_on(world, target="3002"):
    leg = await connected(world)
    world.payloads.clear()
    world.ari.refers(leg, target)
    return leg


def together(world, leg):
    """Caller and this leg, in a bridge of their own."""
    bridge = world.ari.channels[CALLER].bridge
    assert bridge is not None
    return {id for id, channel in world.ari.channels.items() if channel.bridge == bridge} == {CALLER, leg}


async def test_a_supervisor_sends_the_caller_on_and_is_out_when_it_is_done(world):
    first = await sent_on(world)
    await world.settle()
    second = world.supervisor_leg
    assert second != first and world.ari.channels[first].variables["PJSIP_TRANSFER_HANDLING()"] == "ari-only"
    assert world.call.transfer.request.is_blind
    world.ari.answers(second)
    await world.settle()
    assert together(world, second) and first not in world.ari.channels
    assert world.notified == [(first, "channel_progress"), (first, "channel_answered")]
    assert (world.call.state, world.phases[-1]) == (State.CONNECTED, "transfer_complete")
    assert [payload["sequence"] for payload in world.payloads] == list(range(1, len(world.payloads) + 1))


async def test_a_supervisor_has_the_caller_again_when_nobody_answers(world):
    first = await sent_on(world)
    await world.settle()
    world.ari.rejects(world.supervisor_leg, 486)
    await world.settle()
    assert together(world, first)
    assert world.notified == [(first, "channel_progress"), (first, "channel_unavailable")]
    assert world.payloads[-2]["data"] == {"to": "supervisor"}
    world.ari.hangs_up(first)
    await world.settle()
    assert CALLER not in world.ari.channels and not world.desk.live


async def test_a_supervisor_who_hangs_up_in_the_same_breath_loses_nobody(world):
    """The hang-up is heard before the request was read."""
    first = await sent_on(world)
    world.ari.hangs_up(first)
    await world.settle()
    assert world.call.state is State.DIALING
    second = world.supervisor_leg
    world.ari.answers(second)
    await world.settle()
    assert together(world, second)


async def test_a_supervisor_who_has_gone_gets_nobody_back(world):
    first = await sent_on(world)
    world.ari.hangs_up(first)
    await world.settle()
    world.ari.rejects(world.supervisor_leg, 486)
    await world.settle()
    assert ("fallback", "s") == (world.ari.made("channels.continueInDialplan")[-1]["context"], "s")


@pytest.mark.parametrize("target", ["2001", "", "3001;x", "31"])
async def test_what_no_rule_allows_leaves_supervisor_and_caller_alone(world, target):
    first = await sent_on(world, target)
    await world.settle()
    assert together(world, first)
    assert (world.notified, world.payloads) == ([(first, "channel_declined")], [])


async def test_who_sends_the_caller_on_holds_a_place_of_the_rule():
    """Two are on the line while the second is rung."""
    async with Referable(most=1).running() as world:
        first = await sent_on(world)
        await world.settle()
        assert together(world, first)
        assert world.notified == [(first, "channel_declined")]
    async with Referable(most=2).running() as world:
        await sent_on(world)
        await world.settle()
        assert world.desk.legs_over("rr_refer") == 2
        world.ari.answers(world.supervisor_leg)
        await world.settle()
        assert world.desk.legs_over("rr_refer") == 1


async def test_before_the_join_a_supervisor_may_not_ask(world):
    await world.talking()
    world.ask(destination={"routing_rule_id": "rr_refer", "sip_call_to": "3001"})
    await world.settle()
    world.ari.answers(world.supervisor_leg)
    await world.settle()
    world.ari.refers(world.supervisor_leg, "3002")
    await world.settle()
    assert world.notified == [(world.supervisor_leg, "channel_declined")]
    assert world.call.state is State.BRIEFING


async def test_a_supervisor_of_another_rule_may_not_ask(world):
    await world.briefing()
    world.ari.press(world.supervisor_leg, "1")
    await world.settle()
    assert "PJSIP_TRANSFER_HANDLING()" not in world.ari.channels[world.supervisor_leg].variables
    world.ari.refers(world.supervisor_leg, "3002")
    await world.settle()
    assert world.notified == [(world.supervisor_leg, "channel_declined")]
    assert together(world, world.supervisor_leg)


async def test_a_call_that_came_without_an_agent_is_sent_on_and_belongs_to_none(world):
    world.ari.caller_arrives(CALLER, "hold")
    await world.settle()
    world.ask(destination={"routing_rule_id": "rr_refer", "sip_call_to": "3001"}, mode="blind")
    await world.settle()
    first = world.supervisor_leg
    world.ari.answers(first)
    await world.settle()
    world.ari.refers(first, "3002")
    await world.settle()
    assert call_view(world.call)["agent"] is None
    world.ari.rejects(world.supervisor_leg, 486)
    await world.settle()
    assert together(world, first) and call_view(world.call)["state"] == "connected"
