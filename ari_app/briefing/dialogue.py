"""Turn-taking with a supervisor: who speaks, what is said next, when something is decided. Pure; time is a parameter.

Facts come in as events, what to do goes out as actions. The manners, in short:

- **Hello first.** The supervisor answers and says something; the briefing starts when that ends, 0.8 s after the
  answer at the latest. What was begun before the briefing decides nothing, whatever the words.
- **Speech stops the briefing at once.** If it decides nothing, the briefing goes on at the start of the sentence that
  was cut off, so that nothing is lost and nothing is heard twice: a cough must not cost the summary. Whoever interrupts
  the summary a third time has had enough of it and gets the question.
- **A bare yes answers a question.** "Yes, put them through" accepts from the first word of the briefing; a lone "yes"
  or "okay" during the summary means "go on", and during the first second it means "hello".
- **Only final words decide**, and a refusal counts wherever it is said.
- **Patience ends.** Silence, other keys and unclear answers are re-prompted twice, then the briefing is exhausted.

The keys 1 and 2 are decided by the call itself and never get here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from enum import Enum

from ari_app.briefing.intent import Intent, Reading, read_intent
from ari_app.briefing.turns import (
    Accept,
    Action,
    Decline,
    GiveUp,
    Happening,
    Hush,
    Line,
    LineOpened,
    Part,
    Pressed,
    Said,
    Say,
    Script,
    SpeakingBegan,
    SpeechEnded,
    SpeechStarted,
    Spoken,
    SummaryArrived,
    TimePassed,
)

HELLO_WITHIN = 0.8
"Seconds after the answer when the briefing starts even though nobody has said hello."
ANSWER_WITHIN = 8.0
"Seconds of silence after the question before it is put again."
LONGEST_TURN = 12.0
"Seconds one turn of the supervisor may last; a noisy line must not hold the briefing up for ever."
WORDS_WITHIN = 1.2
"Seconds after the end of speech in which its words must have come."
NEW_TURN_AFTER = 0.25
"Seconds into a turn before its words can be final; words that come earlier belong to the turn before."
HELLO_UNTIL = 1.0
"Seconds after the first word of the briefing in which a bare yes is a late hello."
REPROMPTS = 2
INTERRUPTIONS = 2
"Interruptions without a decision that the briefing takes up again where it was; one of the greeting is free."


class Mood(Enum):
    WAITING = "waiting"
    "Nothing was said yet: the supervisor's hello is awaited."
    SPEAKING = "speaking"
    YIELDING = "yielding"
    "The supervisor has interrupted."
    LISTENING = "listening"
    "The question was put."
    OVER = "over"


class Dialogue:
    """One supervisor's briefing. After each step wait for the next event or `deadline`, whichever is first."""

    def __init__(
        self,
        script: Script,
        *,
        waits_for_hello: bool = True,
        hello_within: float = HELLO_WITHIN,
        read: Callable[[str], Reading] = read_intent,
        answer_within: float = ANSWER_WITHIN,
        reprompts: int = REPROMPTS,
    ) -> None:
        self.mood = Mood.WAITING
        self.deadline: float | None = None
        self._script = script
        self._waits_for_hello = waits_for_hello
        self._hello_within = hello_within
        self._read = read
        self._answer_within = answer_within
        self._reprompts_left = reprompts
        self._reprompts = reprompts
        self._interruptions_left = INTERRUPTIONS
        self._begun_at: float | None = None
        self._numbered = 0
        self._playlist: list[Say] = []
        "What is being said and was not heard to its end."
        self._summary_wanted = script.summary is None
        "The summary belongs into what is being said and has still to arrive."
        self._turns: list[float] = []
        "When the supervisor's last two turns began."
        self._is_talking = False
        self._confirming = False
        "An acceptance that may have been misheard is being asked for once more."

    @property
    def is_over(self) -> bool:
        return self.mood is Mood.OVER

    def step(self, event: Happening, now: float) -> list[Action]:
        """Takes what happened and says what to do, in order."""
        if self.is_over:
            return []
        match event:
            case LineOpened():
                return self._opened(now)
            case SummaryArrived(lines):
                return self._summary_arrived(lines)
            case SpeakingBegan():
                self._begun_at = now
                return []
            case Spoken(number):
                return self._spoken(number, now)
            case SpeechStarted():
                return self._turn_began(now)
            case SpeechEnded():
                return self._turn_ended(now)
            case Said():
                return self._said(event, now)
            case Pressed(digit):
                return self._pressed(digit)
            case TimePassed():
                return self._time_passed(now)
        return []

    # The start

    def _opened(self, now: float) -> list[Action]:
        if self._waits_for_hello:
            self.deadline = now + self._hello_within
            return []
        return self._brief()

    def _brief(self) -> list[Action]:
        return self._say(*self._script.greeting, *self._rest())

    def _rest(self) -> tuple[Line, ...]:
        """Summary and question; nothing while the summary is still to come."""
        summary = self._script.summary
        self._summary_wanted = summary is None
        return () if summary is None else (*summary, self._script.question)

    def _summary_arrived(self, lines: tuple[Line, ...]) -> list[Action]:
        if self._script.summary is not None:
            return []
        script = self._script
        self._script = replace(script, summary=lines)
        if not self._summary_wanted or self.mood is Mood.WAITING:
            return []
        if self.mood is Mood.YIELDING:
            self._summary_wanted = False
            self._playlist += self._number(*lines, script.question)
            return []
        return self._say(*self._rest())

    # Speaking

    def _say(self, *lines: Line) -> list[Action]:
        """Adds to what is being said."""
        says = self._number(*lines)
        self._playlist += says
        self.mood, self.deadline = Mood.SPEAKING, None
        return list(says)

    def _number(self, *lines: Line) -> list[Say]:
        first = self._numbered + 1
        self._numbered += len(lines)
        return [Say(number, line) for number, line in enumerate(lines, first)]

    def _say_instead(self, *lines: Line) -> list[Action]:
        """Breaks off whatever is being said."""
        was_speaking = self.mood is Mood.SPEAKING
        self._playlist = []
        says = self._say(*lines)
        return [Hush(), *says] if was_speaking else says

    def _spoken(self, number: int, now: float) -> list[Action]:
        self._playlist = [say for say in self._playlist if say.number > number]
        if self.mood is Mood.SPEAKING and not self._playlist and not self._summary_wanted:
            self._listen(now)
        return []

    def _listen(self, now: float) -> None:
        self.mood = Mood.LISTENING
        self.deadline = now + (LONGEST_TURN if self._is_talking else self._answer_within)

    # The supervisor speaks

    def _turn_began(self, now: float) -> list[Action]:
        self._turns = [*self._turns[-1:], now]
        self._is_talking = True
        if self.mood is Mood.SPEAKING:
            self.mood, self.deadline = Mood.YIELDING, now + LONGEST_TURN
            return [Hush()]
        if self.mood is not Mood.WAITING:
            self.deadline = now + LONGEST_TURN
        return []

    def _turn_ended(self, now: float) -> list[Action]:
        self._is_talking = False
        if self.mood is Mood.WAITING and self.deadline is not None:
            return self._brief()
        if self.mood in (Mood.YIELDING, Mood.LISTENING):
            self.deadline = now + WORDS_WITHIN
        return []

    def _said(self, said: Said, now: float) -> list[Action]:
        if self._begun_at is None or self._is_hello(now):
            return []
        reading = self._read(said.text)
        confirms, self._confirming = self._confirming, False
        if reading.intent is Intent.DECLINE:
            return self._end(Decline(reading.reason))
        if reading.intent is Intent.ACCEPT and self._may_accept(reading, now):
            return self._end(Accept()) if said.certain or reading.plain or confirms else self._confirm()
        if reading.intent is Intent.REPEAT:
            return self._repeat()
        return self._undecided()

    def _is_hello(self, now: float) -> bool:
        """Whether words that come now were begun before the briefing. Without voice activity nobody knows, so the
        first second of words is taken for it."""
        assert self._begun_at is not None
        began = [at for at in self._turns if now - at >= NEW_TURN_AFTER]
        if not began:
            return bool(self._turns) or now - self._begun_at < HELLO_UNTIL
        return began[-1] < self._begun_at

    def _may_accept(self, reading: Reading, now: float) -> bool:
        assert self._begun_at is not None
        return not reading.bare or (self._question_was_put() and now - self._begun_at >= HELLO_UNTIL)

    def _confirm(self) -> list[Action]:
        """Two misunderstandings in a row are needed to connect somebody by mistake."""
        self._confirming, self._summary_wanted = True, False
        return self._say_instead(self._script.confirm or self._script.question)

    def _question_was_put(self) -> bool:
        """The question, or what stands for it, is the first thing not heard to its end, or everything was heard."""
        if self._summary_wanted:
            return False
        return not self._playlist or self._playlist[0].line.part in (Part.QUESTION, Part.REPROMPT)

    def _undecided(self) -> list[Action]:
        """Words that decide nothing. Over the briefing without an interruption they are left alone."""
        match self.mood:
            case Mood.YIELDING if not self._is_talking:
                return self._reprompt() if self._question_was_put() else self._go_on()
            case Mood.LISTENING if not self._is_talking:
                return self._reprompt()
        return []

    def _go_on(self) -> list[Action]:
        """After an interruption: the sentence cut off and what follows; in the end the question."""
        rest = [say.line for say in self._playlist]
        if rest and rest[0].part is Part.GREETING:
            return self._say_instead(*rest)
        if self._interruptions_left == 0 or not (rest or self._summary_wanted):
            return self._reprompt() if self._question_was_put() else self._say_instead(self._script.question)
        self._interruptions_left -= 1
        return self._say_instead(*rest)

    # Keys, repeats, patience

    def _pressed(self, digit: str) -> list[Action]:
        if self._begun_at is None or digit in ("1", "2"):
            return []
        return self._repeat() if digit == "3" else self._reprompt()

    def _repeat(self) -> list[Action]:
        """Asking is an answer, too: patience starts over."""
        self._reprompts_left, self._interruptions_left = self._reprompts, INTERRUPTIONS
        if self._script.summary is None:
            return self._say_instead(*self._script.greeting, *self._rest())
        return self._say_instead(*self._script.repeat_intro, *self._rest())

    def _reprompt(self) -> list[Action]:
        if self._reprompts_left == 0:
            return self._end(GiveUp())
        self._reprompts_left -= 1
        self._summary_wanted = False
        return self._say_instead(self._script.reprompt)

    def _time_passed(self, now: float) -> list[Action]:
        if self.deadline is None or now < self.deadline:
            return []
        self.deadline = None
        match self.mood:
            case Mood.WAITING:
                return self._brief()
            case Mood.YIELDING:
                return self._go_on()
            case Mood.LISTENING:
                return self._reprompt()
        return []

    def _end(self, decision: Action) -> list[Action]:
        self.mood, self.deadline, self._playlist = Mood.OVER, None, []
        return [decision]
