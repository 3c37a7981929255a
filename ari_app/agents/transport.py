"""What a session needs of whatever carries its requests to the app: three implement it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ari_app.agents.ledger import Record
from ari_app.agents.messages import Message, WarmTransferConfig, WarmTransferResult
from ari_app.transfer.model import Outcome


@dataclass(frozen=True)
class Request:
    """One transfer to ask for."""

    id: str
    config: WarmTransferConfig

    @property
    def variables(self) -> dict[str, Any]:
        """But the history."""
        return self.config.variables() | {"request_id": self.id}

    @property
    def history(self) -> list[Message]:
        return list(self.config.chat_history)

    @property
    def patience(self) -> float:
        """Seconds after which the app must have told the end, however many supervisors it briefs."""
        many = len(self.config.destinations or ()) or 1
        return self.config.supervisor_join_timeout + many * self.config.briefing_timeout + 60.0


class NotTaken(Exception):
    """The request did not become a transfer; nothing was touched, or nobody knows."""

    def __init__(self, outcome: Outcome, error: str, *, retryable: bool | None = None) -> None:
        super().__init__(error)
        self.outcome, self.error, self.retryable = outcome, error, retryable

    def result(self, request_id: str) -> WarmTransferResult:
        return WarmTransferResult.failed(self.outcome, self.error, request_id=request_id, retryable=self.retryable)


def lost(why: str) -> NotTaken:
    error = f"the warm-transfer app did not take the request: {why}"
    return NotTaken(Outcome.INTERNAL_ERROR, error, retryable=True)


class Transport(Protocol):
    """Phases go to the `Ledger.hear` that the transport was made with. `WarmTransferError` is for misuse alone."""

    lends: bool
    "Whether engines of the agent's own can be brought along."

    async def open(self) -> None:
        """Connects, once; may be called again at any time. Raises NotTaken when nobody is there."""

    async def carry(self, request: Request, record: Record) -> None:
        """Asks, and sees to it that every phase is heard; returns after the last one. Raises NotTaken."""

    async def add(self, messages: Sequence[Message]) -> None:
        """Appends to the call's conversation. Raises NotTaken."""

    async def cancel(self, record: Record, reason: str | None) -> bool:
        """Whether the app was told."""

    async def follow(self, record: Record, transfer_id: str) -> None:
        """Hears a transfer that somebody else began, up to its end.

        Raises WarmTransferError when there is no such transfer, or no way to know."""

    async def close(self) -> None: ...
