"""The media socket against the fake of chan_websocket."""

import asyncio

import pytest

from ari_app.media.audio import SLIN16, tone
from ari_app.media.channel import MediaChannel
from ari_app.media.session import MediaLost, MediaSession
from ari_app.runtime.ports import Fate, Reply
from ari_app.testing.fake_media import FakeMediaAsterisk

FRAME = SLIN16.frame_bytes


@pytest.fixture
async def asterisk():
    async with FakeMediaAsterisk() as fake:
        yield fake


@pytest.fixture
async def channel(asterisk):
    channel = MediaChannel(asterisk, "bot", asterisk.base_url, "app")
    yield channel
    await channel.close()


@pytest.fixture
async def session(channel):
    session = await channel.open()
    await channel.seat("room")
    return session


@pytest.fixture
async def leg(asterisk, session):
    return await asterisk.leg("bot")


@pytest.fixture
async def reading(session):
    """Marks are read with the audio."""
    heard = bytearray()

    async def read():
        async for pcm in session.audio():
            heard.extend(pcm)

    task = asyncio.create_task(read())
    yield heard
    task.cancel()
    await asyncio.wait([task])


async def until(true):
    """Lets the loop run until something is true."""
    while not true():  # noqa: ASYNC110
        await asyncio.sleep(0)


async def test_the_other_side_is_heard_frame_by_frame(session, leg):
    speech = tone(440, 0.1)
    await leg.say(speech)
    audio = session.audio()
    frames = [await anext(audio) for _ in range(5)]
    assert b"".join(frames) == speech


async def test_what_is_sent_arrives_in_whole_frames_and_the_rest_with_the_mark(session, leg):
    await session.send(bytes(FRAME + 100))
    await session.send(bytes(100))
    await leg.until(lambda leg: len(leg.received) == FRAME)
    await session.mark()
    await leg.until(lambda leg: leg.commands)
    assert len(leg.received) == 2 * FRAME


async def test_a_mark_tells_that_the_playout_got_there(session, leg, reading):
    await session.send(tone(440, 0.4))
    first = await session.mark()
    await session.send(tone(440, 0.4))
    second = await session.mark()
    await leg.until(lambda leg: len(leg.commands) == 2)
    await leg.play(0.4)
    assert await first.played
    assert not second.played.done() and session.heard_until == first.number
    await leg.play()
    assert await second.played
    assert session.heard_until == second.number


async def test_a_flush_silences_and_gives_up_the_marks(session, leg, reading):
    await session.send(tone(440, 1.0))
    mark = await session.mark()
    await session.flush()
    assert await mark.played is False
    assert session.lead == 0.0
    await leg.until(lambda leg: leg.flushes == 1)
    assert leg.queued_frames == 0
    await session.send(tone(440, 0.1))
    await leg.until(lambda leg: leg.queued_frames == 5)


async def test_a_sender_far_ahead_waits_and_a_flush_lets_it_go(session, leg, reading):
    sending = asyncio.create_task(session.send(tone(440, 20.0)))
    await leg.until(lambda leg: leg.queued_frames >= 4 * 50)
    assert not sending.done() and session.lead <= 5.0
    await session.flush()
    await sending
    assert len(leg.received) <= 5.0 * SLIN16.bytes_a_second


async def test_asterisk_may_ask_to_pause(session, leg, reading):
    await leg.tell("MEDIA_XOFF")
    await leg.say(bytes(FRAME))
    await until(lambda: reading)
    sending = asyncio.create_task(session.send(bytes(FRAME)))
    await asyncio.sleep(0)
    assert not sending.done()
    await leg.tell("MEDIA_XON")
    await sending
    await leg.until(lambda leg: len(leg.received) == FRAME)


async def test_audio_before_the_start_message_and_unknown_events_do_no_harm(session, leg):
    await leg.tell("SOMETHING_NEW")
    await leg.socket.send("no JSON at all")
    await leg.tell("MEDIA_MARK_PROCESSED", correlation_id="not ours")
    await leg.say(bytes(FRAME))
    assert await anext(session.audio()) == bytes(FRAME)


async def test_a_lost_connection_is_one_clear_end(session, leg, reading):
    await session.send(tone(440, 0.1))
    mark = await session.mark()
    leg.socket.transport.abort()
    assert await mark.played is False
    assert session.has_ended
    with pytest.raises(MediaLost):
        await session.send(bytes(FRAME))
    assert [frame async for frame in session.audio()] == []
    await session.flush()
    await session.close()


async def test_an_unknown_connection_is_refused(asterisk):
    with pytest.raises(MediaLost):
        await MediaSession.open(f"{asterisk.base_url}/media/unknown")


async def test_nobody_listening_is_a_loss():
    with pytest.raises(MediaLost):
        await MediaSession.open("ws://127.0.0.1:9/media/x")


async def test_a_channel_is_opened_once_seated_once_and_out_when_closed(asterisk, channel):
    assert await channel.open() is await channel.open()
    await channel.seat("room")
    await channel.seat("room")
    await channel.close()
    await channel.close()
    assert asterisk.legs == {}
    assert [operation for operation, _ in asterisk.calls] == [
        "channels.externalMedia",
        "bridges.addChannel",
        "channels.hangup",
    ]
    with pytest.raises(MediaLost):
        await channel.open()


async def test_a_channel_is_asked_for_in_asterisks_words(asterisk, channel):
    await channel.open()
    assert asterisk.calls[0] == (
        "channels.externalMedia",
        {
            "channelId": "bot",
            "app": "app",
            "external_host": "INCOMING",
            "transport": "websocket",
            "encapsulation": "none",
            "connection_type": "server",
            "format": "slin16",
            "transport_data": "f(json)",
        },
    )


async def test_closing_while_it_opens_leaves_nothing(asterisk, channel):
    gate = asterisk.may_answer["channels.externalMedia"] = asyncio.Event()
    opening = asyncio.create_task(channel.open())
    await asyncio.sleep(0)
    opening.cancel()
    closing = asyncio.create_task(channel.close())
    await asyncio.wait([opening])
    assert not closing.done()
    gate.set()
    await closing
    assert asterisk.legs == {}


async def test_a_channel_that_does_not_enter_stasis_at_once_is_tried_again(asterisk, channel):
    await channel.open()
    asterisk.answers["bridges.addChannel"] = Reply(Fate.REFUSED, 422, message="Channel not in Stasis application")
    seating = asyncio.create_task(channel.seat("room"))
    await until(lambda: len(asterisk.calls) >= 3)
    del asterisk.answers["bridges.addChannel"]
    await seating
    assert asterisk.legs["bot"].room_id == "room"


async def test_a_room_that_is_gone_is_a_loss(asterisk, channel):
    await channel.open()
    asterisk.answers["bridges.addChannel"] = Reply(Fate.REFUSED, 404, message="Bridge not found")
    with pytest.raises(MediaLost, match="Bridge not found"):
        await channel.seat("room")


async def test_a_refused_channel_is_a_loss(asterisk, channel):
    asterisk.answers["channels.externalMedia"] = Reply(Fate.REFUSED, 400, message="no chan_websocket")
    with pytest.raises(MediaLost, match="no chan_websocket"):
        await channel.open()


async def test_a_hang_up_of_unknown_fate_is_repeated(asterisk, channel):
    asterisk.answers["channels.hangup"] = Reply(Fate.UNKNOWN, message="no answer")
    await channel.close()
    assert [operation for operation, _ in asterisk.calls] == ["channels.hangup"] * 2
