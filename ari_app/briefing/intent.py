"""Reads a decision out of what the supervisor said. Pure and deterministic; no model is asked.

The rule that matters: nobody is connected who was not accepted. An acceptance is therefore recognised by *cover*: the
whole utterance must consist of known ways to accept and of words that change nothing ("please", "now"). One word
outside, one negation, one hedge, one question mark, and the answer is NONE, which costs a re-prompt. Refusals and
requests to repeat do no such harm and are found anywhere in the utterance, unless they contradict an acceptance.

What is to be done instead of connecting, a message or somebody else, is a refusal with its kind. The words are data,
one file a language in ``phrases/``.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import Enum, StrEnum

from ari_app.briefing.phrases import (
    LONGEST_TEXT,
    Patterns,
    Phrasebook,
    contains_any,
    covered,
    found,
    normalise,
    opens_with,
    phrasebook,
    without,
)

LONGEST_ACCEPTANCE = 16
"Words; whoever says more than this is telling something."
LONGEST_REASON = 200
"Characters of a decline's reason."
LONGEST_LEAD = 8
"Words of the longest opening of a message or a redirection."
OPENS_WITHIN = 60
"Words in which a message or a redirection must begin."
LONGEST_SUGGESTION = 6
"Words; whoever names somebody with more is telling something."


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
class Errand:
    """What a supervisor who does not take the call wants done, and the words around it."""

    kind: DeclineKind
    at: int
    "Index of its first word."
    words: str | None
    "The message, or who is meant, as it was said; None if nothing or nobody was named."
    after: str = ""


def read_intent(text: str, language: str = "en") -> Reading:
    """Says what the utterance decides; raises LookupError for a language without a phrasebook."""
    book = phrasebook(language)
    spoken = normalise(text, book)
    if not spoken:
        return NOTHING
    if asks_to_repeat(spoken, book):
        return Reading(Intent.REPEAT)
    if asks_for_less(spoken, book):
        return Reading(Intent.SHORTER)
    if covered(spoken, book.wait, book.wait_filler + book.polite):
        return Reading(Intent.WAIT)
    if errand := errand_in(text, spoken, book):
        return _to_be_done(errand, text, book)
    if declines(spoken, book):
        return Reading(Intent.DECLINE, reason=reason_in(text, book))
    if asks(text):
        return NOTHING
    return acceptance(spoken, book)


def sounds_like_machine(text: str, language: str = "en") -> bool:
    """Whether these are words of an answering machine, a menu or the network; raises LookupError like `read_intent`."""
    book = phrasebook(language)
    rest, _ = without(normalise(text, book), book.machine_human)
    return found(rest, book.machine)


def acceptance(spoken: str, book: Phrasebook) -> Reading:
    words = spoken.split()
    if len(words) > LONGEST_ACCEPTANCE or contains_any(words, book.negations | book.doubts):
        return NOTHING
    if found(spoken, book.accept_unless):
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
    return found(unpolite, book.accept + book.accept_bare) or contains_any(rest.split(), book.questions)


def asks(text: str) -> bool:
    return not {"?", "？", "¿"}.isdisjoint(text)


def asks_to_repeat(spoken: str, book: Phrasebook) -> bool:
    if found(spoken, book.repeat_negated):
        return False
    rest, asked = without(spoken, book.repeat)
    return not refuses(rest, book) if asked else covered(spoken, book.repeat_alone, book.polite)


def asks_for_less(spoken: str, book: Phrasebook) -> bool:
    if found(spoken, book.shorter_negated):
        return False
    rest, asked = without(spoken, book.shorter)
    return not refuses(rest, book) if asked else covered(spoken, book.shorter_alone, book.accept_filler + book.polite)


def refuses(rest: str, book: Phrasebook) -> bool:
    return found(without(rest, book.undecided)[0], book.decline)


# Messages and redirections


def errand_in(text: str, spoken: str, book: Phrasebook) -> Errand | None:
    """What is to be done instead of connecting, if that is said and nothing beside it speaks against it."""
    openings = book.message_ask + book.message_own + book.redirect + book.redirect_unnamed
    if not found(spoken, openings) or (asks(text) and not found(spoken, book.requests)):
        return None
    words = text[:LONGEST_TEXT].split()
    errands = filter(None, (_message(words, book), _redirection(words, book)))
    errand = min(errands, key=lambda each: each.at, default=None)
    if errand is None:
        return None
    around = normalise(f"{_before(words, errand.at, book)} {errand.after}", book)
    return None if wavers(around, book) else errand


def _to_be_done(errand: Errand, text: str, book: Phrasebook) -> Reading:
    why = reason_in(_before(text[:LONGEST_TEXT].split(), errand.at, book), book)
    if errand.kind is DeclineKind.REDIRECT:
        return Reading(Intent.DECLINE, reason=why, kind=errand.kind, suggestion=errand.words)
    return Reading(Intent.DECLINE, reason=errand.words or why, kind=errand.kind)


def _before(words: list[str], at: int, book: Phrasebook) -> str:
    """What was said first. A mere yes or "could you" there is none of it: it opens what follows."""
    said = " ".join(words[:at])
    is_yes = covered(normalise(said, book), book.accept_bare + book.requests, book.accept_filler + book.polite)
    return "" if is_yes else said


def _message(words: list[str], book: Phrasebook) -> Errand | None:
    asked = _opening(words, book.message_ask, book)
    opening = asked or _opening(words, book.message_own, book)
    if opening is None:
        return None
    message = _one_line(" ".join(words[opening[1] if asked else opening[0] :])).rstrip("? ")
    said = normalise(message, book)
    if found(said, book.accept + book.message_undecided) or opens_with(said, book.accept_bare, book.accept_filler):
        return None
    is_empty = not message or covered(said, book.polite, book.accept_filler)
    return Errand(DeclineKind.MESSAGE, opening[0], None if is_empty else message)


def _redirection(words: list[str], book: Phrasebook) -> Errand | None:
    if opening := _opening(words, book.redirect_unnamed, book):
        return Errand(DeclineKind.REDIRECT, opening[0], None, " ".join(words[opening[1] :]))
    opening = _opening(words, book.redirect, book)
    if opening is None:
        return None
    clause, after = _first_clause(words[opening[1] :])
    named = _who(clause, book)
    said = normalise(named, book)
    is_nobody = not said or opens_with(said, book.redirect_nobody) or contains_any(said.split(), book.questions)
    if is_nobody or len(said.split()) > LONGEST_SUGGESTION or contains_any(said.split(), book.negations):
        return None
    return Errand(
        DeclineKind.REDIRECT, opening[0], None if covered(said, book.redirect_anybody) else named, " ".join(after)
    )


def _opening(words: list[str], patterns: Patterns, book: Phrasebook) -> tuple[int, int] | None:
    """Where the first match begins and ends, in words; not one that is negated."""
    for start in range(min(len(words), OPENS_WITHIN)):
        if not opens_with(normalise(" ".join(words[start : start + LONGEST_LEAD]), book), patterns):
            continue
        for end in range(min(len(words), start + LONGEST_LEAD), start, -1):
            if covered(normalise(" ".join(words[start:end]), book), patterns):
                if not _is_negated(words[max(0, start - 2) : start], book):
                    return start, end
                break
    return None


def _is_negated(before: list[str], book: Phrasebook) -> bool:
    clause = _clauses(" ".join(before))
    if not clause or before[-1][-1] in ",.;:!?":
        return False
    said, _ = without(normalise(clause[-1], book), book.refusals)
    return contains_any(said.split(), book.negations)


def _first_clause(words: list[str]) -> tuple[list[str], list[str]]:
    for at, word in enumerate(words):
        if word[-1] in ",.;:!?":
            return words[: at + 1], words[at + 1 :]
    return words, []


def _who(clause: list[str], book: Phrasebook) -> str:
    named = list(clause)
    while named and contains_any(normalise(named[-1], book).split(), book.redirect_after):
        named.pop()
    return _one_line(" ".join(named)).rstrip(".!?")


# Reasons


def reason_in(text: str, book: Phrasebook) -> str | None:
    """The supervisor's own words after the refusal proper, bounded; None if nothing is left."""
    pieces = _clauses(text[:LONGEST_TEXT])
    while pieces and covered(normalise(pieces[0], book), book.decline_empty):
        pieces.pop(0)
    if not pieces:
        return None
    return _one_line(" ".join([_after_refusal(pieces[0], book), *pieces[1:]])) or None


def _one_line(text: str) -> str:
    kept = "".join(" " if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co") else c for c in text)
    return " ".join(kept.split()).strip(" ,;:-")[:LONGEST_REASON].strip()


def _clauses(text: str) -> list[str]:
    return [piece for piece in re.split(r"(?<=[,.;:!])\s+", text) if piece.strip()]


def _after_refusal(clause: str, book: Phrasebook) -> str:
    """Drops the longest beginning of a clause that says no more than "no"."""
    words = clause.split()
    for count in range(len(words) - 1, 0, -1):
        if opens_with(normalise(" ".join(words[count - 1 :]), book), book.decline_whole):
            continue
        if covered(normalise(" ".join(words[:count]), book), book.decline_empty):
            return " ".join(words[count:])
    return clause
