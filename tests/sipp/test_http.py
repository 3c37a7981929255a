"""The control API with real calls behind it, and what becomes of them without a journal."""

import asyncio
import sqlite3
from contextlib import aclosing, asynccontextmanager

import aiohttp
import pytest

from ari_app.testing.phone import Reject, Ring
from ari_app.testing.wire_cutter import WireCutter
from tests.sipp.conftest import MUSIC, SUPERVISOR

TO_ONE = {"destination": {"routing_rule_id": "rr_one", "sip_call_to": "2001"}, "reason": "the caller wants a refund"}


async def metrics(stage):
    async with aiohttp.ClientSession() as http, http.get(f"{stage.app.url}/metrics") as response:
        return (await response.text()).splitlines()


async def phase(stage, transfer_id, name, within=10.0):
    """Follows the transfer until this phase is told."""
    async with asyncio.timeout(within), aclosing(stage.app.follow(transfer_id)) as told:
        async for event in told:
            if event["event"] == name:
                return event["data"]
    raise AssertionError(f"the stream ended without {name}")


@pytest.mark.parametrize("by", ["channel", "call_id"])
async def test_a_whole_transfer_over_http(stage, by):
    await stage.talking(fresh=True)
    asked = await stage.app.post("/v1/transfers", {by: getattr(stage, by), **TO_ONE, "metadata": {"case": 4711}})
    view = asked["body"]
    assert (asked["status"], view["channel"], view["call_id"]) == (201, stage.channel, stage.call_id)
    assert view["result"] is None
    transfer_id = view["transfer_id"]

    seen = []
    async with asyncio.timeout(10), aclosing(stage.app.follow(transfer_id)) as told:
        async for event in told:
            seen.append(event)
            if len(seen) == 3:
                break
    rest = asyncio.create_task(collected(stage, transfer_id, after=3))
    await phase(stage, transfer_id, "briefing_started")
    await stage.caller.hears(MUSIC)
    await stage.supervisor.press("1")
    await stage.are_connected()
    seen += await asyncio.wait_for(rest, 10)

    assert [event["id"] for event in seen] == [str(number + 1) for number in range(len(seen))]
    assert all(event["data"]["sequence"] == int(event["id"]) for event in seen)
    assert all(event["data"]["phase"] == event["event"] for event in seen)
    assert all(event["data"]["metadata"] == {"case": 4711} for event in seen)
    assert (seen[0]["event"], seen[-1]["event"]) == ("started", "transfer_complete")
    assert await collected(stage, transfer_id, after=len(seen)) == []
    ended = (await stage.app.get(f"/v1/transfers/{transfer_id}"))["body"]
    assert ended["result"]["outcome"] == "completed"
    assert ended["result"] == seen[-1]["data"]["data"]["result"]
    assert 'warm_transfer_transfers_ended_total{outcome="completed"} 1.0' in await metrics(stage)


async def collected(stage, transfer_id, after=None):
    return [event async for event in stage.app.follow(transfer_id, after)]


async def test_lists_are_newest_first_and_the_outcomes_are_counted(stage):
    await stage.talking(supervisor=(Reject(486), Reject(603)), fresh=True)
    ids = []
    for count in (1, 2):
        asked = await stage.app.post("/v1/transfers", {"channel": stage.channel, **TO_ONE, "reply_to": "agent-app"})
        ids.append(asked["body"]["transfer_id"])
        await stage.ari.ended(count=count)
        await stage.are_back()
    listed = (await stage.app.get("/v1/transfers"))["body"]
    assert [(t["transfer_id"], t["result"]["outcome"]) for t in listed] == [(ids[1], "rejected"), (ids[0], "busy")]
    assert [t["transfer_id"] for t in (await stage.app.get("/v1/transfers?limit=1"))["body"]] == ids[1:]
    counted = await metrics(stage)
    for outcome, times in {"busy": 1, "rejected": 1, "completed": 0}.items():
        assert f'warm_transfer_transfers_ended_total{{outcome="{outcome}"}} {times}.0' in counted
    calls = (await stage.app.get("/v1/calls"))["body"]
    assert [(c["call_id"], c["state"], c["agent"]) for c in calls] == [(stage.call_id, "talking", "front-desk")]


