"""Groups: the hours on the wall, whatever summer does to them; who takes over; what the request still decides."""

import asyncio
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from ari_app.config import load
from ari_app.errors import RequestRefused, SettingsError
from ari_app.runtime.groups import Group, hours_of, resolved
from ari_app.wire import Destination, FoundDestinations, WarmTransferRequest
from tests.unit.runtime.conftest import World

ONE = Destination(routing_rule_id="rr", sip_call_to="2001")
TWO = Destination(routing_rule_id="rr", sip_call_to="2002")
BERLIN, KOLKATA = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Kolkata")
OFFICE = ("Mon-Fri 08:00-18:00", "Sat 10:00-14:00")


def at(text):
    return datetime.fromisoformat(text).timestamp()


def is_open(hours, moment, zone=BERLIN):
    return Group([ONE], hours=[hours_of(each) for each in hours], zone=zone).is_open(at(moment))


@pytest.mark.parametrize(
    ("hours", "moment", "expected"),
    [
        ((), "2026-01-04T03:00:00+00:00", True),
        # Monday in winter: eight there is seven in UTC
        (OFFICE, "2026-01-05T06:59:59+00:00", False),
        (OFFICE, "2026-01-05T07:00:00+00:00", True),
        (OFFICE, "2026-01-05T16:59:59+00:00", True),
        (OFFICE, "2026-01-05T17:00:00+00:00", False),
        # and in summer six
        (OFFICE, "2026-07-06T05:59:59+00:00", False),
        (OFFICE, "2026-07-06T06:00:00+00:00", True),
        # the Monday after each change of clocks (29 March, 25 October 2026), and the Friday before
        (OFFICE, "2026-03-27T07:00:00+00:00", True),
        (OFFICE, "2026-03-27T06:30:00+00:00", False),
        (OFFICE, "2026-03-30T06:00:00+00:00", True),
        (OFFICE, "2026-10-23T06:00:00+00:00", True),
        (OFFICE, "2026-10-26T06:30:00+00:00", False),
        (OFFICE, "2026-10-26T07:00:00+00:00", True),
        (OFFICE, "2026-01-03T09:00:00+00:00", True),
        (OFFICE, "2026-01-03T13:00:00+00:00", False),
        (OFFICE, "2026-01-04T10:00:00+00:00", False),
        # the hour that is not there, and the hour that is there twice
        (("Sun 01:30-02:30",), "2026-03-29T00:59:00+00:00", True),
        (("Sun 01:30-02:30",), "2026-03-29T01:00:00+00:00", False),
        (("Sun 02:00-03:00",), "2026-10-25T00:30:00+00:00", True),
        (("Sun 02:00-03:00",), "2026-10-25T01:30:00+00:00", True),
        (("Sun 02:00-03:00",), "2026-10-25T02:00:00+00:00", False),
        # over midnight, over the end of the week
        (("Sun 22:00-06:00",), "2026-01-04T21:00:00+00:00", True),
        (("Sun 22:00-06:00",), "2026-01-05T04:59:00+00:00", True),
        (("Sun 22:00-06:00",), "2026-01-05T05:00:00+00:00", False),
        (("Sun 22:00-06:00",), "2026-01-05T22:00:00+00:00", False),
        (("Sat-Mon,Wed 00:00-24:00",), "2026-01-05T22:59:00+00:00", True),
        (("Sat-Mon,Wed 00:00-24:00",), "2026-01-05T23:00:00+00:00", False),
        (("Sat-Mon,Wed 00:00-24:00",), "2026-01-07T12:00:00+00:00", True),
        (("daily 23:30-24:00",), "2026-01-07T22:30:00+00:00", True),
    ],
)
def test_hours_are_those_of_the_wall_there(hours, moment, expected):
    assert is_open(hours, moment) is expected


def test_a_zone_of_half_an_hour():
    assert is_open(("Mon 09:00-09:30",), "2026-01-05T03:30:00+00:00", KOLKATA)
    assert not is_open(("Mon 09:00-09:30",), "2026-01-05T04:00:00+00:00", KOLKATA)


@pytest.mark.parametrize(
    "text", ["", "Mon", "08:00-18:00", "Mon-Fri 8-18", "Mon-Fri 08:00-25:00", "Mo 08:00-18:00", "Mon 08:00-08:00",
             "Mon 24:00-06:00", "Mon 08:60-09:00", "Mon;Tue 08:00-18:00"],
)  # fmt: skip
def test_what_is_no_hours_is_said(text):
    with pytest.raises(ValueError, match="write it like|from 00:00"):
        hours_of(text)


def wants(**more):
    return WarmTransferRequest.model_validate({"group": "day", **more})


GROUPS = {
    "day": Group([ONE], hours=[hours_of("Mon-Fri 08:00-18:00")], zone=BERLIN, closed="night"),
    "night": Group([TWO], "ring_all", hours=[hours_of("Mon-Fri 18:00-22:00")], zone=BERLIN),
}


