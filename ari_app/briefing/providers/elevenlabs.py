"""ElevenLabs, a cloud voice, over HTTP streaming. Its websocket (`convert_realtime`) is for synchronous code only."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, cast

from elevenlabs.client import AsyncElevenLabs

from ari_app.briefing.providers.border import Options
from ari_app.briefing.providers.sound import CloudVoice, chunk_bytes

MODEL = "eleven_flash_v2_5"
VOICE = "JBFqnCBsd6RMkjVDRZzb"
"George, a voice every account has."


class ElevenLabsVoice(CloudVoice):
    """TextToSpeech."""

    provider = "elevenlabs"
    loggers = ("elevenlabs", "httpx", "httpcore")

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._client = AsyncElevenLabs(
            api_key=options.api_key,
            base_url=options.base_url,
            # The SDK replaces its client's own time-outs by this number, or by 240 s. httpx takes either kind.
            timeout=cast(float, self._timeout),
            httpx_client=self._http,
        )

    async def aclose(self) -> None:
        await self._http.aclose()

    async def _pieces(self, text: str) -> AsyncGenerator[bytes, None]:
        voice = self._options.voice or VOICE
        async with (
            self._client.text_to_speech.with_raw_response.stream(voice, **self._request(text)) as response,
            aclosing(cast("AsyncGenerator[bytes, None]", response.data)) as body,
            aclosing(self._samples(body, response.headers.get("content-type", ""), text)) as samples,
        ):
            async for piece in samples:
                yield piece

    def _request(self, text: str) -> dict[str, Any]:
        request: dict[str, Any] = {
            "text": text,
            "model_id": self._options.model or MODEL,
            "output_format": f"pcm_{self.rate}",
            # The default of 1,024 bytes would hold 32 ms back.
            "request_options": {"chunk_size": chunk_bytes(self.rate)},
        }
        return {**request, "language_code": self._language} if self._language else request
