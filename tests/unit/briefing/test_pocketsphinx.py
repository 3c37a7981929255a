"""The embedded recogniser: what it must never take for an acceptance, and that it understands something."""

import asyncio
import shutil
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

from ari_app.briefing import pocketsphinx
from ari_app.briefing.intent import Intent, read_intent
from ari_app.briefing.pocketsphinx import RATE, PocketSphinx, expand, last_utterance, recognise, sentence_graph
from bench.phrases import Case, measure, say, table, telephone

needs_espeak = pytest.mark.skipif(not shutil.which("espeak-ng"), reason="espeak-ng is not installed")

# A guard against regressions on phrases that work; how much does not is measured by bench.phrases.
UNDERSTOOD = [("go ahead", Intent.ACCEPT), ("put them through", Intent.ACCEPT), ("call back later", Intent.DECLINE),
              ("repeat that please", Intent.REPEAT)]  # fmt: skip
NEVER_ACCEPTED = ["don't put them through", "yes, but not now", "yes I'm listening", "I can't accept"]


def case(phrase: str, intent: Intent) -> Case:
    return Case("test", intent, phrase, "en-us", 160)


@needs_espeak
@pytest.mark.parametrize("phrase, intent", UNDERSTOOD)
def test_understands_decisions_over_the_telephone(phrase: str, intent: Intent) -> None:
    assert measure(case(phrase, intent)).read is intent


@needs_espeak
@pytest.mark.parametrize("phrase", NEVER_ACCEPTED)
def test_near_misses_are_no_acceptance(phrase: str) -> None:
    assert not measure(case(phrase, Intent.NONE)).is_false_accept


@pytest.mark.parametrize(
    "kind", ["silence", "hiss", "hum", "clicks", "a long speech", "the end of a hello", "one sample", "nothing"]
)
def test_what_is_no_phrase_is_an_empty_text(kind: str) -> None:
    rng, second = np.random.default_rng(5), np.arange(RATE)
    audio = {
        "silence": np.zeros(2 * RATE),
        "hiss": rng.standard_normal(RATE) * 2000,
        "hum": 8000 * np.sin(2 * np.pi * 350 * second / RATE) + 8000 * np.sin(2 * np.pi * 440 * second / RATE),
        "clicks": np.where(rng.random(RATE) < 0.001, 20_000, 0),
        "a long speech": rng.standard_normal(9 * RATE) * 2000,
        "the end of a hello": rng.standard_normal(RATE // 25) * 2000,
        "one sample": np.ones(1),
        "nothing": np.zeros(0),
    }[kind]
    assert read_intent(recognise(audio.astype("<i2").tobytes()).text).intent is not Intent.ACCEPT


@needs_espeak
def test_the_same_audio_is_heard_the_same_way() -> None:
    line = telephone(asyncio.run(say(case("go ahead", Intent.ACCEPT))))
    assert recognise(line) == recognise(line)


async def test_gives_one_answer_for_each_end_of_speech(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[int] = []

    async def here(work: object, *args: bytes) -> object:
        given.extend(map(len, args))
        return pocketsphinx.Heard("yes", final=True)

    monkeypatch.setattr(pocketsphinx, "elsewhere", here)
    async with PocketSphinx().listen() as listening:
        await listening.hear(bytes(1000))
        await listening.end_of_speech()
        await listening.hear(bytes(2001))
        await listening.end_of_speech()
        answers = aiter(listening)
        assert [(await anext(answers)).text, (await anext(answers)).text] == ["yes", "yes"]
    assert [heard async for heard in answers] == []
    assert given == [1000, 2000]


def test_only_the_last_run_of_speech_counts() -> None:
    tone = np.sin(np.arange(RATE // 2)).astype(np.float32) * 0.2
    silence = np.zeros(RATE, np.float32)
    speech = last_utterance(np.concatenate([tone, silence, tone, silence[: RATE // 4]]))
    assert 0.5 < len(speech) / RATE < 0.9
    assert len(last_utterance(silence)) == 0


def test_the_graph_has_the_sentences_and_no_others() -> None:
    sentences = {"yes", "yes please", "no", "no please"}
    start, end, transitions = sentence_graph(sentences)

    def walk(state: int) -> set[str]:
        if state == end:
            return {""}
        return {" ".join(filter(None, [*t[3:], rest])) for t in transitions if t[0] == state for rest in walk(t[1])}  # type: ignore[misc]

    assert walk(start) == sentences


def test_no_sentence_but_the_acceptances_reads_as_an_order_to_connect() -> None:
    source = Path(pocketsphinx.__file__).parent / "phrases" / "en-spoken.toml"
    tables = tomllib.loads(source.read_text(encoding="utf-8"))
    others = {kind: said for kind, said in tables["sentences"].items() if kind != "accept"}
    readings = [read_intent(said) for said in expand(tables | {"sentences": others})]
    assert not [reading for reading in readings if reading.intent is Intent.ACCEPT and not reading.bare]


def test_the_table_counts_what_was_understood() -> None:
    assert "| accept |" in table([])


KILLED = """
import asyncio, os, signal
from ari_app.briefing.pocketsphinx import elsewhere

if __name__ == "__main__":
    print(asyncio.run(elsewhere(os.getpid)), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


async def test_a_killed_app_leaves_no_worker_behind(tmp_path):
    script = tmp_path / "app.py"
    script.write_text(KILLED)
    app = await asyncio.create_subprocess_exec(sys.executable, str(script), stdout=asyncio.subprocess.PIPE)
    worker = int(await app.stdout.readline())
    await app.wait()
    async with asyncio.timeout(10):
        while is_running(worker):  # noqa: ASYNC110
            await asyncio.sleep(0.02)


def is_running(pid):
    """Nobody waits for an orphan here, so it may stay a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
