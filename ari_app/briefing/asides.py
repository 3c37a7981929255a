"""Words to one party alone, on a line of their own: to the caller on hold, or to a supervisor who is coached.

The sound is made before anybody is made to listen: a voice that fails costs the words, and nobody hears silence.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from ari_app.briefing.prompts import Texts
from ari_app.briefing.talk import say_once
from ari_app.briefing.turns import Line, Part
from ari_app.briefing.voice import Speechless, Voice
from ari_app.briefing.wording import is_name
from ari_app.media.channel import MediaChannel
from ari_app.media.session import MediaLost

log = structlog.get_logger(__name__)

READY_WITHIN = 10.0
"Seconds for the sound and the line; whoever is to hear it misses nothing meanwhile."
SAID_WITHIN = 30.0
"Seconds for the words themselves."


class Asides:
    def __init__(self, texts: Texts, voice: Voice, channel: Callable[[str], MediaChannel]) -> None:
        """`channel` gives the media channel of an id: open, on its way, or new."""
        self._texts = texts
        self._voice = voice
        self._channel = channel

    async def ready(self, text: str, room_id: str, media_id: str, key: str | None = None) -> bool:
        """Makes the sound and brings its line into the room. False, with nothing raised, when either can't be."""
        line = self._line(text, key)
        try:
            async with asyncio.timeout(READY_WITHIN):
                await self._voice.make((line.text,))
                if not self._voice.has(line.text):
                    raise Speechless("no voice")
                channel = self._channel(media_id)
                await channel.open()
                await channel.seat(room_id)
        except (TimeoutError, MediaLost, Speechless) as error:
            return self._missed(text, error)
        return True

    async def say(self, text: str, media_id: str, key: str | None = None) -> bool:
        """Whether it was heard to its end; raises nothing."""
        try:
            async with asyncio.timeout(SAID_WITHIN):
                session = await self._channel(media_id).open()
                await say_once(session, self._voice, self._line(text, key))
        except (TimeoutError, MediaLost, Speechless) as error:
            return self._missed(text, error)
        return not session.has_ended

    def _line(self, text: str, key: str | None) -> Line:
        """`text` is the name of a text to the caller, or the words themselves."""
        words = getattr(self._texts, text) if _is_ours(text) else text
        way_back = self._texts.caller_return_key.replace("{key}", key) if key else ""
        return Line(Part.COURTESY, f"{words} {way_back}".strip())

    def _missed(self, text: str, error: Exception) -> bool:
        log.info("words not heard", text=text if _is_ours(text) else None, reason=type(error).__name__)
        return False


def _is_ours(text: str) -> bool:
    """A supervisor may well be told the one word "question": names of other texts are no names here."""
    return text.startswith("caller_") and is_name(text)
