"""What the supervisor hears besides the summary."""

from dataclasses import fields

import numpy as np
import pytest

from ari_app.briefing.languages import words_of
from ari_app.briefing.prompts import (
    LANGUAGES,
    RECORDED,
    Texts,
    fill,
    greeting_text,
    recorded,
    sentences,
    spoken_caller,
    texts_for,
)


def test_the_greeting_carries_reason_and_caller() -> None:
    assert greeting_text(Texts(), "refund over the limit", "Maria") == (
        "Hello, this is the assistant with a call to hand over. refund over the limit. The caller is Maria."
    )


def test_unknown_facts_take_their_sentence_with_them() -> None:
    assert greeting_text(Texts(), None, None) == "Hello, this is the assistant with a call to hand over."


def test_facts_are_data() -> None:
    assert fill("So: {reason}", reason="{caller} {0.__class__}", caller="Eve") == "So: {caller} {0.__class__}."


def test_numbers_are_read_digit_by_digit() -> None:
    assert spoken_caller("+14155550100") == "plus 1, 4 1 5, 5 5 5, 0 1 0 0"
    assert spoken_caller("Maria 2") == "Maria 2"
    assert spoken_caller("+34600123456", "es").startswith("más 3")


def test_every_text_is_set() -> None:
    assert all(isinstance(getattr(Texts(), field.name), str) for field in fields(Texts))


@pytest.mark.parametrize(
    "text, pieces",
    [
        ("Dr. Smith paid 3.50 dollars. He left.", ["Dr. Smith paid 3.50 dollars.", "He left."]),
        ("Really? Yes! J. Doe said so", ["Really?", "Yes!", "J. Doe said so"]),
        ('He said: "No." Then he left.', ['He said: "No."', "Then he left."]),
        ("He came at 5 p.m. and left e.g. early.", ["He came at 5 p.m. and left e.g. early."]),
        ("Wait... what", ["Wait...", "what"]),
        ("", []),
    ],
)
def test_splits_where_a_speaker_breathes(text: str, pieces: list[str]) -> None:
    assert sentences(text) == pieces


def test_long_sentences_are_cut() -> None:
    pieces = sentences("word " * 400)
    assert all(len(piece) <= 300 for piece in pieces) and " ".join(pieces).split() == ["word"] * 400
    assert all(len(piece) <= 300 for piece in sentences("x" * 2000))


@pytest.mark.parametrize(
    "text, language, pieces",
    [
        ("El Sr. López y la Dra. Ruiz, p. ej. hoy. ¿Sí? Adiós.", "es",
         ["El Sr. López y la Dra. Ruiz, p. ej. hoy.", "¿Sí?", "Adiós."]),
        ("M. Dupont a écrit à Mme. Roux. Il y a. Non.", "fr", ["M. Dupont a écrit à Mme. Roux.", "Il y a.", "Non."]),
        ("Hr. Maier kommt z. B. am 3. Mai, d. h. bald. Er kam um 8. Dann ging er.", "de",
         ["Hr. Maier kommt z. B. am 3. Mai, d. h. bald.", "Er kam um 8.", "Dann ging er."]),
    ],
)  # fmt: skip
def test_every_language_has_its_abbreviations(text: str, language: str, pieces: list[str]) -> None:
    assert sentences(text, language) == pieces


@pytest.mark.parametrize("language", [language for language in LANGUAGES if language != "en"])
def test_every_language_has_every_text_of_its_own(language: str) -> None:
    texts = words_of(language)["texts"]
    assert set(texts) == {field.name for field in fields(Texts)}
    english = Texts()
    for name, text in texts.items():
        original = getattr(english, name)
        assert text and text != original
        for kept in ("1", "2", "3", "{reason}", "{caller}"):
            assert (kept in text) == (kept in original), name
    assert texts_for(f"{language}-XX") == Texts(**texts)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_the_same_tables(language: str) -> None:
    tables, english = words_of(language), words_of("en")
    for name in ("spoken", "extract", "names"):
        assert set(tables[name]) == set(english[name])


def test_a_language_without_texts_is_an_error() -> None:
    assert texts_for("en_GB") == Texts()
    for unknown in ("it", "", "../en"):
        with pytest.raises(LookupError):
            texts_for(unknown)


def test_a_machine_is_told_nothing_of_the_call() -> None:
    for language in LANGUAGES:
        message = texts_for(language).voicemail_message
        assert "{" not in message and len(message) < 150


@pytest.mark.parametrize("name, language", [(name, language) for name in RECORDED for language in LANGUAGES])
def test_every_recorded_prompt_is_speech_at_8_kilohertz(name: str, language: str) -> None:
    samples = np.frombuffer(recorded(name, language), "<i2")
    assert 1 < len(samples) / 8000 < 10
    assert 10_000 < np.max(np.abs(samples.astype(int))) < 20_000


def test_what_is_not_recorded_is_an_error() -> None:
    with pytest.raises(LookupError):
        recorded("../x")
    with pytest.raises(LookupError):
        recorded("greeting", "it")
