"""The real cloud voices. Skipped without their keys; a run says one short sentence with each."""

import asyncio
import os

import pytest

from ari_app.briefing.providers.border import Options
from ari_app.errors import ProviderError
from ari_app.media.audio import level

pytestmark = pytest.mark.live
TEXT = "Shall I put the caller through?"


def elevenlabs(key):
    from ari_app.briefing.providers.elevenlabs import ElevenLabsVoice

    return ElevenLabsVoice(Options(api_key=key, language="en"))


def cartesia(key):
    pytest.importorskip("cartesia")
    from ari_app.briefing.providers.cartesia import CartesiaVoice

    return CartesiaVoice(Options(api_key=key, language="en"))


VOICES = [(elevenlabs, "ELEVENLABS_API_KEY"), (cartesia, "CARTESIA_API_KEY")]
ids = ["elevenlabs", "cartesia"]


@pytest.mark.parametrize(("new_voice", "variable"), VOICES, ids=ids)
async def test_a_sentence_is_said(new_voice, variable):
    if not os.environ.get(variable):
        pytest.skip(f"{variable} is not set")
    voice = new_voice(os.environ[variable])
    try:
        pcm = b"".join([piece async for piece in voice.synthesize(TEXT)])
    finally:
        await voice.aclose()
    assert 0.8 < len(pcm) / voice.rate / 2 < 5
    assert 0.005 < level(pcm) < 0.5


@pytest.mark.parametrize(("new_voice", "variable"), VOICES, ids=ids)
async def test_the_first_sound_of_a_warm_connection_comes_in_time(new_voice, variable):
    if not os.environ.get(variable):
        pytest.skip(f"{variable} is not set")
    voice = new_voice(os.environ[variable])
    clock = asyncio.get_running_loop()
    try:
        async for _ in voice.synthesize("Hello."):
            pass
        started = clock.time()
        pieces = voice.synthesize(TEXT)
        await anext(pieces)
        assert clock.time() - started < 1.0
        await pieces.aclose()
    finally:
        await voice.aclose()


@pytest.mark.parametrize(("new_voice", "variable"), VOICES, ids=ids)
async def test_a_wrong_key_is_told_as_such(new_voice, variable):
    if not os.environ.get(variable):
        pytest.skip(f"{variable} is not set, so the network may not be there either")
    voice = new_voice("not-a-key")
    try:
        with pytest.raises(ProviderError) as raised:
            async for _ in voice.synthesize(TEXT):
                pass
    finally:
        await voice.aclose()
    assert not raised.value.retryable
