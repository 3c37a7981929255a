"""Where a turn ends: at the end of speech, unless a turn detector takes it for a pause.

`Pauses` decides, pure, with time as a parameter. `TurnEnds` keeps the sound and asks the detector:

    ends = TurnEnds(detector, rate)                             # one for each call; run `ends.work()` beside
    for turn in ends.hear(pcm, vad.feed(pcm), now):             # every frame, silence included
        ...                                                     # SPEECH_STARTED and SPEECH_ENDED, of whole turns

Without a detector what voice activity says passes through.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence

import structlog

from ari_app.briefing.ports import Activity, TurnDetector
from ari_app.media.audio import SAMPLE_BYTES, SLIN16, Resampler

log = structlog.get_logger(__name__)

LONGEST_PAUSE = 0.8
"Seconds after the end of speech in which somebody who is not finished may go on."
JUDGED = 8.0
"Seconds of a turn the detector is given."
BEFORE = 0.5
"Seconds before the start of speech that belong to a turn: voice activity notices late."


class Pauses:
    """One call's turns, made of its speech."""

    def __init__(self, longest: float = LONGEST_PAUSE) -> None:
        self.number = 0
        "Of the pause that was asked about last; an answer about another one comes too late."
        self.is_in_turn = False
        self._longest = longest
        self._until: float | None = None
        "When the pause that goes on ends the turn."

    def started(self) -> Sequence[Activity]:
        """Within a pause it is the same turn that goes on."""
        was_in_turn, self.is_in_turn, self._until = self.is_in_turn, True, None
        return () if was_in_turn else (Activity.SPEECH_STARTED,)

    def paused(self, now: float) -> None:
        """After which the detector is to be asked."""
        self.number += 1
        self._until = now + self._longest

    def judged(self, number: int, is_over: bool) -> None:
        """What the detector says of a pause; the next `passed` acts on it."""
        if is_over and number == self.number and self._until is not None:
            self._until = -math.inf

    def passed(self, now: float) -> Sequence[Activity]:
        if self._until is None or now < self._until:
            return ()
        self.is_in_turn, self._until = False, None
        return (Activity.SPEECH_ENDED,)


class TurnEnds:
    """One call's turns, from its sound."""

    def __init__(
        self, detector: TurnDetector | None, rate: int = SLIN16.rate, *, longest_pause: float = LONGEST_PAUSE
    ) -> None:
        """`rate` is that of the sound it will hear."""
        self._detector = detector
        self._pauses = Pauses(longest_pause)
        self._to_detector = Resampler(rate, detector.rate if detector else rate, "LQ")
        self._sound = bytearray()
        self._question: tuple[int, bytes] | None = None
        self._asked = asyncio.Event()

    def hear(self, pcm: bytes, activities: Sequence[Activity], now: float) -> Sequence[Activity]:
        """What has begun and ended with this sound; what the detector answered meanwhile counts now."""
        if self._detector is None:
            return (*self._pauses.passed(now), *activities)
        self._keep(self._to_detector.feed(pcm), self._detector.rate)
        told = list(self._pauses.passed(now))
        for activity in activities:
            if activity is Activity.SPEECH_STARTED:
                told += self._pauses.started()
            else:
                self._pauses.paused(now)
                self._ask()
        return told

    async def work(self) -> None:
        """Asks the detector until it is cancelled, or at once nothing if there is none; raises nothing."""
        while (detector := self._detector) is not None:
            await self._asked.wait()
            self._asked.clear()
            if self._question is not None:
                await self._judge(detector, *self._question)

    async def _judge(self, detector: TurnDetector, number: int, pcm: bytes) -> None:
        try:
            is_over = await detector.is_over(pcm)
        except Exception as error:
            log.warning("turn detector lost, every end of speech ends a turn", reason=type(error).__name__)
            self._detector, is_over = None, True
        self._pauses.judged(number, is_over)

    def _ask(self) -> None:
        self._question = (self._pauses.number, bytes(self._sound))
        self._asked.set()

    def _keep(self, pcm: bytes, rate: int) -> None:
        self._sound += pcm
        seconds = JUDGED if self._pauses.is_in_turn else BEFORE
        del self._sound[: max(0, len(self._sound) - int(seconds * rate) * SAMPLE_BYTES)]
