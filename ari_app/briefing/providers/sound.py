"""What the cloud voices have in common: raw samples over HTTP, judged before anybody hears them."""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator, AsyncIterator
from functools import cache

import httpx

from ari_app.briefing.providers.border import garbage
from ari_app.errors import ProviderError
from ari_app.media.audio import SAMPLE_BYTES, level

CHUNK_SECONDS = 0.02
"What a voice holds back at most: one frame of Asterisk."
KEPT_ALIVE = 60.0
"Seconds an idle connection is kept: the next sentence saves three round trips."
_NO_SOUND = ("text/", "application/json", "application/problem+json", "application/xml")
_CONTAINERS = (b"RIFF", b"ID3", b"OggS", b"fLaC", b"<", b'{"')
LOUDER_THAN_SPEECH = 0.5
"Level of noise, NaN or another codec read as samples; a voice begins far below."


def connections() -> httpx.AsyncClient:
    """HTTP for one voice. Redirects are not followed: httpx would hand xi-api-key to whatever host is named."""
    limits = httpx.Limits(max_keepalive_connections=20, keepalive_expiry=KEPT_ALIVE)
    return httpx.AsyncClient(verify=_authorities(), follow_redirects=False, limits=limits)


@cache
def _authorities() -> ssl.SSLContext:
    """Reading them takes 20 ms, so it is done once."""
    return httpx.create_ssl_context()


def chunk_bytes(rate: int) -> int:
    return int(rate * CHUNK_SECONDS) * SAMPLE_BYTES


async def samples_only(
    pieces: AsyncIterator[bytes], *, provider: str, content_type: str, longest: int
) -> AsyncGenerator[bytes, None]:
    """Passes whole samples on; half a sample at the end is dropped. Raises ProviderError for what is no sound, for
    nothing at all, and for more than `longest` bytes."""
    if content_type.lower().startswith(_NO_SOUND):
        raise garbage(provider, "with something else than sound")
    sent, half = 0, b""
    async for piece in pieces:
        piece = half + piece
        whole = len(piece) & ~1
        half = piece[whole:]
        if not whole:
            continue
        if not sent and (piece.startswith(_CONTAINERS) or level(piece) > LOUDER_THAN_SPEECH):
            raise garbage(provider, "with something else than raw samples")
        sent += whole
        if sent > longest:
            raise garbage(provider, "without an end")
        yield piece[:whole]
    if not sent:
        raise ProviderError(f"{provider} said nothing")


def longest_bytes(text: str, rate: int) -> int:
    """No voice takes longer for a text than half a second a character, digits read one by one included."""
    return int((5.0 + 0.5 * len(text)) * rate) * SAMPLE_BYTES
