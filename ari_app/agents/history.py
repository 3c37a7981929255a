"""Long conversations in pieces that a border takes: Asterisk refuses bodies over 40,960 bytes, the app over 4 MiB."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ari_app.agents.messages import Message

ARI_LIMIT = 40_960
"Bytes of one user event's body, JSON and all (Asterisk 22: 413 for one more)."
HTTP_LIMIT = 4 * 1024 * 1024
"Bytes of one body that the app's HTTP takes."
MOST_TURNS = 5_000
"Messages in one piece."
_ENVELOPE = 64
"Bytes around the messages of a piece: `variables`, `turns`, `replace`."


def body(variables: Mapping[str, Any]) -> bytes:
    """Of a user event. Half a surrogate pair, which no UTF-8 can carry, becomes a question mark."""
    return encoded({"variables": dict(variables)})


def encoded(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")


def pieces(messages: Sequence[Message], limit: int, *, replace: bool = False) -> Iterator[dict[str, Any]]:
    """The variables of one `WarmTransferTranscript` after the other; with `replace` the first starts over."""
    room = limit - _ENVELOPE
    turns: list[Message] = []
    size = 0
    for message in (part for whole in messages for part in parts(whole, room)):
        weight = len(encoded(message)) + 1
        if turns and (size + weight > room or len(turns) == MOST_TURNS):
            yield _piece(turns, replace)
            turns, size, replace = [], 0, False
        turns.append(message)
        size += weight
    if turns:
        yield _piece(turns, replace)


def _piece(turns: list[Message], replace: bool) -> dict[str, Any]:
    return {"turns": turns, "replace": True} if replace else {"turns": turns}


def parts(message: Message, room: int) -> Iterator[Message]:
    """The message, or several of the same role when it would not fit. Calls of tools that are too long become text."""
    if len(encoded(message)) < room:
        yield message
        return
    calls = {"tool_calls": message["tool_calls"]} if message.get("tool_calls") else {}
    bare = {key: value for key, value in message.items() if key not in ("content", "tool_calls")}
    if calls and len(encoded(bare | calls | {"content": ""})) >= room:
        calls, text = {}, f"{message['content']}\n{json.dumps(message['tool_calls'], ensure_ascii=False)}"
    else:
        text = message["content"]
    for chunk in _chunks(text, room - len(encoded(bare)) - 20):
        yield bare | {"content": chunk}
    if calls:
        yield bare | {"content": ""} | calls


def _chunks(text: str, room: int) -> Iterator[str]:
    """Slices whose JSON is at most `room` bytes, cut between words where there is a gap in the second half."""
    start = 0
    while start < len(text):
        chunk = text[start : start + room]
        while (size := len(encoded(chunk))) > room:
            chunk = chunk[: max(1, len(chunk) * room // size - 1)]
        gap = chunk.rfind(" ") + 1
        if start + len(chunk) < len(text) and gap > len(chunk) // 2:
            chunk = chunk[:gap]
        yield chunk
        start += len(chunk)
