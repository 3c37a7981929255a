"""A language model that says what it is told to, in pieces of a chosen size, and fails on order.

model = ScriptedModel(["Maria was charged twice."], delay=0.3)      # each answer in turn, then the last one again
model = ScriptedModel(["One. Two."], breaks_at=3)                   # ProviderError instead of the fourth piece
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence

from ari_app.errors import ProviderError


class ScriptedModel:
    """LanguageModel; its time is the loop's, so that it runs under a jumping clock."""

    def __init__(
        self,
        answers: Sequence[str] = ("All is well.",),
        *,
        size: int | None = None,
        delay: float = 0.0,
        pause: float = 0.0,
        breaks_at: int | None = None,
        is_endless: bool = False,
        hangs: bool = False,
    ) -> None:
        """`size` is in characters, None gives words; `delay` is before the first piece, `pause` between two, in
        seconds. `breaks_at` is the number of the piece that is not given but fails, from 0."""
        self.asked: list[list[dict[str, str]]] = []
        "The messages of every question, in order."
        self.given: list[str] = []
        "Every piece that was handed over."
        self.open = 0
        "Answers that are under way; 0 when everybody has closed what they opened."
        self._answers = list(answers)
        self._size = size
        self._delay = delay
        self._pause = pause
        self._breaks_at = breaks_at
        self._is_endless = is_endless
        self._hangs = hangs

    async def complete(self, messages: Sequence[dict[str, str]]) -> AsyncGenerator[str, None]:
        self.asked.append([dict(message) for message in messages])
        pieces = self._pieces(self._answers[min(len(self.asked), len(self._answers)) - 1])
        self.open += 1
        try:
            await asyncio.sleep(self._delay)
            if self._hangs:
                await asyncio.Event().wait()
            number = 0
            while number < len(pieces) or self._is_endless:
                if number == self._breaks_at:
                    raise ProviderError("scripted model breaks")
                if number:
                    await asyncio.sleep(self._pause)
                self.given.append(pieces[number % len(pieces)])
                yield self.given[-1]
                number += 1
        finally:
            self.open -= 1

    def _pieces(self, text: str) -> list[str]:
        if self._size is not None:
            return [text[at : at + self._size] for at in range(0, len(text), self._size)]
        words = text.split(" ")
        return [words[0], *(f" {word}" for word in words[1:])]
