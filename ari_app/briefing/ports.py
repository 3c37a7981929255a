"""What the briefing needs of speech: small ports.

Audio is 16-bit little-endian mono PCM everywhere; each engine names the sample rate it wants or gives in Hz as
``rate``, and the session resamples. One provider is one file beside this one and implements one or more of these.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import Enum
from typing import Protocol


@dataclass(frozen=True)
class Heard:
    """Words of the supervisor."""

    text: str
    "What was said, in lower or mixed case, without guarantees about punctuation; never logged."
    final: bool
    "True when the engine will not revise these words and takes the turn for ended."
    confidence: float = 1.0
    "0 to 1; engines that do not tell give 1."
    certain: bool = True
    "False from an engine that mishears so often that one acceptance must not connect anybody by itself."


class Listening(Protocol):
    """One open recognition; iterate it for what is heard until it is closed."""

    async def hear(self, pcm: bytes) -> None:
        """Takes the next audio, any length; never waits for recognition."""

    async def end_of_speech(self) -> None:
        """The voice activity says the turn is over; engines with an end of turn of their own ignore it."""

    def __aiter__(self) -> AsyncIterator[Heard]: ...


class SpeechToText(Protocol):
    rate: int

    def listen(self) -> AbstractAsyncContextManager[Listening]:
        """Opens a recognition. Raises ProviderError when it can't be had."""


class TextToSpeech(Protocol):
    rate: int

    def synthesize(self, text: str) -> AsyncIterator[bytes]:
        """Yields PCM as it becomes available. Raises ProviderError."""


class Activity(Enum):
    SPEECH_STARTED = "speech_started"
    SPEECH_ENDED = "speech_ended"


class VoiceActivity(Protocol):
    rate: int

    def feed(self, pcm: bytes) -> Sequence[Activity]:
        """Takes the next audio, any length, and says what changed in it. Stateful: one instance a call."""


class TurnDetector(Protocol):
    """Tells a pause for breath from the end of a turn, where the recogniser does not."""

    rate: int

    async def is_over(self, pcm: bytes) -> bool:
        """Whether the turn that this sound ends with is complete; at most the last 8 s count. Raises nothing."""


class LanguageModel(Protocol):
    def complete(self, messages: Sequence[dict[str, str]]) -> AsyncIterator[str]:
        """Yields the answer's text in pieces. Raises ProviderError."""
