"""The border to the clouds: what every provider is given, how long it may take, and how its failures are told.

An SDK's exceptions carry headers, bodies and sometimes keys, so nothing of them crosses but a verdict: `border` raises
ProviderError with words of its own, and cuts the chain to what it replaces.

    async def synthesize(self, text):                       # the way all providers go
        pieces = self._pieces(text)                         # opens the request and yields, all inside the deadlines
        async with aclosing(within_first(pieces, provider="acme", first=1.5, stall=1.0)) as timely:
            async for piece in timely:
                yield piece

Never yield inside `with border(...)` of a context manager: the caller's own exceptions would be taken for the cloud's.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from ari_app.errors import ProviderError


@dataclass(frozen=True)
class Deadlines:
    """Seconds a stage may take; somebody is waiting on the phone."""

    connect: float = 1.0
    "Until the connection stands."
    first_token: float = 2.0
    "From the request to a model's first words, and from the end of speech to a recogniser's next sign."
    first_audio: float = 1.5
    "From the request to the first audio."
    stall: float = 1.0
    "Between two pieces of an answer that has begun."


@dataclass(frozen=True)
class Options:
    """What a provider is given; None leaves the choice to it."""

    api_key: str = field(repr=False)
    base_url: str | None = None
    model: str | None = None
    voice: str | None = None
    language: str | None = None
    "As in `en` or `en-US`."
    deadlines: Deadlines = Deadlines()


T = TypeVar("T")

_LOST = frozenset({"APIConnectionError", "ConnectionClosed", "InvalidMessage", "NetworkError", "TransportError"})
"Classes of lost connections, named as each SDK and its HTTP and websocket libraries name them."
_PASSING = frozenset({408, 409, 425, 429})
"Refusals that the next try may not meet."
_REFUSES_US = frozenset({401, 402, 403})
"A wrong key, an empty account, a plan without the service."
_UNKNOWN = frozenset({404, 405, 410})
"What is asked for by name is not there; the names are the settings': address, model, voice."
_UNREADABLE = frozenset({1002, 1007, 1009})
"Websocket close codes that our side sends: against the protocol, no UTF-8, too long."


@contextmanager
def border(provider: str) -> Iterator[None]:
    """Whatever fails inside comes out as ProviderError. Cancellation passes, and so does a ProviderError."""
    try:
        yield
    except ProviderError:
        raise
    except Exception as error:
        # "from None" keeps what the SDK's error carries out of printed tracebacks.
        raise judged(provider, error) from None


def judged(provider: str, error: BaseException) -> ProviderError:
    """The verdict on an exception of an SDK, its HTTP library, its websocket or its parser."""
    status = status_of(error)
    if status is not None:
        return refused(provider, status)
    kinds = {kind.__name__ for kind in type(error).__mro__}
    if isinstance(error, TimeoutError) or "timeout" in type(error).__name__.lower():
        return ProviderError(f"{provider} did not answer in time")
    if isinstance(error, OSError | EOFError) or (_LOST & kinds and not _was_unreadable(error)):
        return ProviderError(f"{provider}: the connection failed ({type(error).__name__})")
    if "APIError" in kinds and "APIResponseValidationError" not in kinds:
        return ProviderError(f"{provider} failed in the middle of its answer")
    return garbage(provider, f"what can't be used ({type(error).__name__})")


def _was_unreadable(error: BaseException) -> bool:
    """Whether it was our side that closed the websocket, because of what it was sent."""
    was_first = not getattr(error, "rcvd_then_sent", False)
    return was_first and getattr(getattr(error, "sent", None), "code", None) in _UNREADABLE


def refused(provider: str, status: int) -> ProviderError:
    """The verdict on an HTTP status."""
    if status in _REFUSES_US:
        return ProviderError(f"{provider} refuses the key or the account (HTTP {status})", retryable=False)
    if status in _UNKNOWN or status < 400:
        message = f"{provider} knows no such address, model or voice (HTTP {status})"
        return ProviderError(message, retryable=False)
    if status == 429:
        return ProviderError(f"{provider} has enough of us for now (HTTP {status})")
    if status >= 500 or status in _PASSING:
        return ProviderError(f"{provider} failed (HTTP {status})")
    return ProviderError(f"{provider} does not take this request (HTTP {status})", only_this_request=True)


def garbage(provider: str, what: str) -> ProviderError:
    """An answer came, but not one that can be used: silence, a refusal, a web page. `what` must quote nothing of it."""
    return ProviderError(f"{provider} answered {what}", only_this_request=True)


def status_of(error: BaseException) -> int | None:
    """The HTTP status of an error; on a stream begun with 200 the failure has none."""
    for holder in (error, getattr(error, "response", None)):
        status = getattr(holder, "status_code", None) or getattr(holder, "status", None)
        if isinstance(status, int) and not isinstance(status, bool) and status >= 300:
            return int(status)
    return None


async def within_first(
    pieces: AsyncGenerator[T, None], *, provider: str, first: float, stall: float
) -> AsyncGenerator[T, None]:
    """Passes the pieces on as they come. The first must come within `first` seconds, each other within `stall` of its
    being asked for; what fails or is late is a ProviderError. However it ends, `pieces` has been closed."""
    limit = first
    async with aclosing(pieces):
        while True:
            with border(provider):
                try:
                    async with asyncio.timeout(limit):
                        piece = await anext(pieces)
                except StopAsyncIteration:
                    return
            yield piece
            limit = stall


def quiet(loggers: Iterable[str]) -> None:
    """SDKs log what was said, and some their keys, below WARNING."""
    for name in loggers:
        logging.getLogger(name).setLevel(logging.WARNING)
