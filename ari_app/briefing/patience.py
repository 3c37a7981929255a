"""How long and how often a supervisor is waited for before the briefing ends without a decision. Pure."""

from __future__ import annotations

HELLO_WITHIN = 0.8
"Seconds after the answer when the briefing starts even though nobody has said hello."
ANSWER_WITHIN = 8.0
"Seconds of silence after the question before it is put again; also for dictating a message."
LONGEST_TURN = 12.0
"Seconds one turn of the supervisor may last; a noisy line must not hold the briefing up for ever."
WORDS_WITHIN = 1.2
"Seconds after the end of speech in which its words must have come."
WAIT_WITHIN = 60.0
"Seconds a supervisor is waited for who has asked for a moment."
REPROMPTS = 2
INTERRUPTIONS = 2
"Interruptions without a decision that the briefing takes up again where it was; one of the greeting is free."
WAITS = 2


class Patience:
    """What is left; whoever asks for something has decided to listen, and it starts over."""

    def __init__(self, reprompts: int = REPROMPTS) -> None:
        self._reprompts = self._reprompts_left = reprompts
        self._interruptions_left = INTERRUPTIONS
        self._waits_left = WAITS

    def starts_over(self) -> None:
        self._reprompts_left, self._interruptions_left = self._reprompts, INTERRUPTIONS

    def reprompts(self) -> bool:
        """Whether the question may be put once more."""
        self._reprompts_left -= 1
        return self._reprompts_left >= 0

    def resumes(self) -> bool:
        """Whether what was cut off may be taken up once more."""
        self._interruptions_left -= 1
        return self._interruptions_left >= 0

    def waits(self) -> bool:
        """Whether a moment may be taken once more; this does not start over."""
        self._waits_left -= 1
        return self._waits_left >= 0
