"""Reads a decision out of what the supervisor said. Pure and deterministic; no model is asked.

The rule that matters: nobody is connected who was not accepted. An acceptance is therefore recognised by *cover*: the
whole utterance must consist of known ways to accept and of words that change nothing ("please", "now"). One word
outside, one negation, one hedge, one question mark, and the answer is NONE, which costs a re-prompt. Refusals and
requests to repeat do no such harm and are found anywhere in the utterance, unless they contradict an acceptance.

The words are data, one file a language in ``phrases/``; the recogniser of ``pocketsphinx.py`` reads the same tables.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum
from functools import cache
from importlib import resources
from typing import Any

LONGEST_ACCEPTANCE = 16
"Words; whoever says more than this is telling something."
LONGEST_TEXT = 600
"Characters looked at."
LONGEST_REASON = 200
"Characters of a decline's reason."

_SYMBOL = re.compile(r"[\[\]()|]|<\w+>|[\w']+")
_MARKS = {"[": "(?:", "(": "(?:", "]": ")?", ")": ")", "|": "|"}
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*'?|\S")


class Intent(Enum):
    ACCEPT = "accept"
    DECLINE = "decline"
    REPEAT = "repeat"
    SHORTER = "shorter"
    WAIT = "wait"
    NONE = "none"


class DeclineKind(StrEnum):
    """What a supervisor who does not take the call wants instead."""

    REFUSED = "refused"
    MESSAGE = "message"
    "Something is to be told to the caller, or the supervisor will call back."
    REDIRECT = "redirect"
    "Somebody else is to take the call."


@dataclass(frozen=True)
class Reading:
    """What an utterance decides."""

    intent: Intent
    reason: str | None = None
    "With DECLINE: why, or the message, in the supervisor's words; None when only the refusal was said."
    kind: DeclineKind = DeclineKind.REFUSED
    suggestion: str | None = None
    "With REDIRECT: who is to take the call, in the supervisor's words."
    bare: bool = False
    'With ACCEPT: a lone yes or okay. It answers a question; said into a briefing it may mean "go on".'
    plain: bool = False
    "With ACCEPT: opens with yes and says what to do, so that hardly anything else sounds like it."


NOTHING = Reading(Intent.NONE)


@dataclass(frozen=True)
class Phrasebook:
    """One language's tables, compiled."""

    rewrites: tuple[tuple[re.Pattern[str], str], ...]
    negations: frozenset[str]
    doubts: frozenset[str]
    affirmations: frozenset[str]
    accept: tuple[re.Pattern[str], ...]
    accept_bare: tuple[re.Pattern[str], ...]
    accept_filler: tuple[re.Pattern[str], ...]
    decline: tuple[re.Pattern[str], ...]
    decline_opening: tuple[re.Pattern[str], ...]
    decline_alone: tuple[re.Pattern[str], ...]
    decline_empty: tuple[re.Pattern[str], ...]
    undecided: tuple[re.Pattern[str], ...]
    polite: tuple[re.Pattern[str], ...]
    repeat: tuple[re.Pattern[str], ...]
    repeat_alone: tuple[re.Pattern[str], ...]
    repeat_negated: tuple[re.Pattern[str], ...]


def read_intent(text: str, language: str = "en") -> Reading:
    """Says what the utterance decides; raises LookupError for a language without a phrasebook."""
    book = phrasebook(language.lower().replace("_", "-").split("-")[0])
    spoken = normalise(text, book)
    if not spoken:
        return NOTHING
    if asks_to_repeat(spoken, book):
        return Reading(Intent.REPEAT)
    if declines(spoken, book):
        return Reading(Intent.DECLINE, reason=reason_in(text, book))
    if "?" in text or "？" in text:
        return NOTHING
    return acceptance(spoken, book)


def normalise(text: str, book: Phrasebook) -> str:
    """Lower case words, each followed by one space; symbols that are not punctuation stay as unknown words."""
    folded = unicodedata.normalize("NFKC", text[:LONGEST_TEXT]).lower().replace("’", "'").replace("‘", "'")
    words = (word for word in _WORD.findall(folded) if not _is_punctuation(word))
    spoken = "".join(f"{word} " for word in words)
    for pattern, replacement in book.rewrites:
        spoken = pattern.sub(replacement, spoken)
    return spoken


def acceptance(spoken: str, book: Phrasebook) -> Reading:
    words = spoken.split()
    if len(words) > LONGEST_ACCEPTANCE or contains_any(words, book.negations | book.doubts):
        return NOTHING
    if covered(spoken, book.accept, book.accept_filler + book.accept_bare):
        return Reading(Intent.ACCEPT, plain=words[0] in book.affirmations)
    if covered(spoken, book.accept_bare, book.accept_filler):
        return Reading(Intent.ACCEPT, bare=True)
    return NOTHING


def declines(spoken: str, book: Phrasebook) -> bool:
    rest, undecided = without(spoken, book.undecided)
    if undecided and contains_any(rest.split(), ("?",)):
        return False
    refusals, refused = without(rest, book.decline)
    opened = not undecided and opens_with(rest, book.decline_opening, book.polite)
    if opened:
        refusals, _ = without(refusals, book.decline_opening)
    if not (refused or opened):
        return covered(spoken, book.decline_alone, book.accept_filler + book.polite)
    return not wavers(refusals, book)


def wavers(rest: str, book: Phrasebook) -> bool:
    """True if what surrounds a refusal asks something or accepts after all."""
    unpolite, _ = without(rest, book.polite)
    if found(unpolite, book.accept + book.accept_bare):
        return True
    return contains_any(rest.split(), ("who", "who's", "what", "what's", "why", "how", "which", "wait", "hold", "if"))


