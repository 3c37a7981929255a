"""What every cloud voice promises, told as stories over its own SDK. Nothing here is specific to one of them.

Subclass `VoiceContract` in a test file and provide a fixture `world`; pytest (asyncio mode auto) finds the stories.
Faults are a table, `fault_contract`: a test file runs `world.fails` through it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Protocol, cast

from ari_app.briefing.ports import TextToSpeech
from ari_app.briefing.providers.border import Deadlines, Options
from ari_app.errors import ProviderError
from ari_app.media.audio import tone_share
from ari_app.testing.providers.fault_contract import BRIEF, fails
from ari_app.testing.providers.server import Fault
from ari_app.testing.providers.voices import HUM, VoiceServer

KEY = "canary-key-7f3a"
TEXT = "The canary sentence wants to change its flight."


class CloudVoice(TextToSpeech, Protocol):
    async def aclose(self) -> None: ...


class Maker(Protocol):
    def __call__(self, options: Options) -> CloudVoice: ...


@dataclass(frozen=True)
class World:
    cloud: VoiceServer
    voice: CloudVoice
    "As it is."
    hasty: CloudVoice
    "With deadlines a test can wait for."

    async def fails(self, fault: Fault) -> None:
        """As every cloud must, see `fault_contract`."""

        def use(deadlines: Deadlines) -> Awaitable[bytes]:
            return said(self.hasty if deadlines is BRIEF else self.voice)

        await fails(self.cloud, fault, use, "tts")


@asynccontextmanager
async def world_of(cloud: VoiceServer, new_voice: Maker) -> AsyncIterator[World]:
    """A voice and its cloud; afterwards not a socket and not a task may be left."""
    before = _tasks()
    async with cloud:
        cloud.key = KEY
        options = Options(api_key=KEY, base_url=cloud.url)
        voice, hasty = new_voice(options), new_voice(replace(options, deadlines=BRIEF))
        try:
            yield World(cloud, voice, hasty)
        finally:
            await voice.aclose()
            await hasty.aclose()
        await _until(lambda: cloud.connections == 0)
    await _until(lambda: _tasks() <= before)


async def said(voice: TextToSpeech, text: str = TEXT) -> bytes:
    return b"".join([pcm async for pcm in voice.synthesize(text)])


async def heard_before_failure(voice: TextToSpeech) -> int:
    """Bytes."""
    heard = 0
    try:
        async for pcm in voice.synthesize(TEXT):
            heard += len(pcm)
    except ProviderError:
        return heard
    raise AssertionError("it did not fail")


class VoiceContract:
    # What it is for

    async def test_a_text_is_said_in_whole_samples_at_its_rate(self, world: World) -> None:
        pcm = await said(world.voice)
        assert len(pcm) == world.voice.rate * 2 * world.cloud.seconds
        assert tone_share(pcm, HUM, world.voice.rate) > 0.9

    async def test_the_first_sound_is_passed_on_before_the_last_is_made(self, world: World) -> None:
        pieces = [pcm async for pcm in world.voice.synthesize(TEXT)]
        assert max(len(pcm) for pcm in pieces) <= world.voice.rate * 2 * 0.02

    async def test_the_next_text_takes_the_same_connection(self, world: World) -> None:
        for _ in range(3):
            await said(world.voice)
        assert world.cloud.connections == 1

    async def test_two_texts_are_said_at_once(self, world: World) -> None:
        one, two = await asyncio.gather(said(world.voice), said(world.voice))
        assert one == two != b""

    async def test_markup_in_a_text_is_not_obeyed(self, world: World) -> None:
        await said(world.voice, 'Wait <break time="30s"/> [laughter] for it.')
        sent = str(world.cloud.seen[-1].body)
        assert "<" not in sent and "[laughter" not in sent

    async def test_what_cannot_be_said_is_not_asked_for(self, world: World) -> None:
        assert await said(world.voice, " … ") == b""
        assert not world.cloud.seen

    async def test_who_stops_listening_closes_the_request(self, world: World) -> None:
        world.cloud.fail(Fault.ENDLESS)
        async with aclosing(cast(Any, world.voice.synthesize(TEXT))) as pieces:
            assert await anext(pieces)
        await _until(lambda: world.cloud.connections == 0)

    # What goes wrong: one ProviderError, in time

    async def test_one_byte_at_a_time_is_no_sound(self, world: World) -> None:
        world.cloud.fail(Fault.SLOW_LORIS)
        world.cloud.drip = 0.05
        assert await heard_before_failure(world.hasty) == 0

    async def test_what_is_no_sound_is_not_said(self, world: World) -> None:
        for fault in (Fault.GARBAGE, Fault.NAN):
            world.cloud.fail(fault)
            assert await heard_before_failure(world.voice) == 0

    async def test_an_endless_answer_is_ended(self, world: World) -> None:
        world.cloud.fail(Fault.ENDLESS)
        assert 0 < await heard_before_failure(world.voice) <= (5 + 0.5 * len(TEXT)) * world.voice.rate * 2

    async def test_odd_pieces_are_said_in_whole_samples(self, world: World) -> None:
        world.cloud.fail(Fault.ODD_LENGTH)
        pieces = [pcm async for pcm in world.voice.synthesize(TEXT)]
        assert all(len(pcm) % 2 == 0 for pcm in pieces)
        assert tone_share(b"".join(pieces), HUM, world.voice.rate) > 0.9

    async def test_it_is_well_again_after_every_fault(self, world: World) -> None:
        for fault in (Fault.UNAUTHORIZED, Fault.CUT, Fault.GARBAGE, Fault.ENDLESS, Fault.EMPTY):
            world.cloud.fail(fault, times=1)
            await heard_before_failure(world.voice)
            world.cloud.fail(None)
            assert await said(world.voice)

    async def test_neither_key_nor_words_are_logged(self, world: World, caplog: Any) -> None:
        caplog.set_level(logging.DEBUG)
        await said(world.voice)
        for fault in (Fault.UNAUTHORIZED, Fault.SERVER_ERROR, Fault.CUT, Fault.GARBAGE):
            world.cloud.fail(fault)
            await heard_before_failure(world.voice)
        assert "canary" not in caplog.text


async def _until(is_true: Callable[[], bool]) -> None:
    for _ in range(200):
        if is_true():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("something is left")


def _tasks() -> set[asyncio.Task[Any]]:
    """Those of others: a fixture begins in one task and ends in another."""
    return {task for task in asyncio.all_tasks() if task is not asyncio.current_task()}
