"""One side of a talk, from sound to words. What is said is never logged."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from ari_app.briefing.ports import Activity, Listening, VoiceActivity
from ari_app.briefing.speech import Speech, new_voice_activity
from ari_app.briefing.talk import beside
from ari_app.errors import ProviderError
from ari_app.listening.tap import Tap
from ari_app.media.audio import SAMPLE_BYTES, SLIN16, Resampler
from ari_app.media.session import MediaLost, MediaSession

log = structlog.get_logger(__name__)

OPEN_WITHIN = 3.0
"Seconds for the recogniser, and as many for Asterisk."
LAST_WORDS = 1.5
"Seconds in which what was said before the end may still be understood."
PIECE = 0.1
"Seconds of silence at once."


class Lost(Exception):
    """This ear hears no more; another one may."""


class Ear:
    """Listens once: `run` returns when `hush` was called and the last words have come."""

    def __init__(self, tap: Tap, speech: Speech, said: Callable[[str], None]) -> None:
        if speech.stt is None:
            raise AssertionError("nobody listens without a recogniser")
        self._tap = tap
        self._speech = speech
        self._stt = speech.stt
        self._said = said
        self._to_stt = Resampler(SLIN16.rate, self._stt.rate, "LQ")
        self._hushed = asyncio.Event()
        self._broken = ""
        "Why the recogniser is lost."

    def hush(self) -> None:
        """From this moment on nothing more is heard, whatever is still on its way."""
        self._hushed.set()

    async def run(self) -> None:
        """Raises Lost."""
        try:
            async with asyncio.timeout(OPEN_WITHIN) as opening, self._stt.listen() as listening:
                opening.reschedule(None)
                async with beside(self._understand(listening)):
                    await self._listen(listening)
                    await self._await_last_words(listening)
        except (ProviderError, MediaLost, TimeoutError) as lost:
            raise Lost(type(lost).__name__) from None
        if self._broken:
            raise Lost(self._broken)

    async def _understand(self, listening: Listening) -> None:
        try:
            async for heard in listening:
                if heard.final and (text := heard.text.strip()):
                    self._said(text)
            self._break("ended")
        except ProviderError as error:
            self._break(type(error).__name__)
        except Exception:
            log.exception("recognition failed")
            self._break("unexpected")

    def _break(self, reason: str) -> None:
        if not self._hushed.is_set():
            self._broken = reason
            self.hush()

    async def _listen(self, listening: Listening) -> None:
        """Until it is hushed. Raises MediaLost, ProviderError, TimeoutError."""
        vad = await new_voice_activity(self._speech)
        try:
            async with asyncio.timeout(OPEN_WITHIN):
                session = await self._tap.open()
            async with beside(self._close_when_hushed()):
                await self._hear(session, listening, vad)
        finally:
            await self._tap.close()

    async def _close_when_hushed(self) -> None:
        """Asterisk may send nothing, and a frame is what `_hear` wakes up for."""
        await self._hushed.wait()
        await self._tap.close()

    async def _hear(self, session: MediaSession, listening: Listening, vad: VoiceActivity | None) -> None:
        to_vad = Resampler(SLIN16.rate, vad.rate if vad else SLIN16.rate, "LQ")
        async for pcm in session.audio():
            if self._hushed.is_set():
                break
            await listening.hear(self._to_stt.feed(pcm))
            if vad and Activity.SPEECH_ENDED in vad.feed(to_vad.feed(pcm)):
                await listening.end_of_speech()
        if not self._hushed.is_set():
            raise MediaLost("the line ended")

    async def _await_last_words(self, listening: Listening) -> None:
        """Silence, by which a recogniser knows that nothing more comes."""
        if self._broken:
            return
        await listening.end_of_speech()
        silence = bytes(int(self._stt.rate * PIECE) * SAMPLE_BYTES)
        for _ in range(round(LAST_WORDS / PIECE)):
            await listening.hear(silence)
            await asyncio.sleep(PIECE)
