"""The embedded recogniser over sentences of one's own, for an agent that wants to be talked to without keys.

It hears whole sentences of a file and nothing else: fit for a demonstration and for a menu, not for a conversation.
Whatever sounds like a sentence is taken for it, so nothing that costs anything may hang on one of them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from functools import cache, partial
from pathlib import Path

import numpy as np

from ari_app.briefing.pocketsphinx import (
    LONGEST_UTTERANCE,
    MOST_SKIPPED,
    PRE_ROLL,
    RATE,
    SHORTEST_UTTERANCE,
    SentenceDecoder,
    Utterances,
    elsewhere,
    for_the_model,
    last_utterance,
)
from ari_app.briefing.ports import Heard
from ari_app.briefing.providers.border import Options
from ari_app.errors import ProviderError

SEARCH = {"beam": 1e-60, "wbeam": 1e-40}
"Wider than for the decisions: among a few sentences the right one is soon behind."
SURE = -72.0
"Acoustic score per frame, in thousands, that a sentence must reach; perfect is 0."

Sentences = frozenset[str]


class PhraseBook:
    """SpeechToText for the sentences of a file: `stt = "ari_app.briefing.phrasebook:PhraseBook"`, with the file's name
    as `model` of `stt_options`. One English sentence a line, in lower case, without punctuation; `#` begins a note."""

    rate = RATE

    def __init__(self, options: Options) -> None:
        """Raises ProviderError when there are no sentences."""
        self._sentences = read(Path(options.model or ""))

    @asynccontextmanager
    async def listen(self) -> AsyncIterator[Utterances]:
        """Opens a recognition; the first one loads the model. Raises ProviderError if it can't be loaded."""
        await elsewhere(_load, self._sentences)
        with closing(Utterances(partial(recognise, self._sentences))) as utterances:
            yield utterances


def read(file: Path) -> Sentences:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ProviderError(f"no sentences in {file.name}: {type(error).__name__}", retryable=False) from None
    sentences = frozenset(said for line in lines if (said := " ".join(line.partition("#")[0].lower().split())))
    if not sentences:
        raise ProviderError(f"no sentences in {file.name}", retryable=False)
    return sentences


def recognise(sentences: Sentences, pcm: bytes) -> Heard:
    """The sentence said at the end of this 8 kHz audio; an empty text if it is none of them. Blocks."""
    speech = last_utterance(np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(32768))
    if not SHORTEST_UTTERANCE <= len(speech) / RATE <= LONGEST_UTTERANCE + 2 * PRE_ROLL:
        return Heard("", final=True, confidence=0.0, certain=False)
    match = _decoder(sentences).decode(for_the_model(speech))
    if match.drawn_out or not match.complete or match.skipped > MOST_SKIPPED or match.score < SURE:
        return Heard("", final=True, confidence=0.0, certain=False)
    return Heard(match.text, final=True, confidence=match.confidence, certain=False)


def _load(sentences: Sentences) -> None:
    _decoder(sentences)


@cache
def _decoder(sentences: Sentences) -> SentenceDecoder:
    return SentenceDecoder(sentences, SEARCH)
