"""A destination webhook: asked once, signed, with little time; whatever it answers wrongly is one refusal."""

import asyncio
import re

import pytest
from aiohttp import web
from receiver import SECRET, Receiver

from ari_app.config import DestinationWebhook
from ari_app.errors import RequestRefused, SettingsError
from ari_app.http.finding import Finder

FACTS = {"call_id": "call_1", "reason": "wants a “human”", "metadata": {"queue": "gold"}}
ONE = {"routing_rule_id": "rr", "sip_call_to": "2001"}


def finder(url, **more):
    return Finder({"desk": DestinationWebhook(url=url, secret=SECRET, **more)}, {}, lambda: 1_700_000_000.0)


async def ask(url, **more):
    asked = finder(url, **more)
    try:
        return await asked.find("desk", FACTS)
    finally:
        await asked.aclose()


async def test_it_is_told_of_the_call_and_its_answer_is_read():
    answer = {"destinations": [ONE], "strategy": "sequential", "comment": "passed over"}
    async with Receiver(lambda said: web.json_response(answer)) as there:
        found = await ask(there.url)
    assert [wanted.sip_call_to for wanted in found.destinations] == ["2001"]
    [(_, said)] = there.tries
    assert (said["type"], said["timestamp"], said["data"]) == ("warm_transfer.destination", 1_700_000_000.0, FACTS)
    assert there.forged == 0


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (500, "answered 500"),
        (web.Response(status=302, headers={"Location": "http://127.0.0.1:1/"}), "answered 302"),
        (web.Response(text="2001"), "its answer"),
        (web.Response(text="{"), "no JSON"),
        (web.Response(text="[" * 30_000), "no JSON"),
        (web.Response(text=" " * 70_000), "no JSON"),
        (web.json_response({"destinations": []}), "destinations"),
        (web.json_response({"destinations": [{**ONE, "sip_call_to": "2001@evil"}]}), "sip_call_to"),
        (web.json_response({"destinations": [{**ONE, "endpoint": "PJSIP/9"}]}), "endpoint"),
        (web.json_response({"destinations": [ONE], "strategy": "all"}), "strategy"),
    ],
)
async def test_what_can_not_be_used_is_a_refusal(answer, why):
    async with Receiver(lambda said: answer) as there:
        with pytest.raises(RequestRefused, match=f"^group: destination webhook desk: .*{re.escape(why)}") as refused:
            await ask(there.url)
    assert refused.value.status == 503
    assert SECRET not in str(refused.value)


async def test_it_has_little_time_and_may_not_be_there():
    async with Receiver() as there:
        there.held = asyncio.Event()
        with pytest.raises(RequestRefused, match="no answer within 0.05 s"):
            await ask(there.url, timeout=0.05)
        there.held.set()
    with pytest.raises(RequestRefused, match="ConnectError"):
        await ask(there.url)


def test_its_secret_is_checked_at_the_start():
    with pytest.raises(SettingsError, match=r"^destination_webhooks\.desk\.secret"):
        Finder({"desk": DestinationWebhook(url="https://example.com", secret="short")}, {})
