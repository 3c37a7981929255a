"""ElevenLabs, a cloud voice, over HTTP streaming. Its websocket (`convert_realtime`) is for synchronous code only."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any, cast

import httpx
from elevenlabs.client import AsyncElevenLabs

from ari_app.briefing.espeak import speakable
from ari_app.briefing.providers.border import Options, quiet, within_first
from ari_app.briefing.providers.sound import chunk_bytes, connections, longest_bytes, samples_only

PROVIDER = "elevenlabs"
MODEL = "eleven_flash_v2_5"
VOICE = "JBFqnCBsd6RMkjVDRZzb"
"George, a voice every account has."


class ElevenLabsVoice:
    """TextToSpeech. Make one for all transfers: it keeps its connections until `aclose`."""

    rate = 16_000
    "The briefing's own, so that nothing is resampled."

    def __init__(self, options: Options) -> None:
        quiet(("elevenlabs", "httpx", "httpcore"))
        self._options = options
        limits = options.deadlines
        self._http = connections()
        self._client = AsyncElevenLabs(
            api_key=options.api_key,
            base_url=options.base_url,
            # The SDK replaces its client's own time-outs by this number, or by 240 s. httpx takes either kind.
            timeout=cast(float, httpx.Timeout(limits.first_audio, connect=limits.connect)),
            httpx_client=self._http,
        )

    async def synthesize(self, text: str) -> AsyncIterator[bytes]:
        """The text is data: pauses and phonemes it may ask for in mark-up are not passed on."""
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
        await self._http.aclose()

    async def _pieces(self, text: str) -> AsyncGenerator[bytes, None]:
        voice = self._options.voice or VOICE
        async with (
            self._client.text_to_speech.with_raw_response.stream(voice, **self._request(text)) as response,
            aclosing(cast("AsyncGenerator[bytes, None]", response.data)) as body,
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
            "text": text,
            "model_id": self._options.model or MODEL,
            "output_format": f"pcm_{self.rate}",
            # The default of 1,024 bytes would hold 32 ms back.
            "request_options": {"chunk_size": chunk_bytes(self.rate)},
        }
        if self._options.language:
            request["language_code"] = self._options.language.partition("-")[0]
        return request
