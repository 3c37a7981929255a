"""Anthropic through its own SDK, against the local server."""

import asyncio
import logging
import ssl
import sys
import time
import traceback
from functools import cache

import pytest

from ari_app.briefing.providers.anthropic import AnthropicChat
from ari_app.briefing.providers.border import Options
from ari_app.errors import ProviderError
from ari_app.testing.providers.anthropic import AnthropicServer
from ari_app.testing.providers.fault_contract import CANARY, Verdict, fails, faults_of
from ari_app.testing.providers.server import Fault

KEY = "sk-ant-canary-key"
SAID = "The caller wants a refund."
LATEST = 5.0
"Seconds for a failure, on a busy machine."
PROMPT = [{"role": "system", "content": "Summarise."}, {"role": "user", "content": "I want a refund"}]


@pytest.fixture(autouse=True)
async def nothing_is_left():
    before = asyncio.all_tasks()
    yield
    await asyncio.sleep(0)
    assert asyncio.all_tasks() - before <= {asyncio.current_task()}


contexts = cache(ssl.create_default_context)


@pytest.fixture(autouse=True)
def haste(monkeypatch):
    """A client reads a thousand certificates for each of its contexts."""
    monkeypatch.setattr(ssl, "create_default_context", contexts)


@pytest.fixture
async def cloud():
    pytest.importorskip("anthropic")
    async with AnthropicServer() as server:
        server.drip = 0.05
        yield server
        async with asyncio.timeout(1):
            while server.connections:  # noqa: ASYNC110
                await asyncio.sleep(0.005)


@pytest.fixture
async def made(cloud):
    """Makes models and closes them, after which the server sees no connection any more."""
    models = []

    def make(**changes):
        options = {"api_key": KEY, "base_url": cloud.url, **changes}
        models.append(AnthropicChat(Options(**options)))
        return models[-1]

    yield make
    for model in models:
        await model.aclose()


async def all_of(pieces):
    return [piece async for piece in pieces]


async def failure(pieces):
    """The ProviderError that an answer ends with, and what came before."""
    came, started = [], time.perf_counter()
    with pytest.raises(ProviderError) as caught:
        async with asyncio.timeout(LATEST):
            async for piece in pieces:
                came.append(piece)
    told = "".join(traceback.format_exception(caught.value))
    assert KEY not in told and "refund" not in told
    assert time.perf_counter() - started < LATEST
    return caught.value, came


async def test_an_answer_comes_word_by_word(cloud, made):
    cloud.answers(SAID, to="refund")
    pieces = [piece async for piece in made().complete(PROMPT)]
    assert "".join(pieces) == SAID and len(pieces) == 5


async def test_system_messages_are_the_system_prompt(cloud, made):
    late = {"role": "system", "content": "Be brief."}
    [_ async for _ in made(model="mine").complete([*PROMPT, late])]
    request = cloud.seen[-1]
    assert request.body["system"] == "Summarise.\n\nBe brief."
    assert request.body["messages"] == PROMPT[1:] and request.body["model"] == "mine"
    assert KEY in (request.headers.get("x-api-key"), request.headers.get("authorization", "").removeprefix("Bearer "))
    assert "thinking" not in request.body


@pytest.mark.parametrize("fault", faults_of("llm"), ids=str)
async def test_each_fault_is_one_provider_error_in_time(cloud, made, fault):
    cloud.answers("word" * 99 + f" {CANARY} {SAID}")
    await fails(cloud, fault, lambda deadlines: all_of(made(deadlines=deadlines).complete(PROMPT)), "llm")


async def test_words_without_end_are_ended(cloud, made):
    cloud.fail(Fault.ENDLESS)
    _, came = await failure(made().complete(PROMPT))
    assert 0 < len("".join(came)) <= 4_000


async def test_a_tool_call_or_a_refusal_is_no_answer(cloud, made):
    cloud.calls_a_tool = True
    assert Verdict.of((await failure(made().complete(PROMPT)))[0]) is Verdict.THIS_REQUEST
    cloud.calls_a_tool, cloud.stop_reason = False, "refusal"
    assert Verdict.of((await failure(made().complete(PROMPT)))[0]) is Verdict.THIS_REQUEST


async def test_an_overload_in_the_middle_may_be_tried_again(cloud, made):
    cloud.is_overloaded = True
    assert (await failure(made().complete(PROMPT)))[0].retryable


async def test_whoever_stops_listening_frees_the_connection(cloud, made):
    cloud.fail(Fault.ENDLESS)
    answer = made().complete(PROMPT)
    assert await anext(answer) == "All"
    await answer.aclose()


async def test_nothing_that_is_said_or_secret_is_logged(cloud, made, caplog):
    caplog.set_level(logging.DEBUG)
    cloud.answers(SAID)
    [_ async for _ in made().complete(PROMPT)]
    assert not [record for record in caplog.records if KEY in record.getMessage() or SAID in record.getMessage()]


def test_without_the_sdk_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "anthropic", None)
    with pytest.raises(ProviderError, match=r"warm-transfer\[anthropic\]"):
        AnthropicChat(Options(api_key=KEY))


async def test_own_share_of_the_first_word_is_small(cloud, made):
    """A smoke alarm, not the number: that is measured in bench/."""
    model, shares = made(), []
    for _ in range(10):
        started = time.perf_counter()
        answer = model.complete(PROMPT)
        await anext(answer)
        shares.append(time.perf_counter() - started)
        await answer.aclose()
    assert sorted(shares)[5] < 0.1