async def test_what_was_sent_as_transcript_is_in_the_summary(stage):
    await stage.talking(supervisor=Ring())
    turns = [
        {"role": "user", "content": "My invoice of March was charged twice."},
        {"role": "assistant", "content": "I see two payments of ninety dollars."},
    ]
    added = await stage.app.post(f"/v1/calls/{stage.call_id}/transcript", {"turns": turns})
    assert added["status"] == 200
    asked = await stage.app.post("/v1/transfers", {"call_id": stage.call_id, **TO_ONE})
    ready = await phase(stage, asked["body"]["transfer_id"], "summary_ready")
    assert "invoice of March" in ready["data"]["summary"]
    cancelled = await stage.app.post(f"/v1/transfers/{asked['body']['transfer_id']}/cancel", {"reason": "never mind"})
    assert cancelled["status"] == 202
    await stage.supervisor.cancelled(1.0)
    await stage.are_back()


async def test_what_cannot_be_done_is_a_problem_and_touches_nobody(stage):
    await stage.talking(supervisor=Ring(), fresh=True)
    wrong = {"routing_rule_id": "rr_one", "sip_call_to": "2001", "sip_call_too": "2002"}
    for status, path, body in (
        (404, "/v1/transfers", {"channel": "nobody", **TO_ONE}),
        (422, "/v1/transfers", {"channel": stage.channel}),
        (422, "/v1/transfers", {"channel": stage.channel, "destination": wrong}),
        (404, "/v1/transfers/tr_nothing/cancel", {}),
        (404, "/v1/calls/call_nothing/transcript", {"turns": []}),
    ):
        answer = await stage.app.post(path, body)
        assert (answer["status"], answer["body"]["status"]) == (status, status), answer
        assert answer["body"]["title"] and answer["body"]["detail"]
    assert (await stage.app.get("/v1/transfers/tr_nothing"))["status"] == 404
    assert (await stage.app.get("/v1/calls/call_nothing"))["status"] == 404
    assert (await stage.app.get("/v1/transfers"))["body"] == []
    await stage.are_back()

    same = {"channel": stage.channel, **TO_ONE, "request_id": "case-1", "reply_to": "agent-app"}
    first = await stage.app.post("/v1/transfers", same)
    again = await stage.app.post("/v1/transfers", same)
    assert (first["status"], again["status"]) == (201, 200)
    assert first["body"]["transfer_id"] == again["body"]["transfer_id"]
    await stage.supervisor.invited()
    conflict = await stage.app.post("/v1/transfers", {"channel": stage.channel, **TO_ONE, "request_id": "case-2"})
    assert (conflict["status"], conflict["body"]["outcome"]) == (409, "refused")
    await stage.supervisor.reject(486)
    await stage.ari.ended()
    await stage.are_back()
    ended = await stage.app.post(f"/v1/transfers/{first['body']['transfer_id']}/cancel", {})
    assert ended["status"] == 409
    assert len(stage.supervisor.calls) == 1


async def test_not_ready_while_asterisk_is_away(stage):
    async with WireCutter(stage.lab.ari_url) as wire:
        await stage.set(environment={"WARM_TRANSFER_ASTERISK__URL": wire.url}, fresh=True)
        wire.cut()
        parts = await stage.not_ready()
        assert (parts["ari"], parts["journal"]) == (False, True)
        assert (await stage.app.get("/healthz"))["status"] == 200
        wire.mend()
        await stage.app.ready(2.0)
        await stage.app.stop()


@asynccontextmanager
async def without_journal(stage):
    """Somebody else holds the file, and every write of the app fails after a second of waiting."""
    holder = sqlite3.connect(stage.app.folder / "journal.db", isolation_level=None, check_same_thread=False)
    try:
        await asyncio.to_thread(holder.execute, "BEGIN EXCLUSIVE")
        yield
    finally:
        holder.close()


async def test_the_journal_breaks_in_the_briefing_and_the_supervisor_accepts(stage):
    await stage.briefed()
    async with without_journal(stage):
        assert (await stage.app.get("/readyz"))["body"]["journal"] is False
        await stage.supervisor.press("1")
        await stage.caller.hears(SUPERVISOR, 5)
        await stage.are_connected()
        stage.caller_had_company(longest=5.0)
    assert (await stage.ari.ended())["outcome"] == "completed"
    await stage.app.ready(5)
    await stage.told_without_holes()
    await stage.killed_and_back()
    await stage.are_connected()


async def test_the_journal_breaks_while_it_rings_and_the_supervisor_refuses(stage):
    await stage.dialing(supervisor=Ring())
    await stage.ari.phase("supervisor_ringing")
    async with without_journal(stage):
        await stage.supervisor.reject(486)
        await stage.are_back(5)
        stage.caller_had_company(longest=5.0)
    assert (await stage.ari.ended())["outcome"] == "busy"
    await stage.told_without_holes()


async def test_a_call_comes_while_the_journal_is_broken(stage):
    await stage.set()
    async with without_journal(stage):
        await stage.calls()
        await stage.are_back(8)
        await stage.caller.hang_up()
    await stage.nothing_is_left(8)
