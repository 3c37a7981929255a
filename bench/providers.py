"""P15: how long a provider's first token or byte takes to become something we act on.

    .venv/bin/python -m bench.providers [--answers 200]

Each provider through its own SDK, its breaker and its ladder, against the local server on loopback in the same process:
from the server's first write, of a model its first word, to our first piece; for ears, from its final words to ours.
The server writes on before it lets go of the loop, so the figures are rather too high than too low.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import Any

from ari_app.briefing.ladder import EarsLadder, ModelLadder, VoiceLadder
from ari_app.briefing.providers.border import Options
from ari_app.briefing.providers.breaker import Breaker, GuardedEars, GuardedModel, GuardedVoice
from ari_app.briefing.providers.catalog import Stage, engine
from ari_app.testing.providers.anthropic import AnthropicServer
from ari_app.testing.providers.cartesia import CartesiaServer
from ari_app.testing.providers.deepgram import DeepgramServer
from ari_app.testing.providers.elevenlabs import ElevenLabsServer
from ari_app.testing.providers.openai import OpenAIServer
from ari_app.testing.providers.server import LocalProvider
from bench import figures

MUST = 10
"Milliseconds, p95."
THOUGHT = 0.02
"Seconds the server takes before it answers, so that we wait for it and not it for us."
SOUND = bytes(3_200)
"100 ms: a change of rate holds some back."
PROMPT = [{"role": "user", "content": "What does the caller want?"}]
TEXT = "The caller wants a refund."


@dataclass(frozen=True)
class Bench:
    stage: Stage
    provider: str
    server: Callable[[], Any]
    model: str | None = None

    @property
    def name(self) -> str:
        return f"{self.stage} {self.provider}" + (f" {self.model}" if self.model else "")


BENCHES = (
    Bench("stt", "deepgram", DeepgramServer),
    Bench("stt", "deepgram", DeepgramServer, "nova-3"),
    Bench("stt", "openai", OpenAIServer),
    Bench("llm", "openai", OpenAIServer),
    Bench("llm", "anthropic", AnthropicServer),
    Bench("tts", "elevenlabs", ElevenLabsServer),
    Bench("tts", "cartesia", CartesiaServer),
    Bench("tts", "openai", OpenAIServer),
)


async def first_pieces(cloud: LocalProvider, ask: Callable[[], AsyncIterator[object]], count: int) -> list[float]:
    """Milliseconds from each answer's first write to our first piece."""
    shares = []
    for _ in range(count):
        async with aclosing(ask()) as pieces:
            await anext(pieces)
            shares.append(1000 * (time.perf_counter() - cloud.wrote_at))
            async for _ in pieces:  # to the end, so that the connection serves the next
                pass
    return shares


async def models(cloud: Any, made: Any, count: int) -> list[float]:
    cloud.answers(TEXT, delay=THOUGHT)
    guarded = GuardedModel(made, Breaker("local"))
    return await first_pieces(cloud, lambda: ModelLadder([guarded, guarded]).complete(PROMPT), count)


async def voices(cloud: Any, made: Any, count: int) -> list[float]:
    cloud.delay = THOUGHT
    guarded = GuardedVoice(made, Breaker("local"))
    return await first_pieces(cloud, lambda: VoiceLadder([guarded, guarded]).synthesize(TEXT), count)


async def ears(cloud: Any, made: Any, count: int) -> list[float]:
    shares = []
    async with EarsLadder([GuardedEars(made, Breaker("local"))]).listen() as listening:
        words = aiter(listening)
        for number in range(count):
            cloud.hears(f"yes {number}", delay=THOUGHT)
            await listening.hear(SOUND)
            while not (await anext(words)).final:
                pass
            shares.append(1000 * (time.perf_counter() - cloud.wrote_at))
    return shares


async def measure(bench: Bench, count: int) -> list[float]:
    """The first tenth warms up."""
    how = {"stt": ears, "llm": models, "tts": voices}[bench.stage]
    async with bench.server() as cloud:
        made: Any = engine(bench.stage, bench.provider, Options("local", cloud.url, bench.model))
        try:
            await how(cloud, made, count // 10)
            return await how(cloud, made, count)
        finally:
            await made.aclose()


def report(measured: dict[str, list[float]]) -> None:
    shown = {name: figures.summary(values, digits=2) for name, values in measured.items()}
    rows = [[name, each["p50"], each["p95"], each["max"], MUST] for name, each in shown.items()]
    print(figures.table(["P15 first write -> first piece, ms", "p50", "p95", "max", "must p95"], rows))
    print(figures.save("providers", {"P15": shown, "must": MUST}))


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--answers", type=int, default=200, help="of each provider")
    options = parser.parse_args()
    run = partial(measure, count=options.answers)
    report({bench.name: await run(bench) for bench in BENCHES})


if __name__ == "__main__":
    asyncio.run(main())
