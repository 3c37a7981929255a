"""Anthropic on loopback: `/v1/messages`, streaming.

async with AnthropicServer() as cloud:
    cloud.answers("The caller wants a refund.", to="refund", delay=0.2)
    llm = AnthropicChat(Options(api_key="k", base_url=cloud.url))
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable
from typing import Any

from aiohttp import web

from ari_app.testing.providers.openai import Answer, PromptServer
from ari_app.testing.providers.server import Handler

_KINDS = {401: "authentication_error", 429: "rate_limit_error", 500: "api_error"}


class AnthropicServer(PromptServer):
    def __init__(self) -> None:
        super().__init__()
        self.stop_reason = "end_turn"
        self.is_overloaded = False
        "Fails in the middle of an answer that began with 200, as the real one does."

    def key_of(self, request: web.Request) -> str:
        return request.headers.get("X-Api-Key") or super().key_of(request)

    def refusal(self, status: int) -> dict[str, Any]:
        return {"type": "error", "error": {"type": _KINDS.get(status, "error"), "message": f"refused with {status}"}}

    def routes(self) -> Iterable[tuple[str, str, Handler]]:
        yield "POST", "/v1/messages", self._messages

    async def _messages(self, request: web.Request) -> web.StreamResponse:
        if refusal := await self.admitted(request):
            return refusal
        return await self.stream(request, self._events(self.answer_to(self.seen[-1].body)), "text/event-stream")

    async def _events(self, answer: Answer) -> AsyncIterator[bytes]:
        usage = {"input_tokens": 1, "output_tokens": 1}
        message = {"id": "m", "type": "message", "role": "assistant", "model": "local", "content": [], "usage": usage}
        yield _event("message_start", message={**message, "stop_reason": None, "stop_sequence": None})
        yield _event("ping")
        if self.is_overloaded:
            yield _event("error", error={"type": "overloaded_error", "message": "Overloaded"})
            return
        async for event in self._block(answer):
            yield event
        stop = "tool_use" if self.calls_a_tool else self.stop_reason
        yield _event("message_delta", delta={"stop_reason": stop, "stop_sequence": None}, usage={"output_tokens": 9})
        yield _event("message_stop")

    async def _block(self, answer: Answer) -> AsyncIterator[bytes]:
        if self.calls_a_tool:
            tool = {"type": "tool_use", "id": "t1", "name": "connect", "input": {}}
            yield _event("content_block_start", index=0, content_block=tool)
        else:
            yield _event("content_block_start", index=0, content_block={"type": "text", "text": ""})
            async for word in self.words(answer):
                yield _event("content_block_delta", index=0, delta={"type": "text_delta", "text": word})
        yield _event("content_block_stop", index=0)


def _event(kind: str, **fields: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()
