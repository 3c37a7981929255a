"""The next group at the moment it is needed: hours, limits, who can be reached, who said no; whose word counts."""

from dataclasses import replace

import pytest

from ari_app.config import Dispositions, load
from ari_app.errors import SettingsError
from ari_app.runtime.groups import Group, hours_of
from ari_app.transfer.routing import Rule
from ari_app.wire import Destination
from tests.unit.runtime.conftest import World

DESK = Destination(routing_rule_id="desk", sip_call_to="2002")
LATE = Destination(routing_rule_id="desk", sip_call_to="2009")
# the clock of the world says 1970-01-01 00:16:40, a Thursday
SHUT = (hours_of("Fri 08:00-18:00"),)
OPEN = (hours_of("Thu 00:00-01:00"),)
GROUPS = {
    "sales": Group([Destination(routing_rule_id="rr", sip_call_to="2001")], dispositions={"busy": "next_group:desk"}),
    "desk": Group([DESK], dispositions={"busy": "next_group:sales"}),
    "late": Group([LATE]),
}
ROUTING = {
    "rr": Rule("rr", "PJSIP/{to}@trunk", callers=("+14155550100",), destinations=("2???",), max_concurrent=9),
    "desk": Rule("desk", "PJSIP/{to}@desk", callers=("+14155550199",), destinations=("2???",), max_concurrent=1),
}


def world(groups=GROUPS, **changes):
    made = World(groups=groups, **{"routing": ROUTING, **changes})
    made.desk.on_seek = made.intake.next_group
    return made


async def busy(world, **asked):
    """The first phone is busy; returns who rings now, and how the transfer ended if it did."""
    await world.talking()
    world.ask(**{"group": "sales", "destination": None, **asked})
    await world.settle()
    world.ari.rejects(world.supervisor_leg, 486)
    await world.settle()
    transfer = world.call.transfer
    return [attempt.route.sip_call_to for attempt in transfer.attempts], transfer.outcome


async def test_the_next_group_rings_by_its_own_rule_and_each_is_tried_once():
    async with world().running() as it:
        assert await busy(it) == (["2001", "2002"], None)
        assert it.call.transfer.attempt.route.endpoint == "PJSIP/2002@desk"
        assert it.call.transfer.attempt.route.sip_call_from == "+14155550199"
        assert it.desk.legs_over("desk") == 1 and it.desk.legs_over("rr") == 0
        it.ari.rejects(it.supervisor_leg, 486)
        await it.settle()
        result = it.result()
        assert (result["outcome"], [each["attempt"] for each in result["attempts"]]) == ("busy", [1, 2])
        assert it.phases.count("caller_on_hold") == it.phases.count("caller_returned") == 1


@pytest.mark.parametrize(
    ("desk", "rung"),
    [
        (Group([DESK], hours=OPEN), ["2001", "2002"]),
        (Group([DESK], hours=SHUT, closed="late"), ["2001", "2009"]),
        (Group([DESK], hours=SHUT), ["2001"]),
        (Group([DESK], hours=SHUT, closed="sales"), ["2001"]),
        (Group([Destination(routing_rule_id="rr", sip_call_to="9")]), ["2001"]),
        (Group([DESK] * 11, strategy="ring_all"), ["2001"]),
    ],
)
async def test_it_is_rung_if_it_may_be_now(desk, rung):
    async with world({**GROUPS, "desk": desk}).running() as it:
        assert (await busy(it))[0] == rung
        assert (it.call.state.value == "talking") == (len(rung) == 1)


@pytest.mark.parametrize(
    ("asked", "of_rule", "house", "rung", "to"),
    [
        ({}, {}, {"busy": "dialplan:voicemail"}, ["2001", "2002"], None),
        ({"dispositions": {"busy": "return"}}, {}, {"busy": "next_group:desk"}, ["2001"], "agent"),
        ({"dispositions": {"busy": "next_group:late"}}, {}, {}, ["2001", "2009"], None),
        ({"group": "late"}, {"busy": "next_group:desk"}, {}, ["2009"], "agent"),
        ({"group": None, "destination": {"routing_rule_id": "rr", "sip_call_to": "2005"}},
         {"busy": "next_group:late"}, {}, ["2005", "2009"], None),
        ({"group": "late"}, {}, {"busy": "next_group:desk"}, ["2009", "2002"], None),
    ],
)  # fmt: skip
async def test_the_request_comes_before_the_group_the_group_before_the_rule_the_rule_before_the_house(
    asked, of_rule, house, rung, to
):
    rule = replace(ROUTING["rr"], dispositions=tuple(of_rule.items()))
    async with world(dispositions=house, routing={**ROUTING, "rr": rule}).running() as it:
        assert (await busy(it, **asked))[0] == rung
        returned = [each["data"]["to"] for each in it.payloads if each["phase"] == "caller_returned"]
        assert returned == ([to] if to else [])


