"""Cartesia, a cloud voice, over HTTP streaming; an extra. Its websocket wants an older `websockets` than we have."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import httpx

from ari_app.briefing.espeak import speakable
from ari_app.briefing.providers.border import Options, quiet, within_first
from ari_app.briefing.providers.sound import chunk_bytes, connections, longest_bytes, samples_only
from ari_app.errors import ProviderError

if TYPE_CHECKING:
    from cartesia import AsyncCartesia

PROVIDER = "cartesia"
BASE_URL = "https://api.cartesia.ai"
"Given, so that the SDK does not look for one in the environment."
MODEL = "sonic-3"
VOICE = "e07c00bc-4134-4eae-9ea4-1a55fb45746b"
"The one of the SDK's own examples."


class CartesiaVoice:
    """TextToSpeech. Make one for all transfers: it keeps its connections until `aclose`."""

    rate = 16_000
    "The briefing's own, so that nothing is resampled."

    def __init__(self, options: Options) -> None:
        """Raises ProviderError when the extra is not installed."""
        self._options = options
        self._client = _client(options)

    async def synthesize(self, text: str) -> AsyncIterator[bytes]:
        """The text is data: pauses and moods it may ask for in mark-up are not passed on."""
        spoken = speakable(text)
        if not spoken:
            return
        limits = self._options.deadlines
        pieces = self._pieces(spoken)
        async with aclosing(
            within_first(pieces, provider=PROVIDER, first=limits.first_audio, stall=limits.stall)
        ) as timely:
            async for piece in timely:
                yield piece

    async def aclose(self) -> None:
        await self._client.close()

    async def _pieces(self, text: str) -> AsyncGenerator[bytes, None]:
        async with (
            self._client.tts.with_streaming_response.generate(**self._request(text)) as response,
            # iter_bytes is a generator behind its annotation; left open it would wait for the garbage collector.
            aclosing(response.iter_bytes(chunk_bytes(self.rate))) as body,  # type: ignore[type-var]
            aclosing(
                samples_only(
                    body,
                    provider=PROVIDER,
                    content_type=response.headers.get("content-type", ""),
                    longest=longest_bytes(text, self.rate),
                )
            ) as samples,
        ):
            async for piece in samples:
                yield piece

    def _request(self, text: str) -> dict[str, Any]:
        request: dict[str, Any] = {
            "transcript": text,
            "model_id": self._options.model or MODEL,
            "voice": self._options.voice or VOICE,
            "output_format": {"container": "raw", "encoding": "pcm_s16le", "sample_rate": self.rate},
        }
        if self._options.language:
            request["language"] = self._options.language.partition("-")[0]
        return request


def _client(options: Options) -> AsyncCartesia:
    try:
        from cartesia import AsyncCartesia
    except ImportError:
        raise ProviderError("cartesia is not installed: pip install warm-transfer[cartesia]", retryable=False) from None
    quiet(("cartesia", "httpx", "httpcore"))
    limits = options.deadlines
    return AsyncCartesia(
        api_key=options.api_key,
        base_url=options.base_url or BASE_URL,
        timeout=httpx.Timeout(limits.first_audio, connect=limits.connect),
        # Two retries with pauses are the default; a supervisor is on the phone.
        max_retries=0,
        http_client=connections(),
    )
