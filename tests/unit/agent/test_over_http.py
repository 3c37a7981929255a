"""Transfers over the app's own HTTP, and in one process with it: the same API, the same desk behind it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest
from fake_asterisk import CHANNEL, ending, phase
from prometheus_client import CollectorRegistry

from ari_app import AgentSession, Pipeline, SIPDestination, WarmTransferConfig, WarmTransferError
from ari_app.errors import RequestRefused
from ari_app.http.api import build
from ari_app.http.server import listen, serve
from ari_app.runtime.intake import Congested, Unreached
from ari_app.transfer.model import Outcome
from tests.unit.http.fake_control import TOKEN, FakeControl, settings

CONFIG = WarmTransferConfig(destination=SIPDestination("rr_x", "+14155550123"), request_id="case-1")


class Desk(FakeControl):
    """Tells whole payloads, ends with results, and keeps lent engines."""

    def __init__(self):
        super().__init__()
        self.lent = {}
        self.new = asyncio.Event()

    async def request_transfer(self, call_ref, variables):
        answer = await super().request_transfer(call_ref, variables)
        self.new.set()
        return answer

    def lend(self, request_id, **engines):
        self.lent[request_id] = engines

    def take_back(self, request_id):
        del self.lent[request_id]

    def says(self, *names, outcome="completed", transfer_id="tr_1"):
        history = self.history[transfer_id]
        for name in names:
            data = ending(outcome) if name.startswith("transfer_") else {}
            payload = phase(
                len(history) + 1, name, self.views[transfer_id]["request_id"], transfer_id=transfer_id, data=data
            )
            history.append(payload)
            for queue in self.queues:
                if queue.full():
                    queue.get_nowait()
                queue.put_nowait(payload)


@asynccontextmanager
async def served(desk, port=0, token=TOKEN):
    listener = listen("127.0.0.1", port)
    app = build(desk, settings(token), CollectorRegistry())
    serving = asyncio.create_task(serve(app, "127.0.0.1", 0, listener=listener))
    try:
        yield listener.getsockname()[1]
    finally:
        serving.cancel()
        await asyncio.wait({serving})


def over_http(port, token=TOKEN, **options):
    return AgentSession(
        http_url=f"http://127.0.0.1:{port}", token=token, channel_id=CHANNEL, started_within=0.5, **options
    )


@pytest.fixture
def desk():
    return Desk()


@pytest.fixture(params=["http", "in process"])
async def session(request, desk):
    if request.param == "in process":
        async with AgentSession(app=desk, channel_id=CHANNEL) as opened:
            yield opened
        return
    async with served(desk) as port, over_http(port) as opened:
        yield opened


async def test_a_transfer_with_phases_before_and_after_the_following_began(desk, session):
    numbers, done = [], asyncio.Event()

    @session.on_warm_transfer()
    async def hear(payload):
        numbers.append((payload["sequence"], payload["phase"]))
        if payload["phase"] == "transfer_complete":
            done.set()

    transfer = asyncio.create_task(session.warm_transfer(CONFIG))
    await desk.new.wait()
    desk.says("started", "caller_on_hold")
    await desk.followed.wait()
    # more at once than the desk keeps for a follower
    desk.says("summary_generating", "supervisor_dialed", "supervisor_ringing", "summary_ready", "supervisor_joined")
    desk.says("briefing_started", "transfer_complete")
    result = await transfer
    await done.wait()

    assert (result.success, result.outcome, result.transfer_id) == (True, "completed", "tr_1")
    assert [number for number, _ in numbers] == list(range(1, 10))
    call, variables = desk.asked[0]
    assert (call, variables["request_id"], "reply_to" in variables) == (CHANNEL, "case-1", False)


@pytest.mark.parametrize(
    ("refusal", "outcome", "retryable"),
    [
        (RequestRefused("a transfer of this call is in flight", status=409), "refused", False),
        (RequestRefused("not allowed", key="destination.sip_call_to", status=403), "refused", False),
        (RequestRefused("no live call with this call_id or channel", status=404), "refused", False),
        (Congested("congestion: 2 transfers are in flight", status=503), "congestion", True),
        (Unreached("unreachable: nobody of these is there", status=503), "unreachable", True),
        (RequestRefused("destination webhook crm: no answer", key="group", status=503), "refused", False),
    ],
    ids=lambda value: str(getattr(value, "status", "")),
)
async def test_a_refusal_is_a_result(desk, session, refusal, outcome, retryable):
    desk.breaks = refusal
    result = await session.warm_transfer(CONFIG)

    assert (result.success, result.outcome, result.retryable) == (False, outcome, retryable)
    assert (result.error, result.transfer_id, len(desk.asked)) == (str(refusal), None, 1)


async def test_a_transfer_of_another_session_can_be_asked_for(desk, session):
    await desk.request_transfer(CHANNEL, {})
    desk.says("started", "transfer_failed", outcome="unreachable")

    assert (await session.result("tr_1")).outcome == "unreachable"
    with pytest.raises(WarmTransferError, match="transfer_id"):
        await session.result("tr_2")


async def test_messages_are_added_and_a_transfer_taken_back(desk, session):
    asked = asyncio.create_task(session.warm_transfer(CONFIG))
    await desk.new.wait()
    desk.says("started")
    await desk.followed.wait()
    assert await session.cancel("never mind")
    desk.breaks = RequestRefused("the join has been committed", status=409)
    assert not await session.cancel()
    desk.says("transfer_cancelled", outcome="cancelled")

    assert (await asked).outcome == "cancelled"
    assert ("tr_1", "never mind") in desk.asked


# Over HTTP


async def test_the_stream_is_taken_up_where_it_broke_off(desk):
    numbers = []
    async with served(desk) as port:
        session = over_http(port)
        session.on_warm_transfer(callback=lambda payload: numbers.append(payload["sequence"]))
        transfer = asyncio.create_task(session.warm_transfer(CONFIG))
        await desk.new.wait()
        desk.says("started", "caller_on_hold")
        await desk.followed.wait()
    desk.says("supervisor_dialed")
    async with served(desk, port):
        desk.says("transfer_cancelled", outcome="no_answer")
        result = await transfer
        await session.aclose()

    assert (result.outcome, numbers) == ("no_answer", [1, 2, 3, 4])


async def test_a_wrong_token_is_misuse_and_an_absent_app_is_not(desk, unused_tcp_port):
    async with served(desk) as port, over_http(port, token="wrong") as session:
        with pytest.raises(WarmTransferError, match="token"):
            await session.warm_transfer(CONFIG)
    async with over_http(unused_tcp_port) as session:
        result = await session.warm_transfer(CONFIG)
    assert (result.outcome, result.retryable, result.request_id) == ("internal_error", True, "case-1")
    assert "can't be reached" in result.error


async def test_an_app_that_comes_up_meanwhile_gets_the_request(desk, unused_tcp_port):
    async with over_http(unused_tcp_port) as session:
        transfer = asyncio.create_task(session.warm_transfer(CONFIG))
        async with served(desk, unused_tcp_port):
            await desk.new.wait()
            desk.says("transfer_complete")
            assert (await transfer).success


async def test_a_history_goes_whole_and_in_pieces_only_over_the_servers_limit(desk):
    class Kept(Desk):
        async def add_transcript(self, call_ref, variables):
            self.asked.append(("transcript", variables))
            return await self.call("call_1")

    desk = Kept()
    two, five = ([{"role": "user", "content": "wörter " * 1_000}] * n for n in (250, 700))
    async with served(desk) as port, over_http(port) as session:
        for number, history in enumerate((two, five)):
            config = WarmTransferConfig(
                destination=SIPDestination("rr_x", "2001"), request_id=f"r{number}", chat_history=history
            )
            transfer = asyncio.create_task(session.warm_transfer(config))
            await desk.new.wait()
            desk.new.clear()
            desk.says("transfer_complete", transfer_id=f"tr_{number + 1}")
            assert (await transfer).success

    kinds = [(name, len(given.get("turns") or given.get("chat_history") or ())) for name, given in desk.asked]
    assert kinds[0] == (CHANNEL, 250)
    assert [name for name, _ in kinds[1:]] == ["transcript", "transcript", CHANNEL]
    assert (sum(many for _, many in kinds[1:-1]), kinds[-1][1]) == (700, 0)


# In process


async def test_engines_are_lent_for_the_request_and_taken_back_when_it_is_refused(desk):
    def factory():
        return Pipeline()

    model = object()
    config = WarmTransferConfig(
        destination=SIPDestination("rr_x", "2001"),
        request_id="case-1",
        summary_llm=model,
        briefing_pipeline_factory=factory,
    )
    async with AgentSession(app=desk, channel_id=CHANNEL) as session:
        transfer = asyncio.create_task(session.warm_transfer(config))
        await desk.new.wait()
        assert desk.lent == {"case-1": {"summary_llm": model, "briefing_pipeline_factory": factory}}
        assert set(desk.asked[0][1]) == {"destination", "request_id"}
        desk.says("transfer_complete")
        await transfer
    desk.breaks = RequestRefused("no", status=409)
    async with AgentSession(app=desk, channel_id=CHANNEL) as session:
        assert (await session.warm_transfer(config)).outcome == Outcome.REFUSED
    assert desk.lent == {}
