"""Requests: validated as a whole; a refused one touches nothing and is told once."""

import asyncio

import pytest

from ari_app.runtime.desk import ARRIVAL_PATIENCE
from ari_app.runtime.intake import RETELL_AFTER
from ari_app.transfer.model import State
from tests.unit.runtime.conftest import CALLER, World

GOOD = {"routing_rule_id": "rr", "sip_call_to": "2001"}


@pytest.mark.parametrize(
    ("variables", "key"),
    [
        ({"destination": None}, "destination"),
        ({"destination": {**GOOD, "routing_rule_id": "rr_unknown"}}, "routing_rule_id"),
        ({"destination": {**GOOD, "sip_call_to": "9999"}}, "sip_call_to"),
        ({"destination": {**GOOD, "sip_call_to": "2001&PJSIP/9"}}, "sip_call_to"),
        ({"destination": {**GOOD, "sip_call_to": "2001@evil"}}, "sip_call_to"),
        ({"destination": {**GOOD, "sip_call_from": "+19995550100"}}, "sip_call_from"),
        ({"destination": {**GOOD, "headers": {"From": "x"}}}, "headers"),
        ({"destination": {**GOOD, "headers": {"X-A": "a\r\nVia: b"}}}, "headers"),
        ({"destinations": [GOOD]}, "destination"),
        ({"surprise": 1}, "surprise"),
        ({"strategy": "sideways"}, "strategy"),
        ({"mode": "tepid"}, "mode"),
        ({"destination": None, "destinations": [GOOD] * 11, "strategy": "ring_all"}, "destinations"),
        ({"supervisor_join_timeout": -1}, "supervisor_join_timeout"),
        ({"supervisor_join_timeout": float("nan")}, "supervisor_join_timeout"),
        ({"briefing_profile": "unknown"}, "briefing_profile"),
        ({"introduces": True}, "introduces"),
        ({"chat_history": "hello"}, "chat_history"),
        ({"chat_history": [{"role": "user", "content": "x" * 20_000}]}, "chat_history"),
        ({"metadata": {"x": "y" * 20_000}}, "metadata"),
    ],
)
async def test_refused_requests_change_nothing(world, variables, key):
    await world.talking()
    world.ari.calls.clear()
    world.ask(request_id="r1", **variables)
    await world.settle()
    assert [made.operation for made in world.ari.calls] == ["events.userEvent"]
    (payload,) = world.payloads
    assert (payload["phase"], payload["sequence"], payload["request_id"]) == ("transfer_failed", 1, "r1")
    assert payload["data"]["outcome"] == payload["data"]["result"]["outcome"] == "refused"
    assert key in payload["data"]["reason"]
    assert world.call.state is State.TALKING


async def test_a_request_for_no_call_is_refused(world):
    world.desk.user_event("WarmTransferRequest", {"reply_to": "agent-app", "destination": GOOD}, "unknown")
    await world.settle()
    world.clock.advance(ARRIVAL_PATIENCE)
    await world.settle()
    assert "source" in world.payloads[0]["data"]["reason"]
    assert world.payloads[0]["call_id"] is None


@pytest.mark.parametrize("news_first", [True, False])
@pytest.mark.parametrize("args", [("handover", "return=bot"), ("hold",)])
async def test_who_moves_a_caller_here_may_ask_in_the_same_breath(world, news_first, args):
    """What Asterisk tells of the caller is then ahead of the request by nothing, or comes after it."""
    if news_first:
        world.ari.caller_arrives(CALLER, *args)
    world.desk.user_event("WarmTransferTranscript", {"turns": [{"role": "user", "content": "Twice!"}]}, CALLER)
    for _ in range(3):
        world.ask(request_id="r1")
    if not news_first:
        await world.settle()
        world.ari.caller_arrives(CALLER, *args)
    await world.settle()
    assert [p["phase"] for p in world.payloads][:2] == ["started", "summary_generating"]
    assert "transfer_failed" not in [p["phase"] for p in world.payloads]
    assert [turn.content for turn in world.call.conversation] == ["Twice!"]
    assert len(world.ari.made("channels.originateWithId")) == 1