@pytest.mark.parametrize(
    ("moment", "more", "expected"),
    [
        ("2026-01-05T08:00:00+00:00", {}, ([ONE], "sequential")),
        ("2026-01-05T18:00:00+00:00", {}, ([TWO], "ring_all")),
        ("2026-01-05T18:00:00+00:00", {"strategy": "sequential"}, ([TWO], "sequential")),
        ("2026-01-05T22:00:00+00:00", {}, "night is closed"),
        ("2026-01-05T08:00:00+00:00", {"group": "none"}, "groups.none"),
    ],
)
def test_a_name_becomes_destinations(moment, more, expected):
    if isinstance(expected, str):
        with pytest.raises(RequestRefused, match=expected) as refused:
            resolved(wants(**more), GROUPS, at(moment))
        assert refused.value.key == "group"
    else:
        found, _ = resolved(wants(**more, reason="why"), GROUPS, at(moment))
        assert (list(found.wanted), found.strategy, found.reason) == (*expected, "why")


RULE = '[routing_rules.rr]\nendpoint = "PJSIP/{to}"\ndestinations = ["2???"]\n'
WHO = 'destinations = [{routing_rule_id = "rr", sip_call_to = "2001"}]\n'


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("[groups.a]\n", "groups.a.destinations"),
        ('[groups.a]\ndestinations = [{routing_rule_id = "rr", sip_call_to = "9"}]', "groups.a.destinations.0"),
        ('[groups.a]\ndestinations = [{routing_rule_id = "no", sip_call_to = "2001"}]', "groups.a.destinations.0"),
        (f'[groups.a]\n{WHO}hours = "always"', "groups.a.hours"),
        (f'[groups.a]\n{WHO}time_zone = "Mars/Olympus"', "groups.a.time_zone"),
        (f'[groups.a]\n{WHO}closed = "b"', "groups.a.closed"),
        (f'[groups.a]\n{WHO}closed = "b"\n[groups.b]\n{WHO}closed = "a"', "groups.b.closed"),
        (f"[groups.refuse]\n{WHO}", "groups.refuse"),
    ],
)
def test_settings_that_lead_nowhere_are_named(tmp_path, text, key):
    file = tmp_path / "settings.toml"
    file.write_text(RULE + text)
    with pytest.raises(SettingsError, match=f"^{key}"):
        load(file)


async def test_a_group_is_rung_and_a_closed_one_touches_nobody():
    # the clock of the world says 1970-01-01 00:16:40, a Thursday
    shut = Group([ONE], hours=[hours_of("Fri 08:00-18:00")])
    groups = {"open": Group([TWO, ONE], hours=[hours_of("Thu 00:00-01:00")]), "shut": shut}
    async with World(groups=groups).running() as world:
        await world.talking()
        world.ask(group="shut", destination=None)
        world.ask(group="open")
        await world.settle()
        reasons = [payload["data"]["reason"] for payload in world.payloads]
        assert "shut is closed" in reasons[0] and "give either destination" in reasons[1]
        assert not world.call.transfer_in_flight
        world.ask(group="open", destination=None)
        await world.settle()
        assert [route.sip_call_to for route in world.call.transfer.request.routes] == ["2002", "2001"]


class Finder:
    """Somebody who is asked, and takes a while."""

    names = frozenset({"desk"})

    def __init__(self):
        self.asked = []
        self.answer = asyncio.get_running_loop().create_future()

    async def find(self, name, facts):
        self.asked.append((name, facts))
        return await asyncio.shield(self.answer)


@pytest.fixture
async def finding():
    async with World().running() as world:
        world.intake.finder = Finder()
        await world.talking()
        world.ari.calls.clear()
        world.ask(group="desk", destination=None, reason="a refund", request_id="r1", metadata={"queue": "gold"})
        await world.settle()
        yield world


async def test_while_somebody_else_is_asked_the_call_goes_on(finding):
    world = finding
    [(name, facts)] = world.intake.finder.asked
    assert (name, facts["call_id"], facts["reason"]) == ("desk", world.call.call_id, "a refund")
    assert (facts["metadata"], facts["caller_number"], facts["agent"]) == (
        {"queue": "gold"},
        "+14155550123",
        "front-desk",
    )
    assert world.ari.calls == [] and world.call.transfer is None
    world.intake.finder.answer.set_result(FoundDestinations(destinations=[TWO, ONE]))
    await world.settle()
    assert [route.sip_call_to for route in world.call.transfer.request.routes] == ["2002", "2001"]
    world.ask(group="desk", destination=None, request_id="r1")
    await world.settle()
    assert len(world.intake.finder.asked) == 1


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (FoundDestinations(destinations=[Destination(routing_rule_id="rr", sip_call_to="9999")]), "sip_call_to"),
        (RequestRefused("no answer", key="group"), "group: no answer"),
        (ZeroDivisionError(), "group"),
    ],
)
async def test_what_it_says_is_a_wish_and_its_failure_a_refusal(finding, answer, why):
    world = finding
    if isinstance(answer, Exception):
        world.intake.finder.answer.set_exception(answer)
    else:
        world.intake.finder.answer.set_result(answer)
    await world.settle()
    [payload] = world.payloads
    assert (payload["data"]["outcome"], why in payload["data"]["reason"]) == ("refused", True)
    assert payload["request_id"] == "r1"
    assert world.call.state.value == "talking" and world.call.transfer is None


async def test_a_caller_who_hangs_up_meanwhile_is_not_waited_for(finding):
    world = finding
    agent = world.agent_leg
    world.ari.hangs_up("caller-1")
    world.ari.hangs_up(agent)
    await world.settle()
    assert not world.desk.live
    world.intake.finder.answer.set_result(FoundDestinations(destinations=[ONE]))
    await world.settle()
    assert world.payloads == []
