"""Turn-taking with a supervisor: who speaks, what is said next, when something is decided. Pure; time is a parameter.

Facts come in as events, what to do goes out as actions. The manners, in short:

- **Hello first.** The supervisor answers and says something; the briefing starts when that ends, 0.8 s after the
  answer at the latest. What was begun before the briefing decides nothing, whatever the words. Over a voice that may be
  a machine's only the first line is said, which tells nothing; `humans.py` knows, `machines.py` talks to machines.
  Behind an auto attendant it rings first: then the hello is waited for as long as a phone is rung.
- **Speech stops the briefing at once.** If it decides nothing, the briefing goes on at the start of the sentence that
  was cut off, so that nothing is lost and nothing is heard twice: a cough must not cost the summary. Whoever interrupts
  the summary a third time has had enough of it and gets the question.
- **Other words are a question**, where somebody can answer it; then the briefing goes on. An answer decides nothing.
- **A bare yes answers a question.** "Yes, put them through" accepts from the first word of the briefing; a lone "yes"
  or "okay" during the summary means "go on", and during the first second it means "hello".
- **Only final words decide**, and a refusal counts wherever it is said.
- **Patience ends.** Silence, other keys and unclear answers are re-prompted twice, then the briefing is exhausted.
  Questions are bounded, and so is "give me a minute".

The keys 1 and 2 are decided by the call itself and never get here, but for a 2 instead of a message.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import inf

from ari_app.briefing.answering import Answering
from ari_app.briefing.floor import Floor, Mood
from ari_app.briefing.granting import Granting
from ari_app.briefing.humans import Humanity
from ari_app.briefing.intent import DeclineKind, Intent, Reading, read_intent
from ari_app.briefing.machines import Machine
from ari_app.briefing.patience import (
    ANSWER_WITHIN,
    HELLO_WITHIN,
    LONGEST_TURN,
    REPROMPTS,
    WAIT_WITHIN,
    WORDS_WITHIN,
    Patience,
)
from ari_app.briefing.turns import (
    Accept,
    Action,
    AnswerEnded,
    AnswerSentence,
    Decline,
    GiveUp,
    Happening,
    Line,
    LineOpened,
    Part,
    Pressed,
    Said,
    Script,
    SpeakingBegan,
    SpeechEnded,
    SpeechStarted,
    Spoken,
    SummaryArrived,
    TimePassed,
    Voicemail,
)

NEW_TURN_AFTER = 0.25
"Seconds into a turn before its words can be final; words that come earlier belong to the turn before."
HELLO_UNTIL = 1.0
"Seconds after the first word of the briefing in which a bare yes is a late hello, and nothing is a question."


class Dialogue:
    """One supervisor's briefing. After each step wait for the next event or `deadline`, whichever is first."""

    def __init__(
        self,
        script: Script,
        *,
        waits_for_hello: bool = True,
        hello_within: float = HELLO_WITHIN,
        read: Callable[[str], Reading] = read_intent,
        sounds_like_machine: Callable[[str], bool] = lambda text: False,
        answer_within: float = ANSWER_WITHIN,
        wait_within: float = WAIT_WITHIN,
        reprompts: int = REPROMPTS,
        picks_up_within: float = 0.0,
    ) -> None:
        """With `picks_up_within` nobody is there yet: the line rings behind an attendant, for so many seconds at the
        most, and whoever answers says hello."""
        self._script = script
        self._waits_for_hello = waits_for_hello or picks_up_within > 0
        self._hello_within = picks_up_within or hello_within
        self._is_behind_attendant = picks_up_within > 0
        self._read = read
        self._answer_within = answer_within
        self._floor = Floor()
        self._patience = Patience(reprompts)
        self._answering = Answering(self._floor, script.question, script.not_known)
        self._granting = Granting(self._floor, self._patience, script, wait_within, answer_within)
        self.humanity = Humanity(
            sounds_like_machine, lambda text: read(text).intent is not Intent.NONE, picks_up_within
        )
        self._machine = Machine(self._floor, self.humanity, script.voicemail_message)
        self._begun_at = inf
        self._is_brief = False
        "The summary is wanted in short."
        self._turns: list[float] = []
        "When the supervisor's last two turns began."
        self._is_talking = False
        self._confirming = False
        "An acceptance that may have been misheard is being asked for once more."

    @property
    def mood(self) -> Mood:
        return self._floor.mood

    @property
    def is_over(self) -> bool:
        return self.mood is Mood.OVER

    @property
    def deadline(self) -> float | None:
        deadlines = (self._floor.due, None if self.is_over else self.humanity.deadline)
        return min((at for at in deadlines if at is not None), default=None)

    def step(self, event: Happening, now: float) -> list[Action]:
        """Takes what happened and says what to do, in order."""
        if self.is_over:
            return []
        self.humanity.step(event, now)
        actions = self._machine.step(event, now) if self.humanity.is_machine else self._react(event, now)
        if any(isinstance(action, Accept | Decline | GiveUp | Voicemail) for action in actions):
            self._floor.turn_to(Mood.OVER, None)
        return actions

    def _react(self, event: Happening, now: float) -> list[Action]:
        match event:
            case LineOpened():
                return self._opened(now)
            case SummaryArrived():
                return self._summary_arrived(event)
            case SpeakingBegan():
                self._begun_at = now
            case Spoken(number):
                self._spoken(number, now)
            case SpeechStarted():
                return self._turn_began(now)
            case SpeechEnded():
                return self._turn_ended(now)
            case Said():
                return self._said(event, now)
            case Pressed(digit):
                return self._pressed(digit)
            case AnswerSentence(ask, text):
                return self._answering.say(ask, text)
            case AnswerEnded(ask):
                return self._answering.end(ask)
            case TimePassed() if self._floor.due is not None and now >= self._floor.due:
                return self._time_passed(now)
        return []

    # The start

    def _opened(self, now: float) -> list[Action]:
        if self._waits_for_hello:
            self._floor.due = now + self._hello_within
            return []
        return self._brief()

    def _brief(self) -> list[Action]:
        """Nothing private into the greeting of a machine: the end of the turn brings the rest."""
        greeting, rest = self._script.greeting, self._rest()
        if self.humanity.is_doubtful:
            public = self._script.public
            return self._floor.say_discreetly(greeting[:public], *greeting[public:], *rest)
        return self._floor.say(*greeting, *rest)

    def _rest(self) -> tuple[Line, ...]:
        """Summary and question; nothing while the summary is still to come."""
        summary = self._script.brief_summary if self._is_brief else self._script.summary
        self._floor.awaits_summary = summary is None
        return () if summary is None else (*summary, self._script.question)

    def _summary_arrived(self, arrived: SummaryArrived) -> list[Action]:
        if self._script.summary is not None:
            return []
        self._script = replace(self._script, summary=arrived.lines, short=arrived.short)
        if not self._floor.awaits_summary or self.mood is Mood.WAITING:
            return []
        if self.mood is Mood.SPEAKING and not self._answering.is_open and not self._granting.is_on:
            return self._floor.say(*self._rest())
        return self._floor.say_later(*self._rest())

    # Speaking

    def _say_instead(self, *lines: Line) -> list[Action]:
        """Whatever was going on is over."""
        self._answering.close()
        self._granting.revoke()
        return self._floor.say_instead(*lines)

    def _spoken(self, number: int, now: float) -> None:
        floor = self._floor
        floor.playlist.played(number)
        if self.mood is not Mood.SPEAKING or not floor.is_silent:
            return
        if floor.is_keeping_back:
            floor.turn_to(Mood.YIELDING, now + (LONGEST_TURN if self._is_talking else WORDS_WITHIN))
        elif self._answering.is_coming:
            self._answering.wait(now)
        elif self._granting.is_on:
            self._granting.run(now)
        elif not floor.awaits_summary:
            floor.turn_to(Mood.LISTENING, now + (LONGEST_TURN if self._is_talking else self._answer_within))

    # The supervisor speaks

    def _turn_began(self, now: float) -> list[Action]:
        self._turns = [*self._turns[-1:], now]
        self._is_talking = True
        if self.mood in (Mood.SPEAKING, Mood.ANSWERING):
            self._answering.interrupt()
            return self._floor.yield_to(now + LONGEST_TURN)
        if self.mood is not Mood.WAITING:
            self._floor.due = max(now + LONGEST_TURN, self._granting.until)
        return []

    def _turn_ended(self, now: float) -> list[Action]:
        self._is_talking = False
        if self.mood is Mood.WAITING and self._floor.due is not None:
            return self._brief()
        if self._floor.is_keeping_back and self.humanity.was_brief:
            return self._floor.disclose()
        if self._answering.has_words:
            return self._ask(now)
        if self.mood in (Mood.YIELDING, Mood.LISTENING, Mood.PAUSING):
            self._floor.due = max(now + WORDS_WITHIN, self._granting.until)
        return []

    def _turn_of_words(self, now: float) -> float | None:
        """When the turn began that words which come now belong to, as far as is known."""
        began = [at for at in self._turns if now - at >= NEW_TURN_AFTER]
        return began[-1] if began else None

    def _is_hello(self, now: float) -> bool:
        """Whether words that come now were begun before the briefing. Without voice activity nobody knows, so the
        first second of words is taken for it."""
        turn = self._turn_of_words(now)
        if turn is None:
            return bool(self._turns) or now - self._begun_at < HELLO_UNTIL
        return turn < self._begun_at

    # What the words mean

    def _said(self, said: Said, now: float) -> list[Action]:
        if self._is_behind_attendant and self.mood is Mood.WAITING and not self._turns:
            return self._brief()  # a hello, where nothing tells when it ends
        if self._is_hello(now):
            return [] if self._is_talking else self._floor.disclose()
        reading = self._read(said.text)
        confirms, self._confirming = self._confirming, False
        if self._granting.is_dictating:
            return self._granting.dictated(said, reading, is_talking=self._is_talking, now=now)
        match reading.intent:
            case Intent.DECLINE:
                return self._declined(reading)
            case Intent.ACCEPT if self._may_accept(reading, now):
                return [Accept()] if said.certain or reading.plain or confirms else self._confirm()
            case Intent.REPEAT | Intent.SHORTER:
                return self._repeat(briefly=reading.intent is Intent.SHORTER)
            case Intent.WAIT if self._patience.waits():
                self._answering.close()
                return self._granting.wait(now)
            case Intent.NONE if self._is_question(said, now):
                is_new = self._answering.take(said.text, self._turn_of_words(now))
                return self._ask(now) if is_new and not self._is_talking else []
        return self._undecided(reading, now)

    def _may_accept(self, reading: Reading, now: float) -> bool:
        return not reading.bare or (self._floor.question_was_put and now - self._begun_at >= HELLO_UNTIL)

    def _confirm(self) -> list[Action]:
        """Two misunderstandings in a row are needed to connect somebody by mistake."""
        self._confirming, self._floor.awaits_summary = True, False
        return self._say_instead(self._script.confirm or self._script.question)

    def _undecided(self, reading: Reading, now: float) -> list[Action]:
        """Words that decide nothing. Over the briefing without an interruption they are left alone."""
        match self.mood:
            case Mood.YIELDING if not self._is_talking:
                return self._reprompt() if self._floor.question_was_put else self._go_on(now)
            case Mood.LISTENING if not self._is_talking:
                return self._reprompt()
            case Mood.PAUSING if reading.intent is not Intent.NONE:
                return self._granting.end()
        return []

    def _go_on(self, now: float) -> list[Action]:
        """After an interruption: the sentence cut off and what follows; in the end the question."""
        if self._granting.is_on:
            return self._granting.run(now)
        if self._answering.is_open:
            return self._answering.ask_again(now)
        rest = self._floor.unheard
        if rest and rest[0].part is Part.GREETING:
            return self._say_instead(*rest)
        if not (rest or self._floor.awaits_summary) or not self._patience.resumes():
            return self._reprompt() if self._floor.question_was_put else self._say_instead(self._script.question)
        return self._say_instead(*rest)

    # Questions, messages

    def _is_question(self, said: Said, now: float) -> bool:
        """Misheard words are none, nor is a late hello."""
        turn = self._turn_of_words(now)
        is_late_hello = turn is not None and turn < self._begun_at + HELLO_UNTIL
        return self._script.can_answer and said.certain and not is_late_hello and self._answering.may_take(turn)

    def _ask(self, now: float) -> list[Action]:
        self._patience.starts_over()
        self._granting.revoke()
        return self._answering.ask(now)

    def _declined(self, reading: Reading) -> list[Action]:
        prompt = self._script.message_prompt
        if prompt is None or reading.kind is not DeclineKind.MESSAGE or reading.reason is not None:
            return [Decline(reading.reason, reading.kind, reading.suggestion)]
        self._answering.close()
        return self._granting.ask_for_message(prompt)

    # Keys, repeats, patience

    def _pressed(self, digit: str) -> list[Action]:
        if self._granting.is_dictating:
            return self._granting.end_message() if digit == "2" else []
        if self._begun_at == inf or digit in ("1", "2"):
            return []
        return self._repeat() if digit == "3" else self._reprompt()

    def _repeat(self, *, briefly: bool = False) -> list[Action]:
        """Asking is an answer, too: patience starts over."""
        self._patience.starts_over()
        self._is_brief = briefly
        intro = self._script.repeat_intro if self._script.summary else self._script.greeting
        return self._say_instead(*(() if briefly else intro), *self._rest())

    def _reprompt(self) -> list[Action]:
        if not self._patience.reprompts():
            return [GiveUp()]
        self._floor.awaits_summary = False
        return self._say_instead(self._script.reprompt)

    def _time_passed(self, now: float) -> list[Action]:
        self._floor.due = None
        if self._granting.has_message:
            return self._granting.end()
        if self._answering.has_words:
            return self._ask(now)
        match self.mood:
            case Mood.WAITING:
                return self._brief()
            case Mood.YIELDING:
                return self._floor.disclose() if self._floor.is_keeping_back else self._go_on(now)
            case Mood.LISTENING:
                return self._reprompt()
            case Mood.ANSWERING:
                return self._answering.stop()
            case Mood.PAUSING:
                return self._granting.end()
        return []
