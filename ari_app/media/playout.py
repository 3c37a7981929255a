"""Reckons how much audio Asterisk has queued. Pure: time is a parameter.

chan_websocket plays one frame each 20 ms, tells XOFF only at 18 s and drops silently at 20 s. So the lead is reckoned
here: far enough ahead that a stall of the app makes no gap, near enough that little is thrown away by a flush.
"""

from __future__ import annotations

LONGEST_LEAD = 5.0
"Seconds queued ahead at most."
PIECE = 1.0
"Seconds sent in one message while there is a lead; so it never falls below LONGEST_LEAD - PIECE by itself."


class Playout:
    def __init__(self, longest_lead: float = LONGEST_LEAD) -> None:
        self._longest = longest_lead
        self._plays_until = 0.0

    def lead(self, now: float) -> float:
        """Seconds of audio that are still to be played."""
        return max(0.0, self._plays_until - now)

    def room_at(self, now: float, seconds: float) -> float:
        """When `seconds` more may be sent: now, or as soon as the lead allows it."""
        return max(now, self._plays_until + seconds - self._longest)

    def sent(self, now: float, seconds: float) -> None:
        self._plays_until = max(now, self._plays_until) + seconds

    def flushed(self, now: float) -> None:
        self._plays_until = now
