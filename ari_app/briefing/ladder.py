"""Engines in order of preference behind one face: when one fails the next takes over, in the same breath if it can.

A ladder is made for one transfer and goes down only: an engine that failed is not asked again in this transfer, whom
the next transfer asks is the breaker's affair. When no rung is left it raises ProviderError, and the briefing goes on
with recorded prompts, keys and the extractive summary. What is said or heard is never logged.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Generic, TypeVar

import structlog

from ari_app.briefing.espeak import speakable
from ari_app.briefing.ports import Heard, LanguageModel, Listening, SpeechToText, TextToSpeech
from ari_app.briefing.prompts import sentences
from ari_app.briefing.providers.breaker import closing
from ari_app.briefing.talk import beside
from ari_app.errors import ProviderError
from ari_app.media.audio import SLIN16, Resampler

log = structlog.get_logger(__name__)

FIRST_WITHIN = 1.4
"Seconds for the first sound of a text, or until somebody listens, all rungs together; the briefing waits for 1.5."
NEXT_SENTENCE_WITHIN = 0.9
"Seconds for the first sound of a later sentence; the briefing waits for 1.0."
STALLED_AFTER = 0.8
"""Seconds between two pieces of an answer; the briefing waits for 1.0. It must be the ladder that notices, or the same
engine would be asked again. One cloud that stalls and one that hangs then cost 2 s together."""
MODEL_WITHIN = 2.0
"Seconds for the first word of an answer, all rungs together."
KEPT_FOR_THE_LAST = 0.25
"Of these seconds the last rung gets so many at least: it is the embedded engine, which needs a fifth of that."
LAST_MODEL_WITHIN = 0.8
"The same of a model, which is no embedded one: below it there is the extractive summary."
SHARE = 0.6
"Of the rest a rung gets this part while more than one is below it."
UNDERSTOOD_LATE = 4.0
"Seconds of sound that are played again to the next ears when words were lost with the last."

Rung = TypeVar("Rung")
Piece = TypeVar("Piece", bytes, str)


class Ladder(Generic[Rung]):
    """Where on the ladder a transfer stands."""

    def __init__(self, rungs: Sequence[Rung], what: str, kept_for_the_last: float = KEPT_FOR_THE_LAST) -> None:
        self._rungs = tuple(rungs)
        self._what = what
        self._kept = kept_for_the_last
        self._left = len(self._rungs)

    @property
    def here(self) -> Rung | None:
        """The engine to ask; None when all have failed."""
        return self._rungs[-self._left] if self._left else None

    def patience(self, left: float) -> float:
        """Seconds the engine here may keep us waiting when there are so many left for all."""
        if self._left <= 1:
            return max(left, 0.0)
        return max(left - self._kept, 0.0) * (1.0 if self._left == 2 else SHARE)

    def leave(self, rung: Rung, error: Exception) -> None:
        """Goes below a rung that failed, unless somebody else did so before."""
        if self.here is rung:
            self._left -= 1
            reason = str(error) if isinstance(error, ProviderError) else type(error).__name__
            log.warning("engine lost for this transfer", engine=_name(rung), reason=reason, left=self._left)

    async def ask(self, how: Callable[[Rung], AsyncIterator[Piece]], within: float) -> AsyncIterator[Piece]:
        """Yields what the first engine gives that gives anything. Raises ProviderError when none does, or when one
        breaks off: half an answer is not begun again."""
        until = _now() + within
        while (rung := self.here) is not None:
            has_begun = False
            try:
                async with closing(how(rung)) as pieces:
                    async with asyncio.timeout(self.patience(until - _now())):
                        first = await _first(pieces)
                    has_begun = True
                    yield first
                    while (piece := await _more(pieces)) is not None:
                        yield piece
                return
            except Exception as error:
                self.leave(rung, error)
                if has_begun:
                    raise ProviderError(f"{self._what} broke off") from None
        raise self.exhausted()

    def exhausted(self) -> ProviderError:
        return ProviderError(f"{self._what}: no engine is left", retryable=False)


class VoiceLadder:
    """TextToSpeech: `rate` stays the same whoever speaks. Each sentence is asked for by itself, so that a voice which
    fails between two loses no word of either."""

    def __init__(self, rungs: Sequence[TextToSpeech], *, rate: int = SLIN16.rate, within: float = FIRST_WITHIN) -> None:
        self.rate = rate
        self._ladder = Ladder(rungs, "voice")
        self._within = within

    async def synthesize(self, text: str) -> AsyncIterator[bytes]:
        within = self._within
        for sentence in filter(speakable, sentences(text)):
            say = partial(self._sound, sentence)
            async with closing(self._ladder.ask(say, within)) as pieces:
                async for pcm in pieces:
                    yield pcm
            within = min(self._within, NEXT_SENTENCE_WITHIN)

    async def _sound(self, sentence: str, voice: TextToSpeech) -> AsyncIterator[bytes]:
        converted = Resampler(voice.rate, self.rate)
        async with closing(voice.synthesize(sentence)) as pieces:
            async for pcm in pieces:
                yield converted.feed(pcm)
        yield converted.finish()


class ModelLadder:
    """LanguageModel; when it raises, the extractive summary is taken."""

    def __init__(self, rungs: Sequence[LanguageModel], *, within: float = MODEL_WITHIN) -> None:
        self._ladder = Ladder(rungs, "model", kept_for_the_last=LAST_MODEL_WITHIN)
        self._within = within

    async def complete(self, messages: Sequence[dict[str, str]]) -> AsyncIterator[str]:
        async with closing(self._ladder.ask(lambda model: model.complete(messages), self._within)) as pieces:
            async for piece in pieces:
                yield piece


class EarsLadder:
    """SpeechToText: one recognition goes on over a change of engines. Raises ProviderError when none is left, from
    `listen` or later from the iteration, and the session announces keys."""

    def __init__(self, rungs: Sequence[SpeechToText], *, rate: int = SLIN16.rate, within: float = FIRST_WITHIN) -> None:
        self.rate = rate
        self._ladder = Ladder(rungs, "ears")
        self._within = within

    @asynccontextmanager
    async def listen(self) -> AsyncIterator[Listening]:
        listening = LadderListening(self._ladder, self.rate, self._within)
        async with beside(listening.run()):
            await listening.is_open
            yield listening


class LadderListening:
    """Listens with one engine after another; `run` is the only task that opens and closes them."""

    def __init__(self, ladder: Ladder[SpeechToText], rate: int, within: float) -> None:
        self.is_open: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._ladder = ladder
        self._rate = rate
        self._within = within
        self._limit = asyncio.timeout(None)
        self._ear: Ear | None = None
        self._heard: asyncio.Queue[Heard | None] = asyncio.Queue()
        self._sound = Recent(int(UNDERSTOOD_LATE * rate) * 2)

    async def hear(self, pcm: bytes) -> None:
        self._sound.add(pcm)
        await self._pass_on()

    async def end_of_speech(self) -> None:
        self._sound.add(None)
        await self._pass_on()

    async def __aiter__(self) -> AsyncIterator[Heard]:
        while (heard := await self._heard.get()) is not None:
            yield heard
        raise self._ladder.exhausted()

    async def run(self) -> None:
        """Until it is cancelled or no engine is left."""
        until = _now() + self._within
        while (engine := self._ladder.here) is not None:
            try:
                await self._listen(engine, self._ladder.patience(until - _now()))
            except Exception as error:
                self._ladder.leave(engine, error)
            if self.is_open.done():
                until = _now() + self._within
        self._heard.put_nowait(None)
        if not self.is_open.done():
            self.is_open.set_exception(self._ladder.exhausted())

    async def _listen(self, engine: SpeechToText, patience: float) -> None:
        async with asyncio.timeout(patience) as self._limit, engine.listen() as listening:
            self._limit.reschedule(None)
            try:
                self._sound.rewind()
                self._ear = Ear(listening, Resampler(self._rate, engine.rate, "LQ"))
                await self._ear.take(self._sound)
                if not self.is_open.done():
                    self.is_open.set_result(None)
                await self._follow(listening)
            finally:
                self._ear = None
            raise ProviderError("recognition ended by itself")

    async def _follow(self, listening: Listening) -> None:
        async for heard in listening:
            if heard.final:
                self._sound.forget()
            self._heard.put_nowait(heard)

    async def _pass_on(self) -> None:
        """An ear that can't be fed any more makes `run` go on to the next."""
        if (ear := self._ear) is None:
            return
        try:
            await ear.take(self._sound)
        except Exception:
            if self._ear is ear:
                self._ear = None
                self._limit.reschedule(_now())


