"""The wire language of chan_websocket."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_app.media import frames


@pytest.mark.parametrize(
    ("message", "event"),
    [
        (
            '{"event":"MEDIA_START","channel_id":"bot","format":"slin16","optimal_frame_size":640,"ptime":20}',
            frames.MediaStarted("bot", "slin16", 640),
        ),
        ('{"event":"MEDIA_MARK_PROCESSED","channel_id":"bot","correlation_id":"7"}', frames.MarkPlayed("7")),
        ('{"event":"QUEUE_DRAINED","channel_id":"bot"}', frames.QueueDrained()),
        ('{"event":"MEDIA_XOFF","channel_id":"bot"}', frames.SendingPaused()),
        ('{"event":"MEDIA_XON","channel_id":"bot"}', frames.SendingResumed()),
        ('{"event":"DTMF_END","channel_id":"bot","digit":"#"}', frames.KeyPressed("#")),
        (
            '{"event":"STATUS","queue_length":449,"xon_level":800,"xoff_level":900,"media_paused":true}',
            frames.StatusTold(449, True),
        ),
        ('{"event":"ERROR","error_text":"bad"}', frames.CommandRefused("bad")),
        ('{"event":"SOMETHING_NEW"}', frames.Unread("SOMETHING_NEW")),
        ('{"event":"MEDIA_MARK_PROCESSED"}', frames.Unread("MEDIA_MARK_PROCESSED")),
        ("MEDIA_START connection_id:1", frames.Unread("not JSON")),
        ("[1]", frames.Unread("not an object")),
    ],
)
def test_events_are_read(message, event):
    assert frames.decode(message) == event


@given(st.text())
def test_nothing_told_can_raise(message):
    assert isinstance(frames.decode(message), frames.MediaEvent)


def test_commands_are_json_of_at_most_128_bytes():
    assert json.loads(frames.mark("12")) == {"command": "MARK_MEDIA", "correlation_id": "12"}
    assert json.loads(frames.flush()) == {"command": "FLUSH_MEDIA"}
    for command in (frames.mark("9" * 60), frames.report_drained(), frames.get_status(), frames.hang_up()):
        assert len(command.encode()) <= 128


def test_a_command_that_asterisk_would_ignore_is_a_bug():
    with pytest.raises(ValueError, match="MARK_MEDIA"):
        frames.mark("x" * 100)


@given(st.integers(0, 200_000), st.sampled_from([160, 320, 640, 960]))
def test_audio_is_cut_into_whole_frames_of_a_size_that_keeps_the_channel(length, frame):
    pcm = frames.padded(bytes(length), frame)
    pieces = list(frames.messages(pcm, frame))
    assert b"".join(pieces) == pcm
    assert 0 <= len(pcm) - length < frame
    assert all(len(piece) % frame == 0 and 0 < len(piece) <= frames.LONGEST_MESSAGE for piece in pieces)
