"""The same request_id on the same call is the same transfer, however often and whichever way it comes."""

import asyncio
import signal

from ari_app.testing.phone import Ring
from ari_app.testing.stage import Ari
from ari_app.transfer import ids
from tests.sipp.test_sdk import config, session_of


async def test_ten_times_at_once_by_user_event_and_again_by_http(stage):
    """They wait for the app together: it is stopped while they come in, and takes all of them in one breath."""
    await stage.talking(supervisor=Ring())
    stage.app.process.send_signal(signal.SIGSTOP)
    await asyncio.gather(*(stage.ask(request_id="case-4711") for _ in range(10)))
    stage.app.process.send_signal(signal.SIGCONT)
    await stage.ari.phase("supervisor_ringing")
    transfer = (await stage.ari.phase("started"))["transfer_id"]
    again = await stage.app.post("/v1/transfers", stage.request(request_id="case-4711"))

    assert (again["status"], again["body"]["transfer_id"]) == (200, transfer)
    assert {phase["transfer_id"] for phase in stage.ari.phases} == {transfer}, stage.ari.names()
    assert stage.ari.names().count("started") == stage.ari.names().count("supervisor_dialed") == 1
    assert len(stage.invites()) == 1
    await stage.cancel()
    await stage.are_back()
    await stage.ari.ended()


async def test_a_hundred_times_at_once_by_every_way(stage):
    """On the caller's channel, on the agent's leg and over HTTP, all under way together."""
    await stage.talking(fresh=True)
    request = stage.request(request_id="case-4711")
    said = {key: value for key, value in request.items() if key != "channel"}
    sources = (stage.channel, ids.agent_leg(stage.call_id)) * 25
    told = (stage.ari.tell("WarmTransferRequest", source, said) for source in sources)
    posted = (stage.app.post("/v1/transfers", request) for _ in range(50))
    answers = await asyncio.gather(*(each for both in zip(told, posted, strict=True) for each in both))
    bodies = [answer["body"] for answer in answers if answer]
    await stage.ari.phase("briefing_started")

    assert len(bodies) == 50
    [transfer] = {body["transfer_id"] for body in bodies}
    assert [each["transfer_id"] for each in (await stage.app.get("/v1/transfers"))["body"]] == [transfer]
    assert len(stage.invites()) == 1
    await stage.supervisor.press("1")
    await stage.are_connected()
    await stage.ari.ended()
    assert await stage.told_without_holes(transfer) == stage.ari.names()
    assert {phase["transfer_id"] for phase in stage.ari.phases} == {transfer}


async def test_five_times_at_once_by_http_and_once_more_after_the_end(stage):
    await stage.talking(supervisor=Ring())
    request = stage.request(request_id="case:1")
    answers = await asyncio.gather(*(stage.app.post("/v1/transfers", request) for _ in range(5)))
    await stage.ari.phase("supervisor_ringing")

    assert sorted(answer["status"] for answer in answers) == [200, 200, 200, 200, 201]
    assert len({answer["body"]["transfer_id"] for answer in answers}) == 1
    await stage.cancel()
    await stage.are_back()
    await stage.ari.ended()

    late = await stage.app.post("/v1/transfers", request)
    assert (late["status"], late["body"]["result"]["outcome"]) == (200, "cancelled")
    assert stage.ari.names().count("started") == 1
    assert len(stage.invites()) == 1


async def test_asked_again_after_the_end_it_tells_the_end_again(stage):
    """Both the agent's app and this one were restarted meanwhile: the call, and what it was told, is in the journal."""
    await stage.talking(supervisor=Ring())
    await stage.ask(request_id="case-1")
    await stage.ari.phase("supervisor_ringing")
    await stage.cancel()
    await stage.are_back()
    await stage.ari.ended()
    told = stage.ari.events[-1]["userevent"]
    await stage.killed_and_back()
    await stage.are_back()

    async with Ari(stage.lab, "agent-again") as restarted:
        await stage.ask(request_id="case-1", reply_to="agent-again")
        assert (await restarted.ended())["outcome"] == "cancelled"
        await stage.app.post("/v1/transfers", stage.request(request_id="case-1", reply_to="agent-again"))
        assert [event["userevent"] for event in restarted.events] == [told], "a copy is no question"
    async with session_of(stage, "user events") as session:
        heard = []
        session.on_warm_transfer(callback=heard.append)
        result = await session.warm_transfer(config(request_id="case-1"))
    assert ([phase["phase"] for phase in heard], result.outcome) == (["transfer_cancelled"], "cancelled")
    assert stage.ari.events[-1]["userevent"] == told
    assert (stage.ari.names().count("transfer_cancelled"), len(stage.invites())) == (1, 1)
