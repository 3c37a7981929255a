"""The embedded recogniser over a file of sentences: what it hears, and what it makes of the rest."""

import asyncio
import shutil

import pytest

from ari_app.briefing.intent import Intent
from ari_app.briefing.phrasebook import PhraseBook, read, recognise
from ari_app.briefing.providers.border import Options
from ari_app.errors import ProviderError
from bench.phrases import Case, say, telephone

SENTENCES = frozenset(("i want to talk to a human", "order forty two", "a human please", "no thank you"))


def spoken(phrase: str) -> bytes:
    return telephone(asyncio.run(say(Case("test", Intent.NONE, phrase, "en-us", 160))))


@pytest.mark.skipif(not shutil.which("espeak-ng"), reason="espeak-ng is not installed")
@pytest.mark.parametrize("phrase", ["I want to talk to a human", "order forty two"])
def test_hears_whole_sentences_and_the_beginning_of_one_is_none(phrase: str) -> None:
    assert recognise(SENTENCES, spoken(phrase)).text == phrase.lower()
    assert recognise(SENTENCES, spoken(phrase.rsplit(" ", 2)[0])).text == ""


def test_silence_is_an_empty_text() -> None:
    assert recognise(SENTENCES, bytes(16_000)).text == ""


def test_notes_and_capitals_are_no_part_of_a_sentence(tmp_path) -> None:
    file = tmp_path / "phrases.txt"
    file.write_text("# a note\nA human  please   # said by the tired\n\n")
    assert read(file) == {"a human please"}


@pytest.mark.parametrize("content", [None, "# nothing\n", b"\xff"])
def test_without_sentences_there_is_no_recogniser(tmp_path, content) -> None:
    file = tmp_path / "phrases.txt"
    if content is not None:
        file.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(ProviderError):
        PhraseBook(Options(api_key="", model=str(file)))
