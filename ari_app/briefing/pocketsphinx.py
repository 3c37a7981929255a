"""Offline recognition of a decision over the telephone, with the English model that PocketSphinx carries.

The model knows studio speech, so this is no dictation: an utterance is matched, whole, against the sentences of
``phrases/en-spoken.toml``. Four things make that safe enough to decide on:

* the sentences contain the small talk that sounds like decisions, so that "yes, but later" need not become "yes";
* a match that stops in the middle of a sentence is no match;
* the match must sound right as well as best: its acoustic score per frame must reach a threshold, a strict one for
  acceptances;
* the utterance is cut to the speech, and faint noise is laid under it. The digital silence of telephone codecs is
  unlike anything the model was trained on; without the noise it misses every second phrase.

What fails is heard as an empty text, which decides nothing. ``docs/reference/embedded-speech.md`` has the figures.
"""

from __future__ import annotations

import asyncio
import functools
import math
import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
import tomllib
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import numpy as np
import soxr  # type: ignore[import-untyped]

from ari_app.briefing.intent import Intent, read_intent
from ari_app.briefing.ports import Heard
from ari_app.errors import ProviderError

RATE = 8_000
MODEL_RATE = 16_000
LONGEST_UTTERANCE = 6.0
"Seconds; who speaks longer is telling something, and it is not decoded."
SHORTEST_UTTERANCE = 0.12
PRE_ROLL = 0.15
"Seconds kept around the speech."
PAUSE = 0.45
"Seconds of silence that part an utterance from what came before it."
LOUDEST = 3
"Frames of 20 ms that say how loud somebody speaks; in fewer nobody has said anything."
NOISE = 10 ** (-54 / 20)
"Root mean square, of full scale, of the noise laid under the speech."
LEVEL = 0.25
"Peak the speech is brought to, of full scale."
SURE = dict.fromkeys(Intent, -90.0) | {Intent.ACCEPT: -58.0}
"Acoustic score per frame, in thousands, that a sentence must reach by what it decides; perfect is 0."

CUT_REFUSAL = "no i can"
"The telephone swallows the last sound of `can't`; nobody begins a consent with these words."
MOST_SKIPPED = 0.15
MOST_SKIPPED_OF_A_REFUSAL = 0.6
SEARCH: dict[str, float] = {"beam": 1e-40, "wbeam": 1e-24}
"Hypotheses less likely than the best one by this factor are dropped."
FRAME = MODEL_RATE // 100
"Samples in one frame of the decoder."

Samples = np.ndarray[tuple[int, ...], np.dtype[np.float32]]
P = ParamSpec("P")
T = TypeVar("T")


class PocketSphinx:
    """SpeechToText for supervisors' decisions in English."""

    rate = RATE
    hears_everything = False
    "Whatever is said, it takes for one of the decisions."

    @asynccontextmanager
    async def listen(self) -> AsyncIterator[Utterances]:
        """Opens a recognition; the first one loads the model. Raises ProviderError if it can't be loaded."""
        await elsewhere(_load)
        with closing(Utterances(recognise)) as utterances:
            yield utterances


class Utterances:
    """The listening of one call: gives one Heard for each end of speech, in order."""

    def __init__(self, recognise: Callable[[bytes], Heard]) -> None:
        """`recognise` blocks and runs in another process."""
        self._recognise = recognise
        self._held = bytearray()
        self._spoken: asyncio.Queue[bytes | None] = asyncio.Queue()

    async def hear(self, pcm: bytes) -> None:
        self._held += pcm
        longest = int((LONGEST_UTTERANCE + 2) * RATE) * 2
        if len(self._held) > 2 * longest:
            del self._held[:-longest]

    async def end_of_speech(self) -> None:
        spoken = bytes(self._held[: len(self._held) & ~1])
        self._held.clear()
        self._spoken.put_nowait(spoken)

    def close(self) -> None:
        self._spoken.put_nowait(None)

    async def __aiter__(self) -> AsyncIterator[Heard]:
        while (spoken := await self._spoken.get()) is not None:
            yield await elsewhere(self._recognise, spoken)


