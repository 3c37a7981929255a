"""The exception tree. Expected failures of a call (busy, declined, hang-up) are events, not exceptions.

WarmTransferAppError
├── SettingsError            the settings file or environment; names the key and the mend
├── RequestRefused           a request that fails validation or policy; nothing was touched
├── AriError                 Asterisk could not be reached or answered nonsense
├── JournalError             the journal can't be opened, read or written
├── ProviderError            a speech or language provider. Another try may do (``retryable``), or nobody's will until
│                            a key, an account or a setting is mended (``is_lasting``), or it was the request itself
└── WarmTransferError        misuse of the Python SDK by an agent
"""

from __future__ import annotations

from typing import ClassVar


class WarmTransferAppError(Exception):
    """Base of everything this package raises on purpose."""


class SettingsError(WarmTransferAppError):
    """A bad setting. The message is one line: the key, what is wrong, what to write instead."""


class RequestRefused(WarmTransferAppError):
    """A request that can't be carried out. Nothing was touched."""

    outcome: ClassVar[str] = "refused"
    "What whoever asked for a transfer is told that it was."

    def __init__(self, reason: str, *, key: str | None = None, status: int = 422) -> None:
        super().__init__(f"{key}: {reason}" if key else reason)
        self.key = key
        self.reason = reason
        self.status = status


class AriError(WarmTransferAppError):
    """Asterisk could not be reached, or what it answered can't be used."""


class JournalError(WarmTransferAppError):
    """The journal can't be opened, read or written."""


class ProviderError(WarmTransferAppError):
    """A provider refused, failed or fell silent."""

    def __init__(self, message: str, *, retryable: bool = True, only_this_request: bool = False) -> None:
        """`only_this_request`: the same again fails again, but another may well be answered."""
        super().__init__(message)
        self.retryable = retryable and not only_this_request
        self.is_lasting = not (self.retryable or only_this_request)


class WarmTransferError(WarmTransferAppError):
    """The SDK was misused."""
