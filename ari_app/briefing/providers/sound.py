"""What the cloud voices have in common: raw samples over HTTP, judged before anybody hears them."""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import aclosing
from functools import cache
from typing import ClassVar

import httpx

from ari_app.briefing.espeak import speakable
from ari_app.briefing.providers.border import Options, garbage, quiet, within_first
from ari_app.media.audio import SAMPLE_BYTES, SLIN16, level

CHUNK_SECONDS = 0.02
"What a voice holds back at most: one frame of Asterisk."
KEPT_ALIVE = 60.0
"Seconds an idle connection is kept: the next sentence saves three round trips."
_NO_SOUND = ("text/", "application/json", "application/problem+json", "application/xml")
_CONTAINERS = (b"RIFF", b"ID3", b"OggS", b"fLaC", b"<", b'{"')
LOUDER_THAN_SPEECH = 0.5
"Level of noise, NaN or another codec read as samples; a voice begins far below."


class CloudVoice:
    """TextToSpeech, one request for each text. Make one for all transfers: it keeps its connections until `aclose`,
    which like `_pieces` is the provider's."""

    provider: ClassVar[str]
    loggers: ClassVar[Iterable[str]]
    rate = SLIN16.rate
    "The briefing's own, so that nothing is resampled."

    def __init__(self, options: Options) -> None:
        quiet(self.loggers)
        self._options = options
        limits = options.deadlines
        self._http = connections()
        self._timeout = httpx.Timeout(limits.first_audio, connect=limits.connect)

    async def synthesize(self, text: str) -> AsyncIterator[bytes]:
        """The text is data: pauses and moods it may ask for in mark-up are not passed on."""
        spoken = speakable(text)
        if not spoken:
            return
        pieces, limits = self._pieces(spoken), self._options.deadlines
        async with aclosing(
            within_first(pieces, provider=self.provider, first=limits.first_audio, stall=limits.stall)
        ) as timely:
            async for piece in timely:
                yield piece

    def _pieces(self, text: str) -> AsyncGenerator[bytes, None]:
        """The sound of a request that is made now; whatever fails is raised."""
        raise NotImplementedError

    def _samples(self, body: AsyncIterator[bytes], content_type: str, text: str) -> AsyncGenerator[bytes, None]:
        longest = longest_bytes(text, self.rate)
        return samples_only(body, provider=self.provider, content_type=content_type, longest=longest)

    @property
    def _language(self) -> str | None:
        """As in `en`."""
        return self._options.language.partition("-")[0] if self._options.language else None


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
        raise garbage(provider, "nothing")


def longest_bytes(text: str, rate: int) -> int:
    """No voice takes longer for a text than half a second a character, digits read one by one included."""
    return int((5.0 + 0.5 * len(text)) * rate) * SAMPLE_BYTES
