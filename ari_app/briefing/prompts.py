"""Everything the supervisor hears that is not the summary, and how it is cut for the voice.

Recorded prompts stand in when no voice can be had: raw 8 kHz µ-law files in ``recorded/``, made by
``scripts/record-prompts`` from the English texts below.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np

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


def fill(template: str, *, reason: str | None = None, caller: str | None = None) -> str:
    """Puts the call's facts into a text; sentences that lack theirs vanish. The facts are data: braces in them
    are not looked at."""
    facts = {"{reason}": as_sentence(reason or ""), "{caller}": spoken_caller(caller or "")}
    kept = [part for part in sentences(template) if all(facts[slot] for slot in facts if slot in part)]
    filled = re.sub(r"\{(?:reason|caller)\}", lambda slot: facts[slot.group()], " ".join(kept))
    return re.sub(r"([.!?])\.", r"\1", " ".join(filled.split()))


def greeting_text(texts: Texts, reason: str | None, caller: str | None) -> str:
    """The greeting with the reason and who is calling."""
    return f"{fill(texts.greeting, reason=reason)} {fill(texts.caller_line, caller=caller)}".strip()


def as_sentence(text: str) -> str:
    """One line that ends like a sentence; empty stays empty."""
    line = " ".join(text.split())
    return line if not line or line[-1] in ".!?" else f"{line.rstrip(',;:')}."


def spoken_caller(display: str) -> str:
    """A name as it is; a number digit by digit, so that no voice reads it as four billion."""
    return re.sub(r"\+?\d[\d ()./-]{3,}\d", lambda number: _digit_by_digit(number.group()), display).strip()


def _digit_by_digit(number: str) -> str:
    digits = re.sub(r"\D", "", number)
    head, tail = digits[:-4], digits[-4:]
    groups = [head[max(0, end - 3) : end] for end in range(len(head), 0, -3)][::-1]
    spoken = ", ".join(" ".join(group) for group in (*groups, tail))
    return f"plus {spoken}" if number.startswith("+") else spoken


_ABBREVIATIONS = frozenset(
    "mr mrs ms dr prof st jr sr inc ltd co corp dept vs etc e.g i.e a.m p.m u.s approx ext tel acct est".split()
)
_END = re.compile(r"[.!?…。！？]+[\"'”’)\]]*(?=\s|$)|[。！？]")
LONGEST_SENTENCE = 300
"Characters; longer ones are cut at a comma or a space, since a voice starts only when it has the whole piece."


def sentences(text: str) -> list[str]:
    """Splits a text where a speaker would breathe: not after abbreviations, initials or inside numbers."""
    pieces, start = [], 0
    line = " ".join(text.split())
    for end in _END.finditer(line):
        if line[end.start()] == "." and _goes_on(line[start : end.start()], line[end.end() :]):
            continue
        pieces += _short_enough(line[start : end.end()].strip())
        start = end.end()
    return pieces + _short_enough(line[start:].strip())


def _goes_on(before: str, after: str) -> bool:
    """True if the period belongs to an abbreviation or an initial."""
    words = before.split()
    last = words[-1].lower().lstrip("(\"'") if words else ""
    if last in ("no", "nr"):
        return after.lstrip()[:1].isdigit()
    initial = len(last) == 1 and last.isalpha() and last != "i"
    return bool(after) and (initial or last in _ABBREVIATIONS)


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


@cache
def recorded(name: str, language: str = "en") -> bytes:
    """A recorded prompt as 16-bit PCM at 8 kHz; raises LookupError for a name or language that is not recorded."""
    if name not in RECORDED or not re.fullmatch(r"[a-z]{2,3}", language):
        raise LookupError(f"no recorded prompt {name!r}")
    source = resources.files("ari_app.briefing") / "recorded" / language / f"{name}.ulaw"
    if not source.is_file():
        raise LookupError(f"prompt {name!r} is not recorded in {language!r}")
    return _ulaw_to_pcm(source.read_bytes())


def _ulaw_to_pcm(ulaw: bytes) -> bytes:
    """ITU-T G.711 µ-law to linear."""
    inverted = ~np.frombuffer(ulaw, np.uint8)
    magnitude = ((((inverted & 0x0F).astype(np.int32) << 3) + 0x84) << ((inverted & 0x70) >> 4).astype(np.int32)) - 0x84
    return bytes(np.where(inverted & 0x80, -magnitude, magnitude).astype("<i2").tobytes())
