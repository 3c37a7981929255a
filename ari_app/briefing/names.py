"""Names that callers stated themselves: "my name is …" and its like, in the languages of a briefing. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from ari_app.briefing.languages import primary, words_of

_TITLE = r"(?:Mr|Mrs|Ms|Dr|Dra|Prof|Sr|Sra|Srta|Señor|Señora|Don|Doña|M|Mme|Mlle|Monsieur|Madame|Herr|Frau)"
_NAME = (
    rf"((?:{_TITLE}\.?\s+)?[A-ZÀ-ÞŠŽ][\w'-]{{1,24}}"
    r"(?:\s+(?:van|de|der|da|von|di|la|las|los|del|du|le|zu|bin|al)\b){0,2}(?:\s+[A-ZÀ-ÞŠŽ][\w'-]{1,24}){0,2})"
)


@dataclass(frozen=True)
class _Introductions:
    any: re.Pattern[str]
    "Cheap: without it there is no introduction."
    naming: tuple[re.Pattern[str], ...]
    spoken: re.Pattern[str]
    "Before a name without capitals, as speech recognition writes it."
    no_names: frozenset[str]


def introduces(text: str, language: str = "en") -> bool:
    """Whether it is worth looking for a name; cheap."""
    return bool(_introductions(primary(language)).any.search(text.replace("’", "'")))


def stated_name(text: str, language: str = "en") -> str:
    """The name in "my name is …" and its like; empty if none is stated."""
    known = _introductions(primary(language))
    for introduction in known.naming:
        for match in introduction.finditer(text):
            if match.group(1).split()[0].lower() not in known.no_names:
                return match.group(1)
    spoken = known.spoken.search(text)
    words = spoken.group(1).split() if spoken else []
    while words and words[-1].lower() in known.no_names:
        words.pop()
    return "" if not words or words[0].lower() in known.no_names else " ".join(word.capitalize() for word in words)


@cache
def _introductions(language: str) -> _Introductions:
    table = words_of(language)["names"]
    certain, uncertain, spoken = (_either(table[each]) for each in ("certain", "uncertain", "spoken"))
    return _Introductions(
        any=re.compile(rf"(?i)\b(?:{certain}|{uncertain})\b"),
        naming=(
            re.compile(rf"\b(?:(?i:{certain}))\s+{_NAME}"),
            # "This is" and "I'm" introduce many things; only what follows makes them introduce a person.
            re.compile(rf"\b(?:(?i:{uncertain}))\s+{_NAME}(?=\s+(?:{_either(table['uncertain_before'])})\b)"),
            re.compile(rf"\b(?:(?i:{_either(table['before_comma'])}))\s+{_NAME}(?=,)"),
        ),
        spoken=re.compile(rf"(?i)\b(?:{spoken})\s+([^\W\d_][\w'-]{{1,24}}(?:\s+[^\W\d_][\w'-]{{1,24}})?)"),
        no_names=frozenset(table["no_names"]),
    )


def _either(phrases: list[str]) -> str:
    return "|".join(r"\s+".join(map(re.escape, phrase.split())) for phrase in phrases)
