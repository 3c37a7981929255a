"""Phases on their way out: in order, beside the call, within Asterisk's size limit."""

import json

from ari_app.runtime.publish import MAX_BODY, fitted
from tests.unit.runtime.conftest import World


async def test_phases_reach_the_agents_application_in_order(world):
    await world.briefing()
    await world.settle()
    sent = [event.variables for app, event in world.ari.user_events if app == "agent-app"]
    assert [payload["sequence"] for payload in sent] == list(range(1, len(sent) + 1))
    assert sent[0]["phase"] == "started"


async def test_an_application_that_is_away_gets_its_phases_when_it_is_back():
    async with World().running() as world:
        world.ari.apps.discard("agent-app")
        await world.talking()
        world.ask()
        for _ in range(3):
            await world.settle()
        assert world.ari.user_events == []


async def test_a_follower_gets_what_comes_from_now_on(world):
    await world.talking()
    world.ask()
    await world.settle()
    transfer_id = world.call.transfer.transfer_id
    with world.publisher.follow(transfer_id) as queue:
        world.ari.rejects(world.supervisor_leg, 486)
        await world.settle()
        phases = [queue.get_nowait()["phase"] for _ in range(queue.qsize())]
    assert phases[-1] == "transfer_cancelled"


def test_a_payload_is_cut_to_the_limit_at_its_longest_texts():
    payload = {"transfer_id": "tr_1", "data": {"summary": "é" * 60_000, "short": "kept"}, "list": ["x" * 30_000]}
    fitting = fitted(payload)
    assert len(json.dumps(fitting).encode()) <= MAX_BODY
    assert fitting["data"]["short"] == "kept"
    assert fitting["data"]["summary"].endswith("…")


def test_a_payload_that_fits_is_sent_as_it_is():
    payload = {"transfer_id": "tr_1", "data": {"summary": "x" * 9_000}}
    assert fitted(payload) == payload
