"""OpenAI through its own SDK, against the local server."""

import asyncio
import logging
import ssl
import time
import traceback
from functools import cache

import pytest

from ari_app.briefing.ports import Heard
from ari_app.briefing.providers import openai
from ari_app.briefing.providers.border import Options
from ari_app.briefing.providers.openai import OpenAIChat, OpenAISpeech, OpenAITranscription
from ari_app.briefing.talk import beside
from ari_app.errors import ProviderError
from ari_app.testing.providers.fault_contract import BRIEF, CANARY, Verdict, fails, faults_of
from ari_app.testing.providers.openai import HUM, OpenAIServer
from ari_app.testing.providers.server import Fault

KEY = "sk-canary-key"
SAID = "The caller wants a refund."
YES = "yes put them through"
LATEST = 5.0
"Seconds for a failure, on a busy machine."
FRAME = bytes(960)
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
    monkeypatch.setattr(openai, "CLOSE_WITHIN", 0.05)


@pytest.fixture
async def cloud():
    async with OpenAIServer() as server:
        server.drip = 0.05
        yield server
        async with asyncio.timeout(1):
            while server.connections:  # noqa: ASYNC110
                await asyncio.sleep(0.005)


@pytest.fixture
async def made(cloud):
    """Makes engines and closes them, after which the server sees no connection any more."""
    engines = []

    def make(kind, **changes):
        engines.append(kind(Options(**{"api_key": KEY, "base_url": cloud.url, **changes})))
        return engines[-1]

    yield make
    for engine in engines:
        await engine.aclose()


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


# The language model


async def test_an_answer_comes_word_by_word(cloud, made):
    cloud.answers(SAID, to="refund")
    pieces = [piece async for piece in made(OpenAIChat).complete(PROMPT)]
    assert "".join(pieces) == SAID and len(pieces) == 5
    request = cloud.seen[-1]
    assert request.body["messages"] == PROMPT and request.body["stream"] is True
    assert request.headers["authorization"] == f"Bearer {KEY}"


async def test_only_our_own_choice_of_model_is_told_not_to_think(cloud, made):
    [_ async for _ in made(OpenAIChat).complete(PROMPT)]
    [_ async for _ in made(OpenAIChat, model="llama", api_key="").complete(PROMPT)]
    ours, theirs = (request.body for request in cloud.seen)
    assert ours["reasoning_effort"] == "none"
    assert theirs["model"] == "llama" and "reasoning_effort" not in theirs


@pytest.mark.parametrize("fault", faults_of("llm"), ids=str)
async def test_each_fault_of_a_model_is_one_provider_error_in_time(cloud, made, fault):
    cloud.answers("word" * 99 + f" {CANARY} {SAID}")
    await fails(cloud, fault, lambda deadlines: all_of(made(OpenAIChat, deadlines=deadlines).complete(PROMPT)), "llm")


async def test_words_without_end_are_ended_by_us(cloud, made):
    cloud.fail(Fault.ENDLESS)
    _, came = await failure(made(OpenAIChat).complete(PROMPT))
    assert 0 < len("".join(came)) <= 4_000


async def test_a_tool_call_is_no_answer(cloud, made):
    cloud.calls_a_tool = True
    error, came = await failure(made(OpenAIChat).complete(PROMPT))
    assert Verdict.of(error) is Verdict.THIS_REQUEST and not came


# The voice


async def test_speech_comes_as_whole_samples_in_small_pieces(cloud, made):
    pieces = [piece async for piece in made(OpenAISpeech).synthesize("Hello")]
    assert b"".join(pieces) == HUM * 4800 and {len(piece) for piece in pieces} == {960}
    body = cloud.seen[-1].body
    assert body["response_format"] == "pcm" and body["input"] == "Hello"


async def test_audio_in_odd_pieces_loses_only_the_half_sample_at_its_end(cloud, made):
    cloud.fail(Fault.ODD_LENGTH)
    pieces = [piece async for piece in made(OpenAISpeech).synthesize("Hello")]
    assert b"".join(pieces) == HUM * 4799 and not any(len(piece) % 2 for piece in pieces)


