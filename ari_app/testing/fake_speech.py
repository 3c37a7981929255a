"""Speech engines that behave and need nobody: a voice that hums, ears that are told what they hear, a level meter.

Time is the time of the audio, not of the clock: what is scripted for 1.5 s is heard when 1.5 s were fed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from ari_app.briefing.ports import Activity, Heard
from ari_app.errors import ProviderError
from ari_app.media.audio import Format, level

HUM = 0x1234
"Every sample of the fake voice."


class FakeVoice:
    """TextToSpeech: `seconds` of humming for each text, in two pieces."""

    def __init__(self, seconds: float = 0.2, rate: int = 16_000) -> None:
        self.rate = rate
        self.made: list[str] = []
        "Texts, in the order they were asked for."
        self.is_broken = False
        self.may_speak = asyncio.Event()
        "Clear it to make the voice hang."
        self.may_speak.set()
        self._half = HUM.to_bytes(2, "little") * int(seconds * rate / 2)

    async def synthesize(self, text: str) -> AsyncIterator[bytes]:
        self.made.append(text)
        await self.may_speak.wait()
        if self.is_broken:
            raise ProviderError("fake voice is broken")
        yield self._half
        yield self._half


@dataclass
class FakeListening:
    """One recognition; ends when told so."""

    rate: int
    script: list[tuple[float, str]]
    fed: int = 0
    "Bytes."
    ends_of_speech: int = 0
    _heard: asyncio.Queue[Heard | None] = field(default_factory=asyncio.Queue)

    async def hear(self, pcm: bytes) -> None:
        self.fed += len(pcm)
        while self.script and self.script[0][0] <= self.fed / self.rate / 2:
            self.say(self.script.pop(0)[1])

    async def end_of_speech(self) -> None:
        self.ends_of_speech += 1

    def say(self, text: str, *, final: bool = True) -> None:
        """Makes the ears hear this now."""
        self._heard.put_nowait(Heard(text, final))

    def end(self) -> None:
        """The provider hangs up."""
        self._heard.put_nowait(None)

    async def __aiter__(self) -> AsyncIterator[Heard]:
        while (heard := await self._heard.get()) is not None:
            yield heard


class FakeEars:
    """SpeechToText: hears `script`, pairs of (seconds of audio, text), and what `say` is given."""

    def __init__(self, script: Sequence[tuple[float, str]] = (), rate: int = 16_000) -> None:
        self.rate = rate
        self.script = list(script)
        self.is_broken = False
        self.hears_everything = True
        self.listening: FakeListening | None = None
        "The one that is open."

    @asynccontextmanager
    async def listen(self) -> AsyncIterator[FakeListening]:
        if self.is_broken:
            raise ProviderError("fake ears are broken")
        self.listening = FakeListening(self.rate, self.script)
        try:
            yield self.listening
        finally:
            self.listening = None

    def say(self, text: str, *, final: bool = True) -> None:
        assert self.listening is not None, "nobody listens"
        self.listening.say(text, final=final)


class FakeActivity:
    """VoiceActivity by level: loud is speech, `end_after` seconds of quiet are its end."""

    def __init__(self, rate: int = 16_000, end_after: float = 0.1, threshold: float = 0.05) -> None:
        self.rate = rate
        self.is_broken = False
        self._format = Format("fake", rate)
        self._end_after = end_after
        self._threshold = threshold
        self.is_speech = False
        self._quiet = 0.0

    def feed(self, pcm: bytes) -> Sequence[Activity]:
        if self.is_broken:
            raise RuntimeError("fake voice activity is broken")
        if level(pcm) > self._threshold:
            return self._loud()
        self._quiet += self._format.seconds(pcm)
        if not self.is_speech or self._quiet < self._end_after:
            return ()
        self.is_speech = False
        return (Activity.SPEECH_ENDED,)

    def _loud(self) -> Sequence[Activity]:
        began, self.is_speech, self._quiet = not self.is_speech, True, 0.0
        return (Activity.SPEECH_STARTED,) if began else ()
