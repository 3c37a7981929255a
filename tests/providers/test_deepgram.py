"""Deepgram through its own SDK, against the local server."""

import asyncio
import logging
import ssl
import time
from functools import cache
from inspect import signature

import pytest

from ari_app.briefing.dialogue import WORDS_WITHIN
from ari_app.briefing.ports import Heard
from ari_app.briefing.providers import deepgram, hearing
from ari_app.briefing.providers.border import Options
from ari_app.briefing.providers.deepgram import DeepgramFlux, DeepgramNova
from ari_app.briefing.silero import SileroVoiceActivity
from ari_app.briefing.talk import beside
from ari_app.errors import ProviderError
from ari_app.testing.providers.deepgram import DeepgramServer
from ari_app.testing.providers.fault_contract import BRIEF, CANARY, fails, faults_of
from ari_app.testing.providers.server import Fault

KEY = "dg-canary-key"
YES = "yes put them through"
FRAME = bytes(640)
LATEST = 5.0
"Seconds for a failure, on a busy machine."
ROUND_TRIP = 0.4
"Seconds for sound to get to the cloud, and for words to come back."

ENGINES = pytest.mark.parametrize("engine", [DeepgramFlux, DeepgramNova])


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
    monkeypatch.setattr(deepgram, "CLOSE_WITHIN", 0.05)


@pytest.fixture
async def cloud():
    async with DeepgramServer() as server:
        server.drip = 0.05
        yield server
        async with asyncio.timeout(1):
            while server.connections:  # noqa: ASYNC110
                await asyncio.sleep(0.005)


def options(cloud, **changes):
    return Options(**{"api_key": KEY, "base_url": cloud.url, **changes})


async def feed(listening, seconds):
    for _ in range(round(seconds / 0.02)):
        await listening.hear(FRAME)


async def heard(stt, seconds=0.5, *, finals=1):
    """Everything up to so many final words."""
    found = []
    async with stt.listen() as listening:
        await feed(listening, seconds)
        async for each in listening:
            found.append(each)
            finals -= each.final
            if not finals:
                return found


async def talk(listening, ends_of_speech):
    """A supervisor who goes on talking, ten times as fast as people do."""
    while True:
        await feed(listening, 0.5)
        if ends_of_speech:
            await listening.end_of_speech()
        await asyncio.sleep(0.05)


async def listen_until_it_fails(stt, ends_of_speech=True):
    async with stt.listen() as listening, beside(talk(listening, ends_of_speech)):
        async for _ in listening:
            pass


async def failure(stt, ends_of_speech=True):
    """The ProviderError that a recognition ends with."""
    with pytest.raises(ProviderError) as caught:
        async with asyncio.timeout(LATEST):
            await listen_until_it_fails(stt, ends_of_speech)
    return caught.value


@ENGINES
async def test_words_are_heard_before_they_are_final_and_then_once_more(cloud, engine):
    cloud.hears(YES, at=0.4)
    words = await heard(engine(options(cloud)))
    assert words[-1] == Heard(YES, True, pytest.approx(0.9))
    assert [each.final for each in words[:-1]] == [False] * (len(words) - 1) and len(words) > 1


async def test_flux_is_asked_for_the_language_it_will_hear(cloud):
    cloud.hears(YES)
    await heard(DeepgramFlux(options(cloud)))
    english = cloud.seen[-1]
    assert english.path == "/v2/listen" and english.query["model"] == "flux-general-en"
    assert english.query["encoding"] == "linear16" and english.query["sample_rate"] == "16000"
    assert english.headers["authorization"] == f"Token {KEY}"
    cloud.hears("ja bitte")
    await heard(DeepgramFlux(options(cloud, language="de-DE")))
    assert cloud.seen[-1].query["model"] == "flux-general-multi" and cloud.seen[-1].query["language_hint"] == "de"


async def test_nova_gives_its_words_when_our_voice_activity_ends_the_turn(cloud):
    cloud.hears(YES, at=0.1, waits_to_be_asked=True)
    async with DeepgramNova(options(cloud)).listen() as listening:
        await feed(listening, 0.2)
        words = aiter(listening)
        assert not (await anext(words)).final
        await listening.end_of_speech()
        assert await anext(words) == Heard(YES, True, 0.9)
    assert "Finalize" in cloud.controls
    assert cloud.seen[-1].query["model"] == "nova-3" and cloud.seen[-1].query["interim_results"] == "true"


@ENGINES
async def test_words_that_are_final_twice_are_told_once(cloud, engine):
    cloud.fail(Fault.DUPLICATE_FINALS)
    cloud.hears("yes", at=0.1)
    cloud.hears("no", at=0.3)
    words = await heard(engine(options(cloud)), finals=2)
    assert [each.text for each in words if each.final] == ["yes", "no"]


@ENGINES
async def test_a_turn_without_words_is_not_told(cloud, engine):
    cloud.fail(Fault.EMPTY, times=1)
    cloud.hears("cough", at=0.1)
    cloud.hears(YES, at=0.3)
    assert [each.text for each in await heard(engine(options(cloud))) if each.final] == [YES]