async def at_length(*_):
    await asyncio.Event().wait()


async def test_who_got_a_caller_back_may_hand_them_over_again_while_the_supervisor_is_told_goodbye(world):
    world.ari.caller_arrives(CALLER, "handover", "return=agent-app")
    await world.settle()
    world.ask(request_id="r1")
    await world.settle()
    world.ari.answers(world.supervisor_leg)
    await world.settle()
    world.briefer.last.farewell = at_length
    world.ari.press(world.supervisor_leg, "2")
    await world.settle()
    assert world.ari.made("channels.move")
    world.ask(request_id="r2")
    await world.settle()
    world.ari.caller_arrives(CALLER, "handover", "return=agent-app")
    await world.settle()
    assert [p["phase"] for p in world.payloads if p["request_id"] == "r2"][:1] == ["started"]


async def test_an_agent_may_ask_as_soon_as_it_has_answered(world):
    world.ari.caller_arrives(CALLER)
    await world.settle()
    leg = world.agent_leg
    world.desk.user_event("WarmTransferRequest", {"destination": GOOD}, leg)
    world.ari.answers(leg)
    await world.settle()
    assert world.call.state is State.DIALING


async def test_an_agent_that_still_rings_is_asked_for_in_vain(world):
    world.ari.caller_arrives(CALLER)
    await world.settle()
    world.ask(request_id="r1")
    await world.settle()
    world.clock.advance(ARRIVAL_PATIENCE)
    await world.settle()
    (payload,) = world.payloads
    assert payload["data"]["outcome"] == "refused" and "connecting" in payload["data"]["reason"]


async def test_the_agents_leg_may_be_the_source(world):
    await world.talking()
    world.desk.user_event("WarmTransferRequest", {"destination": GOOD}, world.agent_leg)
    await world.settle()
    assert world.call.state is State.DIALING


async def test_a_dialplan_asks_with_texts_on_its_half_of_the_agents_leg(world):
    await world.talking()
    flat = {
        " Routing_Rule_ID": "rr",
        "destination_to": "2001",
        "supervisor_join_timeout": "30",
        "reply_to": "agent-app",
    }
    world.desk.user_event("WarmTransferRequest", flat | {"priority": "1"}, f"{world.agent_leg};2")
    await world.settle()
    assert "priority" in world.payloads[0]["data"]["reason"]
    world.desk.user_event("WarmTransferRequest", flat, f"{world.agent_leg};2")
    await world.settle()
    request = world.call.transfer.request
    assert (request.routes[0].sip_call_to, request.supervisor_join_timeout) == ("2001", 30.0)


async def test_the_supervisors_leg_may_not(world):
    await world.briefing()
    world.desk.user_event("WarmTransferCancel", {}, world.supervisor_leg)
    await world.settle()
    assert world.call.state is State.BRIEFING


async def test_a_hundred_copies_of_one_request_ring_once(world):
    await world.talking()
    for _ in range(100):
        world.ask(request_id="r1")
    await world.settle()
    assert len([m for m in world.ari.made("channels.originateWithId") if "supervisor" in m["channelId"]]) == 1
    refused = [p for p in world.payloads if p["phase"] == "transfer_failed"]
    assert refused == []


def delivered(world, app):
    """What went to an agent's application."""
    told = world.ari.made("events.userEvent")
    return [each["body"]["variables"] for each in told if each["application"] == app]


async def test_the_same_request_again_later_is_told_the_end_again_and_nobody_else_is(world):
    """The agent's app was restarted, and has another name."""
    world.ari.apps.add("agent-again")
    await world.talking()
    world.ask(request_id="r1")
    await world.settle()
    world.ask(request_id="r1", reply_to="agent-again")
    await world.settle()
    assert delivered(world, "agent-again") == [], "in flight"
    world.ari.rejects(world.supervisor_leg, 486)
    await world.settle()
    told, first_told = len(world.payloads), len(delivered(world, "agent-app"))
    with world.publisher.follow(world.call.transfer.transfer_id) as follower:
        world.ask(request_id="r1", reply_to="agent-again")
        world.ask(request_id="r1", reply_to=None)
        await world.settle()
    assert delivered(world, "agent-again") == [delivered(world, "agent-app")[-1]]
    assert (len(world.payloads), len(delivered(world, "agent-app"))) == (told, first_told)
    assert follower.empty()


