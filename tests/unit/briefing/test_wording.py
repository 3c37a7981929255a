"""One transfer's lines."""

import pytest

from ari_app.briefing.prompts import Texts, texts_for
from ari_app.briefing.turns import Line, Part
from ari_app.briefing.wording import Wording


def wording(language: str = "en") -> Wording:
    return Wording(texts_for(language), "refund", "+49301234567", language)


def test_the_greeting_is_said_in_the_language_with_one_recording() -> None:
    lines = wording("de").greeting
    assert [line.recording for line in lines] == ["greeting"] + [None] * (len(lines) - 1)
    assert lines[-1].text == "Es ruft an: plus 4, 9 3 0, 1 2 3, 4 5 6 7."


@pytest.mark.parametrize(
    "summary, short",
    [
        ("One two. Three four. " + "word " * 30 + "end.", ["One two.", "Three four."]),
        ("word " * 40 + "end. Next.", ["word " * 40 + "end."]),
        ("", [Texts().no_summary]),
    ],
)
def test_a_short_summary_is_its_first_sentences(summary: str, short: list[str]) -> None:
    assert wording().short(summary) == tuple(Line(Part.SUMMARY, text) for text in short)


def test_the_short_summary_knows_the_abbreviations_of_its_language() -> None:
    said = "Die Frage ist z. B. offen. " + "wort " * 30
    assert [line.text for line in wording("de").short(said)] == ["Die Frage ist z. B. offen."]


@pytest.mark.parametrize(
    "name, part",
    [
        ("wait_note", Part.COURTESY),
        ("message_prompt", Part.COURTESY),
        ("not_known", Part.ANSWER),
        ("voicemail_message", Part.FAREWELL),
        ("introduction", Part.FAREWELL),
    ],
)
def test_lines_of_a_conversation_are_left_out_without_a_voice(name: str, part: Part) -> None:
    texts = texts_for("fr")
    assert getattr(wording("fr"), name) == Line(part, getattr(texts, name), None)


@pytest.mark.parametrize(
    ("greeting", "public"), [(Texts().greeting, 1), ("Good day, {reason}", 0), ("{reason} Good day.", 0), ("", 1)]
)
def test_a_greeting_that_begins_with_the_call_is_private_from_its_first_line(greeting: str, public: int) -> None:
    assert Wording(Texts(greeting=greeting), "refund", None).public == public
