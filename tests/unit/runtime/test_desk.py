"""Calls on an Asterisk in memory: order, loss, refusal, and another life of the app."""

import asyncio

import pytest

from ari_app.runtime import runner
from ari_app.runtime.assistant import INTRODUCTION
from ari_app.runtime.originating import NOT_FORWARDED
from ari_app.testing.fake_ari import FakeAri
from ari_app.testing.jumping import at_once
from ari_app.transfer.model import Outcome, State
from tests.unit.runtime.conftest import CALLER, World, no_sleep


async def test_a_caller_is_connected_to_the_default_agent(world):
    call = await world.talking()
    assert call.state is State.TALKING
    assert world.ari.channels[CALLER].bridge == call.bridge_id == world.ari.channels[world.agent_leg].bridge
    assert world.ari.channels[CALLER].variables["WT_CALL_ID"] == call.call_id
    assert world.ari.channels[CALLER].variables["WT_APP"] == "warm-transfer"
    told = {"WT_APP": "warm-transfer", "WT_CALL_ID": call.call_id, "WT_CHANNEL": CALLER}
    assert told.items() <= told_to(world, world.agent_leg).items()


async def test_a_whole_transfer(world):
    await world.briefing()
    agent, supervisor, talk = world.agent_leg, world.supervisor_leg, world.call.bridge_id
    assert world.ari.channels[CALLER].moh == "default"
    world.ari.press(supervisor, "1")
    await world.settle()
    assert world.phases[-2:] == ["call_switched", "transfer_complete"]
    assert world.result()["success"]
    assert world.ari.channels[CALLER].moh is None
    assert world.ari.channels[CALLER].bridge == world.ari.channels[supervisor].bridge
    assert agent not in world.ari.channels
    assert talk not in world.ari.bridges


async def test_the_end_is_told_when_it_was_seen_that_nothing_is_left():
    """Asterisk answers before what was released is gone."""
    seen = asyncio.Event()

    async def until_seen(seconds):
        if seconds:
            await seen.wait()

    async with World(FakeAri(apps=("agent-app",), sleep=until_seen)).running() as world:
        await world.talking()
        world.ari.delay("bridges.get", 1.0)
        world.ask()
        await world.settle()
        world.desk.user_event("WarmTransferCancel", {"reason": "no more"}, CALLER)
        await world.settle()
        assert world.phases[-1] == "caller_returned"
        seen.set()
        await world.settle()
        assert world.phases[-1] == "transfer_cancelled"


async def test_nothing_is_left_when_everybody_has_hung_up(world):
    await world.briefing()
    world.ari.press(world.supervisor_leg, "1")
    await world.settle()
    world.ari.hangs_up(CALLER)
    await world.settle()
    assert (world.ari.channels, world.ari.bridges, world.desk.live) == ({}, {}, {})


async def test_the_media_is_out_before_the_caller_is_in(world):
    await world.briefing()
    world.ari.calls.clear()
    world.ari.press(world.supervisor_leg, "1")
    await world.settle()
    assert world.briefer.last.done[-1] == f"stop {world.briefer.last.media_id}"
    moves = [made.operation for made in world.ari.calls if made.operation != "events.userEvent"]
    assert moves[:3] == ["channels.hangup", "channels.stopMoh", "bridges.addChannel"]


async def test_a_briefing_that_does_not_stop_is_hung_up_before_the_caller_is_in(world):
    await world.briefing()
    world.briefer.last.fails_to_stop = True
    world.ari.calls.clear()
    world.ari.press(world.supervisor_leg, "1")
    await world.settle()
    operations = [made.operation for made in world.ari.calls]
    assert operations.index("channels.hangup") < operations.index("bridges.addChannel")


async def test_a_busy_supervisor_answers_before_the_originate_does(world):
    """The leg's end overtakes the reply: ids are known before the request leaves."""
    await world.talking()
    world.ask()
    leg = None
    while leg is None:
        await world.settle()
        leg = next((c for c in world.ari.channels if "supervisor" in c), None)
    world.ari.rejects(leg, 486)
    await world.settle()
    assert world.result()["outcome"] == "busy"
    assert world.ari.channels[CALLER].bridge == world.call.bridge_id


