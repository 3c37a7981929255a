"""A summary without a model: picks sentences out of the conversation, never writes new ones.

Rules, in the order they are spoken, all within the word limit:

1. why the agent escalates, if a reason is given (pass None when the greeting has said it);
2. who is calling, only if the caller stated a name;
3. what the caller wants: the first thing they said that is more than a greeting;
4. what was tried: the last tool calls with what came back, and how many there were before;
5. the last words of the caller and of the assistant, unless they were spoken already.

The conversation is data. What people said is quoted and attributed, so that words planted in it are heard as theirs;
system messages are instructions to somebody else and are skipped. Everything is reduced to words a voice can read:
no markup, addresses, braces or control characters; card, social security and security numbers are withheld.
The work is bounded by the newest turns, not by the length of the conversation. Same input, same words.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ari_app.briefing.cleaning import clean

WORD_LIMIT = 140
"The contract says under 150."
NEWEST_TURNS = 200
"Turns looked at from the end; the caller's wish is looked for in the first ones."
FIRST_TURNS = 40
TOOLS_TOLD = 3
INTRODUCED_WITHIN = 300
"Characters of a message within which a name is looked for."

Turn = Mapping[str, Any]


def extract(reason: str | None, turns: Sequence[Turn]) -> str:
    """The spoken summary, under 150 words; empty if there is nothing to tell."""
    first = [turn for turn in turns[:FIRST_TURNS] if isinstance(turn, Mapping)]
    newest = [turn for turn in turns[-NEWEST_TURNS:] if isinstance(turn, Mapping)]
    why = fit_to_words(clean(reason or ""), 35)
    wish = first_wish(first)
    parts = [
        _sentence(why),
        fit_to_words(who_calls(first, newest), 12),
        _quoted("The caller said", fit_to_words(wish, 40)),
        *tools_told(newest),
        *last_words(newest, told=wish),
    ]
    return fit_to_words(" ".join(part for part in parts if part), WORD_LIMIT)


def fit_to_words(text: str, limit: int) -> str:
    """At most so many words: whole sentences if that keeps half of them, else cut at a word."""
    words = text.split()
    if len(words) <= limit:
        return " ".join(words)
    if limit < 1:
        return ""
    kept = " ".join(words[:limit])
    end = max(kept.rfind(mark) for mark in (". ", "! ", "? ", '." '))
    if kept[-1] in '.!?"':
        return kept
    if end > len(kept) // 2:
        return kept[: end + 1] if kept[end + 1 : end + 2] != '"' else kept[: end + 2]
    closing = '"' if kept.count('"') % 2 else ""
    return f"{kept.rstrip(',;:')}.{closing}"


def who_calls(first: Sequence[Turn], newest: Sequence[Turn]) -> str:
    """A name the caller stated, as a sentence; the last one stated counts, people correct themselves."""
    said = [turn for turn in (*first, *newest) if turn.get("role") == "user"]
    names = (stated_name(text_of(turn)) for turn in reversed(said) if _INTRODUCES.search(_raw(turn)))
    labels = (_label(turn.get("name")) for turn in said)
    name = next(filter(None, names), "") or next(filter(None, labels), "")
    return f"The caller is {name}." if name else ""


_NAME = (
    r"((?:(?:Mr|Mrs|Ms|Dr|Prof)\.?\s+)?[A-ZÀ-ÞŠŽ][\w'-]{1,24}"
    r"(?:\s+(?:van|de|der|da|von|di|la|bin|al)\b){0,2}(?:\s+[A-ZÀ-ÞŠŽ][\w'-]{1,24}){0,2})"
)
_INTRODUCES = re.compile(r"(?i)\b(?:name|call me|called|this is|i'm|i’m|i am)\b")
_INTRODUCTIONS = (
    re.compile(rf"\b(?:(?i:my name is|my name's|i am called|call me))\s+{_NAME}"),
    # "This is" and "I'm" introduce many things; only what follows makes them introduce a person.
    re.compile(rf"\b(?:(?i:this is|i'm|i am))\s+{_NAME}(?=\s+(?:speaking|calling|from|here)\b)"),
    re.compile(rf"\b(?:(?i:this is))\s+{_NAME}(?=,)"),
)
_SPOKEN_INTRODUCTION = re.compile(r"(?i)\b(?:my name is|my name's)\s+([a-z][a-z'-]{1,24}(?:\s+[a-z][a-z'-]{1,24})?)")
_NO_NAMES = frozenset(
    "the a an is not and i my it so about calling here from just because for with on at in to but that this there what "
    "ok okay yes no sorry hi hello very really still also your speaking".split()
)


def stated_name(text: str) -> str:
    """The name in "my name is …" and its like; empty if none is stated."""
    for introduction in _INTRODUCTIONS:
        for match in introduction.finditer(text):
            if match.group(1).split()[0].lower() not in _NO_NAMES:
                return match.group(1)
    spoken = _SPOKEN_INTRODUCTION.search(text)
    words = spoken.group(1).split() if spoken else []
    while words and words[-1].lower() in _NO_NAMES:
        words.pop()
    return "" if not words or words[0].lower() in _NO_NAMES else " ".join(word.capitalize() for word in words)


def _raw(turn: Turn) -> str:
    content = turn.get("content")
    return content[:INTRODUCED_WITHIN] if isinstance(content, str) else text_of(turn)


def first_wish(turns: Sequence[Turn]) -> str:
    """What the caller said first that is more than a greeting."""
    greeting = ""
    for text in (text_of(turn) for turn in turns if turn.get("role") == "user"):
        if len(text.split()) >= 5:
            return text
        greeting = greeting or text
    return greeting


def last_words(turns: Sequence[Turn], told: str) -> Iterator[str]:
    """The newest words of both sides, in the order they were said."""
    newest: dict[str, tuple[int, str]] = {}
    for at in range(len(turns) - 1, -1, -1):
        role = turns[at].get("role")
        if role not in ("user", "assistant") or role in newest:
            continue
        if text := text_of(turns[at]):
            newest[role] = (at, text)
        if len(newest) == 2:
            break
    who = {"user": "Last, the caller said", "assistant": "The assistant's last words were"}
    for role, (_, text) in sorted(newest.items(), key=lambda item: item[1][0]):
        if text != told:
            yield _quoted(who[role], fit_to_words(text, 28))


def tools_told(turns: Sequence[Turn]) -> Iterator[str]:
    """The last tool calls with their results, oldest first."""
    results = {str(turn.get("tool_call_id")): turn for turn in turns if turn.get("role") == "tool"}
    calls = [call for turn in turns for call in _tool_calls(turn)]
    earlier = len(calls) - TOOLS_TOLD
    if earlier > 0:
        yield f"Before the last {TOOLS_TOLD} steps, the assistant took {earlier} more."
    for call in calls[-TOOLS_TOLD:]:
        yield _told(call, results.get(str(call.get("id"))))


def text_of(turn: Turn) -> str:
    """What was said in a turn, cleaned; content may be a string, None or a list of parts."""
    content = turn.get("content")
    if isinstance(content, str):
        return clean(content)
    if isinstance(content, Sequence) and not isinstance(content, bytes | bytearray):
        return clean(" ".join(_part_text(part) for part in content[:20]))
    return ""


def _part_text(part: object) -> str:
    if isinstance(part, Mapping):
        part = part.get("text")
    return part if isinstance(part, str) else ""


def _tool_calls(turn: Turn) -> Iterator[Turn]:
    calls = turn.get("tool_calls")
    if turn.get("role") != "assistant" or not isinstance(calls, Sequence) or isinstance(calls, str):
        return
    yield from (call for call in calls[:20] if isinstance(call, Mapping))


def _told(call: Turn, result: Turn | None) -> str:
    function = call.get("function")
    function = function if isinstance(function, Mapping) else {}
    name = clean(_words_of(str(function.get("name") or "a tool")))
    arguments = fit_to_words(facts_in(function.get("arguments")), 10)
    asked = f"The assistant tried {fit_to_words(name, 6)}" + (f" with {arguments.rstrip('.')}" if arguments else "")
    came_back = fit_to_words(facts_in(result.get("content")), 18) if result else ""
    return _sentence(f"{asked}, and the result was: {came_back}" if came_back else f"{asked}; no result is known")


_SECRET = re.compile(r"pass|secret|token|auth|api_?key|card|cvv|cvc|ssn|pin\b|social|iban|credential", re.I)
_LONGEST_JSON = 20_000


def facts_in(content: object) -> str:
    """A tool's arguments or result as "name value, name value"; plain text stays text."""
    if isinstance(content, str):
        stripped = content.strip()
        if stripped[:1] not in ("{", "[") or len(stripped) > _LONGEST_JSON:
            return clean(content)
        try:
            content = json.loads(stripped)
        except (ValueError, RecursionError):
            return clean(content)  # type: ignore[arg-type]
    if isinstance(content, Sequence) and content and isinstance(content[0], Mapping) and "type" in content[0]:
        return text_of({"content": content})
    return clean(", ".join(_pairs(content, depth=2)))