@ENGINES
@pytest.mark.parametrize("fault", faults_of("stt"), ids=str)
async def test_each_fault_is_one_provider_error_in_time(cloud, engine, fault):
    for _ in range(9):
        cloud.hears(f"{YES} {CANARY}", at=0.4)
    await fails(
        cloud, fault, lambda deadlines: listen_until_it_fails(engine(options(cloud, deadlines=deadlines))), "stt"
    )


async def test_a_turn_that_flux_has_to_be_forced_to_end_ends_while_its_words_are_waited_for(cloud):
    cloud.hears(YES)
    await heard(DeepgramFlux(options(cloud)))
    forced = int(cloud.seen[-1].query["eot_timeout_ms"]) / 1000
    noticed = signature(SileroVoiceActivity).parameters["end_after"].default
    assert forced + ROUND_TRIP <= noticed + WORDS_WITHIN


@ENGINES
async def test_words_without_end_keep_nobody_from_hearing(cloud, engine):
    cloud.fail(Fault.ENDLESS)
    cloud.hears(YES, at=0.1)
    async with engine(options(cloud)).listen() as listening:
        await feed(listening, 0.2)
        words = aiter(listening)
        assert not any([(await anext(words)).final for _ in range(20)])


@ENGINES
async def test_a_lost_connection_is_opened_once_more_and_nothing_fed_meanwhile_is_lost(cloud, engine):
    async with engine(options(cloud)).listen() as listening:
        await feed(listening, 0.1)
        words = asyncio.ensure_future(anext(aiter(listening)))
        await cloud.hang_up()
        cloud.hears(YES, at=0.4)
        await feed(listening, 0.5)
        assert (await words).text
    assert len(cloud.seen) == 2


@ENGINES
async def test_a_second_loss_is_an_error(cloud, engine):
    with pytest.raises(ProviderError) as caught:
        async with engine(options(cloud)).listen() as listening:
            words = asyncio.ensure_future(anext(aiter(listening)))
            await cloud.hang_up()
            async with asyncio.timeout(1):
                while len(cloud.seen) < 2:  # noqa: ASYNC110
                    await asyncio.sleep(0.005)
            await asyncio.sleep(0.05)
            await cloud.hang_up()
            await words
    assert caught.value.retryable


async def test_a_wrong_key_is_not_tried_twice(cloud):
    cloud.key = "another"
    assert not (await failure(DeepgramFlux(options(cloud)))).retryable
    assert len(cloud.seen) == 1


@ENGINES
async def test_a_recogniser_that_says_nothing_however_much_it_is_given_is_lost(cloud, engine, monkeypatch):
    monkeypatch.setattr(hearing, "UNANSWERED", 1.0)
    cloud.fail(Fault.STALL)
    assert (await failure(engine(options(cloud, deadlines=BRIEF)), ends_of_speech=False)).retryable


@ENGINES
async def test_an_idle_line_is_kept_alive(cloud, engine, monkeypatch):
    monkeypatch.setattr(hearing, "IDLE", 0.02)
    async with engine(options(cloud)).listen():
        await asyncio.sleep(0.1)
    assert cloud.audio or cloud.controls.count("KeepAlive") > 1


async def test_a_slow_network_holds_up_nobodys_sound(cloud):
    cloud.fail(Fault.STALL)
    async with DeepgramFlux(options(cloud)).listen() as listening:
        started = time.perf_counter()
        await feed(listening, 60)
        assert time.perf_counter() - started < 0.5
        assert sum(map(len, listening._backlog)) <= hearing.BACKLOG * 32_000


@ENGINES
async def test_an_end_of_the_body_closes_the_line_with_a_word(cloud, engine):
    async with engine(options(cloud)).listen() as listening:
        await feed(listening, 0.02)
    async with asyncio.timeout(1):
        while "CloseStream" not in cloud.controls:  # noqa: ASYNC110
            await asyncio.sleep(0.005)


@ENGINES
async def test_nothing_that_is_said_or_secret_is_logged(cloud, engine, caplog):
    caplog.set_level(logging.DEBUG)
    cloud.hears(YES, at=0.2)
    await heard(engine(options(cloud)))
    ours = [record.getMessage() for record in caplog.records if not record.name.startswith("websockets.server")]
    assert not [line for line in ours if KEY in line or "put them" in line]


def test_options_print_without_their_key():
    assert KEY not in repr(Options(api_key=KEY))


@ENGINES
async def test_own_share_of_a_final_word_is_small(cloud, engine):
    """A smoke alarm, not the number: that is measured in bench/."""
    async with engine(options(cloud)).listen() as listening:
        words, shares = aiter(listening), []
        for number in range(20):
            cloud.hears(f"yes {number}")
            started = time.perf_counter()
            await listening.hear(FRAME)
            while not (await anext(words)).final:
                pass
            shares.append(time.perf_counter() - started)
    assert sorted(shares)[10] < 0.05


@pytest.mark.parametrize(
    ("told", "share"), [(0.4, 0.4), (7, 1.0), (-1, 0.0), (float("nan"), 1.0), (None, 1.0), ("0.4", 1.0)]
)
def test_a_confidence_is_a_share_whatever_is_told(told, share):
    assert hearing.share(told) == share
