"""Whoever Asterisk knows to be offline is not rung, where the rule says so; nobody else is left out."""

import pytest

from ari_app.runtime.ports import Fate, Reply
from ari_app.runtime.reachability import Reachability, endpoint_of
from ari_app.transfer.routing import Rule
from tests.unit.runtime.conftest import World

PHONES = [{"resource": "2001", "state": "offline"}, {"resource": "2002", "state": "online"},
          {"resource": "2003", "state": "unknown"}, {"resource": "trunk", "state": "offline"}]  # fmt: skip


@pytest.mark.parametrize(
    ("dial", "endpoint"),
    [
        ("PJSIP/2001", "2001"),
        ("pjsip/+14155550123@trunk-a", "trunk-a"),
        ("PJSIP/trunk-a/sip:2001@host:5060", None),
        ("Local/2001@desks", None),
    ],
)
def test_the_endpoint_behind_a_dial_string(dial, endpoint):
    assert endpoint_of(dial) == endpoint


class Asterisk:
    def __init__(self):
        self.reply = Reply(Fate.OK, 200, PHONES)

    async def call(self, operation, **parameters):
        assert (operation, parameters) == ("endpoints.listByTech", {"tech": "PJSIP"})
        return self.reply


async def test_at_the_door():
    asterisk = Asterisk()
    routing = {
        "phones": Rule("phones", "PJSIP/{to}", destinations=("2???",)),
        "trunk": Rule("trunk", "PJSIP/{to}@trunk", destinations=("2???",)),
    }
    seen = Reachability(asterisk, frozenset({"phones"}))
    async with World(routing=routing).running() as world:
        world.intake.reachability = seen
        await world.talking()

        async def rung(*wanted):
            destinations = [{"routing_rule_id": rule, "sip_call_to": to} for rule, to in wanted]
            world.ask(destination=None, destinations=destinations)
            await world.settle()
            transfer = world.call.transfer_in_flight
            found = [route.sip_call_to for route in transfer.request.routes] if transfer else None
            world.desk.user_event("WarmTransferCancel", {}, "caller-1")
            await world.settle()
            return found

        assert await rung(("phones", "2001"), ("phones", "2002")) == ["2001", "2002"]
        await seen.look()
        assert await rung(("phones", "2001"), ("phones", "2002"), ("phones", "2003")) == ["2002", "2003"]
        assert await rung(("phones", "2001"), ("trunk", "2001")) == ["2001"]
        assert await rung(("phones", "2001")) is None
        assert world.payloads[-1]["data"]["outcome"] == "unreachable"
        assert world.payloads[-1]["data"]["result"]["retryable"]
        asterisk.reply = Reply(Fate.UNKNOWN, message="not reachable")
        await seen.look()
        assert await rung(("phones", "2001")) == ["2001"]
