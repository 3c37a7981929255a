"""A language model over chat completions that may call tools: OpenAI, or what is compatible with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from models import Message
from openai import AsyncOpenAI

from ari_app import FunctionTool
from ari_app.briefing.providers.border import Options, border

ANSWER_WITHIN = 8.0
"Seconds."


def client_of(options: Options) -> AsyncOpenAI:
    """A client that tries once: somebody waits on the telephone. A compatible server may need no key."""
    return AsyncOpenAI(api_key=options.api_key or "none", base_url=options.base_url, max_retries=0)


class ChatModel:
    def __init__(self, client: AsyncOpenAI, model: str, instructions: str, tools: Sequence[FunctionTool]) -> None:
        """The client is shared by all calls."""
        self._client = client
        self._model = model
        self._before = {"role": "system", "content": instructions}
        self._tools: Any = [tool.schema for tool in tools]

    async def answer(self, messages: Sequence[Message]) -> Message:
        asked: Any = [self._before, *messages]
        with border("openai"):
            completion = await self._client.chat.completions.create(
                model=self._model, messages=asked, tools=self._tools, timeout=ANSWER_WITHIN
            )
            return completion.choices[0].message.model_dump(
                include={"role", "content", "tool_calls"}, exclude_none=True
            )
