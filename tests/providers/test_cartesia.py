"""Cartesia through its SDK, against a local server with faults."""

import sys
from collections.abc import AsyncIterator

import pytest

from ari_app.briefing.providers.border import Options
from ari_app.briefing.providers.cartesia import CartesiaVoice
from ari_app.errors import ProviderError
from ari_app.testing.providers.cartesia import CartesiaServer
from ari_app.testing.providers.fault_contract import faults_of
from ari_app.testing.providers.voice_contract import VoiceContract, World, said, world_of


@pytest.fixture
async def world() -> AsyncIterator[World]:
    pytest.importorskip("cartesia")
    async with world_of(CartesiaServer(), CartesiaVoice) as world:
        yield world


class TestCartesia(VoiceContract):
    @pytest.mark.parametrize("fault", faults_of("tts"), ids=str)
    async def test_each_fault_is_one_provider_error_in_time(self, world, fault):
        await world.fails(fault)

    async def test_raw_samples_are_asked_for(self, world):
        await said(world.voice)
        form = {"container": "raw", "encoding": "pcm_s16le", "sample_rate": 16_000}
        assert world.cloud.seen[-1].body["output_format"] == form

    async def test_voice_model_and_language_are_the_owners_choice(self, world):
        voice = CartesiaVoice(
            Options(api_key=world.cloud.key, base_url=world.cloud.url, voice="v", model="m", language="en-GB")
        )
        await said(voice)
        await voice.aclose()
        asked = world.cloud.seen[-1].body
        assert (asked["voice"], asked["model_id"], asked["language"]) == ("v", "m", "en")


def test_without_the_extra_the_mend_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "cartesia", None)
    with pytest.raises(ProviderError, match=r"pip install 'warm-transfer\[cartesia\]'") as raised:
        CartesiaVoice(Options(api_key="k"))
    assert raised.value.is_lasting
