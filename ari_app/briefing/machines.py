"""What is said to a machine that has answered: nothing, or a message without anything private. Pure."""

from __future__ import annotations

from ari_app.briefing.floor import Floor, Mood
from ari_app.briefing.humans import Humanity
from ari_app.briefing.turns import (
    Action,
    Happening,
    Hush,
    Line,
    SpeechEnded,
    SpeechStarted,
    Spoken,
    TimePassed,
    ToneHeard,
    Voicemail,
)

RECORDS_AFTER = 0.2
"Seconds from the end of its tone until a machine records."
QUIET_BEFORE_MESSAGE = 1.5
"Seconds of silence after which a machine that does not beep is taken to record."
GREETING_WITHIN = 20.0
"Seconds after which the message is said whatever the machine does."


class Machine:
    """From its discovery to `Voicemail`."""

    def __init__(self, floor: Floor, humanity: Humanity, message: Line | None) -> None:
        """Without a message there is nothing to wait for."""
        self._floor = floor
        self._humanity = humanity
        self._message = message
        self._latest: float | None = None
        self._has_beeped = False

    def step(self, event: Happening, now: float) -> list[Action]:
        if self._latest is None:
            return self._discovered(event, now)
        match event:
            case Spoken(number) if self._floor.mood is Mood.SPEAKING:
                self._floor.playlist.played(number)
                return [Voicemail()] if self._floor.is_silent else []
            case TimePassed() if self._floor.due is not None and now >= self._floor.due:
                return self._floor.say(self._message) if self._message else []
            case ToneHeard() | SpeechStarted() | SpeechEnded() if self._floor.mood is Mood.LISTENING:
                self._listen(event, now)
        return []

    def _discovered(self, event: Happening, now: float) -> list[Action]:
        """Whatever was being said ends here."""
        self._floor.say_instead()
        self._latest = now + GREETING_WITHIN
        self._listen(event, now)
        return [Hush()] if self._message else [Hush(), Voicemail()]

    def _listen(self, event: Happening, now: float) -> None:
        """Until it records, as far as can be told; a tone is the last word."""
        assert self._latest is not None
        if self._has_beeped:
            return
        self._has_beeped = isinstance(event, ToneHeard)
        records_at = now + (RECORDS_AFTER if self._has_beeped else QUIET_BEFORE_MESSAGE)
        goes_on = self._humanity.is_speaking and not self._has_beeped
        self._floor.turn_to(Mood.LISTENING, self._latest if goes_on else min(self._latest, records_at))