async def test_an_originate_of_unknown_fate_rings_nobody_twice(world):
    await world.talking()
    world.ari.lose("channels.originateWithId", done=True)
    world.ask()
    await world.settle()
    assert world.result()["outcome"] == "unreachable"
    assert len([m for m in world.ari.made("channels.originateWithId") if "supervisor" in m["channelId"]]) == 1
    assert not [channel for channel in world.ari.channels if "supervisor" in channel]


async def test_a_lost_reply_to_a_repeatable_request_is_asked_again(world):
    await world.briefing()
    world.ari.lose("bridges.addChannel", done=False)
    world.ari.press(world.supervisor_leg, "1")
    await world.settle()
    assert world.result()["outcome"] == "completed"


async def test_a_refused_join_gives_the_caller_back(world):
    await world.briefing()
    world.ari.refuse("bridges.addChannel", 422)
    world.ari.press(world.supervisor_leg, "1")
    await world.settle()
    assert world.result()["outcome"] == "join_failed"
    assert world.ari.channels[CALLER].bridge == world.call.bridge_id
    assert world.ari.channels[CALLER].moh is None


async def test_music_that_can_not_be_had_becomes_silence_with_packets(world):
    await world.talking()
    world.ari.refuse("channels.startMoh", 409)
    world.ask()
    await world.settle()
    assert world.ari.channels[CALLER].silence
    assert "caller_on_hold" in world.phases


# The introduction


async def test_the_assistant_says_its_line_and_is_out_before_the_transfer_is_complete(world):
    briefing = await world.introducing()
    assert briefing.done[-1].startswith("introduce") and world.phases[-1] == "call_switched"
    briefing.introduced.set()
    await world.settle()
    assert world.phases.count("transfer_complete") == 1 and world.result()["success"]
    media = briefing.done[-1].removeprefix("introduce ")
    assert {"channelId": media} in world.ari.made("channels.hangup")


async def test_another_profile_introduces_nobody(world):
    await world.briefing()
    world.ari.press(world.supervisor_leg, "1")
    await world.settle()
    assert not [done for done in world.briefer.last.done if done.startswith("introduce")]


@pytest.mark.parametrize("who", ["caller", "supervisor"])
async def test_a_hang_up_ends_the_introduction_at_once(world, who):
    briefing = await world.introducing()
    world.ari.hangs_up(CALLER if who == "caller" else world.supervisor_leg)
    await world.settle()
    assert briefing.done[-1].startswith("stop")
    assert world.phases.count("transfer_complete") == 1
    assert (world.ari.channels, world.ari.bridges, world.desk.live) == ({}, {}, {})


async def test_an_introduction_that_fails_changes_nothing_for_the_two(world):
    await world.briefing(briefing_profile="polite")
    world.briefer.last.fails_to_speak = True
    world.ari.press(world.supervisor_leg, "1")
    await world.settle()
    assert world.result()["outcome"] == "completed"
    assert world.ari.channels[CALLER].bridge == world.ari.channels[world.supervisor_leg].bridge is not None
    assert world.briefer.last.done[-1].startswith("stop"), "what was opened is closed"


@at_once
async def test_an_introduction_that_does_not_end_is_ended():
    async with World().running() as world:
        loop = asyncio.get_running_loop()
        briefing = await world.introducing()
        began = loop.time()
        await asyncio.sleep(INTRODUCTION + 0.1)
        assert briefing.done[-1].startswith("stop")
        assert world.result()["outcome"] == "completed"
        assert loop.time() - began < INTRODUCTION + 1


# What the INVITE says


def told_to(world, leg):
    (made,) = (m for m in world.ari.made("channels.originateWithId") if m["channelId"] == leg)
    said = {n: v for n, v in made["body"]["variables"].items() if n not in NOT_FORWARDED}
    return {n.removeprefix("PJSIP_HEADER(add,").rstrip(")"): v for n, v in said.items()}


async def test_the_invite_says_what_is_known_when_the_rule_wants_it(world):
    world.briefer.known = {"who": "Ana", "problem": "charged twice"}
    await world.talking()
    world.ask(destination={"routing_rule_id": "rr_told", "sip_call_to": "2001", "headers": {"x-wt-who": "the boss"}})
    await world.settle()
    call = world.call
    assert told_to(world, world.supervisor_leg) == {
        "WT_CALL_ID": call.call_id,
        "x-wt-who": "the boss",
        "X-WT-Problem": "charged twice",
        "X-WT-Call-ID": call.call_id,
        "X-WT-Transfer-ID": call.transfer.transfer_id,
    }


