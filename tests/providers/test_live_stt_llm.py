"""The real clouds: `pytest -m live`, each test skipped without its key. They cost a fraction of a cent."""

import asyncio
import os

import pytest

from ari_app.briefing.espeak import Espeak
from ari_app.briefing.providers.border import Options
from ari_app.briefing.talk import beside
from ari_app.media.audio import Resampler

pytestmark = [pytest.mark.live, pytest.mark.timeout(40)]

PROMPT = [
    {"role": "system", "content": "Answer with one short sentence."},
    {"role": "user", "content": "What colour is the sky on a clear day?"},
]


def options(name):
    key = os.environ.get(name)
    if not key:
        pytest.skip(f"{name} is not set")
    return Options(api_key=key)


async def spoken(text, rate):
    voice = Espeak()
    pcm = b"".join([piece async for piece in voice.synthesize(text)])
    resampler = Resampler(voice.rate, rate)
    return resampler.feed(pcm) + resampler.finish()


async def talk(listening, pcm, rate):
    """In real time, with the silence that ends a turn; then our voice activity would tell."""
    frame = rate // 50 * 2
    for at in range(0, len(pcm), frame):
        await listening.hear(pcm[at : at + frame])
        await asyncio.sleep(0.02)
    await listening.end_of_speech()
    while True:
        await listening.hear(bytes(frame))
        await asyncio.sleep(0.02)


async def words(stt):
    pcm = await spoken("Yes, please put the caller through to me.", stt.rate)
    async with asyncio.timeout(20), stt.listen() as listening, beside(talk(listening, pcm, stt.rate)):
        async for heard in listening:
            if heard.final:
                return heard.text.lower()


async def test_flux_hears_a_turn():
    from ari_app.briefing.providers.deepgram import DeepgramFlux

    assert "through" in await words(DeepgramFlux(options("DEEPGRAM_API_KEY")))


async def test_nova_hears_a_turn():
    from ari_app.briefing.providers.deepgram import DeepgramNova

    assert "through" in await words(DeepgramNova(options("DEEPGRAM_API_KEY")))


async def test_openai_hears_a_turn():
    from ari_app.briefing.providers.openai import OpenAITranscription

    stt = OpenAITranscription(options("OPENAI_API_KEY"))
    try:
        assert "through" in await words(stt)
    finally:
        await stt.aclose()


async def test_openai_answers():
    from ari_app.briefing.providers.openai import OpenAIChat

    llm = OpenAIChat(options("OPENAI_API_KEY"))
    try:
        assert "blue" in "".join([piece async for piece in llm.complete(PROMPT)]).lower()
    finally:
        await llm.aclose()


async def test_openai_speaks():
    from ari_app.briefing.providers.openai import OpenAISpeech

    tts = OpenAISpeech(options("OPENAI_API_KEY"))
    try:
        pcm = b"".join([piece async for piece in tts.synthesize("One call is waiting for you.")])
        assert tts.rate * 2 * 0.5 < len(pcm) < tts.rate * 2 * 10
    finally:
        await tts.aclose()


async def test_anthropic_answers():
    from ari_app.briefing.providers.anthropic import AnthropicChat

    llm = AnthropicChat(options("ANTHROPIC_API_KEY"))
    try:
        assert "blue" in "".join([piece async for piece in llm.complete(PROMPT)]).lower()
    finally:
        await llm.aclose()