@cache
def _workers() -> ProcessPoolExecutor:
    """PocketSphinx holds the interpreter's lock while it decodes, so a thread would stop every call's audio for
    a third of a second; processes do not. Shared by all calls, started when first needed."""
    processes = max(1, min(4, (os.cpu_count() or 2) // 2))
    return ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"), initializer=_begin_worker)


def _begin_worker() -> None:
    """Control-C is for the app, which then ends its workers; an app that was killed can't, so they look themselves."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(app: int) -> None:
    multiprocessing.connection.wait([app])
    os._exit(1)


async def elsewhere(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Runs it in a process that may block. Raises ProviderError."""
    try:
        call = functools.partial(work, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(_workers(), call)
    except BrokenProcessPool as error:
        _workers.cache_clear()
        raise ProviderError("the recogniser's process died") from error
    except (OSError, RuntimeError, ValueError) as error:
        raise ProviderError(f"the recogniser failed: {type(error).__name__}", retryable=False) from error


def _load() -> None:
    sentence_decoder()


def recognise(pcm: bytes) -> Heard:
    """What was said at the end of this 8 kHz audio; an empty text if that is not sure. Blocks, in one thread of a
    process only. Same audio, same answer."""
    speech = last_utterance(np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(32768))
    if not SHORTEST_UTTERANCE <= len(speech) / RATE <= LONGEST_UTTERANCE + 2 * PRE_ROLL:
        return Heard("", final=True, confidence=0.0, certain=False)
    match = sentence_decoder().decode(for_the_model(speech))
    intent = read_intent(match.text).intent
    if not match.plausible(intent) or match.score < SURE[intent]:
        return Heard("", final=True, confidence=0.0, certain=False)
    text = match.text if match.complete else f"{match.text}'t"
    return Heard(text, final=True, confidence=match.confidence, certain=False)


def last_utterance(samples: Samples) -> Samples:
    """The last run of speech without a long pause in it, with a little of what is around; empty if all is silence."""
    frame = RATE // 50
    frames = samples[: len(samples) // frame * frame].reshape(-1, frame)
    if len(frames) < LOUDEST:
        return samples[:0]
    loudness = np.sqrt(np.mean(frames * frames, axis=1))
    voiced = np.flatnonzero(loudness > max(0.001, 0.06 * float(np.partition(loudness, -LOUDEST)[-LOUDEST:].min())))
    if not len(voiced):
        return samples[:0]
    pauses = np.flatnonzero(np.diff(voiced) > PAUSE * 50)
    first = voiced[pauses[-1] + 1] if len(pauses) else voiced[0]
    around = int(PRE_ROLL * RATE)
    return samples[max(0, first * frame - around) : (voiced[-1] + 1) * frame + around]


def for_the_model(speech: Samples) -> bytes:
    """The speech at the model's rate and a standard level over faint noise, the same noise every time."""
    levelled = speech * (LEVEL / max(float(np.max(np.abs(speech))), 1e-4))
    wide = np.asarray(soxr.resample(levelled, RATE, MODEL_RATE), np.float32)
    noise = np.random.default_rng(1).standard_normal(len(wide)).astype(np.float32) * NOISE
    return bytes(np.clip(np.rint((wide + noise) * 32767), -32768, 32767).astype("<i2").tobytes())


@dataclass(frozen=True)
class Match:
    text: str
    complete: bool
    "False if the words are only the beginning of a sentence."
    drawn_out: bool
    "True if a word took longer than anybody says it: the decoder hid something under it."
    skipped: float
    "Share of the loud audio that was taken for silence between the words."
    score: float
    "Acoustic score per frame of speech in thousands: 0 is perfect, -100 is something else."

    def plausible(self, intent: Intent) -> bool:
        """A refusal may run on, or lose its last sound: taken for one by mistake it costs a call, not a caller."""
        if self.drawn_out:
            return False
        if intent is Intent.DECLINE and len(self.text.split()) >= 3:
            opened = self.complete or self.text == CUT_REFUSAL
            return opened and self.skipped <= MOST_SKIPPED_OF_A_REFUSAL
        return self.complete and self.skipped <= MOST_SKIPPED

    @property
    def confidence(self) -> float:
        return min(1.0, max(0.0, 1 + self.score / 100))


class SentenceDecoder:
    """PocketSphinx over a graph of whole sentences."""

    def __init__(self, sentences: frozenset[str], search: Mapping[str, float] = SEARCH) -> None:
        try:
            import pocketsphinx  # type: ignore[import-untyped]
        except ImportError as error:
            raise ProviderError("pocketsphinx is not installed", retryable=False) from error
        pocketsphinx.set_loglevel("FATAL")
        self._sentences = sentences
        # All senones are scored in every frame, so that scores are relative to the best one and comparable.
        self._decoder = pocketsphinx.Decoder(
            samprate=MODEL_RATE, lm=None, cmn="batch", compallsen=True, fdict=str(_phrases() / "silence.dict"), **search
        )
        graph = sentence_graph(sentences)
        self._decoder.add_fsg("sentences", self._decoder.create_fsg("sentences", *graph))
        self._decoder.activate_search("sentences")

    def decode(self, pcm: bytes) -> Match:
        self._decoder.reinit_feat()  # forgets the channel and the noise of the utterance before
        self._decoder.start_utt()
        self._decoder.process_raw(pcm, full_utt=True)
        self._decoder.end_utt()
        found = self._decoder.hyp()
        text = found.hypstr if found else ""
        parts = list(self._decoder.seg()) if text else []
        drawn_out = any(self._is_drawn_out(part) for part in parts if _is_word(part))
        return Match(text, text in self._sentences, drawn_out, _skipped(parts, pcm), self._score(parts))

    def _is_drawn_out(self, part: Any) -> bool:
        """Words are named ``word(2)`` where their second pronunciation was heard."""
        sounds = len((self._decoder.lookup_word(part.word) or "").split())
        return bool(part.end_frame - part.start_frame >= 15 * sounds + 22)

    @staticmethod
    def _score(parts: Sequence[Any]) -> float:
        """Scores come as powers of the model's logarithm base."""
        words = [part for part in parts if _is_word(part)]
        frames = sum(part.end_frame - part.start_frame + 1 for part in words)
        total = sum(math.log(max(part.ascore, 1e-300)) / math.log(1.0001) for part in words)
        return total / frames / 1000 if frames else -math.inf


def _is_word(part: Any) -> bool:
    return part.word[0] not in "<(["


def _skipped(parts: Sequence[Any], pcm: bytes) -> float:
    samples = np.frombuffer(pcm, "<i2").astype(np.float32)
    frames = samples[: len(samples) // FRAME * FRAME].reshape(-1, FRAME)
    loudness = np.sqrt(np.mean(frames * frames, axis=1))
    loud = loudness > 0.1 * np.sort(loudness)[-5]
    unsaid = loud.copy()
    for part in parts:
        if _is_word(part):
            unsaid[part.start_frame : part.end_frame + 1] = False
    return float(unsaid.sum() / max(1, loud.sum()))


@cache
def sentence_decoder() -> SentenceDecoder:
    source = _phrases() / "en-spoken.toml"
    return SentenceDecoder(frozenset(expand(tomllib.loads(source.read_text(encoding="utf-8")))))


def _phrases() -> Path:
    """PocketSphinx opens files by name, so the package must be installed as files."""
    return Path(str(resources.files("ari_app.briefing"))) / "phrases"


def expand(tables: Mapping[str, Any]) -> Iterator[str]:
    """Every sentence that can be heard."""
    for kind, sentences in tables["sentences"].items():
        before, after = tables["before"][kind], tables["after"][kind]
        for sentence in sentences:
            for said in _with_each(sentence, tables["whom"]):
                yield said
                yield from (f"{word} {said}" for word in before if not said.startswith(tuple(before)))
                yield from (f"{said} {word}" for word in after if not said.endswith(tuple(after)))


def _with_each(sentence: str, whom: Iterable[str]) -> list[str]:
    return [sentence.replace("<whom>", one) for one in whom] if "<whom>" in sentence else [sentence]


Graph = tuple[int, int, list[tuple[int, int, float] | tuple[int, int, float, str]]]


def sentence_graph(sentences: Iterable[str]) -> Graph:
    """Start, end and transitions of the smallest word graph with exactly these sentences: common beginnings and
    common ends are shared, which is what makes thousands of sentences decodable."""
    trie: dict[str, Any] = {}
    for sentence in sorted(sentences):
        node = trie
        for word in [*sentence.split(), ""]:
            node = node.setdefault(word, {})
    states: dict[Sequence[tuple[str, int]], int] = {}

    def number(node: dict[str, Any]) -> int:
        edges = tuple((word, number(after)) for word, after in sorted(node.items()))
        return states.setdefault(edges, len(states))

    start, end = number(trie), states[()]
    transitions: list[tuple[int, int, float] | tuple[int, int, float, str]] = []
    for edges, state in states.items():
        transitions += [(state, after, 1.0, word) if word else (state, after, 1.0) for word, after in edges]
    return start, end, transitions
