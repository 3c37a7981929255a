"""One language's phrases: the tables of ``<language>.toml``, compiled, and how words are compared with them.

Pattern notation: word, [optional], (one|other), <set>. Every pattern is matched against lower case words, each followed
by one space. Where a language says so in ``[spelling]``, accents are taken off words and tables alike, because engines
write them or not, and elided words are parted ("l'appel" is two).
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from ari_app.briefing.languages import primary

LONGEST_TEXT = 600
"Characters looked at."

Patterns = tuple[re.Pattern[str], ...]

_SYMBOL = re.compile(r"[\[\]()|]|<\w+>|[\w']+")
_MARKS = {"[": "(?:", "(": "(?:", "]": ")?", ")": ")", "|": "|"}
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*'?|\S")
_ELISION = re.compile(r"(?<=[^\W\d_])'(?=[^\W\d_])")
_LETTERS = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True)
class Spelling:
    """How words that are the same are made to look the same."""

    folds_accents: bool = False
    keeps: frozenset[str] = frozenset()
    "Words whose accent tells them from another word."
    splits_elisions: bool = False

    def plain(self, text: str) -> str:
        """For text and tables alike, so that both meet."""
        if self.splits_elisions:
            text = _ELISION.sub("' ", text)
        return _LETTERS.sub(self._letters, text) if self.folds_accents else text

    def _letters(self, word: re.Match[str]) -> str:
        if word.group() in self.keeps:
            return word.group()
        bare = "".join(c for c in unicodedata.normalize("NFKD", word.group()) if not unicodedata.combining(c))
        return bare.replace("ß", "ss").replace("œ", "oe")


@dataclass(frozen=True)
class Phrasebook:
    """One language's tables, compiled."""

    spelling: Spelling
    rewrites: tuple[tuple[re.Pattern[str], str], ...]
    negations: frozenset[str]
    doubts: frozenset[str]
    questions: frozenset[str]
    "Words that make a refusal none: whoever asks has not decided."
    refusals: Patterns
    'Ways to say a mere "no"; what follows them is not negated by them.'
    requests: Patterns
    "Openings that make a question mark a courtesy."
    affirmations: frozenset[str]
    accept: Patterns
    accept_bare: Patterns
    accept_filler: Patterns
    accept_unless: Patterns
    "Sequences of accepting words that say something else."
    decline: Patterns
    decline_opening: Patterns
    decline_alone: Patterns
    decline_empty: Patterns
    decline_whole: Patterns
    undecided: Patterns
    polite: Patterns
    repeat: Patterns
    repeat_alone: Patterns
    repeat_negated: Patterns
    shorter: Patterns
    shorter_alone: Patterns
    shorter_negated: Patterns
    wait: Patterns
    wait_filler: Patterns
    message_ask: Patterns
    "Ask for a message to be taken; what follows is the message."
    message_own: Patterns
    "Are the beginning of the message themselves."
    message_undecided: Patterns
    redirect: Patterns
    "Are followed by who is to take the call."
    redirect_unnamed: Patterns
    "Somebody else, whoever."
    redirect_anybody: Patterns
    redirect_nobody: Patterns
    "What can't be who is meant: the supervisor, the caller, and what is no person."
    redirect_after: frozenset[str]
    "Words behind who is meant that do not belong to it."
    machine: Patterns
    machine_human: Patterns
    "What people say that sounds like a machine."


@cache
def phrasebook(language: str) -> Phrasebook:
    """Loads one language's tables; raises LookupError if there are none."""
    name = primary(language)
    source = resources.files("ari_app.briefing") / "phrases" / f"{name}.toml"
    if not re.fullmatch(r"[a-z]{2,3}", name) or not source.is_file():
        raise LookupError(f"no phrases for language {language!r}")
    return compile_phrasebook(tomllib.loads(source.read_text(encoding="utf-8")))


