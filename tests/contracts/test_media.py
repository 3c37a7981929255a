"""Media channels on a real Asterisk: two of them in one bridge, both ends ours."""

import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ari_app.ari.client import AriClient
from ari_app.briefing.espeak import Espeak
from ari_app.briefing.manners import Manners
from ari_app.briefing.session import VoiceBriefer
from ari_app.briefing.silero import SileroVoiceActivity
from ari_app.briefing.speech import Speech
from ari_app.media.audio import SLIN16, level, tone, tone_share
from ari_app.media.channel import MediaChannel
from ari_app.media.session import MediaLost
from ari_app.transfer.events import BriefingStarted
from ari_app.transfer.model import Attempt, Call, Request, Route, Transfer

pytestmark = pytest.mark.sipp

LAB = [sys.executable, str(Path(__file__).parents[2] / "asterisk" / "lab")]
APP = "media-contract"
ROUTE = Route("rule", "PJSIP/2001", "2001", "2000")
AUDIBLE = 0.01


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("lab"))
    up = subprocess.run([*LAB, "up", "--dir", folder], capture_output=True, text=True, check=False, timeout=240)
    if up.returncode:
        pytest.fail(f"the lab does not start: {up.stderr[-500:]}")
    yield json.loads(up.stdout)
    subprocess.run([*LAB, "down", "--dir", folder], check=True, capture_output=True, timeout=30)


class Ear:
    """Somebody in the room who notes what is heard, when."""

    def __init__(self, channel):
        self.channel = channel
        self.heard = []

    async def listen(self):
        async for frame in (await self.channel.open()).audio():
            self.heard.append((time.perf_counter(), frame))

    def loud(self, since=0.0):
        return [at for at, frame in self.heard if at > since and level(frame) > AUDIBLE]

    async def until_loud(self, since=0.0):
        async with asyncio.timeout(3):
            while not self.loud(since):  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        return self.loud(since)[0]


@pytest.fixture
async def ari(lab):
    async with AriClient(lab["ari_url"], lab["username"], lab["password"], APP) as ari:
        await ari.connect()
        events = await ari.listen()
        yield ari
        await events.close()


@pytest.fixture
async def room(ari):
    assert (await ari.call("bridges.createWithId", bridgeId="room", type="mixing")).ok
    yield "room"
    await ari.call("bridges.destroy", bridgeId="room")
    left = (await ari.call("channels.list")).body
    assert left == [], "a channel is left"


@pytest.fixture
def base_url(lab):
    return lab["ari_url"].replace("http", "ws", 1)


@pytest.fixture
async def supervisor(ari, room, base_url):
    ear = Ear(MediaChannel(ari, "supervisor", base_url, APP))
    await ear.channel.open()
    await ear.channel.seat(room)
    listening = asyncio.create_task(ear.listen())
    yield ear
    await ear.channel.close()
    await asyncio.wait([listening])


@pytest.fixture
async def bot(ari, room, base_url):
    channel = MediaChannel(ari, "bot", base_url, APP)
    session = await channel.open()
    await channel.seat(room)

    async def drain():
        async for _ in session.audio():
            pass

    draining = asyncio.create_task(drain())
    yield session
    await channel.close()
    await asyncio.wait([draining])


async def test_what_is_sent_is_heard_and_the_mark_tells_when(bot, supervisor):
    before = time.perf_counter()
    await bot.send(tone(1000, 0.5))
    mark = await bot.mark()
    async with asyncio.timeout(2):
        assert await mark.played
    assert 0.45 < time.perf_counter() - before < 0.65
    first = await supervisor.until_loud()
    assert first - before < 0.1
    heard = b"".join(frame for at, frame in supervisor.heard if at >= first)
    assert tone_share(heard[: 640 * 20], 1000) > 0.9


async def test_a_flush_is_silence_within_100_ms_and_the_mark_never_comes(bot, supervisor):
    await bot.send(tone(1000, 4.0))
    mark = await bot.mark()
    await supervisor.until_loud()
    before = time.perf_counter()
    await bot.flush()
    assert await mark.played is False
    await asyncio.sleep(0.3)
    assert all(at < before + 0.1 for at in supervisor.loud(before))


async def test_speech_after_a_flush_is_heard(bot, supervisor):
    await bot.send(tone(1000, 4.0))
    await bot.flush()
    await asyncio.sleep(0.1)
    before = time.perf_counter()
    await bot.send(tone(1500, 0.3))
    async with asyncio.timeout(2):
        assert await (await bot.mark()).played
    await supervisor.until_loud(before)
    heard = b"".join(frame for at, frame in supervisor.heard if at in supervisor.loud(before))
    assert tone_share(heard, 1500) > 0.8


async def test_a_long_speech_is_fed_without_a_gap(bot, supervisor):
    await bot.send(tone(1000, 7.0))
    assert bot.lead <= 5.0
    async with asyncio.timeout(7):
        assert await (await bot.mark()).played
    loud = supervisor.loud()
    gaps = [later - earlier for earlier, later in zip(loud, loud[1:], strict=False)]
    assert len(loud) == pytest.approx(7.0 * 50, abs=2)
    assert max(gaps) < 0.06


async def test_a_hang_up_by_asterisk_is_one_clear_end(ari, room, base_url):
    channel = MediaChannel(ari, "short", base_url, APP)
    session = await channel.open()
    await channel.seat(room)
    await ari.call("channels.hangup", channelId="short")
    async with asyncio.timeout(2):
        async for _ in session.audio():
            pass
    assert session.has_ended
    with pytest.raises(MediaLost):
        await session.send(SLIN16.silence(0.1))
    await channel.close()


async def test_closing_takes_the_channel_out_of_asterisk(ari, room, base_url):
    channel = MediaChannel(ari, "short", base_url, APP)
    await channel.open()
    await channel.seat(room)
    await channel.close()
    assert (await ari.call("channels.get", channelId="short")).gone
    await MediaChannel(ari, "short", base_url, APP).close()


async def test_a_briefing_speaks_and_stops(ari, room, base_url, supervisor):
    told = []
    speech = Speech(Espeak(), None, SileroVoiceActivity, Manners(waits_for_hello=False))
    briefer = VoiceBriefer(ari, base_url, lambda profile: speech, app=APP)
    request = Request((ROUTE,), reason="They want a refund", summary="They bought a boat. It sank.")
    briefing = briefer.open(Call("c"), Transfer("t", request, 0.0, 0.0, room), told.append)
    await briefing.prepare()
    before = time.perf_counter()
    task = asyncio.create_task(briefing.brief(Attempt(1, ROUTE, "supervisor", "room", 0.0), room, "bot"))
    await supervisor.until_loud(before)
    assert BriefingStarted("bot") in told
    stopped = time.perf_counter()
    await briefing.stop("bot")
    await task
    await asyncio.sleep(0.2)
    assert all(at < stopped + 0.1 for at in supervisor.loud(stopped))
    assert (await ari.call("channels.get", channelId="bot")).gone
