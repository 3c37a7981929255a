"""Anthropic's models: `AnthropicChat`. The SDK is an extra: `pip install 'warm-transfer[anthropic]'`.

It takes a second to load, so make the engine at start, and `aclose` it when it is not needed any more.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from importlib import import_module
from typing import Any

from ari_app.briefing.providers.border import Options, garbage, quiet, within_first
from ari_app.errors import ProviderError

LONGEST_ANSWER = 4_000
"Characters."
TOKENS = 1024
"Anthropic wants to be told a limit; a summary has two hundred."


class AnthropicChat:
    """LanguageModel over messages. System messages become the system prompt, wherever they stand."""

    def __init__(self, options: Options) -> None:
        """Raises ProviderError if the SDK is not installed."""
        self._deadlines = options.deadlines
        self._client = _client_of(options)
        self._messages = self._client.messages
        # Thinking costs seconds. Only our own choice is told not to: not every model can do without.
        unthinking = {"model": "claude-haiku-5-5", "thinking": {"type": "disabled"}}
        self._choice: dict[str, Any] = {"model": options.model} if options.model else unthinking

    async def complete(self, messages: Sequence[dict[str, str]]) -> AsyncGenerator[str, None]:
        """Raises ProviderError for an answer without words, without an end or without measure, too."""
        pieces, deadlines = self._pieces(messages), self._deadlines
        timely = within_first(pieces, provider="anthropic", first=deadlines.first_token, stall=deadlines.stall)
        async with aclosing(timely):
            async for piece in timely:
                yield piece

    async def aclose(self) -> None:
        await self._client.close()

    async def _pieces(self, messages: Sequence[dict[str, str]]) -> AsyncGenerator[str, None]:
        length, has_words = 0, False
        async with self._messages.stream(**self._request(messages)) as stream:
            async for event in stream:
                if event.type != "text" or not event.text:
                    continue
                piece = _text(event.text)
                length, has_words = length + len(piece), has_words or not piece.isspace()
                if length > LONGEST_ANSWER:
                    raise garbage("anthropic", "without end")
                yield piece
            _judge(stream.current_message_snapshot.stop_reason, has_words)

    def _request(self, messages: Sequence[dict[str, str]]) -> dict[str, Any]:
        system = "\n\n".join(message["content"] for message in messages if message["role"] == "system")
        spoken = [message for message in messages if message["role"] != "system"]
        request = {**self._choice, "max_tokens": TOKENS, "messages": spoken}
        return {**request, "system": system} if system else request


def _judge(stop_reason: str | None, has_words: bool) -> None:
    """Whether an answer that has ended is one."""
    if stop_reason in ("tool_use", "refusal"):
        raise garbage("anthropic", "with something else than words")
    if stop_reason is None:
        raise ProviderError("anthropic: the answer breaks off")
    if not has_words:
        raise garbage("anthropic", "nothing")


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise garbage("anthropic", "words that are no text")
    return value


def _client_of(options: Options) -> Any:
    try:
        sdk = import_module("anthropic")
    except ImportError as error:
        raise ProviderError(
            "anthropic is not installed: pip install 'warm-transfer[anthropic]'", retryable=False
        ) from error
    quiet(("anthropic", "httpx", "httpx2", "httpcore", "httpcore2"))
    return sdk.AsyncAnthropic(
        api_key=options.api_key,
        base_url=options.base_url,
        timeout=sdk.Timeout(options.deadlines.first_token, connect=options.deadlines.connect),
        max_retries=0,
    )
