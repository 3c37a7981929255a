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
The work is bounded by the newest turns, not by the length of the conversation. Same input, same words. The connecting
words are data, one table a language in ``texts/``; what was said stays in the language it was said in.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ari_app.briefing.cleaning import clean
from ari_app.briefing.languages import primary, words_of
from ari_app.briefing.names import introduces
from ari_app.briefing.names import stated_name as stated_name
from ari_app.briefing.redaction import names_a_secret

WORD_LIMIT = 140
"The contract says under 150."
NEWEST_TURNS = 200
"Turns looked at from the end; the caller's wish is looked for in the first ones."
FIRST_TURNS = 40
TOOLS_TOLD = 3
INTRODUCED_WITHIN = 300
"Characters of a message within which a name is looked for."

LONGEST_FACT = 200
"Characters."

Turn = Mapping[str, Any]


def extract(reason: str | None, turns: Sequence[Turn], language: str = "en") -> str:
    """The spoken summary, under 150 words; empty if there is nothing to tell. Raises LookupError for a language
    without texts, here and everywhere below."""
    words = words_of(language)["extract"]
    first, newest = _first_and_newest(turns)
    why = fit_to_words(clean(reason or "", language), 35)
    wish = first_wish(first, language)
    parts = [
        _sentence(why),
        fit_to_words(who_calls(first, newest, language), 12),
        _quoted(words["caller_said"], fit_to_words(wish, 40)),
        *tools_told(newest, language),
        *last_words(newest, wish, language),
    ]
    return fit_to_words(" ".join(part for part in parts if part), WORD_LIMIT)


def facts(reason: str | None, turns: Sequence[Turn], language: str = "en") -> dict[str, str]:
    """The same as a form: `who`, `problem`, `tried`, `language`; what is unknown is missing."""
    first, newest = _first_and_newest(turns)
    known = {
        "who": caller_name(first, newest, language),
        "problem": clean(reason or "", language) or first_wish(first, language),
        "tried": " ".join(tools_told(newest, language)),
        "language": primary(language),
    }
    return {name: _cut(value) for name, value in known.items() if value}


def _first_and_newest(turns: Sequence[Turn]) -> tuple[list[Turn], list[Turn]]:
    first = [turn for turn in turns[:FIRST_TURNS] if isinstance(turn, Mapping)]
    return first, [turn for turn in turns[-NEWEST_TURNS:] if isinstance(turn, Mapping)]


def _cut(text: str) -> str:
    """At a word."""
    return text if len(text) <= LONGEST_FACT else text[: LONGEST_FACT + 1].rpartition(" ")[0] or text[:LONGEST_FACT]


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


def who_calls(first: Sequence[Turn], newest: Sequence[Turn], language: str = "en") -> str:
    name = caller_name(first, newest, language)
    return str(words_of(language)["extract"]["caller_is"]).format(name=name) if name else ""


def caller_name(first: Sequence[Turn], newest: Sequence[Turn], language: str) -> str:
    """A name the caller stated; the last one stated counts, people correct themselves."""
    said = [turn for turn in (*first, *newest) if turn.get("role") == "user"]
    stating = (turn for turn in reversed(said) if introduces(_raw(turn), language))
    names = (stated_name(text_of(turn, language), language) for turn in stating)
    labels = (_label(turn.get("name")) for turn in said)
    return next(filter(None, names), "") or next(filter(None, labels), "")


def _raw(turn: Turn) -> str:
    content = turn.get("content")
    return content[:INTRODUCED_WITHIN] if isinstance(content, str) else text_of(turn)


def first_wish(turns: Sequence[Turn], language: str = "en") -> str:
    """What the caller said first that is more than a greeting."""
    greeting = ""
    for text in (text_of(turn, language) for turn in turns if turn.get("role") == "user"):
        if len(text.split()) >= 5:
            return text
        greeting = greeting or text
    return greeting


def last_words(turns: Sequence[Turn], told: str, language: str = "en") -> Iterator[str]:
    """The newest words of both sides, in the order they were said."""
    newest: dict[str, tuple[int, str]] = {}
    for at in range(len(turns) - 1, -1, -1):
        role = turns[at].get("role")
        if role not in ("user", "assistant") or role in newest:
            continue
        if text := text_of(turns[at], language):
            newest[role] = (at, text)
        if len(newest) == 2:
            break
    words = words_of(language)["extract"]
    who = {"user": words["caller_last"], "assistant": words["assistant_last"]}
    for role, (_, text) in sorted(newest.items(), key=lambda item: item[1][0]):
        if text != told:
            yield _quoted(who[role], fit_to_words(text, 28))


def tools_told(turns: Sequence[Turn], language: str = "en") -> Iterator[str]:
    """The last tool calls with their results, oldest first."""
    results = {str(turn.get("tool_call_id")): turn for turn in turns if turn.get("role") == "tool"}
    calls = [call for turn in turns for call in _tool_calls(turn)]
    earlier = len(calls) - TOOLS_TOLD
    if earlier > 0:
        yield str(words_of(language)["extract"]["earlier"]).format(told=TOOLS_TOLD, more=earlier)
    for call in calls[-TOOLS_TOLD:]:
        yield _told(call, results.get(str(call.get("id"))), language)


def text_of(turn: Turn, language: str = "en") -> str:
    """What was said in a turn, cleaned; content may be a string, None or a list of parts."""
    content = turn.get("content")
    if isinstance(content, str):
        return clean(content, language)
    if isinstance(content, Sequence) and not isinstance(content, bytes | bytearray):
        return clean(" ".join(_part_text(part) for part in content[:20]), language)
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


def _told(call: Turn, result: Turn | None, language: str) -> str:
    words = words_of(language)["extract"]
    function = call.get("function")
    function = function if isinstance(function, Mapping) else {}
    tool = fit_to_words(clean(_words_of(str(function.get("name") or words["a_tool"])), language), 6)
    arguments = fit_to_words(facts_in(function.get("arguments"), language), 10).rstrip(".")
    tried = words["tried_with" if arguments else "tried"].format(tool=tool, arguments=arguments)
    came_back = fit_to_words(facts_in(result.get("content"), language), 18) if result else ""
    return _sentence(words["result" if came_back else "no_result"].format(tried=tried, result=came_back))


_LONGEST_JSON = 20_000


def facts_in(content: object, language: str = "en") -> str:
    """A tool's arguments or result as "name value, name value"; plain text stays text."""
    if isinstance(content, str):
        stripped = content.strip()
        if stripped[:1] not in ("{", "[") or len(stripped) > _LONGEST_JSON:
            return clean(content, language)
        try:
            content = json.loads(stripped)
        except (ValueError, RecursionError):
            return clean(content, language)  # type: ignore[arg-type]
    if isinstance(content, Sequence) and content and isinstance(content[0], Mapping) and "type" in content[0]:
        return text_of({"content": content}, language)
    return clean(", ".join(_pairs(content, 2, words_of(language)["extract"])), language)


def _pairs(value: object, depth: int, words: Mapping[str, str], name: str = "") -> Iterable[str]:
    """Names whose values are nobody's business are left out with them."""
    if name and names_a_secret(name):
        return
    if isinstance(value, Mapping):
        for key, inner in list(value.items())[:8] if depth else ():
            yield from _pairs(inner, depth - 1, words, str(key))
    elif isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray):
        for inner in value[:3] if depth else ():
            yield from _pairs(inner, depth - 1, words, name)
    elif isinstance(value, bool):
        yield f"{_words_of(name)} {words['yes' if value else 'no']}".strip()
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
