"""Models that stand in for each other, and what is left when every provider is dead, on a clock that jumps."""

import asyncio

import pytest

from ari_app.briefing.ladder import EarsLadder, ModelLadder, VoiceLadder
from ari_app.briefing.providers.breaker import Breaker, Breakers, GuardedEars, GuardedModel
from ari_app.briefing.speech import Ears, Speech
from ari_app.briefing.turns import Line, Part
from ari_app.briefing.voice import Voice, recording
from ari_app.errors import ProviderError
from ari_app.testing.fake_speech import FakeEars, FakeVoice
from ari_app.testing.jumping import at_once

FOREVER = 3600.0


def now():
    return asyncio.get_running_loop().time()


class Writer:
    def __init__(self, *words, first=0.0, fails_at=None):
        self.words, self.first, self.fails_at, self.asked = words, first, fails_at, 0

    async def complete(self, messages):
        self.asked += 1
        await asyncio.sleep(self.first)
        for at, word in enumerate(self.words):
            if at == self.fails_at:
                raise ProviderError("out of words")
            yield word


async def written(model):
    return "".join([piece async for piece in model.complete([{"role": "user", "content": "hello"}])])


@at_once
async def test_a_model_that_fails_or_is_empty_is_replaced_for_good():
    for first in (Writer("a", fails_at=0), Writer(), Writer("")):
        ladder = ModelLadder([first, Writer("b", "c")])
        assert [await written(ladder), await written(ladder)] == ["bc", "bc"]
        assert first.asked == 1


@at_once
async def test_models_that_hang_raise_within_two_seconds():
    hung = [Writer("a", first=FOREVER), Writer("b", first=FOREVER)]
    with pytest.raises(ProviderError):
        await written(ModelLadder(hung))
    assert now() <= 2.0 and [model.asked for model in hung] == [1, 1]


@at_once
async def test_the_second_model_has_time_to_answer_after_the_first_hung():
    assert await written(ModelLadder([Writer("a", first=FOREVER), Writer("b", "c", first=0.7)])) == "bc"
    assert now() <= 2.0


@at_once
async def test_two_models_that_hang_open_their_circuits_and_cost_the_fourth_transfer_nothing():
    breakers = Breakers(clock=now)
    models = {name: Writer("a", first=FOREVER) for name in ("acme", "other")}
    for _ in range(4):
        began = now()
        with pytest.raises(ProviderError):
            await written(ModelLadder([GuardedModel(each, breakers.of(name, "llm")) for name, each in models.items()]))
    assert now() == began and [model.asked for model in models.values()] == [3, 3]


@at_once
async def test_ears_whose_circuit_is_open_cost_no_time():
    breaker = Breaker("acme")
    breaker.failed(is_lasting=True)
    async with EarsLadder([GuardedEars(SlowEars(), breaker), FakeEars()]).listen():
        assert now() == 0


@at_once
async def test_half_an_answer_is_not_mended_with_another():
    second = Writer("b")
    with pytest.raises(ProviderError, match="broke off"):
        await written(ModelLadder([Writer("a", "a", fails_at=1), second]))
    assert not second.asked


@at_once
async def test_a_model_that_stalls_is_left_within_two_seconds_of_its_being_asked():
    class Staller(Writer):
        async def complete(self, messages):
            yield "a"
            await asyncio.sleep(FOREVER)

    ladder = ModelLadder([Staller(), Writer("b")])
    with pytest.raises(ProviderError, match="broke off"):
        await written(ladder)
    assert now() < 1.0
    assert await written(ladder) == "b"


# Everything


class SlowEars(FakeEars):
    def listen(self):
        return self._never()

    class _never:
        async def __aenter__(self):
            await asyncio.sleep(FOREVER)

        async def __aexit__(self, *_):
            raise AssertionError("was never entered")


def deaf():
    ears = FakeEars()
    ears.is_broken = True
    return ears


@at_once
async def test_with_every_provider_dead_there_is_still_a_question_and_keys_within_two_seconds():
    hung, dead = FakeVoice(), FakeVoice()
    hung.may_speak.clear()
    dead.is_broken = True
    voice = Voice(VoiceLadder([hung, hung, dead]))
    ears = Ears(Speech(tts=None, stt=EarsLadder([SlowEars(), deaf()]), vad=None))
    line = Line(Part.QUESTION, "Shall I put the caller through?", "question")
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(ears.recognise(lambda happening: None))
        model = tasks.create_task(swallow(written(ModelLadder([Writer(first=FOREVER), Writer(first=FOREVER)]))))
        await voice.make([line.text])
        assert b"".join([piece async for piece in voice.say(line)]) == recording("question")
    assert isinstance(model.result(), ProviderError)
    assert not ears.understands_words
    assert now() <= 2.0


async def swallow(work):
    try:
        return await work
    except ProviderError as error:
        return error
