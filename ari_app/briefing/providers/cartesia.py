"""Cartesia, a cloud voice, over HTTP streaming; an extra. Its websocket wants an older `websockets` than we have."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from importlib import import_module
from typing import Any

from ari_app.briefing.providers.border import Options
from ari_app.briefing.providers.sound import CloudVoice, chunk_bytes
from ari_app.errors import ProviderError

BASE_URL = "https://api.cartesia.ai"
"Given, so that the SDK does not look for one in the environment."
MODEL = "sonic-3"
VOICE = "e07c00bc-4134-4eae-9ea4-1a55fb45746b"
"The one of the SDK's own examples."


class CartesiaVoice(CloudVoice):
    """TextToSpeech."""

    provider = "cartesia"
    loggers = ("cartesia", "httpx", "httpcore")

    def __init__(self, options: Options) -> None:
        """Raises ProviderError when the extra is not installed."""
        sdk = _sdk()
        super().__init__(options)
        self._client = sdk.AsyncCartesia(
            api_key=options.api_key,
            base_url=options.base_url or BASE_URL,
            timeout=self._timeout,
            # Two retries with pauses are the default; a supervisor is on the phone.
            max_retries=0,
            http_client=self._http,
        )

    async def aclose(self) -> None:
        await self._client.close()

    async def _pieces(self, text: str) -> AsyncGenerator[bytes, None]:
        async with (
            self._client.tts.with_streaming_response.generate(**self._request(text)) as response,
            aclosing(response.iter_bytes(chunk_bytes(self.rate))) as body,
            aclosing(self._samples(body, response.headers.get("content-type", ""), text)) as samples,
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
        return {**request, "language": self._language} if self._language else request


def _sdk() -> Any:
    try:
        return import_module("cartesia")
    except ImportError:
        raise ProviderError(
            "cartesia is not installed: pip install 'warm-transfer[cartesia]'", retryable=False
        ) from None
