"""What the agent thinks with: chat messages in, the next chat message out, words or calls of tools.

A language model is in `chat.py`; `Rules` stand in for one, so that the agent can be talked to without keys.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, Protocol

Message = dict[str, Any]


class Model(Protocol):
    async def answer(self, messages: Sequence[Message]) -> Message:
        """The assistant's next message; without any before it, the greeting. Raises ProviderError."""


NUMBERS = {"forty two": "42"}
"Of the orders in `phrases.txt`."


class Rules:
    """Knows one story: a refund, which it may not give, and a human, who may."""

    async def answer(self, messages: Sequence[Message]) -> Message:
        if not messages:
            return said("Acme billing, hello.")
        last = messages[-1]
        if last["role"] == "tool":
            return self._after_the_tool(messages)
        return self._reply(last["content"], refused=any(message["role"] == "tool" for message in messages))

    def _reply(self, words: str, *, refused: bool) -> Message:
        order = next((digits for spoken, digits in NUMBERS.items() if spoken in words), None)
        if re.search(r"\b(human|person|supervisor)\b", words) or (refused and "yes" in words):
            reason = "The refund failed" if refused else "The caller asks for a human"
            return calls("get_a_human", {"reason": reason}, said("I will ask my supervisor."))
        if order:
            return calls("refund", {"order": order})
        if re.search(r"\b(no|goodbye)\b", words):
            return said("Thank you for calling. Goodbye.")
        return said("What is your order number?")

    def _after_the_tool(self, messages: Sequence[Message]) -> Message:
        called = next(message for message in reversed(messages) if message.get("tool_calls"))
        if called["tool_calls"][0]["function"]["name"] == "refund":
            return said("I may not refund that. Would you like a human?")
        return said("I am sorry, nobody is free right now. Please call again later.")


def said(text: str) -> Message:
    return {"role": "assistant", "content": text}


def calls(tool: str, arguments: dict[str, str], before: Message | None = None) -> Message:
    """A call of a tool, after what is said before it."""
    function = {"name": tool, "arguments": json.dumps(arguments)}
    call = {"id": f"call_{tool}", "type": "function", "function": function}
    return {**(before or {"role": "assistant", "content": None}), "tool_calls": [call]}
