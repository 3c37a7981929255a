"""The engines of a profile, and the ears made of them.

`Ears` turns the supervisor's audio into happenings of the dialogue and fails soft: a lost recogniser leaves the keys, a
lost voice activity leaves out barge-in. What is heard is never logged.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from ari_app.briefing.manners import Manners
from ari_app.briefing.ports import (
    Activity,
    LanguageModel,
    Listening,
    SpeechToText,
    TextToSpeech,
    TurnDetector,
    VoiceActivity,
)
from ari_app.briefing.redaction import Redact, withhold
from ari_app.briefing.turn_ends import TurnEnds
from ari_app.briefing.turns import Happening, Said, SpeechEnded, SpeechStarted
from ari_app.errors import ProviderError
from ari_app.media.audio import SLIN16, Format, Resampler

log = structlog.get_logger(__name__)

EARS_OPEN_WITHIN = 1.5

Tell = Callable[[Happening], None]
"Puts a happening into the dialogue's mailbox."


@dataclass(frozen=True)
class Writing:
    """How a model is asked to write."""

    prompt: str | None = None
    "Replaces the default prompt for summaries; a request's own comes before it."
    tokens: int = 6_000
    "Of the conversation; of longer ones head and tail."
    within: float = 4.0
    "Seconds for the summary; then the extractive one is taken."
    redact: Redact = withhold
    "What leaves for a model passes through it."


@dataclass(frozen=True)
class Speech:
    """The engines of one transfer, and its manners."""

    tts: TextToSpeech | None
    stt: SpeechToText | None
    vad: Callable[[], VoiceActivity] | None
    "Makes one for each briefing, since it keeps state."
    manners: Manners = field(default_factory=Manners)
    llm: LanguageModel | None = None
    "Answers questions, and writes the summary unless `summary_llm` does."
    summary_llm: LanguageModel | None = None
    turn_detector: TurnDetector | None = None
    writing: Writing = field(default_factory=Writing)


MUTE = Speech(tts=None, stt=None, vad=None)
"Recorded prompts and keys only."


class Ears:
    """Hears one supervisor. Feed it every frame with `hear`; run `recognise` beside."""

    def __init__(self, speech: Speech, vad: VoiceActivity | None = None, format: Format = SLIN16) -> None:
        """`vad` is one that was made before; without it `tune` makes one."""
        self.understands_words = speech.stt is not None
        self.is_attentive = getattr(speech.stt, "hears_everything", True)
        """An engine that knows decisions only listens when the briefing has begun, lest it takes a hello for one;
        others hear from the answer on whether it is a machine that speaks."""
        self._speech = speech
        self._stt = speech.stt
        self._format = format
        self._vad = vad
        self._ends = TurnEnds(speech.turn_detector, format.rate)
        self._listening: Listening | None = None
        self._to_stt = Resampler(format.rate, speech.stt.rate if speech.stt else format.rate, "LQ")
        self._to_vad = Resampler(format.rate, vad.rate if vad else format.rate, "LQ")

    async def tune(self) -> None:
        """Sees to the voice activity, and to the ends of turns until it is cancelled; raises nothing."""
        if self._vad is None and (vad := await new_voice_activity(self._speech)) is not None:
            self._to_vad = Resampler(self._format.rate, vad.rate, "LQ")
            self._vad = vad
        await self._ends.work()

    async def hear(self, pcm: bytes, tell: Tell) -> None:
        """Takes what the supervisor's side sends and tells turns; raises nothing."""
        now = asyncio.get_running_loop().time()
        activities = self._ends.hear(pcm, self._activities(pcm), now)
        if Activity.SPEECH_STARTED in activities:
            tell(SpeechStarted())
        if self._listening is not None and self.is_attentive:
            await self._listen(self._listening, pcm, Activity.SPEECH_ENDED in activities)
        if Activity.SPEECH_ENDED in activities:
            tell(SpeechEnded())

    async def recognise(self, tell: Tell) -> None:
        """Tells the words that are heard until it is cancelled or recognition is lost; raises nothing."""
        if self._stt is None:
            return
        try:
            async with asyncio.timeout(EARS_OPEN_WITHIN) as opening, self._stt.listen() as listening:
                opening.reschedule(None)
                self._listening = listening
                await self._follow(listening, tell)
                self._deafen("ended")
        except (ProviderError, TimeoutError) as error:
            self._deafen(type(error).__name__)
        except Exception:
            log.exception("recognition failed")
            self._deafen("unexpected")
        finally:
            self._listening = None

    async def _follow(self, listening: Listening, tell: Tell) -> None:
        async for heard in listening:
            if heard.final and heard.text.strip():
                log.debug("supervisor said something", letters=len(heard.text))
                tell(Said(heard.text, heard.certain))

    async def _listen(self, listening: Listening, pcm: bytes, turn_is_over: bool) -> None:
        try:
            await listening.hear(self._to_stt.feed(pcm))
            if turn_is_over:
                await listening.end_of_speech()
        except Exception as error:
            self._deafen(type(error).__name__)

    def _activities(self, pcm: bytes) -> tuple[Activity, ...]:
        if self._vad is None:
            return ()
        try:
            return tuple(self._vad.feed(self._to_vad.feed(pcm)))
        except Exception as error:
            log.warning("voice activity lost, no barge-in", reason=type(error).__name__)
            self._vad = None
            return ()

    def _deafen(self, reason: str) -> None:
        if self.understands_words:
            log.warning("recognition lost, keys only", reason=reason)
        self.understands_words, self._listening = False, None


async def new_voice_activity(speech: Speech) -> VoiceActivity | None:
    """Loading a network takes 70 ms of a core, which would stall everybody's sound: hence a thread."""
    if speech.vad is None:
        return None
    try:
        return await asyncio.to_thread(speech.vad)
    except Exception as error:
        log.warning("no voice activity, no barge-in", reason=type(error).__name__)
        return None