def asks_to_repeat(spoken: str, book: Phrasebook) -> bool:
    if found(spoken, book.repeat_negated):
        return False
    rest, asked = without(spoken, book.repeat)
    if asked:
        return not found(without(rest, book.undecided)[0], book.decline)
    return covered(spoken, book.repeat_alone, book.polite)


def reason_in(text: str, book: Phrasebook) -> str | None:
    """The supervisor's own words after the refusal proper, bounded; None if nothing is left."""
    pieces = _clauses(text[:LONGEST_TEXT])
    while pieces and covered(normalise(pieces[0], book), book.decline_empty):
        pieces.pop(0)
    if not pieces:
        return None
    kept = " ".join([_after_refusal(pieces[0], book), *pieces[1:]])
    kept = "".join(" " if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co") else c for c in kept)
    return " ".join(kept.split()).strip(" ,;:-")[:LONGEST_REASON].strip() or None


def covered(spoken: str, needed: Sequence[re.Pattern[str]], allowed: Sequence[re.Pattern[str]] = ()) -> bool:
    """True if the words are a sequence of patterns with at least one of those needed; linear in the words."""
    reached: dict[int, bool] = {0: False}
    for start in range(len(spoken)):
        if start not in reached:
            continue
        for patterns, counts in ((needed, True), (allowed, False)):
            for end in _ends(spoken, start, patterns):
                reached[end] = reached.get(end, False) or reached[start] or counts
    return reached.get(len(spoken), False)


def found(spoken: str, patterns: Iterable[re.Pattern[str]]) -> bool:
    return any(pattern.search(" " + spoken, 1) for pattern in patterns)


def without(spoken: str, patterns: Iterable[re.Pattern[str]]) -> tuple[str, bool]:
    """The words with every match taken out, and whether there was one."""
    left = spoken
    for pattern in patterns:
        left = pattern.sub("", left)
    return left, left != spoken


def opens_with(spoken: str, patterns: Sequence[re.Pattern[str]], before: Sequence[re.Pattern[str]]) -> bool:
    start = 0
    while True:
        if any(pattern.match(spoken, start) for pattern in patterns):
            return True
        ends = [end for end in _ends(spoken, start, before)]
        if not ends:
            return False
        start = max(ends)


def contains_any(words: Iterable[str], wanted: Iterable[str]) -> bool:
    return not set(words).isdisjoint(wanted)


@cache
def phrasebook(language: str) -> Phrasebook:
    """Loads one language's tables; raises LookupError if there are none."""
    source = resources.files("ari_app.briefing") / "phrases" / f"{language}.toml"
    if not re.fullmatch(r"[a-z]{2,3}", language) or not source.is_file():
        raise LookupError(f"no phrases for language {language!r}")
    return compile_phrasebook(tomllib.loads(source.read_text(encoding="utf-8")))


def compile_phrasebook(tables: Mapping[str, Any]) -> Phrasebook:
    sets: Mapping[str, list[str]] = tables["sets"]

    def compiled(patterns: Iterable[str]) -> tuple[re.Pattern[str], ...]:
        # Longer patterns first, so that taking matches out leaves no halves.
        return tuple(re.compile(r"(?<![^ ])" + to_regex(p, sets)) for p in sorted(patterns, key=len, reverse=True))

    accept, decline, repeat = tables["accept"], tables["decline"], tables["repeat"]
    return Phrasebook(
        rewrites=tuple(_rewrite(old, new) for old, new in tables["rewrites"].items()),
        negations=frozenset(tables["negations"]),
        doubts=frozenset(tables["doubts"]),
        affirmations=frozenset(accept["affirmations"]),
        accept=compiled(accept["explicit"]),
        accept_bare=compiled(accept["bare"]),
        accept_filler=compiled(accept["filler"]),
        decline=compiled(decline["strong"]),
        decline_opening=compiled(decline["opening"]),
        decline_alone=compiled(decline["alone"]),
        decline_empty=compiled(decline["empty"]),
        undecided=compiled(decline["undecided"]),
        polite=compiled(sets["sorry"]),
        repeat=compiled(repeat["anywhere"]),
        repeat_alone=compiled(repeat["alone"]),
        repeat_negated=compiled(repeat["negated"]),
    )


def _rewrite(old: str, new: str) -> tuple[re.Pattern[str], str]:
    return re.compile(rf"(?<![^ ]){re.escape(old)} "), f"{new} "


def to_regex(pattern: str, sets: Mapping[str, Sequence[str]]) -> str:
    """Translates the phrase notation; every word swallows the space after it."""
    pieces = []
    for symbol in _SYMBOL.findall(pattern):
        if symbol.startswith("<"):
            longest_first = sorted(sets[symbol[1:-1]], key=len, reverse=True)
            pieces.append("(?:" + "|".join(to_regex(entry, sets) for entry in longest_first) + ")")
        else:
            pieces.append(_MARKS.get(symbol) or re.escape(symbol) + " ")
    return "".join(pieces)


def _ends(spoken: str, start: int, patterns: Iterable[re.Pattern[str]]) -> Iterable[int]:
    matches = (pattern.match(spoken, start) for pattern in patterns)
    return (match.end() for match in matches if match and match.end() > start)


def _is_punctuation(word: str) -> bool:
    return all(unicodedata.category(char)[0] in "PZC" for char in word)


def _clauses(text: str) -> list[str]:
    return [piece for piece in re.split(r"(?<=[,.;:!])\s+", text) if piece.strip()]


def _after_refusal(clause: str, book: Phrasebook) -> str:
    """Drops the longest beginning of a clause that says no more than "no"."""
    words = clause.split()
    for count in range(len(words) - 1, 0, -1):
        if covered(normalise(" ".join(words[:count]), book), book.decline_empty):
            return " ".join(words[count:])
    return clause
