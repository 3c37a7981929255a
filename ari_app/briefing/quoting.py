"""The conversation as data for a model: quoted, bounded, redacted.

One message is one line, one JSON object; system messages are instructions to somebody else and are skipped. In it
line ends and angle brackets are escaped, so that the marks around the data, which are made of them, can't be written by
anybody inside: no secret mark is needed. Neither can the tokens that some servers take for the borders of roles.

What is too long keeps its beginning and its end: the wish is told first, the reason of the transfer last. Tokens are
estimated from bytes. English has four to a token, most languages more than three; a real tokenizer would load its
tables from the network at run time, and be right for one model only.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from ari_app.briefing.redaction import LONGEST_NUMBER, Redact, guarded, names_a_secret, visible, withhold

TOKENS = 6_000
LEAST_TOKENS = 200
"Fewer are not counted with: the first and the last message need some room."
BYTES_PER_TOKEN = 3.5
HEAD = 4
"The first messages get one part of so many; no message gets more."
FRAME = 120
"Bytes of the marks and of the line that tells what was left out."
OPENING, CLOSING = "<conversation>", "</conversation>"

ROLES = {"user": "caller", "assistant": "assistant", "tool": "tool", "function": "tool"}
"Whose words these are, in our vocabulary; whoever else speaks is `other`."
INSTRUCTING = ("system", "developer")
CALLS = 8
"Tool calls of one message that are told."
ITEMS = 30
"Entries of one object or list of a tool's that are told."
DEPTH = 4
LARGEST = 10**30
"Of whole numbers; Python refuses to write very large ones."
LONGEST_JSON = 50_000
"Characters; longer ones are taken as text."

Turn = Mapping[str, Any]


def quoted(turns: Sequence[Turn], *, tokens: int = TOKENS, redact: Redact = withhold) -> str:
    """The conversation between its marks, in at most so many tokens as estimated. Never raises: what `redact` fails
    on is withheld."""
    room = int(max(tokens, LEAST_TOKENS) * BYTES_PER_TOKEN) - FRAME
    said = [turn for turn in turns if isinstance(turn, Mapping) and turn.get("role") not in INSTRUCTING]
    line = partial(_line, tools=_tools_by_call(said), limit=room // HEAD, redact=guarded(redact))
    head = _as_fit(map(line, said), room // HEAD)
    tail = _as_fit(map(line, reversed(said[len(head) :])), room - sum(map(_size, head)))
    left_out = len(said) - len(head) - len(tail)
    note = [_json({"note": f"{left_out} messages are left out here"})] if left_out else []
    return "\n".join((OPENING, *head, *note, *reversed(tail), CLOSING))


def quoted_facts(facts: Mapping[str, object], *, redact: Redact = withhold, longest: int = 600) -> str:
    """One line for what else a model is told, texts and lists of texts; what is empty is left out."""
    safe = guarded(redact)

    def told(value: object) -> object:
        return [told(one) for one in value] if isinstance(value, list | tuple) else excerpt(str(value), longest, safe)

    return _json({name: told(value) for name, value in facts.items() if value})


def excerpt(text: str, limit: int, redact: Redact) -> str:
    """Redacted, in about `limit` characters or less than three times that. Only what was redacted is cut, since half a
    number is not known for one; the edges, where it was halved before, are dropped."""
    if len(text) <= 2 * limit:
        return redact(text)
    edge = limit + LONGEST_NUMBER
    return f"{redact(text[:edge])[:-LONGEST_NUMBER]} … {redact(text[-edge:])[LONGEST_NUMBER:]}"


def _as_fit(lines: Iterable[str], room: int) -> list[str]:
    kept = []
    for line in lines:
        room -= _size(line)
        if room < 0:
            break
        kept.append(line)
    return kept


def _size(line: str) -> int:
    return len(line.encode()) + 1


# One message


def _line(turn: Turn, *, tools: Mapping[str, str], limit: int, redact: Redact) -> str:
    """A message as one line of at most `limit` bytes with its end; texts lose their middles until it fits."""
    record = {name: value for name, value in _record(turn, tools, limit, redact) if value}
    room = limit
    while _size(line := _json(record)) > limit:
        room = room * 3 // 4
        record = _shortened(record, room) if room > 8 else {"role": record["role"]}
    return line


def _record(turn: Turn, tools: Mapping[str, str], limit: int, redact: Redact) -> Iterator[tuple[str, Any]]:
    role = ROLES.get(str(turn.get("role")), "other")
    yield "role", role
    name = turn.get("name") or (tools.get(str(turn.get("tool_call_id"))) if role == "tool" else None)
    yield "name", excerpt(name, 80, redact) if isinstance(name, str) else None
    if role == "tool":
        yield "result", _facts(turn.get("content"), limit, redact)
        return
    yield "text", excerpt(_text(turn.get("content")), limit, redact)
    calls = (_function(call) for call in _calls(turn))
    yield (
        "tools",
        [
            {
                "name": excerpt(str(function.get("name") or "unnamed"), 80, redact),
                "arguments": _facts(function.get("arguments"), limit, redact),
            }
            for function in calls
        ],
    )


def _text(content: object) -> str:
    """What was said: a string, or the texts of a list of parts."""
    if isinstance(content, str):
        return content
    if not isinstance(content, Sequence) or isinstance(content, bytes | bytearray):
        return ""
    parts = (part.get("text") if isinstance(part, Mapping) else part for part in content[:ITEMS])
    return " ".join(part for part in parts if isinstance(part, str))


def _facts(content: object, limit: int, redact: Redact) -> str:
    """A tool's arguments or result as text, without the values of secrets."""
    if isinstance(content, str):
        if content.lstrip()[:1] not in ("{", "[") or len(content) > LONGEST_JSON:
            return excerpt(content, limit, redact)
        try:
            content = json.loads(content)
        except (ValueError, RecursionError):
            return excerpt(str(content), limit, redact)
    if content is None:
        return ""
    told = json.dumps(_told(content, limit, redact, DEPTH), ensure_ascii=False)
    return excerpt(told, limit, redact)


