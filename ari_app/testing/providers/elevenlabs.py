"""ElevenLabs on loopback: `POST /v1/text-to-speech/{voice}/stream` as its reference describes it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from aiohttp import web

from ari_app.testing.providers.server import Handler
from ari_app.testing.providers.voices import VoiceServer

STATUSES = {401: "invalid_api_key", 429: "too_many_concurrent_requests", 500: "internal_error"}


class ElevenLabsServer(VoiceServer):
    def routes(self) -> Iterable[tuple[str, str, Handler]]:
        return [("POST", "/v1/text-to-speech/{voice}/stream", self._speak)]

    def key_of(self, request: web.Request) -> str:
        return request.headers.get("xi-api-key", "")

    def refusal(self, status: int) -> dict[str, Any]:
        return {"detail": {"status": STATUSES.get(status, "error"), "message": f"refused with {status}"}}

    async def _speak(self, request: web.Request) -> web.StreamResponse:
        if (refused := await self.admitted(request)) is not None:
            return refused
        asked = self.seen[-1]
        codec, _, rate = asked.query.get("output_format", "mp3_44100_128").partition("_")
        if codec != "pcm" or not rate.isdigit() or not asked.body.get("text"):
            return web.json_response(self.refusal(422), status=422)
        return await self.stream(request, self.hum(int(rate), self.text_of(asked.body)), "audio/pcm")
