"""Cartesia on loopback: `POST /tts/bytes` as its reference describes it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import uuid4

from aiohttp import web

from ari_app.testing.providers.server import Handler
from ari_app.testing.providers.voices import VoiceServer

CODES = {401: "unauthorized", 429: "concurrency_limited", 500: "internal_error"}


class CartesiaServer(VoiceServer):
    def routes(self) -> Iterable[tuple[str, str, Handler]]:
        return [("POST", "/tts/bytes", self._speak)]

    def text_of(self, body: dict[str, str]) -> str:
        return body["transcript"]

    def refusal(self, status: int) -> dict[str, Any]:
        return {
            "error_code": CODES.get(status),
            "title": "Refused",
            "message": f"refused with {status}",
            "request_id": str(uuid4()),
        }

    async def _speak(self, request: web.Request) -> web.StreamResponse:
        if (refused := await self.admitted(request)) is not None:
            return refused
        wanted = self.seen[-1].body
        form = wanted.get("output_format", {})
        is_raw = form.get("container") == "raw" and form.get("encoding") == "pcm_s16le"
        if "cartesia-version" not in request.headers or not is_raw or not wanted.get("transcript"):
            return web.json_response(self.refusal(400), status=400)
        return await self.stream(
            request, self.hum(int(form["sample_rate"]), self.text_of(wanted)), "application/octet-stream"
        )
