"""Where turns end, told on a timeline; frames are 20 ms, and time is counted by them."""

import asyncio

import pytest

from ari_app.briefing.ports import Activity
from ari_app.briefing.turn_ends import TurnEnds

FRAME = b"\1\0" * 320
STARTED, ENDED = Activity.SPEECH_STARTED, Activity.SPEECH_ENDED


class Detector:
    rate = 16_000

    def __init__(self, *answers, after=0.04):
        """Takes `after` seconds for each answer; an exception is raised."""
        self.answers, self.after, self.asked = list(answers), after, []
        self.clock = 0.0

    async def is_over(self, pcm):
        self.asked.append(pcm)
        until = self.clock + self.after
        while self.clock < until:  # noqa: ASYNC110
            await asyncio.sleep(0)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


async def told(detector, says, seconds, rate=16_000):
    """What is told when, for the activities of `says`, {seconds: Activity}."""
    ends = TurnEnds(detector, rate)
    work = asyncio.create_task(ends.work())
    heard, frame = [], FRAME[: rate // 50 * 2]
    for number in range(round(seconds * 50)):
        now = number / 50
        if detector:
            detector.clock = now
        activities = [activity for at, activity in says.items() if round(at * 50) == number]
        heard += [(now, turn) for turn in ends.hear(frame, activities, now)]
        for _ in range(3):
            await asyncio.sleep(0)
    work.cancel()
    await asyncio.wait([work])
    return heard


ONE = {1.0: STARTED, 2.0: ENDED}
RESUMED = {1.0: STARTED, 2.0: ENDED, 2.6: STARTED, 3.0: ENDED}


@pytest.mark.parametrize(
    ("answers", "says", "expected"),
    [
        ([True], ONE, [(1.0, STARTED), (2.06, ENDED)]),
        ([False], ONE, [(1.0, STARTED), (2.8, ENDED)]),
        ([False, True], RESUMED, [(1.0, STARTED), (3.06, ENDED)]),
        ([False, False], RESUMED, [(1.0, STARTED), (3.8, ENDED)]),
        ([True, True], RESUMED, [(1.0, STARTED), (2.06, ENDED), (2.6, STARTED), (3.06, ENDED)]),
    ],
    ids=["over", "not over", "goes on, over", "goes on, not over", "two turns"],
)
async def test_a_turn_ends_at_once_or_after_the_longest_pause(answers, says, expected):
    assert await told(Detector(*answers), says, 5.0) == expected


async def test_an_answer_that_comes_when_speech_has_gone_on_is_ignored():
    slow = Detector(True, False, after=0.7)
    assert await told(slow, RESUMED, 5.0) == [(1.0, STARTED), (3.8, ENDED)]


async def test_a_detector_that_never_answers_costs_the_longest_pause():
    assert await told(Detector(True, after=99), ONE, 4.0) == [(1.0, STARTED), (2.8, ENDED)]


async def test_a_detector_that_fails_is_as_good_as_none():
    broken = Detector(ValueError(), after=0.02)
    assert await told(broken, RESUMED, 5.0) == [
        (1.0, STARTED), (2.04, ENDED), (2.6, STARTED), (3.0, ENDED)
    ]  # fmt: skip
    assert len(broken.asked) == 1


async def test_without_a_detector_nothing_is_added():
    assert await told(None, RESUMED, 4.0) == list(RESUMED.items())


async def test_the_detector_hears_the_turn_from_just_before_its_start_at_its_own_rate():
    for rate in (8_000, 16_000):
        detector = Detector(True)
        await told(detector, {3.0: STARTED, 4.0: ENDED}, 5.0, rate)
        assert len(detector.asked[0]) / 32_000 == pytest.approx(1.5, abs=0.05)


async def test_of_a_long_turn_the_detector_hears_the_last_eight_seconds():
    detector = Detector(True)
    await told(detector, {0.5: STARTED, 12.0: ENDED}, 13.0)
    assert len(detector.asked[0]) == 8 * 32_000
