"""Which disposition counts, and a caller who goes on into the dialplan, on an Asterisk in memory."""

import pytest

from ari_app.config import Dispositions
from ari_app.transfer.routing import Rule
from tests.unit.runtime.conftest import CALLER, World

VOICEMAIL = "DIALPLAN_EXISTS(voicemail,s,1)"
RULE = Rule("rr", "PJSIP/{to}@trunk", destinations=("2???",), dispositions=(("busy", "hangup:Rule."),))
HOUSE = {"busy": "dialplan:voicemail", "no_answer": "dialplan:voicemail", "voicemail": "return"}


@pytest.mark.parametrize(
    ("rule", "wanted", "expected"),
    [
        (Rule("rr", "PJSIP/{to}@trunk", destinations=("2???",)), {}, "dialplan:voicemail"),
        (RULE, {}, "hangup:Rule."),
        (RULE, {"busy": "dialplan:queues"}, "dialplan:queues"),
        (RULE, {"busy": "return"}, None),
    ],
)
async def test_the_request_comes_before_the_rule_and_the_rule_before_the_house(rule, wanted, expected):
    changes = {"routing": {"rr": rule}, "dispositions": HOUSE, "contexts": frozenset({"queues"})}
    async with World(**changes).running() as world:
        await world.talking()
        world.ask(dispositions=wanted)
        await world.settle()
        chosen = dict(world.call.transfer.attempt.route.dispositions)
        assert (chosen.get("busy"), chosen["no_answer"]) == (expected, "dialplan:voicemail")


@pytest.mark.parametrize(
    "wanted", [{"busy": "dialplan:voicemail"}, {"completed": "return"}, {"busy": "go away"}, {"x": "return"}]
)
async def test_a_request_is_refused_what_the_settings_do_not_let_it(world, wanted):
    await world.talking()
    world.ask(dispositions=wanted)
    await world.settle()
    assert world.result()["outcome"] == "refused" and "dispositions" in world.result()["error"]
    assert world.call.transfer is None


@pytest.mark.parametrize("is_there", [True, False])
async def test_on_into_the_dialplan_if_it_is_there(is_there):
    async with World(dispositions=HOUSE).running() as world:
        await world.talking()
        caller = world.ari.channels[CALLER]
        caller.variables[VOICEMAIL] = "1" if is_there else "0"
        world.ask()
        await world.settle()
        world.ari.rejects(world.supervisor_leg, 486)
        await world.settle()
        if is_there:
            assert caller.went_to == ("voicemail", "s")
            assert (caller.variables["WT_OUTCOME"], caller.variables["TIMEOUT(absolute)"]) == ("busy", "0")
            assert caller.variables["WT_TRANSFER_ID"].startswith("tr_") and caller.moh is None
        else:
            assert caller.went_to is None and caller.bridge == world.call.bridge_id
        assert world.result()["outcome"] == "busy"


def test_a_default_for_every_outcome_spares_who_cancelled():
    house = Dispositions(default="hangup", outcomes={"busy": "return"}).by_outcome()
    assert "cancelled" not in house
    assert (house["busy"], house["declined"]) == ("return", "hangup")