def compile_phrasebook(tables: Mapping[str, Any]) -> Phrasebook:
    spelling = _spelling(tables.get("spelling", {}))
    tables = _plain(tables, spelling)
    sets: Mapping[str, list[str]] = tables["sets"]

    def compiled(patterns: Iterable[str]) -> Patterns:
        # Longer patterns first, so that taking matches out leaves no halves.
        return tuple(re.compile(r"(?<![^ ])" + to_regex(p, sets)) for p in sorted(patterns, key=len, reverse=True))

    accept, decline, repeat, shorter = tables["accept"], tables["decline"], tables["repeat"], tables["shorter"]
    wait, message, redirect, machine = tables["wait"], tables["message"], tables["redirect"], tables["machine"]
    return Phrasebook(
        spelling=spelling,
        rewrites=tuple(_rewrite(old, new) for old, new in tables["rewrites"].items()),
        negations=frozenset(tables["negations"]),
        doubts=frozenset(tables["doubts"]),
        questions=frozenset(tables["questions"]),
        refusals=compiled(sets["no"]),
        requests=compiled(tables["requests"]),
        affirmations=frozenset(accept["affirmations"]),
        accept=compiled(accept["explicit"]),
        accept_bare=compiled(accept["bare"]),
        accept_filler=compiled(accept["filler"]),
        accept_unless=compiled(accept["unless"]),
        decline=compiled(decline["strong"]),
        decline_opening=compiled(decline["opening"]),
        decline_alone=compiled(decline["alone"]),
        decline_empty=compiled(decline["empty"]),
        decline_whole=compiled(decline["whole"]),
        undecided=compiled(decline["undecided"]),
        polite=compiled(sets["sorry"]),
        repeat=compiled(repeat["anywhere"]),
        repeat_alone=compiled(repeat["alone"]),
        repeat_negated=compiled(repeat["negated"]),
        shorter=compiled(shorter["anywhere"]),
        shorter_alone=compiled(shorter["alone"]),
        shorter_negated=compiled(shorter["negated"]),
        wait=compiled(wait["alone"]),
        wait_filler=compiled(wait["filler"]),
        message_ask=compiled(message["ask"]),
        message_own=compiled(message["own"]),
        message_undecided=compiled(message["undecided"]),
        redirect=compiled(redirect["to"]),
        redirect_unnamed=compiled(redirect["unnamed"]),
        redirect_anybody=compiled(redirect["anybody"]),
        redirect_nobody=compiled(redirect["nobody"]),
        redirect_after=frozenset(redirect["after"]),
        machine=compiled(machine["anywhere"]),
        machine_human=compiled(machine["human"]),
    )


def normalise(text: str, book: Phrasebook) -> str:
    """Lower case words, each followed by one space; symbols that are not punctuation stay as unknown words."""
    folded = unicodedata.normalize("NFKC", text[:LONGEST_TEXT]).lower().replace("’", "'").replace("‘", "'")
    words = (word for word in _WORD.findall(book.spelling.plain(folded)) if not _is_punctuation(word))
    spoken = "".join(f"{word} " for word in words)
    for pattern, replacement in book.rewrites:
        spoken = pattern.sub(replacement, spoken)
    return spoken


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


def opens_with(spoken: str, patterns: Sequence[re.Pattern[str]], before: Sequence[re.Pattern[str]] = ()) -> bool:
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


def _spelling(table: Mapping[str, Any]) -> Spelling:
    return Spelling(
        folds_accents=table.get("folds_accents", False),
        keeps=frozenset(table.get("keeps", ())),
        splits_elisions=table.get("splits_elisions", False),
    )


def _plain(table: Any, spelling: Spelling) -> Any:
    """The tables in the spelling that text is brought to; names of tables and sets are plain already."""
    if isinstance(table, str):
        return " ".join(spelling.plain(table).split())
    if isinstance(table, list):
        return [_plain(entry, spelling) for entry in table]
    return {_plain(k, spelling): _plain(v, spelling) for k, v in table.items()} if isinstance(table, dict) else table


def _rewrite(old: str, new: str) -> tuple[re.Pattern[str], str]:
    return re.compile(rf"(?<![^ ]){re.escape(old)} "), f"{new} "


def _ends(spoken: str, start: int, patterns: Iterable[re.Pattern[str]]) -> Iterable[int]:
    matches = (pattern.match(spoken, start) for pattern in patterns)
    return (match.end() for match in matches if match and match.end() > start)


def _is_punctuation(word: str) -> bool:
    return all(unicodedata.category(char)[0] in "PZC" for char in word)
