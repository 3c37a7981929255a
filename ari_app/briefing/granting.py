"""Time that the supervisor was granted: a moment before deciding, or for dictating a message. Pure.

Sounds without words do not shorten it, and nothing is said in it.
"""

from __future__ import annotations

from ari_app.briefing.floor import Floor, Mood
from ari_app.briefing.intent import LONGEST_REASON, DeclineKind, Intent, Reading
from ari_app.briefing.patience import Patience
from ari_app.briefing.turns import Accept, Action, Decline, Line, Said, Script


class Granting:
    def __init__(
        self, floor: Floor, patience: Patience, script: Script, wait_within: float, answer_within: float
    ) -> None:
        self._until = 0.0
        self._floor = floor
        self._patience = patience
        self._script = script
        self._wait_within = wait_within
        self._answer_within = answer_within
        self._seconds: float | None = None
        "From when our words were heard."
        self._message: list[str] | None = None
        "What the caller is to be told, while it is dictated."

    @property
    def is_on(self) -> bool:
        """Time was granted; it runs as soon as our words were heard."""
        return self._seconds is not None

    @property
    def is_dictating(self) -> bool:
        """The next words are the message."""
        return self._message is not None

    @property
    def has_message(self) -> bool:
        """Words of the message were taken, and the turn goes on."""
        return bool(self._message)

    @property
    def until(self) -> float:
        """When the time is over that runs; 0 when none does, or when a message has begun."""
        return 0.0 if self.has_message else self._until

    def revoke(self) -> None:
        self._seconds, self._until = None, 0.0

    def run(self, now: float) -> list[Action]:
        """The time starts, or starts over after an interruption."""
        self._floor.set_aside()
        self._until = now + (self._seconds or 0.0)
        self._floor.turn_to(Mood.PAUSING, self._until)
        return []

    def wait(self, now: float) -> list[Action]:
        hushes = self._floor.set_aside()
        self._seconds, self._until = self._wait_within, 0.0
        note = self._script.wait_note
        return [*hushes, *(self._floor.say(note) if note else self.run(now))]

    def end(self) -> list[Action]:
        """The time is over: what was cut off for it is taken up; a message that was not dictated is none."""
        if self.is_dictating:
            return self.end_message()
        self.revoke()
        return self._floor.say_instead(*self._floor.take_up(self._script.question))

    def ask_for_message(self, prompt: Line) -> list[Action]:
        self._message, self._seconds, self._until = [], self._answer_within, 0.0
        return self._floor.say_instead(prompt)

    def dictated(self, said: Said, reading: Reading, *, is_talking: bool, now: float) -> list[Action]:
        """Everything is the message, but for a change of mind before it begins."""
        assert self._message is not None
        if not self._message:
            match reading.intent:
                case Intent.ACCEPT if not reading.bare and (said.certain or reading.plain):
                    return [Accept()]
                case Intent.REPEAT if self._script.message_prompt:
                    return self.ask_for_message(self._script.message_prompt)
                case Intent.WAIT if self._patience.waits():
                    return self.wait(now)
        is_said_to_us = reading.intent is Intent.DECLINE and reading.kind is DeclineKind.MESSAGE
        self._message.append((is_said_to_us and reading.reason) or said.text)
        return [] if is_talking else self.end_message()

    def end_message(self) -> list[Action]:
        """Declines with what was dictated, or without."""
        text = " ".join(" ".join(self._message or ()).split())[:LONGEST_REASON]
        return [Decline(text or None, DeclineKind.MESSAGE)]
