"""What a session knows of its transfers: each phase once and in order, and the end.

Phases may come twice, late, or not at all (an application whose connection is down loses events): a number that is
missing is waited for shortly, then passed over. The end is known as soon as it is heard.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

from ari_app.agents.messages import WarmTransferPhase, WarmTransferResult
from ari_app.transfer.model import Outcome

log = logging.getLogger("ari_app.agent")

HOLE = 1.0
"Seconds a missing phase is waited for."
GRACE = 5.0
"Seconds the app may still take to say the end of a call that is over; its publisher tries again after 4."
UNHEARD = "the end of the transfer was not heard; it may have succeeded"

Deliver = Callable[[dict[str, Any]], None]


class Record:
    """One request and its transfer."""

    def __init__(self, request_id: str | None, deliver: Deliver, hole: float = HOLE, grace: float = GRACE) -> None:
        self.request_id = request_id
        self.transfer_id: str | None = None
        self.taken = asyncio.Event()
        "The app has told something of it."
        self.ended: asyncio.Future[WarmTransferResult] = asyncio.get_running_loop().create_future()
        self._deliver = deliver
        self._hole = hole
        self._grace = grace
        self._next = 1
        self._held: dict[int, dict[str, Any]] = {}
        self._timer: asyncio.TimerHandle | None = None

    @property
    def last_seen(self) -> int:
        return self._next - 1

    def take(self, payload: dict[str, Any]) -> None:
        number = payload["sequence"]
        self.transfer_id = payload["transfer_id"]
        self.taken.set()
        if number >= self._next and number not in self._held:
            self._held[number] = payload
            self._pass_on()
        if result := payload["data"].get("result"):
            self.end(WarmTransferResult.of(result, self.transfer_id, self.request_id))

    def end(self, result: WarmTransferResult) -> None:
        if not self.ended.done():
            self.ended.set_result(result)

    def end_unheard(self) -> None:
        """The call is over, and the end of the transfer will hardly be told any more."""
        result = WarmTransferResult.failed(
            Outcome.INTERNAL_ERROR,
            f"{UNHEARD}. The call is over",
            request_id=self.request_id,
            transfer_id=self.transfer_id,
            retryable=False,
        )
        asyncio.get_running_loop().call_later(self._grace, self.end, result)

    def flush(self) -> None:
        """What is held goes out, holes or not."""
        while self._held:
            self._next = min(self._held)
            self._pass_on()

    def _pass_on(self) -> None:
        while self._next in self._held:
            self._deliver(self._held.pop(self._next))
            self._next += 1
        if self._timer:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(self._hole, self.flush) if self._held else None


class Ledger:
    """All of a session's transfers, by request id and by transfer id."""

    def __init__(self, deliver: Deliver, hole: float = HOLE, grace: float = GRACE) -> None:
        self._deliver = deliver
        self._hole = hole
        self._grace = grace
        self._records: dict[str, Record] = {}

    def find(self, either_id: str) -> Record | None:
        return self._records.get(either_id)

    def open(self, request_id: str | None = None, transfer_id: str | None = None) -> Record:
        record = Record(request_id, self._deliver, self._hole, self._grace)
        for each in (request_id, transfer_id):
            if each:
                self._records[each] = record
        return record

    def hear(self, payload: Mapping[str, Any]) -> None:
        """A phase, by whatever way. Never raises: what is no phase of ours is passed over, with a line in the log."""
        try:
            told = _read(payload)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            log.warning("a phase that can't be read: %s", type(error).__name__)
            return
        record = self._record_of(told)
        if record.transfer_id not in (None, told["transfer_id"]):
            # we asked anew for a transfer that runs, and the app refused: so the call is over
            record.end_unheard()
            return
        self._records[told["transfer_id"]] = record
        record.take(told)

    def _record_of(self, told: dict[str, Any]) -> Record:
        known = self._records.get(told["transfer_id"]) or self._records.get(told["request_id"] or "")
        return known or self.open(told["request_id"], told["transfer_id"])

    def flush(self) -> None:
        for record in set(self._records.values()):
            record.flush()


def _read(payload: Mapping[str, Any]) -> dict[str, Any]:
    """A copy with the phase as what it is. A phase of a newer app stays a string."""
    phase = payload["phase"]
    known = WarmTransferPhase(phase) if phase in set(WarmTransferPhase) else str(phase)
    told = {**payload, "phase": known, "sequence": int(payload["sequence"]), "request_id": payload.get("request_id")}
    if result := payload["data"].get("result"):
        WarmTransferResult.of(result, None, None)
    return told | {"transfer_id": str(payload["transfer_id"])}
