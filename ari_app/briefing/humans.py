"""Whether a human or a machine has answered. Pure; time is a parameter.

A human says a short hello and waits, presses a key, says what a supervisor says, or says nothing at all. A machine
talks and talks, says that it is one, or beeps when it has spoken. Nobody is sure in between, and as long as nobody is,
nothing private may be said over their voice.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from math import inf

from ari_app.briefing.turns import Happening, LineOpened, Pressed, Said, SpeechEnded, SpeechStarted, ToneHeard

LONGEST_HELLO = 3.0
"Seconds a human's first words may last to be taken for a hello."
QUIET_AFTER_HELLO = 2.0
"Seconds of silence after a hello in which a machine would have gone on, or beeped."
QUIET = 3.0
"The same after a longer greeting, and after the answer when nobody has spoken."
LONGEST_GREETING = 6.0
"Seconds without a break that only a machine talks before it knows with whom."
BREATH = 0.7
"Seconds of silence within one greeting: machines read sentence by sentence."
CONFESSES_WITHIN = 30.0
"Seconds after the answer in which words may still give a machine away."


class OtherSide(Enum):
    UNKNOWN = "unknown"
    HUMAN = "human"
    MACHINE = "machine"


class Humanity:
    """One answered call. After each step the next one is due at `deadline` at the latest."""

    def __init__(
        self,
        sounds_like_machine: Callable[[str], bool],
        decides: Callable[[str], bool],
        picks_up_within: float = 0.0,
    ) -> None:
        """`decides` says whether words mean something to the briefing, as only a supervisor's do. `picks_up_within` is
        above 0 when the line was answered before anybody was there: so many seconds may pass until then, and silence
        says nothing."""
        self.other_side = OtherSide.UNKNOWN
        self._sounds_like_machine = sounds_like_machine
        self._decides = decides
        self._picks_up_within = picks_up_within
        self._answered_at: float | None = None
        self.is_speaking = False
        self._spoke_at: float | None = None
        "When what they are saying, or have said last, began; a breath does not end it."
        self._quiet_since = 0.0

    @property
    def is_machine(self) -> bool:
        return self.other_side is OtherSide.MACHINE

    @property
    def is_human(self) -> bool:
        return self.other_side is OtherSide.HUMAN

    @property
    def is_doubtful(self) -> bool:
        """Somebody speaks and may be a machine."""
        return self.other_side is OtherSide.UNKNOWN and self.is_speaking

    @property
    def deadline(self) -> float | None:
        if not self.is_doubtful or self._spoke_at is None:
            return None
        return self._spoke_at + LONGEST_GREETING

    @property
    def was_brief(self) -> bool:
        """What was said last is no longer than a hello."""
        return self._spoke_at is None or self._quiet_since - self._spoke_at <= LONGEST_HELLO

    def step(self, event: Happening, now: float) -> None:
        """Takes what happened, whatever it is."""
        self._look(now)
        match event:
            case LineOpened():
                self._answered_at = self._quiet_since = now
            case SpeechStarted():
                self._turn_began(now)
            case SpeechEnded():
                self.is_speaking, self._quiet_since = False, now
            case Said(text):
                self._said(text, now)
            case ToneHeard() if self._spoke_at is not None:
                self._conclude(OtherSide.MACHINE)
            case Pressed():
                self._conclude(OtherSide.HUMAN)

    def _turn_began(self, now: float) -> None:
        goes_on = self.is_speaking or now - self._quiet_since < BREATH
        if self._spoke_at is None or not goes_on:
            self._spoke_at = now
        self.is_speaking = True
        self._look(now)

    def _said(self, text: str, now: float) -> None:
        confesses_within = CONFESSES_WITHIN + self._picks_up_within
        is_early = self._answered_at is None or now - self._answered_at <= confesses_within
        if is_early and self._sounds_like_machine(text):
            self.other_side = OtherSide.MACHINE
        elif self.other_side is OtherSide.UNKNOWN and self._decides(text):
            self._conclude(OtherSide.HUMAN)

    def _look(self, now: float) -> None:
        """What time alone tells."""
        if self.deadline is not None and now >= self.deadline:
            self._conclude(OtherSide.MACHINE)
        elif self._answered_at is not None and not self.is_speaking and now - self._quiet_since >= self._enough_quiet:
            self._conclude(OtherSide.HUMAN)

    @property
    def _enough_quiet(self) -> float:
        if self._picks_up_within and self._spoke_at is None:
            return inf
        return QUIET_AFTER_HELLO if self._spoke_at is not None and self.was_brief else QUIET

    def _conclude(self, other_side: OtherSide) -> None:
        if self.other_side is OtherSide.UNKNOWN:
            self.other_side = other_side