async def test_the_second_invite_says_what_the_summary_found(world):
    world.briefer.known = {"who": "somebody"}
    world.briefer.form = (("who", "Ana Lovelace"),)
    await world.talking()
    told = {"routing_rule_id": "rr_told", "sip_call_to": "2001"}
    world.ask(destination=None, destinations=[told, told])
    await world.settle()
    world.ari.rejects(first := world.supervisor_leg, 486)
    await world.settle()
    assert told_to(world, first)["X-WT-Who"] == "somebody"
    assert told_to(world, world.supervisor_leg)["X-WT-Who"] == "Ana Lovelace"


@pytest.mark.parametrize("rule", ["rr", "rr_local"])
async def test_a_rule_without_context_and_a_line_without_headers_say_nothing(world, rule):
    world.briefer.known = {"who": "Ana"}
    await world.talking()
    world.ask(destination={"routing_rule_id": rule, "sip_call_to": "2001"})
    await world.settle()
    assert set(told_to(world, world.supervisor_leg)) == {"WT_CALL_ID"}


async def test_a_briefing_that_can_not_say_anything_rings_all_the_same(world):
    world.briefer.known = None
    await world.talking()
    world.ask(destination={"routing_rule_id": "rr_told", "sip_call_to": "2001"})
    await world.settle()
    assert set(told_to(world, world.supervisor_leg)) == {"WT_CALL_ID", "X-WT-Call-ID", "X-WT-Transfer-ID"}


async def test_no_answer_in_time(world):
    await world.talking()
    world.ask()
    await world.settle()
    world.ari.rings(world.supervisor_leg)
    await world.settle()
    world.clock.advance(26)
    await world.settle()
    assert world.result()["outcome"] == "no_answer"
    assert not [channel for channel in world.ari.channels if "supervisor" in channel]


async def test_an_unknown_agent_sends_the_caller_to_the_fallback(world):
    world.ari.caller_arrives(CALLER, "agent=nobody")
    await world.settle()
    assert world.ari.channels[CALLER].went_to == ("fallback", "s")


async def test_a_broken_journal_costs_the_recovery_and_not_the_caller(world):
    await world.talking()
    world.journal.broken = True
    world.ask()
    await world.settle()
    world.ari.answers(world.supervisor_leg)
    await world.settle()
    world.ari.press(world.supervisor_leg, "1")
    await world.settle()
    assert world.result()["outcome"] == "completed"
    world.journal.broken = False
    world.ari.hangs_up(CALLER)
    await world.settle()
    numbers = [step.number for steps in world.journal.kept.values() for step in steps]
    assert numbers == list(range(1, len(numbers) + 1)), "what could not be written was written later"


async def test_the_end_of_a_call_is_written_though_the_journal_was_away_then(world, monkeypatch):
    monkeypatch.setattr(runner, "JOURNAL_AGAIN", 0.001)
    await world.talking()
    call_id = world.call.call_id
    world.journal.broken = True
    world.ari.hangs_up(CALLER)
    await world.settle()
    assert await world.journal.unfinished() == [call_id]
    world.journal.broken = False
    async with asyncio.timeout(1):
        while await world.journal.unfinished():  # noqa: ASYNC110
            await asyncio.sleep(0)
    await world.settle()
    assert world.desk.live == {}


async def test_left_overs_of_another_life_are_swept():
    world = World(ari=FakeAri(sleep=no_sleep))
    world.ari.on_event = lambda event: None
    world.ari.caller_arrives("wt-tr_gone-supervisor-1", state="Up")
    async with world.running():
        await world.settle()
        assert world.ari.channels == {}


async def test_another_life_takes_the_call_up_in_the_briefing():
    first = World()
    async with first.running():
        await first.briefing()
        leg, call_id = first.supervisor_leg, first.call.call_id
    second = World(first.ari, first.journal)
    async with second.running():
        await second.settle()
        assert second.call.call_id == call_id
        assert second.briefer.last.media_id.endswith("media-2")
        second.ari.press(leg, "1")
        await second.settle()
        assert second.result()["outcome"] == "completed"
    assert len([m for m in first.ari.made("channels.originateWithId") if "supervisor" in m["channelId"]]) == 1


