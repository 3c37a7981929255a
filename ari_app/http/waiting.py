"""What waits for one webhook: who is next, when, and for how long it is worth trying. Pure; time is a parameter.

Messages of one transfer stand in line behind each other, so its phases arrive in order. Transfers do not wait for each
other: one whose first phase is refused again and again holds up nobody else, and when the receiver was away, the next
new transfer finds out that it is back.
"""

from __future__ import annotations

import heapq
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum, auto
from itertools import count

PAUSES = (5.0, 30.0, 300.0, 1_800.0, 7_200.0, 18_000.0, 28_800.0)
"Seconds after the first, second … try; the last one is repeated."
WORTH_TRYING = 86_400.0
"Seconds from the phase to its last try."
LONGEST_QUIET = 3_600.0
"Seconds a receiver may ask for by `Retry-After`."


@dataclass(frozen=True)
class Message:
    """One phase on its way to one webhook."""

    webhook: str
    transfer_id: str
    sequence: int
    phase: str
    body: bytes
    created_at: float
    due_at: float
    tries: int = 0
    unreached: bool = False
    "The last try found nobody."

    @property
    def id(self) -> str:
        """The same in every try and every life of the app; without a full stop, which separates what is signed."""
        return f"{self.transfer_id}_{self.sequence}"


class Verdict(Enum):
    """What an answer means for the message."""

    DELIVERED = auto()
    LATER = auto()
    "The receiver is there and could not take it."
    UNREACHED = auto()
    "Nobody was there; whoever reaches the receiver wakes this one."
    FINAL = auto()
    "The same again would be answered the same."
    GONE = auto()
    "The receiver wants nothing any more."


def verdict(status: int | None) -> Verdict:
    """Of an HTTP status; None: there was no answer."""
    if status is None or status in (502, 503, 504):
        return Verdict.UNREACHED
    if 200 <= status < 300:
        return Verdict.DELIVERED
    if status == 410:
        return Verdict.GONE
    return Verdict.LATER if status in (408, 425, 429) or status >= 500 else Verdict.FINAL


def spread() -> float:
    """Receivers that fail together are not tried again together."""
    return random.uniform(0.8, 1.2)


class Waiting:
    """The messages of one webhook. Whoever takes one settles it with `done` or `later`."""

    def __init__(self, most: int, jitter: Callable[[], float] = spread) -> None:
        self._most, self._jitter = most, jitter
        self._messages: dict[str, Message] = {}
        "By id, oldest first."
        self._lines: dict[str, deque[str]] = {}
        "Of each transfer, the ids in their order."
        self._busy: set[str] = set()
        "Transfers whose first message was taken."
        self._unreached: set[str] = set()
        self._agenda: list[tuple[float, int, str]] = []
        "A heap; what has changed since is passed over when it comes up."
        self._turns = count()
        self._quiet_until = 0.0

    def __len__(self) -> int:
        return len(self._messages)

    def add(self, message: Message) -> Message | None:
        """The oldest one, when it had to make room. An id that waits already is passed over."""
        if message.id in self._messages:
            return None
        self._messages[message.id] = message
        line = self._lines.setdefault(message.transfer_id, deque())
        line.append(message.id)
        if message.unreached:
            self._unreached.add(message.id)
        if len(line) == 1:
            self._plan(message)
        return self._make_room() if len(self._messages) > self._most else None

    def _make_room(self) -> Message | None:
        oldest = next((message for message in self._messages.values() if not self._is_taken(message)), None)
        if oldest is not None:
            self._remove(oldest)
        return oldest

    def take(self, now: float) -> Message | None:
        """The next one that is due; the rest of its transfer waits until it is settled."""
        message = self._first()
        if message is None or max(message.due_at, self._quiet_until) > now:
            return None
        heapq.heappop(self._agenda)
        self._busy.add(message.transfer_id)
        return message

    def due(self) -> float | None:
        """When there is something to take; None: not before something is added or settled."""
        message = self._first()
        return max(message.due_at, self._quiet_until) if message else None

    @property
    def is_busy(self) -> bool:
        return bool(self._busy)

    @property
    def is_crowded(self) -> bool:
        return 2 * len(self._messages) > self._most

    def done(self, message: Message) -> None:
        """Delivered, or given up."""
        self._busy.discard(message.transfer_id)
        self._remove(message)

    def later(self, message: Message, now: float, *, unreached: bool = False, wish: float = 0.0) -> Message | None:
        """The message as it waits from now on, or None when it was not worth another try. `wish` is the receiver's
        `Retry-After`, in seconds, and holds for everything."""
        quiet = min(wish, LONGEST_QUIET)
        last = message.created_at + WORTH_TRYING
        if now >= last:
            self.done(message)
            return None
        pause = PAUSES[min(message.tries, len(PAUSES) - 1)] * self._jitter()
        due_at = min(now + max(pause, quiet), last)
        waiting = replace(message, tries=message.tries + 1, due_at=due_at, unreached=unreached)
        self._quiet_until = max(self._quiet_until, now + quiet) if quiet else self._quiet_until
        self._busy.discard(message.transfer_id)
        self._put(waiting)
        return waiting

    def reached(self, now: float) -> bool:
        """Somebody is there: who found nobody is tried again at once. Whether there was anyone."""
        woken = [message for id in self._unreached if (message := self._messages[id]).transfer_id not in self._busy]
        for message in woken:
            self._put(replace(message, due_at=now, unreached=False))
        return bool(woken)

    def clear(self) -> list[Message]:
        """Everything that waits, the taken ones excepted."""
        gone = [message for message in self._messages.values() if not self._is_taken(message)]
        for message in gone:
            self._remove(message)
        return gone

    def _first(self) -> Message | None:
        while self._agenda:
            due_at, _, id = self._agenda[0]
            message = self._messages.get(id)
            if message and message.due_at == due_at and self._is_first(message):
                return message
            heapq.heappop(self._agenda)
        return None

    def _is_first(self, message: Message) -> bool:
        return message.transfer_id not in self._busy and self._lines[message.transfer_id][0] == message.id

    def _is_taken(self, message: Message) -> bool:
        return message.transfer_id in self._busy and self._lines[message.transfer_id][0] == message.id

    def _put(self, message: Message) -> None:
        self._messages[message.id] = message
        (self._unreached.add if message.unreached else self._unreached.discard)(message.id)
        self._plan(message)

    def _plan(self, message: Message) -> None:
        heapq.heappush(self._agenda, (message.due_at, next(self._turns), message.id))
        if len(self._agenda) > 4 * len(self._messages) + 100:
            self._tidy()

    def _tidy(self) -> None:
        """What has changed and would come up late leaves now: a receiver that fails often does not fill the memory."""
        first = [message for line in self._lines.values() if self._is_first(message := self._messages[line[0]])]
        self._agenda = [(message.due_at, next(self._turns), message.id) for message in first]
        heapq.heapify(self._agenda)

    def _remove(self, message: Message) -> None:
        self._messages.pop(message.id, None)
        self._unreached.discard(message.id)
        line = self._lines.get(message.transfer_id)
        if line is None or message.id not in line:
            return
        line.remove(message.id)
        if not line:
            del self._lines[message.transfer_id]
        else:
            self._plan(self._messages[line[0]])