async def test_no_place_over_its_rule_is_as_if_it_were_closed():
    async with world().running() as it:
        it.ari.caller_arrives("another")
        await it.settle()
        other = it.call
        it.ari.answers(other.agent.channel_id)
        await it.settle()
        it.desk.user_event("WarmTransferRequest", {"group": "desk"}, "another")
        await it.settle()
        it.ari.caller_arrives("caller-1")
        await it.settle()
        this = next(runner for runner in it.desk.live.values() if runner.call.caller == "caller-1")
        it.ari.answers(this.call.agent.channel_id)
        await it.settle()
        it.desk.user_event("WarmTransferRequest", {"group": "sales", "reply_to": "agent-app"}, "caller-1")
        await it.settle()
        it.ari.rejects(this.call.transfer.attempt.channel_id, 486)
        await it.settle()
        assert (this.call.state.value, len(this.call.transfer.attempts)) == ("talking", 1)
        assert it.result()["outcome"] == "busy"


async def test_whoever_said_no_is_not_asked_again_by_another_name():
    both = Group([GROUPS["sales"].destinations[0], DESK])
    sales = replace(GROUPS["sales"], dispositions={"declined": "next_group:both"})
    async with world({"sales": sales, "both": both}).running() as it:
        await it.talking()
        it.ask(group="sales", destination=None)
        await it.settle()
        it.ari.answers(it.supervisor_leg)
        await it.settle()
        it.ari.press(it.supervisor_leg, "2")
        await it.settle()
        assert [attempt.route.sip_call_to for attempt in it.call.transfer.attempts] == ["2001", "2002"]


async def test_a_request_may_name_only_groups_that_are_there():
    async with world().running() as it:
        await it.talking()
        it.ask(dispositions={"busy": "next_group:nobody"})
        await it.settle()
        reason = it.payloads[-1]["data"]["reason"]
        assert "dispositions.busy" in reason and "[groups.nobody]" in reason
        it.ask(dispositions={"cancelled": "next_group:desk"})
        await it.settle()
        assert "no other group is rung then" in it.payloads[-1]["data"]["reason"]
        assert it.call.transfer is None


def test_a_default_that_goes_on_is_for_those_outcomes_only_after_which_others_are_rung():
    house = Dispositions(default="next_group:desk", outcomes={"join_failed": "hangup"}).by_outcome()
    assert (house["busy"], house["join_failed"]) == ("next_group:desk", "hangup")
    assert not {"cancelled", "internal_error"} & house.keys()


RULE = '[routing_rules.rr]\nendpoint = "PJSIP/{to}"\ndestinations = ["2???"]\n'
WHO = 'destinations = [{routing_rule_id = "rr", sip_call_to = "2001"}]\n'


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (f'{RULE}dispositions = {{busy = "next_group:a"}}', "routing_rules.rr.dispositions.busy: no .groups.a"),
        (f'[dispositions]\ndefault = "next_group:a"\n{RULE}', "dispositions.default: no .groups.a"),
        (f'[dispositions.outcomes]\nbusy = "next_group:a"\n{RULE}', "dispositions.outcomes.busy: no .groups.a"),
        (f'{RULE}[groups.b]\n{WHO}dispositions = {{busy = "next_group:a"}}', "groups.b.dispositions.busy: no .groups"),
        (f'{RULE}dispositions = {{join_failed = "next_group:a"}}', "routing_rules.rr.dispositions: join_failed"),
        (f'{RULE}dispositions = {{busy = "next_group"}}', "routing_rules.rr.dispositions: write return"),
    ],
)
def test_a_group_that_is_not_there_is_named_with_its_key(tmp_path, text, key):
    file = tmp_path / "settings.toml"
    file.write_text(text)
    with pytest.raises(SettingsError, match=f"^{key}"):
        load(file)


def test_groups_in_a_circle_are_fine(tmp_path):
    file = tmp_path / "settings.toml"
    on = 'dispositions = {busy = "next_group:%s"}\n'
    file.write_text(f"{RULE}[groups.a]\n{WHO}{on % 'b'}[groups.b]\n{WHO}{on % 'a'}")
    assert load(file).groups["b"].dispositions == {"busy": "next_group:a"}
