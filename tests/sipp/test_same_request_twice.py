"""The same request_id on the same call is the same transfer, however often and whichever way it comes."""

import asyncio
import signal

from ari_app.testing.phone import Ring


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
