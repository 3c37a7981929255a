"""The voice of a briefing: each text is made once and kept; recorded prompts stand in where it can't be made.

What is said is never logged.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from functools import lru_cache

import structlog

from ari_app.briefing.ports import TextToSpeech
from ari_app.briefing.prompts import RECORDED_RATE, recorded
from ari_app.briefing.turns import Line
from ari_app.errors import ProviderError, WarmTransferAppError
from ari_app.media.audio import SLIN16, Format, Resampler, resample, without_leading_silence

log = structlog.get_logger(__name__)

FIRST_AUDIO_WITHIN = 1.5
"Seconds an engine gets for the first sound of a text."
MORE_AUDIO_WITHIN = 1.0
"Seconds between two pieces of one text."
MADE_WITHIN = 15.0
"Seconds for a whole text, so that a trickle does not last for ever."
TRIES = 3
"How often a line is begun, should it break off each time: one for each rung of a ladder."
LONGEST_AUDIO = 60.0
"Seconds of sound one text may make."


class Speechless(WarmTransferAppError):
    """There is neither a voice nor a recording for something that must be said."""


class Utterance:
    """The sound of one text, readable by anybody while it is being made."""

    def __init__(self) -> None:
        self.is_begun = False
        self.is_whole = False
        self.has_failed = False
        self._pieces: list[bytes] = []
        self._news = asyncio.Event()

    @property
    def is_silent(self) -> bool:
        return not self._pieces

    def add(self, pcm: bytes) -> None:
        if pcm:
            self._pieces.append(pcm)
            self._tell()

    def finish(self) -> None:
        self.is_whole = True
        self._tell()

    def fail(self) -> None:
        self.has_failed = True
        self._tell()

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yields the sound from its beginning; ends early when the making fails."""
        at = 0
        while True:
            while at < len(self._pieces):
                yield self._pieces[at]
                at += 1
            if self.is_whole or self.has_failed:
                return
            await self._news.wait()

    def _tell(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()


class Voice:
    """Says texts in the media's format. Give it a task that runs `work` while somebody speaks."""

    def __init__(self, tts: TextToSpeech | None, format: Format = SLIN16, language: str = "en") -> None:
        """`language` is that of the recordings."""
        self._tts = tts
        self._language = language
        self._format = format
        self._utterances: dict[str, Utterance] = {}
        self._wanted: asyncio.Queue[str] = asyncio.Queue()
        self._is_broken = tts is None

    async def make(self, texts: Iterable[str]) -> None:
        """Makes the texts one after another, so that they are there when they are said. Raises nothing."""
        for text in texts:
            await self._make(text)

    def has(self, text: str) -> bool:
        """Whether the whole text is sound already."""
        utterance = self._utterances.get(text)
        return utterance is not None and utterance.is_whole

    async def work(self) -> None:
        """Makes what is said but was not made; runs until it is cancelled. Several may work side by side."""
        while True:
            await self._make(await self._wanted.get())

    async def say(self, line: Line) -> AsyncIterator[bytes]:
        """Yields the sound of a line: made, being made, or recorded. What breaks off in the middle is said again by
        whoever speaks then. Raises Speechless when a line that has a recording for need can be had neither way."""
        for _ in range(TRIES):
            utterance = self._wish(line.text)
            started = False
            async for piece in self._in_time(utterance):
                started = True
                yield piece
            if utterance.is_whole or not started:
                break
        if not started and not utterance.is_whole:
            yield recording(line.recording, self._format, self._language) if line.recording else b""

    def _wish(self, text: str) -> Utterance:
        """The text's sound; asks for it if nobody has."""
        utterance = self._utterances.get(text)
        if utterance is None or (utterance.has_failed and not self._is_broken):
            utterance = self._utterances[text] = Utterance()
            self._wanted.put_nowait(text)
        return utterance

    async def _in_time(self, utterance: Utterance) -> AsyncIterator[bytes]:
        """The sound, unless its first piece keeps us waiting: then the engine is taken for broken."""
        if utterance.is_silent and self._is_broken:
            return
        pieces = utterance.pieces()
        try:
            async with asyncio.timeout(FIRST_AUDIO_WITHIN):
                first = await anext(pieces, b"")
        except TimeoutError:
            self._break("no sound in time")
            return
        yield first
        async for piece in pieces:
            yield piece

    async def _make(self, text: str) -> None:
        utterance = self._utterances.setdefault(text, Utterance())
        if utterance.is_begun:
            return
        if self._tts is None or self._is_broken:
            return utterance.fail()
        utterance.is_begun = True
        try:
            async with asyncio.timeout(MADE_WITHIN):
                await self._synthesise(self._tts, text, utterance)
            utterance.finish()
        except (ProviderError, TimeoutError) as error:
            self._judge(utterance, type(error).__name__)
        except asyncio.CancelledError:
            self._leave_to_others(text, utterance)
            raise
        except Exception:
            log.exception("voice failed")
            self._judge(utterance, "unexpected")
        if not utterance.is_whole:
            utterance.fail()

    def _leave_to_others(self, text: str, utterance: Utterance) -> None:
        """One talk of several ends: what it had only begun to make, another one may be waiting for."""
        if utterance.is_silent:
            utterance.is_begun = False
            self._wanted.put_nowait(text)
        else:
            utterance.fail()

    async def _synthesise(self, tts: TextToSpeech, text: str, utterance: Utterance) -> None:
        converted = Resampler(tts.rate, self._format.rate)
        made = 0
        async for pcm in _without_stall(tts.synthesize(text)):
            pcm = converted.feed(pcm)
            pcm = without_leading_silence(pcm) if utterance.is_silent else pcm
            made += len(pcm)
            utterance.add(pcm)
            if made > LONGEST_AUDIO * self._format.bytes_a_second:
                raise ProviderError("the voice does not come to an end", retryable=False)
        utterance.add(converted.finish())
        if utterance.is_silent:
            raise ProviderError("the voice said nothing")

    def _judge(self, utterance: Utterance, reason: str) -> None:
        """A voice that began is one; what did not even begin has nobody left behind it."""
        if utterance.is_silent:
            self._break(reason)
        else:
            log.warning("voice broke off", reason=reason)

    def _break(self, reason: str) -> None:
        """One failure is enough: a supervisor waits for nobody's second try."""
        if not self._is_broken:
            log.warning("voice lost, recorded prompts stand in", reason=reason)
        self._is_broken = True


async def _without_stall(stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    within = FIRST_AUDIO_WITHIN
    try:
        while True:
            async with asyncio.timeout(within):
                piece = await anext(stream, None)
            if piece is None:
                return
            yield piece
            within = MORE_AUDIO_WITHIN
    finally:
        close = getattr(stream, "aclose", None)
        if close is not None:
            await close()


@lru_cache(maxsize=32)
def recording(name: str, format: Format = SLIN16, language: str = "en") -> bytes:
    """A recorded prompt in the media's format. Raises Speechless."""
    try:
        return resample(recorded(name, language), RECORDED_RATE, format.rate)
    except (LookupError, OSError) as error:
        raise Speechless(f"no voice, and no recording of {name!r}") from error
