"""Phases on their way out: in order, beside the call, within Asterisk's size limit."""

import asyncio
import json

import pytest

from ari_app.http.phases import DATA
from ari_app.runtime.ports import Fate, Reply
from ari_app.runtime.publish import MAX_BODY, Publisher, fitted
from ari_app.testing.fake_ari import FakeAri
from ari_app.transfer.model import Phase
from ari_app.wire import AttemptResult, PhasePayload, TransferResult
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


def phase(call_id, sequence):
    return {"transfer_id": f"tr_{call_id}", "call_id": call_id, "phase": "started", "sequence": sequence, "data": {}}


async def test_nothing_is_kept_of_whom_nobody_speaks_to_any_more():
    ari = FakeAri()
    ari.apps.add("session-1")
    publisher = Publisher(ari)
    running = asyncio.create_task(publisher.run())
    for _ in range(2):
        publisher.publish(phase("1", 1), reply_to="session-1")
        await publisher.flushed()
        await asyncio.sleep(0)
        assert (publisher._queues, len(asyncio.all_tasks())) == ({}, 2)
    assert [app for app, _ in ari.user_events] == ["session-1", "session-1"]
    running.cancel()


class Slow(FakeAri):
    """Takes the first call's phases when it is told to."""

    def __init__(self):
        super().__init__()
        self.told, self.goes_on = [], asyncio.Event()

    async def call(self, operation, **parameters):
        told = parameters["body"]["variables"]
        if told["call_id"] == "1":
            await self.goes_on.wait()
        self.told.append((told["call_id"], told["sequence"]))
        return Reply(Fate.OK, 204)


async def test_no_call_stands_in_line_behind_another():
    ari = Slow()
    publisher = Publisher(ari)
    running = asyncio.create_task(publisher.run())
    for call_id, sequence in (("1", 1), ("1", 2), ("2", 1), ("2", 2)):
        publisher.publish(phase(call_id, sequence), reply_to="agent-app")
    for _ in range(10):
        await asyncio.sleep(0)
    assert ari.told == [("2", 1), ("2", 2)]
    ari.goes_on.set()
    await publisher.flushed()
    assert ari.told[2:] == [("1", 1), ("1", 2)]
    running.cancel()


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


async def accepted(world):
    await world.briefing()
    world.ari.press(world.supervisor_leg, "1")


async def declined(world):
    await world.briefing()
    world.ari.press(world.supervisor_leg, "2")


async def busy(world):
    await world.talking()
    world.ask()
    await world.settle()
    world.ari.rejects(world.supervisor_leg, 486)


async def refused(world):
    await world.talking()
    world.ask(surprise=1)


@pytest.mark.parametrize(
    ("story", "end"),
    [
        (accepted, Phase.TRANSFER_COMPLETE),
        (declined, Phase.TRANSFER_CANCELLED),
        (busy, Phase.TRANSFER_CANCELLED),
        (refused, Phase.TRANSFER_FAILED),
    ],
)
async def test_phases_are_as_they_are_described(world, story, end):
    await story(world)
    await world.settle()
    assert world.payloads[-1]["phase"] == end
    for payload in world.payloads:
        assert set(payload) == set(PhasePayload.model_validate(payload).model_fields_set)
        described = DATA[Phase(payload["phase"])]
        assert set(payload["data"]) == set(described.model_fields), payload["phase"]
        described.model_validate(payload["data"])
    result = world.result()
    assert set(result) == set(TransferResult.model_fields)
    assert all(set(attempt) == set(AttemptResult.model_fields) for attempt in result["attempts"])


async def test_everybody_who_listens_hears_of_every_phase_at_once(world):
    heard = [], []
    publisher = Publisher(world.ari, *(each.append for each in heard))
    publisher.publish({"transfer_id": "tr_1", "phase": "started"}, reply_to=None)
    assert [len(each) for each in heard] == [1, 1]
