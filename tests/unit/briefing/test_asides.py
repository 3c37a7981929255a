"""Words to one party alone: made, brought into their room, said."""

import asyncio

import pytest

from ari_app.briefing import asides as asides_module
from ari_app.briefing.asides import Asides
from ari_app.briefing.prompts import Texts
from ari_app.briefing.voice import Voice
from ari_app.media.channel import MediaChannel
from ari_app.runtime.ports import Fate, Reply
from ari_app.testing.fake_media import FakeMediaAsterisk
from ari_app.testing.fake_speech import FakeVoice

TEXTS = Texts(caller_dialing="One moment.", caller_return_key="Press {key}.")


class Room:
    def __init__(self, asterisk, voice):
        self.voice = voice
        self.channel = MediaChannel(asterisk, "line", asterisk.base_url, "app")
        self.asides = Asides(TEXTS, Voice(voice), lambda media_id: self.channel)


@pytest.fixture
async def asterisk():
    async with FakeMediaAsterisk() as fake:
        fake.plays_at_once = True
        yield fake
        assert fake.legs == {}


@pytest.fixture
async def room(asterisk):
    room = Room(asterisk, FakeVoice())
    yield room
    await room.channel.close()


@pytest.mark.parametrize(
    ("text", "key", "words"),
    [
        ("caller_dialing", None, "One moment."),
        ("caller_dialing", "9", "One moment. Press 9."),
        ("Ask for the order number.", None, "Ask for the order number."),
    ],
)
async def test_the_words_are_made_before_and_said_once(room, asterisk, text, key, words):
    assert await room.asides.ready(text, "room", "line", key)
    assert room.voice.made == [words]
    assert asterisk.calls[-1] == ("bridges.addChannel", {"bridgeId": "room", "channel": "line"})
    leg = await asterisk.leg("line")
    assert not leg.heard, "not a sound before somebody listens"
    assert await room.asides.say(text, "line", key)
    assert leg.heard and room.voice.made == [words]


async def test_without_a_voice_there_are_no_words_and_no_line(asterisk):
    room = Room(asterisk, None)
    assert not await room.asides.ready("caller_dialing", "room", "line")
    assert asterisk.calls == []


async def test_without_a_line_there_are_no_words(room, asterisk):
    asterisk.answers["bridges.addChannel"] = Reply(Fate.REFUSED, 404, message="Bridge not found")
    assert not await room.asides.ready("caller_dialing", "room", "line")


async def test_words_that_are_broken_off_were_not_heard(room, asterisk):
    asterisk.plays_at_once = False
    await room.asides.ready("caller_dialing", "room", "line")
    saying = asyncio.create_task(room.asides.say("caller_dialing", "line"))
    leg = await asterisk.leg("line")
    await leg.until(lambda leg: leg.commands and leg.commands[-1]["command"] == "MARK_MEDIA")
    await room.channel.close()
    assert not await saying


async def test_words_do_not_last_for_ever(room, asterisk, monkeypatch):
    asterisk.plays_at_once = False
    monkeypatch.setattr(asides_module, "SAID_WITHIN", 0.05)
    await room.asides.ready("caller_dialing", "room", "line")
    assert not await room.asides.say("caller_dialing", "line")