async def test_another_life_of_the_app_tells_the_end_again(world):
    await world.talking()
    world.ask(request_id="r1")
    await world.settle()
    world.ari.rejects(world.supervisor_leg, 486)
    await world.settle()
    end = delivered(world, "agent-app")[-1]
    async with World(world.ari, world.journal).running() as second:
        for elapsed, times in ((0.0, 1), (RETELL_AFTER, 2), (0.1, 2), (RETELL_AFTER, 3)):
            second.clock.advance(elapsed)
            second.ask(request_id="r1")
            second.ask(request_id="r1")
            await second.settle()
            assert (second.payloads, delivered(second, "agent-app").count(end)) == ([], times)


async def test_a_second_request_in_flight_is_refused(world):
    await world.briefing()
    world.ask(request_id="other")
    await world.settle()
    assert world.payloads[-1]["data"]["outcome"] == "refused"
    assert world.call.state is State.BRIEFING


async def test_beyond_the_limit_it_is_congestion_and_others_go_on():
    async with World(max_transfers=1).running() as world:
        await world.briefing()
        world.ari.caller_arrives("caller-2")
        await world.settle()
        second = next(r.call for r in world.desk.live.values() if r.call.caller == "caller-2")
        world.ari.answers(second.agent.channel_id)
        await world.settle()
        world.desk.user_event("WarmTransferRequest", {"destination": GOOD}, "caller-2")
        await world.settle()
        assert world.payloads[-1]["data"]["outcome"] == "congestion"
        assert world.call.state is State.BRIEFING


async def test_the_transcript_is_kept_and_bounded(world):
    await world.talking()
    turns = [{"role": "user", "content": "I want my money back"}]
    world.desk.user_event("WarmTransferTranscript", {"turns": turns}, CALLER)
    world.desk.user_event("WarmTransferTranscript", {"turns": [{"role": "user", "content": "x" * 20_000}]}, CALLER)
    world.desk.user_event("WarmTransferTranscript", {"turns": "nonsense"}, CALLER)
    await world.settle()
    assert [turn.content for turn in world.call.conversation] == ["I want my money back"]
    for word in "yz":
        turns = [{"role": "user", "content": word * 6_000}]
        world.desk.user_event("WarmTransferTranscript", {"turns": turns}, CALLER)
    await world.settle()
    assert {turn.content[0] for turn in world.call.conversation} == {"z"}
    world.desk.user_event("WarmTransferTranscript", {"turns": [], "replace": True}, CALLER)
    await world.settle()
    assert world.call.conversation == ()


async def test_user_events_of_others_are_passed_over(world):
    world.desk.user_event("SomethingElse", {"a": 1}, None)
    await world.settle()
    assert world.payloads == []


@pytest.mark.parametrize(("strategy", "started"), [("sequential", True), ("ring_all", False)])
async def test_all_who_are_rung_at_once_count_for_the_rule(world, strategy, started):
    """The rule carries two."""
    await world.talking()
    world.ask(destination=None, destinations=[GOOD] * 3, strategy=strategy)
    await world.settle()
    assert (world.phases[0] == "started") is started
    if not started:
        assert world.payloads[0]["data"]["outcome"] == "congestion"
        assert "0 of 2" in world.payloads[0]["data"]["reason"]


async def test_every_supervisor_who_is_rung_takes_one_of_the_rules_places(world):
    await world.talking()
    world.ask(destination=None, destinations=[GOOD] * 2, strategy="ring_all")
    await world.settle()
    first, second = world.call.transfer.attempts
    assert world.desk.legs_over("rr") == 2
    world.ari.hangs_up(second.channel_id)
    await world.settle()
    assert world.desk.legs_over("rr") == 1
    world.ari.answers(first.channel_id)
    await world.settle()
    world.ari.press(first.channel_id, "1")
    await world.settle()
    assert (world.call.state, world.desk.legs_over("rr")) == (State.CONNECTED, 1)
