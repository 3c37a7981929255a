"""The scratch pad of one step: the call as it is changing, and what the step will ask for.

Rows of the table write here through the actions; nothing of it outlives the step.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ari_app.transfer import ids
from ari_app.transfer.commands import Command, Release
from ari_app.transfer.model import Attempt, Call, Outcome, Owned, OwnedKind, Phase, Request, State, Transfer
from ari_app.transfer.referral import news
from ari_app.transfer.result import refusal


@dataclass(frozen=True)
class Told:
    """One phase as it goes out (contract, section 3)."""

    transfer_id: str
    request_id: str | None
    call_id: str
    sequence: int
    phase: Phase
    at: float
    elapsed: float
    room_id: str | None
    data: Mapping[str, Any]
    metadata: str
    reply_to: str | None


@dataclass
class Turn:
    """What one step makes of a call."""

    call: Call
    now: float
    number: int = 0
    "Of the attempt that is spoken of: at first the one whose event it is; 0: the chosen one, else the last."
    commands: list[Command] = field(default_factory=list)
    phases: list[Told] = field(default_factory=list)

    # Reading

    @property
    def transfer(self) -> Transfer:
        if self.call.transfer is None:
            raise AssertionError(f"state {self.call.state} always has a transfer")
        return self.call.transfer

    @property
    def attempt(self) -> Attempt:
        attempt = self.transfer.attempts[self.number - 1] if self.number else self.transfer.attempt
        if attempt is None:
            raise AssertionError(f"state {self.call.state} always has an attempt")
        return attempt

    def each(self, attempts: Iterable[Attempt]) -> Iterator[Attempt]:
        """One after the other, as the attempt that is spoken of; afterwards it is the one before."""
        before = self.number
        for attempt in attempts:
            self.number = attempt.number
            yield attempt
        self.number = before

    # Writing

    def set(self, **changes: Any) -> None:
        self.call = replace(self.call, **changes)

    def set_transfer(self, **changes: Any) -> None:
        self.set(transfer=replace(self.transfer, **changes))

    def set_attempt(self, **changes: Any) -> None:
        self.set_transfer_attempt(replace(self.attempt, **changes))

    def set_transfer_attempt(self, attempt: Attempt) -> None:
        self.set(transfer=self.transfer.with_attempt(attempt))

    def go(self, state: State, *, deadline: float | None = None) -> None:
        """Enters a state; every state that waits for somebody brings a deadline."""
        self.set(state=state, since=self.now, deadline=deadline)

    def do(self, *commands: Command) -> None:
        self.commands.extend(commands)

    def tell(self, phase: Phase, **data: Any) -> None:
        """Publishes a phase with the next sequence number."""
        transfer = self.transfer
        elapsed = max(0.0, self.now - transfer.started_at)
        marked = any(name == phase for name, _ in transfer.marks)
        self.set_transfer(
            sequence=transfer.sequence + 1,
            phase=phase,
            marks=transfer.marks if marked else (*transfer.marks, (str(phase), round(elapsed, 6))),
        )
        self.phases.append(
            Told(
                transfer_id=transfer.transfer_id,
                request_id=transfer.request.request_id,
                call_id=self.call.call_id,
                sequence=transfer.sequence + 1,
                phase=phase,
                at=self.now,
                elapsed=round(elapsed, 6),
                room_id=self.attempt.room_id if transfer.attempts and self.attempt.room_open else None,
                data=data,
                metadata=transfer.request.metadata,
                reply_to=transfer.request.reply_to,
            )
        )
        self.do(*news(transfer, phase))

    def tell_refusal(self, transfer_id: str, request: Request, reason: str) -> None:
        """The one phase of a request that begins no transfer."""
        result = refusal(Outcome.REFUSED, reason)
        self.phases.append(
            Told(
                transfer_id=transfer_id,
                request_id=request.request_id,
                call_id=self.call.call_id,
                sequence=1,
                phase=Phase.TRANSFER_FAILED,
                at=self.now,
                elapsed=0.0,
                room_id=None,
                data={"result": result, "outcome": result["outcome"], "reason": reason},
                metadata=request.metadata,
                reply_to=request.reply_to,
            )
        )

    # The ledger

    def own(self, kind: OwnedKind, id: str) -> None:
        """The transfer owns this from now on."""
        self.set_transfer(ledger=(*self.transfer.ledger, Owned(kind, id)))

    def own_for_call(self, kind: OwnedKind, id: str) -> None:
        self.set(ledger=(*self.call.ledger, Owned(kind, id)))

    def drop(self, id: str) -> None:
        """Asterisk does not have it any more."""
        self.set(ledger=tuple(o for o in self.call.ledger if o.id != id))
        if self.call.transfer:
            self.set_transfer(ledger=tuple(o for o in self.transfer.ledger if o.id != id))

    def release(self, owned: Owned, *, elsewhere: bool = False) -> None:
        """Commands its release, once."""
        if not owned.asked:
            self.mark_asked(owned.id)
            self.do(Release(replace(owned, asked=True), elsewhere))

    def mark_asked(self, id: str) -> None:
        self.set(ledger=_asked(self.call.ledger, id))
        if self.call.transfer:
            self.set_transfer(ledger=_asked(self.transfer.ledger, id))

    def new_media(self) -> str:
        """A media channel id that was never used, in the ledger."""
        count = self.transfer.media_count + 1
        media_id = ids.media(self.transfer.transfer_id, count)
        self.set_transfer(media_count=count)
        self.own(OwnedKind.MEDIA, media_id)
        return media_id


def _asked(ledger: tuple[Owned, ...], id: str) -> tuple[Owned, ...]:
    return tuple(replace(o, asked=True) if o.id == id else o for o in ledger)