class Ear:
    """One engine's listening at its own rate."""

    def __init__(self, listening: Listening, converted: Resampler) -> None:
        self._listening = listening
        self._converted = converted
        self._is_taking = False

    async def take(self, sound: Recent) -> None:
        """Gives it all that is new, in order: whoever is at it already takes what others add."""
        if self._is_taking:
            return
        self._is_taking = True
        try:
            while sound.has_more:
                pcm = sound.next()
                if pcm is None:
                    await self._listening.end_of_speech()
                else:
                    await self._listening.hear(self._converted.feed(pcm))
        finally:
            self._is_taking = False


class Recent:
    """The sound since something was last understood, at most `limit` bytes; None is an end of speech."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 0
        self._pieces: deque[bytes | None] = deque()
        self._taken = 0

    @property
    def has_more(self) -> bool:
        return self._taken < len(self._pieces)

    def add(self, pcm: bytes | None) -> None:
        self._pieces.append(pcm)
        self._size += len(pcm or b"")
        while self._size > self._limit:
            self._drop()

    def next(self) -> bytes | None:
        self._taken += 1
        return self._pieces[self._taken - 1]

    def rewind(self) -> None:
        """Somebody new begins with all that is kept."""
        self._taken = 0

    def forget(self) -> None:
        """Drops what has been taken."""
        while self._taken:
            self._drop()

    def _drop(self) -> None:
        self._size -= len(self._pieces.popleft() or b"")
        self._taken = max(self._taken - 1, 0)


async def _first(pieces: AsyncIterator[Piece]) -> Piece:
    async for piece in pieces:
        if piece:
            return piece
    raise ProviderError("the answer is empty")


async def _more(pieces: AsyncIterator[Piece]) -> Piece | None:
    """None at the end."""
    async with asyncio.timeout(STALLED_AFTER):
        return await anext(pieces, None)


def _name(rung: object) -> str:
    return str(getattr(rung, "name", type(rung).__name__))


def _now() -> float:
    return asyncio.get_running_loop().time()
