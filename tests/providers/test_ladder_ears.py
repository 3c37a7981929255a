"""Ears that stand in for each other, on a clock that jumps."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from ari_app.briefing.ladder import EarsLadder
from ari_app.briefing.speech import Ears, Speech
from ari_app.briefing.turns import Said
from ari_app.errors import ProviderError
from ari_app.testing.fake_speech import FakeEars
from ari_app.testing.jumping import at_once

FOREVER = 3600.0


def now():
    return asyncio.get_running_loop().time()


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


def second_of_sound():
    return bytes(32_000)


async def settle():
    for _ in range(10):
        await asyncio.sleep(0)


@at_once
async def test_the_first_ears_that_open_are_listened_with():
    last = FakeEars()
    async with EarsLadder([deaf(), last]).listen() as listening:
        last.say("yes")
        assert (await anext(aiter(listening))).text == "yes"
    assert last.listening is None


@at_once
async def test_ears_that_do_not_open_leave_the_embedded_ones_their_time():
    last = FakeEars()
    async with EarsLadder([SlowEars(), SlowEars(), last]).listen():
        assert now() <= 1.2


@at_once
async def test_with_every_engine_deaf_listening_raises():
    for rungs in ([], [deaf(), deaf()], [SlowEars(), deaf()], [deaf(), SlowEars()]):
        with pytest.raises(ProviderError, match="no engine is left"):
            async with EarsLadder(rungs).listen():
                pytest.fail("it opened")
    assert now() <= 1.4 * 3


@at_once
async def test_a_provider_that_hangs_up_in_mid_call_is_replaced_and_nothing_is_lost():
    cloud, last = FakeEars(), FakeEars(script=[(0.9, "yes")])
    async with EarsLadder([cloud, last]).listen() as listening:
        await listening.hear(second_of_sound())
        cloud.listening.end()
        assert (await anext(aiter(listening))).text == "yes"


@at_once
async def test_after_a_long_call_the_next_ears_have_their_whole_time_to_open():
    class Waking(FakeEars):
        @asynccontextmanager
        async def listen(self):
            await asyncio.sleep(1)
            async with super().listen() as listening:
                yield listening

    cloud, last = FakeEars(), Waking()
    async with EarsLadder([cloud, last]).listen() as listening:
        await asyncio.sleep(60)
        cloud.listening.end()
        await asyncio.sleep(1.1)
        last.say("yes")
        assert (await anext(aiter(listening))).text == "yes"


@at_once
async def test_what_is_said_during_the_change_comes_after_what_was_said_before():
    order = []

    class Slow(FakeEars):
        @asynccontextmanager
        async def listen(self):
            async with super().listen() as listening:
                listening.hear = self.slowly
                yield listening

        async def slowly(self, pcm):
            await asyncio.sleep(0 if pcm[0] > 1 else 1)
            order.append(pcm[0])

    cloud = FakeEars()
    async with EarsLadder([cloud, Slow()]).listen() as listening:
        await listening.hear(b"\1\0")
        await listening.hear(b"\2\0")
        cloud.listening.end()
        await settle()
        await listening.hear(b"\3\0")
        await asyncio.sleep(2)
    assert order == [1, 2, 3]


@at_once
async def test_ears_that_take_no_more_sound_are_replaced_and_nothing_is_lost():
    cloud, last = FakeEars(), FakeEars(rate=8_000)

    async def refuse(pcm):
        raise ProviderError("gone")

    async with EarsLadder([cloud, last]).listen() as listening:
        await listening.hear(second_of_sound())
        cloud.listening.hear = refuse
        await listening.hear(second_of_sound())
        await listening.hear(second_of_sound())
        await settle()
        assert cloud.listening is None
        assert abs(last.listening.fed - 3 * 16_000) < 1_000
        last.say("no")
        assert (await anext(aiter(listening))).text == "no"


@at_once
async def test_ears_that_fail_while_reading_are_replaced():
    class Unreadable(FakeEars):
        @asynccontextmanager
        async def listen(self):
            async with super().listen() as listening:
                yield UnreadableListening(listening)

    class UnreadableListening:
        def __init__(self, listening):
            self.hear, self.end_of_speech = listening.hear, listening.end_of_speech

        async def __aiter__(self):
            await asyncio.sleep(1)
            raise ProviderError("cut")
            yield

    last = FakeEars(script=[(0.9, "yes")])
    async with EarsLadder([Unreadable(), last]).listen() as listening:
        await listening.hear(second_of_sound())
        assert (await anext(aiter(listening))).text == "yes"


@at_once
async def test_what_was_understood_is_not_played_again():
    cloud, last = FakeEars(), FakeEars()
    async with EarsLadder([cloud, last]).listen() as listening:
        await listening.hear(second_of_sound())
        cloud.say("hello")
        await settle()
        await listening.hear(second_of_sound())
        await listening.end_of_speech()
        cloud.listening.end()
        await settle()
        assert (last.listening.fed, last.listening.ends_of_speech) == (32_000, 1)


@at_once
async def test_only_the_last_seconds_are_played_again():
    cloud, last = FakeEars(), FakeEars()
    async with EarsLadder([cloud, last]).listen() as listening:
        for _ in range(60):
            await listening.hear(second_of_sound())
        cloud.listening.end()
        await settle()
        assert last.listening.fed == 4 * 32_000


@at_once
async def test_the_end_of_speech_reaches_the_ears():
    ears = FakeEars()
    async with EarsLadder([ears]).listen() as listening:
        await listening.end_of_speech()
        assert ears.listening.ends_of_speech == 1


@at_once
async def test_when_the_last_ears_are_lost_the_iteration_raises():
    cloud, last = FakeEars(), FakeEars()
    ladder = EarsLadder([cloud, last])
    async with ladder.listen() as listening:
        cloud.listening.end()
        await settle()
        last.listening.end()
        with pytest.raises(ProviderError, match="no engine is left"):
            await anext(aiter(listening))
        await listening.hear(second_of_sound())
    with pytest.raises(ProviderError):
        async with ladder.listen():
            pytest.fail("it opened")


@at_once
async def test_the_next_supervisor_is_listened_to_with_the_ears_that_work():
    cloud, last = deaf(), FakeEars()
    ladder = EarsLadder([cloud, last])
    async with ladder.listen():
        pass
    cloud.is_broken = False
    async with ladder.listen():
        assert cloud.listening is None and last.listening is not None


@at_once
async def test_a_session_with_all_ears_dead_asks_for_keys_and_goes_on():
    ears = Ears(Speech(tts=None, stt=EarsLadder([deaf(), SlowEars()]), vad=None))
    told = []
    await ears.recognise(told.append)
    assert not ears.understands_words and not told
    assert now() <= 1.5


@at_once
async def test_a_session_hears_the_decision_although_the_cloud_dies_in_the_middle_of_it():
    cloud, last = FakeEars(), FakeEars(script=[(1.0, "yes, put them through")])
    ears = Ears(Speech(tts=None, stt=EarsLadder([cloud, last]), vad=None))
    ears.is_attentive = True
    told = []
    async with asyncio.TaskGroup() as tasks:
        recognising = tasks.create_task(ears.recognise(told.append))
        await settle()
        await ears.hear(second_of_sound(), told.append)
        cloud.listening.end()
        await settle()
        assert told == [Said("yes, put them through")]
        assert ears.understands_words
        recognising.cancel()
    assert len(asyncio.all_tasks()) == 1
