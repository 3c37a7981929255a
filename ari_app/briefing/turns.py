"""The words of the dialogue: lines to say, what happens to it (past tense), what it asks for (imperative). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from ari_app.briefing.intent import DeclineKind


class Part(Enum):
    """What a line is for; decides what an interruption costs and which recording may stand in for a voice."""

    GREETING = "greeting"
    SUMMARY = "summary"
    QUESTION = "question"
    REPROMPT = "reprompt"
    ANSWER = "answer"
    COURTESY = "courtesy"
    "Between two turns of the supervisor: decides nothing, is never taken up again."
    FAREWELL = "farewell"


@dataclass(frozen=True)
class Line:
    """One sentence or so, the unit of speaking and of resuming."""

    part: Part
    text: str
    recording: str | None = None
    "Name of the recorded prompt that stands in when there is no voice; without one the line is left out then."


@dataclass(frozen=True)
class Script:
    """Everything the briefing can say."""

    greeting: tuple[Line, ...]
    question: Line
    reprompt: Line
    repeat_intro: tuple[Line, ...] = ()
    summary: tuple[Line, ...] | None = None
    "None while it is still being made; `SummaryArrived` brings it."
    public: int = 1
    "So many lines of the greeting say nothing private: a machine may hear them."
    confirm: Line | None = None
    "Asks whether that was a yes; None: the question again."
    short: tuple[Line, ...] = ()
    "The summary in a sentence or two; empty: its first line."
    can_answer: bool = False
    "Somebody answers questions: words that decide nothing are one."
    not_known: Line | None = None
    "Instead of an answer that can't be had."
    wait_note: Line | None = None
    "Before a moment's wait; None: silence at once."
    message_prompt: Line | None = None
    "Asks what the caller is to be told; None: the refusal counts without a message."
    voicemail_message: Line | None = None
    "For a machine, without anything private; None: nothing is said to machines."

    @property
    def brief_summary(self) -> tuple[Line, ...] | None:
        return self.short or (self.summary and self.summary[:1])


# What happened


@dataclass(frozen=True)
class Happening:
    """Base of the dialogue's events."""


@dataclass(frozen=True)
class LineOpened(Happening):
    """The supervisor is there and would hear us."""


@dataclass(frozen=True)
class SummaryArrived(Happening):
    lines: tuple[Line, ...]
    short: tuple[Line, ...] = ()
    "The same in a sentence or two; empty: the first line of `lines` stands for it."


@dataclass(frozen=True)
class SpeakingBegan(Happening):
    """The first audio of all was handed over. Nothing decides before."""


@dataclass(frozen=True)
class Spoken(Happening):
    """The playout has reached the end of a line."""

    number: int


@dataclass(frozen=True)
class SpeechStarted(Happening):
    """The supervisor speaks."""


@dataclass(frozen=True)
class SpeechEnded(Happening):
    """The supervisor is silent again."""


@dataclass(frozen=True)
class Said(Happening):
    """Words of the supervisor that will not be revised."""

    text: str
    certain: bool = True
    "False: an acceptance that is not plain is asked for once more."


@dataclass(frozen=True)
class Pressed(Happening):
    digit: str


@dataclass(frozen=True)
class ToneHeard(Happening):
    """A beep, as an answering machine gives after its greeting; it is over."""


@dataclass(frozen=True)
class AnswerSentence(Happening):
    """The next sentence of the answer to the question `ask`."""

    ask: int
    text: str


@dataclass(frozen=True)
class AnswerEnded(Happening):
    """Nothing more comes for the question `ask`; without a sentence before it there is no answer."""

    ask: int


@dataclass(frozen=True)
class TimePassed(Happening):
    """The deadline is due."""


# What to do


@dataclass(frozen=True)
class Action:
    """Base of what the dialogue asks for."""


@dataclass(frozen=True)
class Say(Action):
    """Speak a line after what is being said; tell `Spoken(number)` when it was heard."""

    number: int
    line: Line


@dataclass(frozen=True)
class Hush(Action):
    """Stop speaking at once and forget what was still to be said."""


@dataclass(frozen=True)
class Accept(Action):
    """The supervisor takes the call. The dialogue is over, what is being said is of no use any more."""


@dataclass(frozen=True)
class Decline(Action):
    """The supervisor does not take the call. The dialogue is over."""

    reason: str | None
    kind: DeclineKind = DeclineKind.REFUSED
    suggestion: str | None = None


@dataclass(frozen=True)
class Ask(Action):
    """Have the question answered from the conversation: tell `AnswerSentence`s and `AnswerEnded` under this number.
    A later Ask, a Hush or the end of the dialogue makes it void."""

    ask: int
    question: str
    heard: tuple[str, ...]
    "What the supervisor has really heard of the briefing so far."


@dataclass(frozen=True)
class Voicemail(Action):
    """A machine has answered, and everything that is said to machines was said. The dialogue is over."""


@dataclass(frozen=True)
class GiveUp(Action):
    """Nothing could be got out of the supervisor. The dialogue is over."""