@pytest.mark.parametrize("fault", [fault for fault in faults_of("tts") if fault is not Fault.NAN], ids=str)
async def test_each_fault_of_a_voice_is_one_provider_error_in_time(cloud, made, fault):
    cloud.seconds = 10.0 if fault is Fault.ENDLESS else 0.2
    await fails(
        cloud, fault, lambda deadlines: all_of(made(OpenAISpeech, deadlines=deadlines).synthesize(CANARY)), "tts"
    )


# The ears


async def feed(listening, seconds):
    for _ in range(round(seconds / 0.02)):
        await listening.hear(FRAME)


async def test_words_are_heard_before_they_are_final_and_then_once_more(cloud, made):
    cloud.fail(Fault.DUPLICATE_FINALS)
    cloud.hears(YES, at=0.1)
    cloud.hears("no", at=0.3)
    async with made(OpenAITranscription).listen() as listening:
        await feed(listening, 0.5)
        words = aiter(listening)
        found = [await anext(words) for _ in range(4)]
    assert found == [Heard("yes", False), Heard(YES, True), Heard("no", False), Heard("no", True)]
    assert cloud.seen[-1].query == {"intent": "transcription"}
    assert bytes(cloud.audio).startswith(FRAME)


async def test_a_model_that_notices_no_end_of_turn_is_told(cloud, made):
    cloud.hears(YES)
    async with made(OpenAITranscription, model="gpt-live-transcribe", language="en-US").listen() as listening:
        await feed(listening, 0.2)
        await listening.end_of_speech()
        words = aiter(listening)
        while not (heard := await anext(words)).final:
            pass
    assert heard.text == YES


async def talk(listening):
    """A supervisor who goes on talking, ten times as fast as people do."""
    while True:
        await feed(listening, 0.5)
        await listening.end_of_speech()
        await asyncio.sleep(0.05)


async def listen_until_it_fails(engine):
    async with engine.listen() as listening, beside(talk(listening)):
        async for _ in listening:
            pass


@pytest.mark.parametrize("fault", faults_of("stt"), ids=str)
async def test_each_fault_of_a_recogniser_is_one_provider_error_in_time(cloud, made, fault):
    for _ in range(9):
        cloud.hears(f"{YES} {CANARY}", at=0.4)
    await fails(
        cloud, fault, lambda deadlines: listen_until_it_fails(made(OpenAITranscription, deadlines=deadlines)), "stt"
    )


async def test_a_recogniser_that_never_answers_is_lost(cloud, made):
    with pytest.raises(ProviderError):
        async with asyncio.timeout(LATEST):
            await listen_until_it_fails(made(OpenAITranscription, deadlines=BRIEF))
    assert len(cloud.seen) == 2


async def test_words_without_end_keep_nobody_from_hearing(cloud, made):
    cloud.fail(Fault.ENDLESS)
    cloud.hears(YES, at=0.1)
    async with made(OpenAITranscription).listen() as listening:
        await feed(listening, 0.2)
        words = aiter(listening)
        assert not any([(await anext(words)).final for _ in range(20)])


# All of them


async def test_nothing_that_is_said_or_secret_is_logged(cloud, made, caplog):
    caplog.set_level(logging.DEBUG)
    cloud.answers(SAID)
    cloud.hears(YES, at=0.1)
    [_ async for _ in made(OpenAIChat).complete(PROMPT)]
    [_ async for _ in made(OpenAISpeech).synthesize(SAID)]
    async with made(OpenAITranscription).listen() as listening:
        await feed(listening, 0.2)
        await anext(aiter(listening))
    assert not [record for record in caplog.records if any(word in record.getMessage() for word in (KEY, SAID, YES))]


async def test_own_share_of_first_word_and_first_audio_is_small(cloud, made):
    """A smoke alarm, not the number: that is measured in bench/."""
    llm, tts = made(OpenAIChat), made(OpenAISpeech)
    shares = []
    for _ in range(10):
        for answer in (llm.complete(PROMPT), tts.synthesize("Hello")):
            started = time.perf_counter()
            await anext(answer)
            shares.append(time.perf_counter() - started)
            await answer.aclose()
    assert sorted(shares)[10] < 0.1
