"""Whose turn it is: what is being said, what was cut off, and what is kept back. Pure.

The lines of a briefing pass through here: said, cut off, kept for after an answer, or kept back while the other side
may be a machine that records. `dialogue.py` decides which.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from ari_app.briefing.playlist import Playlist
from ari_app.briefing.turns import Action, Hush, Line, Part, Say


class Mood(Enum):
    WAITING = "waiting"
    "Nothing was said yet: the supervisor's hello is awaited."
    SPEAKING = "speaking"
    YIELDING = "yielding"
    "The supervisor has interrupted."
    LISTENING = "listening"
    "The question was put."
    ANSWERING = "answering"
    "The supervisor has asked; the next sentence of the answer is on its way."
    PAUSING = "pausing"
    "The supervisor has asked for a moment."
    OVER = "over"


class Floor:
    """The mood, what is said in it, and until when it lasts."""

    def __init__(self) -> None:
        self.mood = Mood.WAITING
        self.due: float | None = None
        "When the mood ends by itself."
        self.playlist = Playlist()
        self.awaits_summary = False
        "The summary belongs into what is being said and has still to arrive."
        self.awaits_answer = False
        "The supervisor has asked, and the answer has not ended."
        self._set_aside: list[Line] = []
        "What was cut off by a question or a request to wait."
        self._kept_back: list[Say] | None = None
        "The private rest of the briefing while it must not be heard."

    @property
    def unheard(self) -> list[Line]:
        """What is being said, or was cut off or set aside."""
        return [line for line in self.playlist.lines if line.part is not Part.COURTESY] or self._set_aside

    @property
    def question_was_put(self) -> bool:
        """The question, or what stands for it, is the first thing not heard to its end, or everything was heard."""
        if self.awaits_summary or self.awaits_answer:
            return False
        return not self.unheard or self.unheard[0].part in (Part.QUESTION, Part.REPROMPT)

    @property
    def is_keeping_back(self) -> bool:
        return self._kept_back is not None

    @property
    def is_silent(self) -> bool:
        """Everything that may be said was heard."""
        return len(self.playlist.lines) == len(self._kept_back or ())

    def turn_to(self, mood: Mood, due: float | None) -> None:
        self.mood, self.due = mood, due

    def say(self, *lines: Line) -> list[Action]:
        """Adds to what is being said."""
        says = self.playlist.add(*lines)
        if self._kept_back is not None:
            self._kept_back += says
            return []
        self.turn_to(Mood.SPEAKING, None)
        return [*says]

    def say_instead(self, *lines: Line) -> list[Action]:
        """Breaks off whatever is being said or waited for."""
        hushes = self.set_aside()
        self._set_aside = []
        return [*hushes, *self.say(*lines)]

    def set_aside(self) -> list[Action]:
        """Breaks off what is being said or waited for; what is of the briefing is kept."""
        kept = [line for line in self.playlist.lines if line.part not in (Part.ANSWER, Part.COURTESY)]
        self._set_aside = kept or self._set_aside
        self.playlist.clear()
        self._kept_back = None
        return [Hush()] if self.mood in (Mood.SPEAKING, Mood.ANSWERING) else []

    def say_later(self, *lines: Line) -> list[Action]:
        """When the briefing is taken up again."""
        if self._kept_back is not None:
            self._kept_back += self.playlist.add(*lines)
        elif self.mood is Mood.YIELDING and not self._set_aside:
            self.playlist.add(*lines)
        else:
            self._set_aside = [*self._set_aside, *lines]
        return []

    def take_up(self, question: Line) -> list[Line]:
        """What was set aside of the briefing, to be said now; else the question."""
        lines, self._set_aside = self._set_aside, []
        is_briefing = self.awaits_summary or any(line.part in (Part.GREETING, Part.SUMMARY) for line in lines)
        return lines if is_briefing else [question]

    def say_discreetly(self, public: Sequence[Line], *private: Line) -> list[Action]:
        """Keeps what is private back until `disclose`."""
        says = self.say(*public)
        self._kept_back = []
        self.say(*private)
        if not public:
            self.turn_to(Mood.YIELDING, None)
        return says

    def disclose(self) -> list[Action]:
        """Says what was kept back, after what is being said."""
        says, self._kept_back = self._kept_back, None
        if says is None:
            return []
        self.turn_to(Mood.SPEAKING, None)
        return [*says]

    def yield_to(self, due: float) -> list[Action]:
        """Falls silent because the supervisor speaks; what was kept back comes with what was cut off."""
        self._kept_back = None
        self.turn_to(Mood.YIELDING, due)
        return [Hush()]
