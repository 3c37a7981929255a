"""A briefing as people hear it: hello, summary, a question, its answer, "yes, put them through".

    .venv/bin/python -m bench.conversation --runs 20                # P5: providers without delay
    .venv/bin/python -m bench.conversation --runs 20 --realistic    # end of turn 280 ms, first token 350, audio 290

The providers are the local servers of `ari_app.testing.providers`, through the real SDKs; only their delays are not
real. Everything is read off the packets at the two phones.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from ari_app.testing.heard import Recorder
from ari_app.testing.phone import Call
from ari_app.testing.providers.deepgram import DeepgramServer
from ari_app.testing.providers.elevenlabs import ElevenLabsServer
from ari_app.testing.providers.openai import OpenAIServer
from bench import figures
from bench.latency import elapsed, until
from bench.people import AGENT, CALLER, SUPERVISOR, People, begins, channel_of, first_sound, gathered, next_call, run
from bench.speech import spoken

PROFILE = """
[briefing.default]
greet = "after_hello"
stt = "deepgram"
llm = "openai"
tts = "elevenlabs"
stt_options = {{ base_url = "{ears}", api_key = "local" }}
llm_options = {{ base_url = "{model}", api_key = "local" }}
tts_options = {{ base_url = "{voice}", api_key = "local" }}
"""
SUMMARY = "The caller was charged twice for one order in May. Both charges are on the same card. A refund was promised."
QUESTION, ANSWER = "when was the order placed", "It was placed on the third of May."
YES = "yes, put them through"
QUIET = 0.3
"Seconds of silence that separate what is said from what was said before."
GOALS = {
    "hello": ("end of the supervisor's hello -> first word of the briefing", None),
    "answer": ("end of the question -> first word of the answer", None),
    "accept": ("end of the spoken yes -> both hear each other", None),
    "P5": ("final words written by the provider -> both hear each other", 80),
}


@dataclass(frozen=True)
class Delays:
    """Seconds the providers take: from the end of speech, from the question, from the sentence."""

    end_of_turn: float = 0.0
    first_token: float = 0.0
    first_audio: float = 0.0


REALISTIC = Delays(0.280, 0.350, 0.290)


@dataclass
class Clouds:
    ears: DeepgramServer
    model: OpenAIServer
    voice: ElevenLabsServer
    delays: Delays

    async def hear(self, words: str) -> None:
        """What the supervisor has just said, after the provider's end of turn."""
        await asyncio.sleep(self.delays.end_of_turn)
        self.ears.hears(words)


@asynccontextmanager
async def clouds(delays: Delays) -> AsyncIterator[Clouds]:
    async with DeepgramServer() as ears, OpenAIServer() as model, ElevenLabsServer() as voice:
        model.answers(SUMMARY, delay=delays.first_token)
        model.answers(ANSWER, to=QUESTION, delay=delays.first_token)
        voice.delay, voice.seconds = delays.first_audio, 1.5
        yield Clouds(ears, model, voice, delays)


async def conversation(people: People, cloud: Clouds) -> dict[str, float | None]:
    """One transfer; milliseconds."""
    await people.everybody_hangs_up()
    agent_called, supervisor_called = next_call(people.agent), next_call(people.supervisor)
    caller = people.caller.place("1000")
    agent = await agent_called()
    await caller.answered()
    await caller.hears(AGENT)
    await people.ask(channel_of(agent), summary=None)
    supervisor = await supervisor_called()
    supervisor.rtp.send_tone(None)
    await supervisor.answered()
    await asyncio.sleep(random.uniform(0.1, 0.12))
    hello = await supervisor.play(spoken("hello"))
    begun = await until(lambda: first_sound(supervisor.heard, hello), "the briefing")
    await asyncio.sleep(1.5)
    asked = await supervisor.play(spoken(QUESTION))
    await cloud.hear(QUESTION)
    answered = await until(lambda: next_sound(supervisor.heard, asked), "the answer")
    await asyncio.sleep(1.2)
    said = await supervisor.play(spoken(YES))
    supervisor.rtp.send_tone(SUPERVISOR)
    await cloud.hear(YES)
    two_way = await both(caller, supervisor, said)
    await asyncio.sleep(0.2)
    written = cloud.ears.wrote_at
    await people.everybody_hangs_up()
    return {
        "hello": elapsed(hello, begun),
        "answer": elapsed(asked, answered),
        "accept": elapsed(said, two_way),
        "P5": elapsed(written, two_way),
    }


async def both(caller: Call, supervisor: Call, since: float) -> float:
    """When both hear each other."""
    heard = await until(lambda: begins(caller.heard, SUPERVISOR, since), "the supervisor at the caller")
    return max(heard, await until(lambda: begins(supervisor.heard, CALLER, since), "the caller at the supervisor"))


def next_sound(heard: Recorder, since: float) -> float | None:
    """The first sound after a silence: what was being said has stopped by then."""
    last = since - 1.0
    for packet in heard.audio(since - 1.0):
        if str(heard.sound(packet)) == "silence":
            continue
        if packet.at > since and packet.at - last > QUIET:
            return packet.at
        last = packet.at
    return None


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--realistic", action="store_true")
    options = parser.parse_args()
    measured: dict[str, list[float]] = {name: [] for name in GOALS}
    async with clouds(REALISTIC if options.realistic else Delays()) as cloud:
        profile = PROFILE.format(ears=cloud.ears.url, model=cloud.model.url, voice=cloud.voice.url)
        async with gathered(briefing=profile) as people:
            for number in range(options.runs + 1):
                began = time.monotonic()
                found = await conversation(people, cloud)
                print(f"\r{number} of {options.runs}: {time.monotonic() - began:.1f} s", end="", flush=True)
                for name, value in found.items() if number else ():  # the first loads and connects
                    if value is None:
                        raise AssertionError(f"{name} was not observed")
                    measured[name].append(value)
    shown = {name: figures.summary(values) for name, values in measured.items()}
    rows = [
        [f"{name}: {GOALS[name][0]}", each["p50"], each["p95"], each["max"], GOALS[name][1]]
        for name, each in shown.items()
    ]
    print("\n" + figures.table(["ms", "p50", "p95", "max", "must p95"], rows))
    print(figures.save("conversation", {"realistic": options.realistic, "figures": shown}))


if __name__ == "__main__":
    run(main())
