"""ElevenLabs through its SDK, against a local server with faults."""

from collections.abc import AsyncIterator

import pytest

from ari_app.briefing.providers.border import Options
from ari_app.briefing.providers.elevenlabs import ElevenLabsVoice
from ari_app.testing.providers.elevenlabs import ElevenLabsServer
from ari_app.testing.providers.fault_contract import faults_of
from ari_app.testing.providers.voice_contract import VoiceContract, World, said, world_of


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with world_of(ElevenLabsServer(), ElevenLabsVoice) as world:
        yield world


class TestElevenLabs(VoiceContract):
    @pytest.mark.parametrize("fault", faults_of("tts"), ids=str)
    async def test_each_fault_is_one_provider_error_in_time(self, world, fault):
        await world.fails(fault)

    async def test_raw_samples_of_the_fast_model_are_asked_for(self, world):
        await said(world.voice)
        asked = world.cloud.seen[-1]
        assert asked.query["output_format"] == "pcm_16000"
        assert asked.body["model_id"] == "eleven_flash_v2_5"

    async def test_voice_model_and_language_are_the_owners_choice(self, world):
        voice = ElevenLabsVoice(
            Options(api_key=world.cloud.key, base_url=world.cloud.url, voice="v", model="m", language="en-GB")
        )
        await said(voice)
        await voice.aclose()
        asked = world.cloud.seen[-1]
        assert asked.path == "/v1/text-to-speech/v/stream"
        assert (asked.body["model_id"], asked.body["language_code"]) == ("m", "en")