def _pairs(value: object, depth: int, name: str = "") -> Iterable[str]:
    """Names whose values are nobody's business are left out with them."""
    if name and _SECRET.search(name):
        return
    if isinstance(value, Mapping):
        for key, inner in list(value.items())[:8] if depth else ():
            yield from _pairs(inner, depth - 1, str(key))
    elif isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray):
        for inner in value[:3] if depth else ():
            yield from _pairs(inner, depth - 1, name)
    elif isinstance(value, bool):
        yield f"{_words_of(name)} {'yes' if value else 'no'}".strip()
    elif isinstance(value, str | int | float) and str(value).strip():
        yield f"{_words_of(name)} {value}".strip()


def _words_of(name: str) -> str:
    """``lookupOrder_status`` as words."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[_-]", " ", name[:80])
    return " ".join(apart.lower().split())


def _label(name: object) -> str:
    """The name field of a message, unless it is a role in disguise."""
    words = clean(re.sub(r"[_.-]+", " ", name[:60])) if isinstance(name, str) else ""
    generic = re.fullmatch(r"(?i)(?:the )?(?:user|caller|customer|human|client|guest|unknown|anonymous)?\W*\d*", words)
    return "" if generic or not re.search(r"[^\W\d_]", words) else words


def _quoted(who: str, said: str) -> str:
    inner = said.replace('"', "")
    return f'{who}: "{_sentence(inner)}"' if inner.strip() else ""


def _sentence(text: str) -> str:
    line = text.strip().rstrip(",;:")
    return line if not line or line[-1] in '.!?"' else f"{line}."