async def test_another_life_on_another_asterisk_closes_the_call():
    first = World()
    async with first.running():
        await first.briefing()
    first.ari.restarts()
    second = World(first.ari, first.journal)
    async with second.running():
        await second.settle()
        assert second.result()["outcome"] == Outcome.ASTERISK_LOST
        assert second.desk.live == {}


async def test_a_hang_up_while_the_connection_was_away_is_noticed(world):
    await world.briefing()
    deliver, world.ari.on_event = world.ari.on_event, lambda event: None
    world.desk.disconnected("cut")
    world.ari.hangs_up(CALLER)
    world.ari.on_event = deliver
    world.desk.on_connected(await world.ari.snapshot())
    await world.settle()
    assert world.result()["outcome"] == "caller_hangup"
    assert world.briefer.last.done[-1] == "farewell caller_gone"
    assert world.ari.channels == {}


async def test_draining_waits_for_transfers_and_refuses_new_ones(world):
    await world.briefing()
    drained = asyncio.ensure_future(world.desk.drained())
    await world.settle()
    assert not drained.done()
    world.ari.press(world.supervisor_leg, "1")
    await world.settle()
    assert drained.done()


async def test_handed_over_and_back(world):
    world.ari.apps.add("bot")
    world.ari.caller_arrives(CALLER, "handover", "return=bot", state="Up")
    await world.settle()
    assert world.ari.channels[CALLER].moh == "default"
    world.ask()
    await world.settle()
    transfer = world.call.transfer.transfer_id
    world.ari.rejects(world.supervisor_leg, 486)
    await world.settle()
    moved = world.ari.made("channels.move")
    assert moved == [{"channelId": CALLER, "app": "bot", "appArgs": f"returned,{transfer},busy"}]
    assert world.desk.live == {}


async def test_whoever_accepts_first_of_all_who_are_rung_gets_the_caller(world):
    await world.talking()
    destinations = [{"routing_rule_id": "rr", "sip_call_to": to} for to in ("2001", "2002")]
    told = {"routing_rule_id": "rr_told", "sip_call_to": "2003"}
    world.ask(destination=None, destinations=[*destinations, told], strategy="ring_all")
    await world.settle()
    legs = [attempt.channel_id for attempt in world.call.transfer.attempts]
    for leg in legs[:2]:
        world.ari.answers(leg)
    await world.settle()
    lines = [attempt.media_id for attempt in world.call.transfer.attempts]
    world.ari.press(legs[0], "3")
    world.ari.press(legs[1], "1")
    world.ari.press(legs[0], "1")
    world.ari.calls.clear()
    await world.settle()
    assert world.briefer.last.keys == [("3", lines[0])]
    assert world.ari.channels[CALLER].bridge == world.ari.channels[legs[1]].bridge
    assert "farewell taken_elsewhere" in world.briefer.last.done
    assert legs[0] not in world.ari.channels and legs[2] not in world.ari.channels
    reasons = {
        made.parameters["channelId"]: made.parameters.get("reason_code")
        for made in world.ari.calls
        if made.operation == "channels.hangup"
    }
    assert (reasons[legs[0]], reasons[legs[2]]) == (None, "26")
    assert [a["outcome"] for a in world.result()["attempts"]] == ["cancelled", "completed", "cancelled"]


@pytest.mark.parametrize(
    ("presentation", "shown"),
    [("allowed_not_screened", '"Eve +19 x" <+14155550123>'), ("prohib_passed_screen", None), ("unavailable", None)],
)
async def test_a_caller_who_withholds_the_number_is_not_shown(world, presentation, shown):
    """A name can't end its own quotation."""
    world.ari.caller_arrives(CALLER, number="+14155550123", name='Eve" <+19> x')
    await world.settle()
    world.ari.answers(world.agent_leg)
    world.ari.channels[CALLER].variables["CALLERID(pres)"] = presentation
    await world.settle()
    world.ask(destination={"routing_rule_id": "rr_shown", "sip_call_to": "2001"})
    await world.settle()
    leg = world.supervisor_leg
    world.ari.answers(leg)
    await world.settle()
    assert "CONNECTEDLINE(all,i)" not in world.ari.channels[leg].variables
    world.ari.press(leg, "1")
    await world.settle()
    variables = world.ari.channels[leg].variables
    assert variables.get("CONNECTEDLINE(all,i)") == shown
    assert ("PJSIP_SEND_SESSION_REFRESH()" in variables) is (shown is not None)
    assert world.result()["success"]
