"""Makes text from anywhere speakable and safe to say: bounded, plain, with sensitive numbers withheld."""

from __future__ import annotations

import re
import unicodedata

from ari_app.briefing.languages import words_of

LONGEST = 1_200
"Characters of one message looked at."
LONGEST_WORD = 40
"Longer ones are no words but codes, hashes or data."
WITHHELD = "number withheld"

_DIGIT_WORD = "(?:zero|oh|one|two|three|four|five|six|seven|eight|nine)"
# Whatever language the briefing is held in: callers may speak another.
_ANY_DIGIT_WORD = (
    "(?:zero|oh|one|two|three|four|five|six|seven|eight|nine"
    "|cero|uno|dos|tres|cuatro|cinco|seis|siete|ocho|nueve"
    "|zéro|un|deux|trois|quatre|cinq|sept|huit|neuf"
    "|null|eins|zwei|zwo|drei|vier|fünf|sechs|sieben|acht|neun)"
)
_SENSITIVE = (
    # Card numbers, however they are grouped, and everything longer.
    re.compile(r"(?<!\d)\d(?:[\s.,·\-–—_/*]{0,3}\d){12,}"),
    # US social security numbers.
    re.compile(r"(?<!\d)\d{3}[\s.\-–—]{1,2}\d{2}[\s.\-–—]{1,2}\d{4}(?!\d)"),
    re.compile(r"(?i)(?<=\bssn)\D{0,15}\d{9}(?!\d)|(?<=social security)\D{0,20}\d{9}(?!\d)"),
    # The same read out digit by digit: thirteen and more, or exactly nine.
    re.compile(rf"(?i)\b(?:(?:{_ANY_DIGIT_WORD}|\d)[\s,.\-]+){{12,}}(?:{_ANY_DIGIT_WORD}|\d)\b"),
    re.compile(rf"(?i)\b(?:{_DIGIT_WORD}[\s,.\-]+){{8}}{_DIGIT_WORD}\b(?![\s,.\-]+{_DIGIT_WORD}\b)"),
    # Card verification values and PINs behind their names.
    re.compile(
        r"(?i)\b(?:cvv2?|cvc2?|security code|pin(?: code| number)?|c[oó]digo de seguridad|code de s[ée]curit[ée]"
        r"|cryptogramme|sicherheitscode|(?:karten)?pr[üu]f(?:ziffer|nummer))\b\W{0,3}(?:(?:is|es|est|ist|lautet)\W{0,2})?\d{3,8}\b"
    ),
)
_ADDRESS = re.compile(r"(?i)\b(?:https?|ftp|wss?|sips?|file|data|javascript):\S+|\bwww\.\S+")
_MARKDOWN_LINK = re.compile(r"!?\[([^\]\[]{0,200})\]\([^)]{0,500}\)")
_TAG = re.compile(r"</?[A-Za-z!][^<>]{0,200}>")
_CODE = re.compile(r"```.*?(?:```|$)", re.S)
_BULLET = re.compile(r"(?m)^\s*(?:[-*+•]|#{1,6}|>+|\d{1,3}[.)])\s+")
_SPOKEN_SIGNS = str.maketrans({"“": '"', "”": '"', "„": '"', "’": "'", "‘": "'", "…": "."})
_UNSPOKEN = re.compile(r"[^\w\s.,;:!?'\"\-–—%+/@$€£°()]|_")


def clean(text: str, language: str = "en") -> str:
    """One line of words and plain punctuation; what stands in for something is said in the language."""
    words = words_of(language)["extract"]
    plain = unicodedata.normalize("NFKC", text[:LONGEST]).translate(_SPOKEN_SIGNS)
    plain = plain if plain.isascii() else "".join(char for char in plain if unicodedata.category(char) != "Cf")
    plain = _CODE.sub(" ", plain)
    plain = _MARKDOWN_LINK.sub(r"\1", plain)
    plain = _TAG.sub(" ", _ADDRESS.sub(f" {words['link']} ", plain.replace("&", f" {words['and']} ")))
    plain = _BULLET.sub("", plain)
    plain = withhold_numbers(plain).replace(WITHHELD, str(words["withheld"]))
    plain = _UNSPOKEN.sub(_spoken_or_space, plain)
    kept = (word for word in plain.split() if len(word) <= LONGEST_WORD)
    return re.sub(r"\s+([.,;:!?])", r"\1", " ".join(kept)).strip(" ,;:-")


def withhold_numbers(text: str) -> str:
    """Card numbers, social security numbers and security codes are not for the air."""
    for pattern in _SENSITIVE:
        text = pattern.sub(f" {WITHHELD} ", text)
    return text


def _spoken_or_space(found: re.Match[str]) -> str:
    """Combining marks are parts of letters in many scripts; everything else here is decoration."""
    return found.group() if unicodedata.category(found.group())[0] == "M" else " "
