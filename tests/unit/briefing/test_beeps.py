"""Beeps are heard; keys, speech and music are not."""

import shutil

import numpy as np
import pytest

from ari_app.briefing.espeak import Espeak
from ari_app.briefing.tones import ToneDetector
from ari_app.media.audio import resample
from ari_app.testing.tones import ulaw_decode, ulaw_encode

RATE = 16_000


def sines(*hertz, seconds=0.4, dbfs=-12.0, rate=RATE):
    at = np.arange(round(seconds * rate)) / rate
    wave = sum(np.sin(2 * np.pi * each * at) for each in hertz) / max(1, len(hertz))
    return (32767 * 10 ** (dbfs / 20) * wave).astype(np.int16)


def quiet(seconds, noise=20.0, rate=RATE):
    return np.random.default_rng(1).normal(0, noise, round(seconds * rate)).astype(np.int16)


def heard(*pieces, rate=RATE, frame=640):
    """How many tones were heard."""
    pcm = np.concatenate(pieces).astype("<i2").tobytes()
    detector = ToneDetector(rate)
    return sum(detector.feed(pcm[at : at + frame]) for at in range(0, len(pcm), frame))


@pytest.mark.parametrize("hertz", [350, 425, 440, 853, 1000, 1004, 1400, 2100, 2490])
@pytest.mark.parametrize("seconds", [0.22, 0.5, 1.8])
def test_a_beep_is_heard_once(hertz, seconds):
    assert heard(quiet(0.333), sines(hertz, seconds=seconds), quiet(0.3)) == 1


@pytest.mark.parametrize("frame", [2, 7, 320, 640, 100_000])
def test_frames_may_have_any_length(frame):
    assert heard(quiet(0.1), sines(1000), quiet(0.1), frame=frame) == 1


def test_two_beeps_are_two():
    assert heard(quiet(0.5), sines(1000), quiet(0.5), sines(1000), quiet(0.1)) == 2


def test_a_line_that_hums_is_no_machine():
    assert heard(sines(2000, seconds=1.0), quiet(0.5)) == 0, "from the first moment on"
    assert heard(quiet(0.5), sines(2000, seconds=2.2), quiet(0.5)) == 0, "too long"


def test_a_beep_is_heard_over_the_telephone():
    pcm = sines(1000, dbfs=-30.0, rate=8_000) + quiet(0.4, noise=15.0, rate=8_000)
    line = quiet(0.3, noise=15.0, rate=8_000)
    assert heard(*(ulaw_decode(ulaw_encode(sound)) for sound in (line, pcm, line)), rate=8_000) == 1


@pytest.mark.parametrize(
    "sound",
    [
        sines(1000, seconds=0.12),
        sines(1000, dbfs=-45.0),
        sines(300),
        sines(2700),
        quiet(2.0, noise=3000.0),
        np.zeros(RATE, np.int16),
        sines(350, 440, seconds=2.0),
        sines(440, 554, 659, seconds=1.0),
        sines(440, 880, 1320, 1760, seconds=1.0),
    ],
    ids=["short", "quiet", "low", "high", "noise", "silence", "dial tone", "chord", "instrument"],
)
def test_what_is_no_beep_is_not_heard(sound):
    assert heard(quiet(0.2), sound, quiet(0.2)) == 0


def test_a_glide_is_not_heard():
    at = np.arange(RATE * 2) / RATE
    assert heard((8000 * np.sin(2 * np.pi * (400 * at + 300 * at**2))).astype(np.int16)) == 0


@pytest.mark.parametrize("low", [697, 770, 852, 941])
@pytest.mark.parametrize("high", [1209, 1336, 1477, 1633])
@pytest.mark.parametrize("twist", [-8, -4, 0, 4, 8])
def test_keys_are_not_heard(low, high, twist):
    pair = sines(low, dbfs=-12.0) + sines(high, dbfs=-12.0 + twist)
    assert heard(quiet(0.1), pair, quiet(0.1)) == 0


@pytest.mark.skipif(not shutil.which("espeak-ng"), reason="espeak-ng is not installed")
@pytest.mark.parametrize("voice", ["en-us", "en-us+f3", "de", "fr"])
async def test_speech_is_not_heard(voice):
    text = "Hello, you have reached the office. Oooh, moooon, mmmm, aaah. We are not available to take your call now. "
    pcm = b"".join([chunk async for chunk in Espeak(voice).synthesize(text * 3)])
    assert heard(np.frombuffer(resample(pcm, Espeak.rate, RATE), "<i2")) == 0