def _told(value: object, limit: int, redact: Redact, depth: int) -> object:
    if isinstance(value, str):
        # A line end would be escaped within the number that it divides, and the number not be known any more.
        return " ".join(excerpt(value, limit, redact if len(value) > limit else visible).split())
    if value is None or (isinstance(value, int) and abs(value) < LARGEST):
        return value
    if isinstance(value, float):
        return str(value)
    if not depth:
        return "…"
    if isinstance(value, Mapping):
        pairs = [(str(key), inner) for key, inner in list(value.items())[:ITEMS]]
        return {key[:80]: _told(inner, limit, redact, depth - 1) for key, inner in pairs if not names_a_secret(key)}
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [_told(inner, limit, redact, depth - 1) for inner in value[:ITEMS]]
    return "…"


def _calls(turn: Turn) -> Iterator[Turn]:
    calls = turn.get("tool_calls")
    if isinstance(calls, Sequence) and not isinstance(calls, str | bytes | bytearray):
        yield from (call for call in calls[:CALLS] if isinstance(call, Mapping))


def _function(call: Turn) -> Turn:
    function = call.get("function")
    return function if isinstance(function, Mapping) else {}


def _tools_by_call(turns: Iterable[Turn]) -> dict[str, str]:
    """Names of the tools, by the id of the call, for the results that refer to it."""
    calls = (call for turn in turns for call in _calls(turn) if call.get("id"))
    return {str(call.get("id")): str(_function(call).get("name")) for call in calls}


def _shortened(value: Any, room: int) -> Any:
    if isinstance(value, Mapping):
        return {name: _shortened(inner, room) for name, inner in value.items()}
    if isinstance(value, list):
        return [_shortened(inner, room) for inner in value]
    return value if len(value) <= room else f"{value[: room // 2]} … {value[-(room // 2) :]}"


def _json(record: Mapping[str, Any]) -> str:
    """One line; angle brackets stand in texts only, where JSON lets them be escaped."""
    line = json.dumps(record, ensure_ascii=False)
    return line.replace("<", "\\u003c").replace(">", "\\u003e")
