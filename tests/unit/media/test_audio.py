"""Sound as numbers."""

import numpy as np
import pytest

from ari_app.media.audio import (
    FORMATS,
    SLIN,
    SLIN16,
    Resampler,
    level,
    resample,
    samples,
    tone,
    tone_share,
    without_leading_silence,
)


def test_formats_have_the_frames_asterisk_expects():
    assert {name: each.frame_bytes for name, each in FORMATS.items()} == {
        "slin": 320,
        "slin16": 640,
        "slin24": 960,
        "slin48": 1920,
    }
    assert SLIN16.seconds(SLIN16.silence(1.5)) == 1.5


@pytest.mark.parametrize(
    ("from_rate", "to_rate"), [(22_050, 16_000), (8_000, 16_000), (16_000, 8_000), (16_000, 16_000)]
)
def test_a_resampled_tone_is_the_same_tone_of_the_same_length(from_rate, to_rate):
    converted = resample(tone(440, 1.0, from_rate), from_rate, to_rate)
    assert len(converted) == pytest.approx(to_rate * 2, abs=8)
    assert tone_share(converted, 440, to_rate) > 0.95


def test_a_stream_may_come_in_pieces_of_odd_length():
    whole = tone(440, 0.5, 22_050)
    stream = Resampler(22_050, 16_000)
    pieces = [stream.feed(whole[at : at + 777]) for at in range(0, len(whole), 777)] + [stream.finish()]
    at_once = resample(whole, 22_050, 16_000)
    assert len(b"".join(pieces)) == len(at_once)
    assert np.max(np.abs(samples(b"".join(pieces)) - samples(at_once))) <= 2  # dither
    assert all(len(piece) % 2 == 0 for piece in pieces)


def test_half_a_sample_at_the_end_is_dropped():
    stream = Resampler(16_000, 16_000)
    assert stream.feed(b"\x01\x02\x03") == b"\x01\x02"
    assert stream.finish() == b""


def test_levels():
    assert level(b"") == level(b"\x00") == level(SLIN.silence(0.1)) == 0.0
    assert level(tone(440, 0.5, loudness=0.5)) == pytest.approx(0.5 / 2**0.5, rel=0.01)


def test_a_voice_loses_the_nothing_it_starts_with():
    speech = tone(440, 0.1)
    trimmed = without_leading_silence(SLIN16.silence(0.1) + speech)
    assert len(speech) - 8 <= len(trimmed) <= len(speech)
    assert without_leading_silence(SLIN16.silence(0.1)) == b""


def test_tones_are_told_apart():
    assert tone_share(tone(1000, 0.1), 1000) > 0.95
    assert tone_share(tone(1000, 0.1), 1500) < 0.01
    assert tone_share(SLIN16.silence(0.1), 1000) == 0.0
