"""The circuit of a provider: pure, then around each port. Time is a number that the test sets."""

import asyncio

import pytest

from ari_app.briefing.ports import Heard
from ari_app.briefing.providers.breaker import (
    Breaker,
    Breakers,
    Circuit,
    Condition,
    GuardedEars,
    GuardedModel,
    GuardedVoice,
    Policy,
)
from ari_app.errors import ProviderError
from ari_app.testing.fake_speech import FakeEars, FakeVoice

POLICY = Policy(failures=3, window=30, cool_down=15, long_cool_down=60, patience=0.75)


def circuit(*failures_at):
    made = Circuit(POLICY)
    for at in failures_at:
        made = made.failed(at)
    return made


# The circuit


def test_it_opens_after_three_failures_in_the_window():
    assert circuit(0, 10).condition(10) is Condition.CLOSED
    assert circuit(0, 10, 20).condition(20) is Condition.OPEN


def test_failures_far_apart_do_not_open_it():
    assert circuit(0, 20, 40, 60, 80).condition(80) is Condition.CLOSED


def test_a_success_between_starts_the_count_again():
    assert circuit(0, 1).succeeded(2).failed(3).failed(4).condition(4) is Condition.CLOSED


def test_a_wrong_key_opens_it_at_once_and_for_longer():
    opened = Circuit(POLICY).failed(0, is_lasting=True)
    assert opened.condition(59) is Condition.OPEN
    assert opened.condition(60) is Condition.HALF_OPEN


def test_late_retryable_failures_do_not_shorten_it():
    opened = Circuit(POLICY).failed(0, is_lasting=True).failed(1).failed(2).failed(3)
    assert opened.condition(59) is Condition.OPEN


def test_after_the_cool_down_one_may_try_and_nobody_else():
    opened = circuit(0, 1, 2)
    assert not opened.admits(16.9)
    assert opened.admits(17)
    assert not opened.admitted(17).admits(17.1)


def test_who_tries_and_never_comes_back_keeps_the_others_out_for_its_patience_only():
    assert circuit(0, 1, 2).admitted(17).admits(17.75)


def test_a_trial_that_succeeds_closes_it():
    closed = circuit(0, 1, 2).admitted(17).succeeded(17.2)
    assert closed == Circuit(POLICY)


def test_a_trial_that_fails_opens_it_again_for_the_whole_cool_down():
    opened = circuit(0, 1, 2).admitted(17).failed(17.5)
    assert not opened.admits(32.4)
    assert opened.admits(32.5)


def test_a_trial_that_is_given_up_early_leaves_the_next_one_in():
    assert circuit(0, 1, 2).admitted(17).given_up(17.1, waited=0.1).admits(17.2)


def test_who_is_given_up_after_long_silence_has_failed():
    made = Circuit(POLICY)
    for at in (1, 2, 3):
        made = made.given_up(at, waited=0.8)
    assert made.condition(3) is Condition.OPEN


def test_a_success_begun_before_it_opened_does_not_close_it():
    assert circuit(0, 1, 2).succeeded(3).condition(3) is Condition.OPEN


# Around the ports


class Hours:
    now = 0.0

    def __call__(self):
        return self.now


class Model:
    def __init__(self, *pieces, error=None):
        self.pieces, self.error, self.asked = pieces, error, 0

    async def complete(self, messages):
        self.asked += 1
        for piece in self.pieces:
            yield piece
        if self.error:
            raise self.error


@pytest.fixture
def hours():
    return Hours()


@pytest.fixture
def breaker(hours):
    return Breaker("acme", POLICY, hours)


async def all_of(pieces):
    return [piece async for piece in pieces]


async def test_a_voice_that_fails_is_refused_at_once_and_asked_again_after_the_cool_down(breaker, hours):
    voice = FakeVoice()
    guarded = GuardedVoice(voice, breaker)
    assert guarded.rate == voice.rate
    voice.is_broken = True
    for _ in range(4):
        with pytest.raises(ProviderError):
            await all_of(guarded.synthesize("hello"))
    assert len(voice.made) == 3
    voice.is_broken, hours.now = False, 15
    assert len(await all_of(guarded.synthesize("hello"))) == 2
    assert breaker.condition is Condition.CLOSED


async def test_all_transfers_share_what_one_has_learned(hours):
    breakers = Breakers(clock=hours)
    breakers.of("acme").failed(is_lasting=True)
    guarded = GuardedVoice(FakeVoice(), breakers.of("acme"))
    with pytest.raises(ProviderError, match="acme is left alone"):
        await all_of(guarded.synthesize("hello"))
    assert breakers.conditions() == {"acme": Condition.OPEN}


async def test_a_voice_that_always_breaks_off_opens_the_circuit_in_spite_of_its_first_sounds(breaker):
    class Stutterer(FakeVoice):
        async def synthesize(self, text):
            yield b"\1\0"
            raise ProviderError("cut")

    for _ in range(3):
        with pytest.raises(ProviderError, match="cut"):
            await all_of(GuardedVoice(Stutterer(), breaker).synthesize("hello"))
    assert breaker.condition is Condition.OPEN


