"""The supervisor's questions: what is asked, what is said of the answer, and which answers come too late. Pure.

An answer has a bounded silence before and within it. Whatever it says is said and nothing else.
"""

from __future__ import annotations

import re

from ari_app.briefing.floor import Floor, Mood
from ari_app.briefing.turns import Action, Ask, Line, Part

QUESTIONS = 12
"Questions of one briefing, so that it ends."
FIRST_SENTENCE_WITHIN = 2.5
"Seconds of silence after a question until its answer must begin."
NEXT_SENTENCE_WITHIN = 2.0
"Seconds of silence within an answer."


class Answering:
    """One question at a time. Words are taken as they become final and asked when the turn is over."""

    def __init__(self, floor: Floor, question: Line, not_known: Line | None) -> None:
        """`question` is put again after an answer, `not_known` is said instead of one."""
        self.has_words = False
        "Words were taken that were not asked."
        self._floor = floor
        self._question = question
        self._not_known = not_known
        self._left = QUESTIONS
        self._number = 0
        self._is_void = True
        self._is_answered = False
        self._words = ""
        self._turn: float | None = None

    @property
    def is_open(self) -> bool:
        """A question was asked and its answer has not ended, also while it is interrupted."""
        return self._floor.awaits_answer

    @property
    def is_coming(self) -> bool:
        """Sentences of the answer may still come."""
        return self.is_open and not self._is_void

    def may_take(self, turn: float | None) -> bool:
        """Whether words of the turn that began then may be asked; a question put in pieces counts once."""
        return self._left > 0 or self._is_same(turn)

    def take(self, words: str, turn: float | None) -> bool:
        """Takes final words; False if they were known already."""
        known = self._words if self._is_same(turn) else ""
        if known and _folded(words) in _folded(known):
            return False
        if not known:
            self._left -= 1
        self._words = f"{known} {words}" if known and not _folded(words).startswith(_folded(known)) else words
        self._turn, self.has_words = turn, True
        return True

    def ask(self, now: float) -> list[Action]:
        """Asks what was taken instead of whatever is being said; earlier answers are void."""
        self._number += 1
        self.has_words, self._is_void, self._is_answered = False, False, False
        hushes = self._floor.set_aside()
        self._floor.awaits_answer = True
        self._floor.turn_to(Mood.ANSWERING, now + FIRST_SENTENCE_WITHIN)
        return [*hushes, Ask(self._number, self._words, self._floor.playlist.heard)]

    def ask_again(self, now: float) -> list[Action]:
        """After an interruption that said nothing; this counts as a question."""
        self._left -= 1
        return self.ask(now) if self._left >= 0 else self.stop()

    def say(self, ask: int, sentence: str) -> list[Action]:
        if not self._awaits(ask):
            return []
        self._is_answered = True
        return self._floor.say(Line(Part.ANSWER, sentence))

    def wait(self, now: float) -> None:
        """All that has come was heard."""
        self._floor.turn_to(Mood.ANSWERING, now + NEXT_SENTENCE_WITHIN)

    def end(self, ask: int) -> list[Action]:
        return self._conclude() if self._awaits(ask) else []

    def stop(self) -> list[Action]:
        """Nobody waits for the rest."""
        return [*self._floor.set_aside(), *self._conclude()]

    def interrupt(self) -> None:
        """What still comes of the answer is void; the question stays open."""
        self._is_void = True

    def close(self) -> None:
        """The question is done with, answered or not."""
        self._floor.awaits_answer, self.has_words = False, False

    def _conclude(self) -> list[Action]:
        unanswered = [self._not_known] if self._not_known and not self._is_answered else []
        self.close()
        return self._floor.say(*unanswered, *self._floor.take_up(self._question))

    def _awaits(self, ask: int) -> bool:
        return self.is_coming and ask == self._number

    def _is_same(self, turn: float | None) -> bool:
        if turn is None:
            return self._turn is None and (self.is_open or self.has_words)
        return turn == self._turn


def _folded(words: str) -> str:
    return " ".join(re.findall(r"\w+", words.casefold()))
