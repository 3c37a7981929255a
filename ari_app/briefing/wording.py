"""One transfer's lines: the texts of a briefing filled with the facts of the call. Pure."""

from __future__ import annotations

from ari_app.briefing.prompts import RECORDED, Texts, greeting_text, sentences
from ari_app.briefing.turns import Line, Part

_OFTEN = (
    *("summary_intro", "no_summary", "question", "reprompt", "confirm", "keys_only"),
    *("farewell_declined", "farewell_timeout", "caller_gone", "cancelled"),
)
_NAMES = frozenset(Texts.__dataclass_fields__)


SHORT_WORDS = 25
"A short summary stops at the sentence that would go beyond; its first sentence is always said."


class Wording:
    def __init__(self, texts: Texts, reason: str | None, caller: str | None, language: str = "en") -> None:
        self._texts = texts
        self._language = language
        spoken = sentences(greeting_text(texts, reason, caller, language), language)
        # One recording greets; it must not be heard once for each sentence.
        self.greeting = tuple(Line(Part.GREETING, text, None if n else "greeting") for n, text in enumerate(spoken))
        self.public = 0 if "{" in next(iter(sentences(texts.greeting, language)), "") else 1
        "Lines of the greeting without a word about the call."
        self.question = Line(Part.QUESTION, texts.question, "question")
        self.reprompt = Line(Part.REPROMPT, texts.reprompt, "reprompt")
        self.confirm = Line(Part.REPROMPT, texts.confirm, "reprompt")
        self.keys_only = Line(Part.REPROMPT, texts.keys_only, "reprompt")
        "Asks instead of the question when words can't be understood."
        self.repeat_intro = tuple(Line(Part.SUMMARY, text) for text in sentences(texts.repeat_intro, language))
        self.wait_note = Line(Part.COURTESY, texts.wait_note)
        self.message_prompt = Line(Part.COURTESY, texts.message_prompt)
        self.not_known = Line(Part.ANSWER, texts.not_known)
        self.voicemail_message = Line(Part.FAREWELL, texts.voicemail_message)
        self.introduction = Line(Part.FAREWELL, texts.introduction)

    @property
    def usual(self) -> set[str]:
        """What nearly every briefing says, whatever the call; the rest is made when it is needed."""
        often = {getattr(self._texts, name) for name in _OFTEN}
        return (often | {line.text for line in (*self.greeting, *self.repeat_intro)}) - {""}

    def summary(self, text: str) -> tuple[Line, ...]:
        """The summary verbatim, a line each sentence."""
        spoken = (
            [self._texts.summary_intro, *sentences(text, self._language)] if text.strip() else [self._texts.no_summary]
        )
        return tuple(Line(Part.SUMMARY, sentence) for sentence in spoken if sentence)

    def short(self, text: str) -> tuple[Line, ...]:
        """The beginning of the summary: whole sentences up to some 25 words, one at least."""
        kept: list[str] = []
        for sentence in sentences(text, self._language):
            if kept and sum(len(each.split()) for each in (*kept, sentence)) > SHORT_WORDS:
                break
            kept.append(sentence)
        return tuple(Line(Part.SUMMARY, sentence) for sentence in kept or [self._texts.no_summary] if sentence)

    def farewell(self, text: str) -> Line:
        """`text` is the name of a field of Texts, or the words themselves."""
        words = getattr(self._texts, text) if is_name(text) else text
        return Line(Part.FAREWELL, words, text if text in RECORDED else "farewell")


def is_name(text: str) -> bool:
    """Whether it names a text, and so may be logged."""
    return text in _NAMES
