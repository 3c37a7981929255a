"""Everything the supervisor hears that is not the summary, and how it is cut for the voice.

Recorded prompts stand in when no voice can be had: raw 8 kHz µ-law files in ``recorded/``, made by
``scripts/record-prompts`` from `recorded_texts`. The English texts are here, the others in ``texts/``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np

from ari_app.briefing.languages import LANGUAGES as LANGUAGES
from ari_app.briefing.languages import primary, words_of

RECORDED_RATE = 8_000


@dataclass(frozen=True)
class Texts:
    """The sentences of a briefing. ``{reason}`` and ``{caller}`` are filled in where they stand; a sentence whose
    filling is unknown is left out."""

    greeting: str = "Hello, this is the assistant with a call to hand over. {reason}"
    "First words after the answer; {reason} is why the agent escalates, as a sentence."
    caller_line: str = "The caller is {caller}."
    "Follows the greeting when the caller's name or number is known; empty to leave it out."
    summary_intro: str = "Here is what happened so far."
    "Before the summary; left out when there is none."
    no_summary: str = "There is no summary of the conversation."
    "Instead of an empty summary."
    question: str = "Shall I put the caller through? Press 1 or say yes. Press 2 or say no."
    "After the summary, and after every answered question."
    repeat_intro: str = "Once more."
    "Before everything is said again."
    reprompt: str = "Sorry, I did not get that. Press 1 or say yes to take the call. Press 2 or say no to decline."
    "After silence, other keys, or words that decide nothing."
    confirm: str = "Was that a yes? Say yes, or press 1, and I put the caller through."
    "After an acceptance that may have been misheard."
    keys_only: str = "Please use the keys. Press 1 to take the call, 2 to decline, 3 to hear it again."
    "When speech can't be recognised."
    farewell_declined: str = "All right, I will tell the caller. Goodbye."
    "After a refusal."
    farewell_timeout: str = "I heard no answer, so I will not connect the caller. Goodbye."
    "When no decision came in time."
    caller_gone: str = "The caller has hung up. Thank you, goodbye."
    "The caller left while the supervisor was briefed or joined."
    cancelled: str = "The call is no longer needed. Thank you, goodbye."
    "The agent took the request back."
    taken_elsewhere: str = "A colleague has taken the call. Thank you, goodbye."
    "Another of several supervisors rung at once was first."
    join_failed: str = "I am sorry, the caller could not be put through. Goodbye."
    "Accepted, but the join was not confirmed."
    not_known: str = "I do not know that from the conversation."
    "When the supervisor's question can't be answered."
    wait_note: str = "Take your time, I'll stay on the line."
    "When the supervisor asks for a moment."
    message_prompt: str = "What shall I tell the caller?"
    "When a message was offered but not said."
    farewell_message: str = "I will pass that on. Goodbye."
    "After a refusal that leaves a message."
    farewell_redirect: str = "All right, I will suggest that. Goodbye."
    "After a refusal that names somebody else; only the agent is told."
    voicemail_message: str = (
        "Hello, this is an automatic assistant. A call could not be handed over. You need not do anything."
    )
    "All that a machine is told: nothing of the call, no names."
    introduction: str = "I have connected you. Goodbye."
    "Said to caller and supervisor after the join, where the profile wants it."
    caller_dialing: str = "We are trying to reach a colleague."
    "Said to the caller on hold while supervisors are rung, where the settings want it."
    caller_briefing: str = "A colleague has answered and is being told what it is about."
    "The same while a supervisor is briefed."
    caller_return_key: str = "To go back to the assistant, press {key}."
    "Follows both where there is such a key."
    caller_goodbye: str = "I am sorry, nobody can take your call now. Goodbye."
    "Before a hang-up, where the settings want one."


@cache
def texts_for(language: str) -> Texts:
    """The texts of a language; raises LookupError for one that has none."""
    return Texts(**words_of(language).get("texts", {}))


def fill(template: str, *, reason: str | None = None, caller: str | None = None, language: str = "en") -> str:
    """Puts the call's facts into a text; sentences that lack theirs vanish. The facts are data: braces in them
    are not looked at."""
    facts = {"{reason}": as_sentence(reason or ""), "{caller}": spoken_caller(caller or "", language)}
    kept = [part for part in sentences(template, language) if all(facts[slot] for slot in facts if slot in part)]
    filled = re.sub(r"\{(?:reason|caller)\}", lambda slot: facts[slot.group()], " ".join(kept))
    return re.sub(r"([.!?])\.", r"\1", " ".join(filled.split()))


def greeting_text(texts: Texts, reason: str | None, caller: str | None, language: str = "en") -> str:
    """The greeting with the reason and who is calling."""
    why = fill(texts.greeting, reason=reason, language=language)
    return f"{why} {fill(texts.caller_line, caller=caller, language=language)}".strip()


def as_sentence(text: str) -> str:
    """One line that ends like a sentence; empty stays empty."""
    line = " ".join(text.split())
    return line if not line or line[-1] in ".!?" else f"{line.rstrip(',;:')}."


def spoken_caller(display: str, language: str = "en") -> str:
    """A name as it is; a number digit by digit, so that no voice reads it as four billion."""
    plus = str(words_of(language)["spoken"]["plus"])
    return re.sub(r"\+?\d[\d ()./-]{3,}\d", lambda number: _digit_by_digit(number.group(), plus), display).strip()


def _digit_by_digit(number: str, plus: str) -> str:
    digits = re.sub(r"\D", "", number)
    head, tail = digits[:-4], digits[-4:]
    groups = [head[max(0, end - 3) : end] for end in range(len(head), 0, -3)][::-1]
    spoken = ", ".join(" ".join(group) for group in (*groups, tail))
    return f"{plus} {spoken}" if number.startswith("+") else spoken


_END = re.compile(r"[.!?…。！？]+[\"'”’»)\]]*(?=\s|$)|[。！？]")
LONGEST_SENTENCE = 300
"Characters; longer ones are cut at a comma or a space, since a voice starts only when it has the whole piece."


def sentences(text: str, language: str = "en") -> list[str]:
    """Splits a text where a speaker would breathe: not after abbreviations, initials or inside numbers."""
    pieces, start = [], 0
    line = " ".join(text.split())
    for end in _END.finditer(line):
        if line[end.start()] == "." and _goes_on(line[start : end.start()], line[end.end() :], language):
            continue
        pieces += _short_enough(line[start : end.end()].strip())
        start = end.end()
    return pieces + _short_enough(line[start:].strip())


def _goes_on(before: str, after: str, language: str) -> bool:
    """True if the period belongs to an abbreviation, an initial or a number that counts."""
    spoken = _spoken(language)
    words = before.split()
    last = words[-1].lower().lstrip("(\"'¿¡«„") if words else ""
    if last in spoken.before_digits:
        return after.lstrip()[:1].isdigit()
    initial = len(last) == 1 and last.isalpha() and last not in spoken.short_words
    ordinal = re.fullmatch(r"\d{1,2}", last) and words[-2:-1] and words[-2].lower() in spoken.ordinal_after
    return bool(after) and bool(initial or ordinal or last in spoken.abbreviations)


@dataclass(frozen=True)
class _Spoken:
    """What a period may stand behind without ending the sentence."""

    abbreviations: frozenset[str]
    before_digits: frozenset[str]
    short_words: frozenset[str]
    "Words of one letter that are no initials."
    ordinal_after: frozenset[str]
    "Words behind which a number with a period counts, as in „am 3. Mai“."


@cache
def _spoken(language: str) -> _Spoken:
    table = words_of(language)["spoken"]
    return _Spoken(
        abbreviations=frozenset(table["abbreviations"]),
        before_digits=frozenset(table["before_digits"]),
        short_words=frozenset(table["short_words"]),
        ordinal_after=frozenset(table["ordinal_after"]),
    )


def _short_enough(sentence: str) -> list[str]:
    pieces = []
    while len(sentence) > LONGEST_SENTENCE:
        cut = max(sentence.rfind(mark, 0, LONGEST_SENTENCE) for mark in (", ", "; ", ": "))
        if cut < LONGEST_SENTENCE // 3:
            cut = sentence.rfind(" ", 0, LONGEST_SENTENCE)
        cut = cut + 1 if cut > 0 else LONGEST_SENTENCE
        pieces.append(sentence[:cut].strip())
        sentence = sentence[cut:].strip()
    return [*pieces, sentence] if sentence else pieces


RECORDED = {
    "greeting": "Hello, this is the assistant with a call to hand over.",
    "question": Texts.question,
    "reprompt": Texts.keys_only,
    "farewell": "I will not put the caller through. Goodbye.",
    "caller_gone": Texts.caller_gone,
}
"What is recorded, by name: with no voice the ears are usually gone too, so the re-prompt asks for keys."


def recorded_texts(language: str) -> dict[str, str]:
    """What is recorded in a language, by name; raises LookupError for one without texts."""
    texts = texts_for(language)
    from_texts = {"question": texts.question, "reprompt": texts.keys_only, "caller_gone": texts.caller_gone}
    return RECORDED | from_texts | dict(words_of(language).get("recorded", {}))


@cache
def recorded(name: str, language: str = "en") -> bytes:
    """A recorded prompt as 16-bit PCM at 8 kHz; raises LookupError for a name or language that is not recorded."""
    directory = primary(language)
    if name not in RECORDED or not re.fullmatch(r"[a-z]{2,3}", directory):
        raise LookupError(f"no recorded prompt {name!r}")
    source = resources.files("ari_app.briefing") / "recorded" / directory / f"{name}.ulaw"
    if not source.is_file():
        raise LookupError(f"prompt {name!r} is not recorded in {language!r}")
    return _ulaw_to_pcm(source.read_bytes())


def _ulaw_to_pcm(ulaw: bytes) -> bytes:
    """ITU-T G.711 µ-law to linear."""
    inverted = ~np.frombuffer(ulaw, np.uint8)
    magnitude = ((((inverted & 0x0F).astype(np.int32) << 3) + 0x84) << ((inverted & 0x70) >> 4).astype(np.int32)) - 0x84
    return bytes(np.where(inverted & 0x80, -magnitude, magnitude).astype("<i2").tobytes())