async def test_who_hangs_up_on_a_voice_that_speaks_blames_nobody(breaker, hours):
    for _ in range(5):
        pieces = GuardedVoice(FakeVoice(), breaker).synthesize("hello")
        await anext(pieces)
        hours.now += 2
        await pieces.aclose()
    assert breaker.condition is Condition.CLOSED


async def test_a_voice_that_hangs_until_its_caller_gives_up_has_failed(breaker, hours):
    voice = FakeVoice()
    voice.may_speak.clear()
    for _ in range(3):
        asking = asyncio.create_task(all_of(GuardedVoice(voice, breaker).synthesize("hello")))
        await asyncio.sleep(0)
        hours.now += 1
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
    assert breaker.condition is Condition.OPEN


async def test_a_voice_that_stalls_until_its_caller_gives_up_has_failed(breaker, hours):
    class Staller(FakeVoice):
        async def synthesize(self, text):
            yield b"\1\0"
            await asyncio.Event().wait()

    for _ in range(3):
        asking = asyncio.create_task(all_of(GuardedVoice(Staller(), breaker).synthesize("hello")))
        await asyncio.sleep(0)
        hours.now += 1
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
    assert breaker.condition is Condition.OPEN


async def test_a_model_that_fails_is_left_alone(breaker):
    model = Model("half", error=ProviderError("no credit", retryable=False))
    guarded = GuardedModel(model, breaker)
    for _ in range(2):
        with pytest.raises(ProviderError):
            await all_of(guarded.complete([]))
    assert model.asked == 1


async def test_requests_that_were_at_fault_themselves_open_nothing_unless_all_are(breaker):
    def asked(error=None):
        return all_of(GuardedModel(Model("a", error=error), breaker).complete([]))

    unfit = ProviderError("content filter", only_this_request=True)
    for error in (unfit, None, unfit, unfit, None, unfit, unfit):
        if error is None:
            await asked()
            continue
        with pytest.raises(ProviderError, match="content filter"):
            await asked(error)
    assert breaker.condition is Condition.CLOSED
    with pytest.raises(ProviderError, match="content filter"):
        await asked(unfit)
    assert breaker.condition is Condition.OPEN


async def test_a_model_is_waited_for_longer_than_a_voice_before_who_leaves_blames_it(hours):
    breakers = Breakers(clock=hours)
    for _ in range(3):
        for stage in ("llm", "tts"):
            since = breakers.of(stage, stage).begin()
            hours.now += 0.5
            breakers.of(stage, stage).given_up(since)
    assert breakers.conditions() == {"llm": Condition.CLOSED, "tts": Condition.OPEN}


async def test_a_model_that_answers_is_passed_through(breaker):
    assert await all_of(GuardedModel(Model("a", "b"), breaker).complete([])) == ["a", "b"]


async def test_ears_that_cannot_be_had_are_left_alone(breaker):
    ears = FakeEars()
    ears.is_broken = True
    guarded = GuardedEars(ears, breaker)
    for _ in range(3):
        with pytest.raises(ProviderError, match="broken"):
            async with guarded.listen():
                pass
    with pytest.raises(ProviderError, match="left alone"):
        async with guarded.listen():
            pass


async def test_ears_that_open_and_then_take_no_sound_have_failed_once_each_time(breaker):
    class Deaf(FakeEars):
        pass

    async def refuse(pcm):
        raise ProviderError("gone")

    for _ in range(3):
        assert breaker.condition is Condition.CLOSED
        ears = Deaf()
        async with GuardedEars(ears, breaker).listen() as listening:
            ears.listening.hear = refuse
            for _ in range(2):
                with pytest.raises(ProviderError, match="gone"):
                    await listening.hear(b"\0\0")
    assert breaker.condition is Condition.OPEN


async def test_the_first_words_heard_are_success(breaker, hours):
    breaker.failed(is_lasting=True)
    hours.now = 60
    ears = FakeEars()
    async with GuardedEars(ears, breaker).listen() as listening:
        assert breaker.condition is Condition.HALF_OPEN
        ears.say("yes")
        assert await anext(aiter(listening)) == Heard("yes", True)
        assert breaker.condition is Condition.CLOSED


async def test_a_silent_supervisor_blames_nobody(breaker, hours):
    for _ in range(5):
        async with GuardedEars(FakeEars(), breaker).listen() as listening:
            await listening.hear(b"\0\0")
            await listening.end_of_speech()
            hours.now += 5
    assert breaker.condition is Condition.CLOSED


async def test_the_log_tells_the_provider_and_the_time_and_nothing_else(breaker, hours, caplog):
    from structlog.testing import capture_logs

    with capture_logs() as lines:
        breaker.failed(is_lasting=True)
        breaker.failed()
        hours.now = 60
        breaker.succeeded()
    assert lines == [
        {"event": "provider is left alone", "provider": "acme", "seconds": 60.0, "log_level": "warning"},
        {"event": "provider is back", "provider": "acme", "log_level": "info"},
    ]
