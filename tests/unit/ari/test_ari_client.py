"""Fates, deadlines, repetition and spelling of requests, against a stub on a real port."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from aiohttp import web
from stub_asterisk import Stub, says

from ari_app.ari.client import AriClient
from ari_app.errors import AriError
from ari_app.runtime.ports import ChannelFacts, Fate

HANGUP = "/ari/channels/c1"
ANSWER = "/ari/channels/c1/answer"


def dies(times: int) -> tuple[Any, list[int]]:
    """Closes the connection under the first requests, as Asterisk does with an idle one."""
    seen: list[int] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        seen.append(1)
        if len(seen) <= times:
            assert request.transport
            request.transport.close()
        return web.Response(status=204)

    return handler, seen


async def test_ok_carries_the_body(client: AriClient) -> None:
    reply = await client.call("channels.list")
    assert reply.ok and reply.status == 200 and reply.body[0]["id"] == "c1"


async def test_ok_without_a_body(client: AriClient) -> None:
    reply = await client.call("channels.hangup", channelId="c9", reason_code=26)
    assert (reply.fate, reply.status, reply.body) == (Fate.OK, 204, None)


@pytest.mark.parametrize("status", [400, 401, 404, 409, 412, 413, 422])
async def test_4xx_is_refused_in_asterisks_words(client: AriClient, stub: Stub, status: int) -> None:
    stub.answers[HANGUP] = says(status, {"message": "Channel not found"})
    reply = await client.call("channels.hangup", channelId="c1")
    assert (reply.fate, reply.status) == (Fate.REFUSED, status)
    assert status == 401 or reply.message == f"{status}: Channel not found"
    assert reply.gone == (status == 404) and reply.exists == (status == 409)


@pytest.mark.parametrize("status", [302, 408, 500, 503])
async def test_408_and_5xx_leave_the_fate_unknown(client: AriClient, stub: Stub, status: int) -> None:
    stub.answers[HANGUP] = says(status, {"error": "Allocation failed"})
    reply = await client.call("channels.hangup", channelId="c1")
    assert (reply.fate, reply.status, reply.message) == (Fate.UNKNOWN, status, f"{status}: Allocation failed")


async def test_a_success_that_is_not_json_is_unknown(client: AriClient, stub: Stub) -> None:
    async def garbled(_: web.Request) -> web.StreamResponse:
        return web.Response(text="<html>")

    stub.answers[HANGUP] = garbled
    assert (await client.call("channels.get", channelId="c1")).fate is Fate.UNKNOWN


async def test_an_error_page_that_is_not_json_does_no_harm(client: AriClient, stub: Stub) -> None:
    stub.answers[HANGUP] = says(404, ["not an object"])
    reply = await client.call("channels.get", channelId="c1")
    assert reply.gone and reply.message == "404: Not Found"


async def test_silence_ends_at_the_deadline(client: AriClient, stub: Stub) -> None:
    never = asyncio.Event()

    async def silent(_: web.Request) -> web.StreamResponse:
        await never.wait()
        return web.Response()

    stub.answers[HANGUP] = silent
    reply = await client.call("channels.hangup", channelId="c1", deadline=0.02)
    never.set()
    assert (reply.fate, reply.status, reply.message) == (Fate.UNKNOWN, None, "no answer within 0.02 s")


async def test_a_request_that_dies_on_a_stale_connection_is_repeated_once(client: AriClient, stub: Stub) -> None:
    stub.answers[ANSWER], seen = dies(1)
    assert (await client.call("channels.answer", channelId="c1")).ok
    assert len(seen) == 2


async def test_it_is_not_repeated_twice(client: AriClient, stub: Stub) -> None:
    stub.answers[ANSWER], seen = dies(9)
    reply = await client.call("channels.answer", channelId="c1")
    assert reply.fate is Fate.UNKNOWN and reply.status is None
    assert len(seen) == 2


async def test_an_originate_is_never_repeated(client: AriClient, stub: Stub) -> None:
    stub.answers[HANGUP], seen = dies(1)
    reply = await client.call("channels.originateWithId", channelId="c1", endpoint="PJSIP/x", app="wt")
    assert reply.fate is Fate.UNKNOWN
    assert len(seen) == 1


async def test_a_user_event_is_never_repeated(client: AriClient, stub: Stub) -> None:
    stub.answers["/ari/events/user/e"], seen = dies(1)
    reply = await client.call("events.userEvent", eventName="e", application="x", body={"variables": {}})
    assert reply.fate is Fate.UNKNOWN
    assert len(seen) == 1


@pytest.mark.parametrize(("known", "fate", "sent"), [(404, Fate.OK, 1), (200, Fate.REFUSED, 0), (500, Fate.UNKNOWN, 0)])
async def test_media_is_asked_for_under_a_new_id_only(
    client: AriClient, stub: Stub, known: int, fate: Fate, sent: int
) -> None:
    """Asterisk 22.10.1 crashes otherwise."""
    stub.answers["/ari/channels/m1"] = says(known, {})
    reply = await client.call("channels.externalMedia", channelId="m1", app="wt", format="slin16")
    assert reply.fate is fate and reply.exists == (known == 200)
    assert [path.split("?")[0] for method, path, *_ in stub.requests if method == "POST"] == [
        "/ari/channels/externalMedia"
    ] * sent


async def test_asterisk_gone_is_unknown(client: AriClient, stub: Stub) -> None:
    await stub.stop()
    reply = await client.call("channels.hangup", channelId="c1")
    assert reply.fate is Fate.UNKNOWN and reply.message


async def test_a_body_arrives_as_it_is_in_utf8(client: AriClient, stub: Stub) -> None:
    body = {"variables": {"PJSIP_HEADER(add,X-Name)": "Zoë 日本 \U0001f600", "N": {"deep": [1, True, None]}}}
    await client.call("channels.originateWithId", channelId="c1", endpoint="PJSIP/x", timeout=25, body=body)
    method, path, query, content = stub.requests[-1]
    assert (method, path.split("?")[0]) == ("POST", HANGUP)
    assert query == {"endpoint": "PJSIP/x", "timeout": "25"}
    assert content.decode() == json.dumps(body, ensure_ascii=False)


async def test_a_body_that_the_description_requires(client: AriClient, stub: Stub) -> None:
    body = {"variables": {"A": "1"}}
    assert (await client.call("channels.setChannelVars", channelId="c1", body=body)).ok
    assert json.loads(stub.requests[-1][3]) == body


async def test_a_body_of_another_shape_than_its_name(client: AriClient, stub: Stub) -> None:
    await client.call("applications.filter", applicationName="wt", body={"allowed": []})
    assert json.loads(stub.requests[-1][3]) == {"allowed": []}


async def test_queries_are_spelled_for_asterisk(client: AriClient, stub: Stub) -> None:
    value = "a b+c&d=é%41/?#,"
    await client.call("channels.setChannelVar", channelId="1.2", variable="F(x)", value=value, report_events=True)
    assert stub.requests[-1][2] == {"variable": "F(x)", "value": value, "report_events": "true"}


async def test_a_long_value_goes_into_the_body(client: AriClient, stub: Stub) -> None:
    value = "é" * 2_000
    await client.call("channels.setChannelVar", channelId="c1", variable="V", value=value)
    _, path, query, content = stub.requests[-1]
    assert query == {} and path == "/ari/channels/c1/variable"
    assert json.loads(content) == {"variable": "V", "value": value}


async def test_none_means_not_given(client: AriClient, stub: Stub) -> None:
    await client.call("channels.hangup", channelId="c1", reason_code=None)
    assert stub.requests[-1][2] == {}


@pytest.mark.parametrize(
    ("operation", "parameters"),
    [
        ("channels.explode", {}),
        ("nothing.get", {}),
        ("channels", {}),
        ("channels.get", {}),
        ("channels.get", {"channelId": "c1", "colour": "red"}),
        ("channels.setChannelVar", {"channelId": "c1", "variable": "V", "value": "\ud800"}),
    ],
)
async def test_what_asterisk_does_not_have_is_refused_here(
    client: AriClient, stub: Stub, operation: str, parameters: dict[str, Any]
) -> None:
    reply = await client.call(operation, **parameters)
    assert (reply.fate, reply.status) == (Fate.REFUSED, None) and reply.message
    assert stub.requests == []


async def test_before_connecting_and_after_closing_nothing_is_sent(stub: Stub) -> None:
    async with AriClient(stub.url, "user", "secret", "wt") as client:
        assert (await client.call("channels.list")).fate is Fate.UNKNOWN
        await client.connect()
    assert (await client.call("channels.list")).fate is Fate.UNKNOWN


@pytest.mark.parametrize("suffix", ["", "/", "/ari", "/ari/"])
async def test_the_url_may_end_as_it_likes(stub: Stub, suffix: str) -> None:
    async with AriClient(stub.url + suffix, "user", "secret", "wt") as client:
        await client.connect()
        assert (await client.call("channels.list")).ok


async def test_a_wrong_password_is_named_and_not_shown(stub: Stub) -> None:
    async with AriClient(stub.url, "user", "hunter2", "wt") as client:
        with pytest.raises(AriError, match="401: Asterisk does not accept") as caught:
            await client.connect()
    assert "hunter2" not in str(caught.value)


async def test_the_snapshot_puts_the_lists_together(client: AriClient) -> None:
    snapshot = await client.snapshot()
    assert snapshot.started == "2026-11-22T08:00:00.000+0000"
    assert snapshot.channels["c1"] == ChannelFacts("c1", "Up", "PJSIP/a-1")
    assert snapshot.bridges == {"b1": frozenset({"c1"})}
    assert snapshot.ours == {"c1"}


async def test_an_app_that_asterisk_has_not_met_has_no_channels(client: AriClient, stub: Stub) -> None:
    stub.answers["/ari/applications/wt"] = says(404, {"message": "Application not found"})
    assert (await client.snapshot()).ours == frozenset()


@pytest.mark.parametrize("path", ["/ari/channels", "/ari/bridges", "/ari/asterisk/info", "/ari/applications/wt"])
@pytest.mark.parametrize("answer", [says(500, {"message": "no"}), says(200, {"what": 1}), says(200)])
async def test_a_snapshot_that_cannot_be_taken_says_so(client: AriClient, stub: Stub, path: str, answer: Any) -> None:
    stub.answers[path] = answer
    with pytest.raises(AriError):
        await client.snapshot()
