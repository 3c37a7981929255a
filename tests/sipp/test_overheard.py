"""The app makes the transcript for an agent that sends none: both sides, apart, and only while the two talk."""

import asyncio
import json
import time

import pytest_asyncio

from ari_app.listening.ear import LAST_WORDS
from ari_app.media.audio import level, tone_share
from ari_app.testing.providers.deepgram import DeepgramServer
from ari_app.testing.providers.openai import OpenAIServer
from ari_app.testing.providers.server import Fault
from tests.sipp.conftest import AGENT, CALLER, MUSIC


@pytest_asyncio.fixture
async def clouds():
    async with DeepgramServer() as ears, OpenAIServer() as model:
        yield ears, model


async def talking(stage, clouds):
    """Caller and agent talk; the agent's settings ask for a transcript, and a model writes summaries."""
    ears, model = clouds
    environment = {
        "WARM_TRANSFER_AGENTS__FRONT-DESK__TRANSCRIBE": "hurried",
        "WARM_TRANSFER_BRIEFING__HURRIED__STT": "deepgram",
        "WARM_TRANSFER_BRIEFING__HURRIED__STT_OPTIONS__BASE_URL": ears.url,
        "WARM_TRANSFER_BRIEFING__HURRIED__STT_OPTIONS__API_KEY": "k",
        "WARM_TRANSFER_BRIEFING__DEFAULT__LLM": "openai",
        "WARM_TRANSFER_BRIEFING__DEFAULT__LLM_OPTIONS__BASE_URL": model.url,
        "WARM_TRANSFER_BRIEFING__DEFAULT__LLM_OPTIONS__API_KEY": "k",
    }
    await stage.set(environment=environment)
    await stage.talking()


async def overheard(stage, clouds):
    await talking(stage, clouds)
    await both_are_heard(clouds[0])


async def until(true, within=10.0):
    give_up = time.monotonic() + within
    while not true():
        assert time.monotonic() < give_up
        await asyncio.sleep(0.02)


async def both_are_heard(ears, recognitions=2):
    await until(lambda: len(ears.recognitions) >= recognitions and all(map(len, ears.recognitions)))


async def understood(ears, *words, over=CALLER):
    for text in words:
        ears.hears(text, over=over)
    await until(lambda: not ears.unheard)
    await asyncio.sleep(0.1)


async def given_to_the_model(stage, model, times=1):
    """The agent asks for a transfer; what the model is given to summarise."""
    await stage.ask()
    await stage.ari.phase("summary_ready", count=times)
    [asked] = [seen.body for seen in model.seen][times - 1 :]
    return json.dumps(asked["messages"], ensure_ascii=False).replace("\\", "")


async def test_both_sides_are_understood_apart_and_sound_as_before(stage, clouds):
    ears, model = clouds
    await overheard(stage, clouds)
    began = stage.clock()
    await understood(ears, "I was charged twice")
    await understood(ears, "let me look into that", over=AGENT)
    await stage.pause(1.5)
    for recognition in ears.recognitions:
        shares = sorted(tone_share(bytes(recognition[-32_000:]), tone) for tone in (CALLER, AGENT))
        assert shares[0] < 0.01 and shares[1] > 0.9, shares
    for phone in (stage.caller, stage.agent):
        assert phone.heard.missing(began) <= 2

    told = await given_to_the_model(stage, model)
    assert '{"role": "caller", "text": "I was charged twice"}' in told, told
    assert '{"role": "assistant", "text": "let me look into that"}' in told
    assert told.index("charged twice") < told.index("look into that")


async def test_nobody_is_heard_on_hold_and_both_again_when_the_caller_is_back(stage, clouds):
    ears, model = clouds
    await overheard(stage, clouds)
    await understood(ears, "I was charged twice")
    await given_to_the_model(stage, model)
    await stage.caller.hears(MUSIC)
    heard = [len(recognition) for recognition in ears.recognitions]
    await stage.ari.phase("briefing_started")
    await stage.pause(LAST_WORDS)
    for recognition, before in zip(ears.recognitions, heard, strict=True):
        assert level(bytes(recognition[before:])) == 0.0, "only the silence after the last words"
    names = [channel["id"] for channel in await stage.ari.call("GET", "channels")]
    assert not [name for name in names if "overheard" in name]

    await stage.supervisor.press("2")
    await stage.are_back()
    await stage.ari.ended()
    await both_are_heard(ears, recognitions=4)
    await understood(ears, "still nobody helps me")
    told = await given_to_the_model(stage, model, times=2)
    assert told.index("charged twice") < told.index("still nobody")


async def test_what_the_agent_sends_takes_the_place_of_what_was_overheard(stage, clouds):
    ears, model = clouds
    await overheard(stage, clouds)
    await understood(ears, "I was charged twice")
    await stage.ari.tell(
        "WarmTransferTranscript", stage.channel, {"turns": [{"role": "user", "content": "Order 4711"}]}
    )
    await stage.asterisk_has(channels=2, bridges=1)
    told = await given_to_the_model(stage, model)
    assert "Order 4711" in told and "charged twice" not in told


async def test_another_life_of_the_app_sweeps_the_old_ears_and_listens_with_new_ones(stage, clouds):
    ears, model = clouds
    await overheard(stage, clouds)
    await understood(ears, "I was charged twice")
    await stage.killed_and_back()
    await both_are_heard(ears, recognitions=4)
    await understood(ears, "are you still there")
    await stage.asterisk_has(channels=6, bridges=3)
    told = await given_to_the_model(stage, model)
    assert told.index("charged twice") < told.index("still there")


async def test_a_recogniser_that_refuses_costs_the_transcript_only(stage, clouds):
    ears, _ = clouds
    ears.fail(Fault.UNAUTHORIZED)
    await talking(stage, clouds)
    began = stage.clock()
    await stage.pause(1.5)
    assert ears.seen and "not transcribed" in stage.app.log
    await stage.asterisk_has(channels=2, bridges=1)
    assert stage.caller.heard.missing(began) <= 2
    await stage.ask()
    await stage.supervisor.invited()
