"""A voice that keeps what it says again and again: questions, prompts, farewells.

What is said of one caller is not kept.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable

from ari_app.briefing.ports import TextToSpeech


class KeptVoice:
    """TextToSpeech over another one; shared by all transfers of a profile."""

    def __init__(self, voice: TextToSpeech, texts: Iterable[str]) -> None:
        """Keeps these texts, each after it was made once whole."""
        self.rate = voice.rate
        self.name = getattr(voice, "name", type(voice).__name__)
        self._voice = voice
        self._kept: dict[str, bytes | None] = dict.fromkeys(texts)

    async def synthesize(self, text: str) -> AsyncIterator[bytes]:
        if kept := self._kept.get(text):
            yield kept
            return
        pieces = []
        async for pcm in self._voice.synthesize(text):
            pieces.append(pcm)
            yield pcm
        if text in self._kept:
            self._kept[text] = b"".join(pieces)

    async def make_all(self, texts: Iterable[str]) -> None:
        """Says these of the kept texts once to nobody. Raises ProviderError."""
        for text in self._kept.keys() & set(texts):
            async for _ in self.synthesize(text):
                pass
