"""When the supervisor speaks, found in telephone audio."""

import asyncio

import numpy as np
import pytest
import soxr

from ari_app.briefing.espeak import Espeak
from ari_app.briefing.ports import Activity
from ari_app.briefing.silero import SileroVoiceActivity

RATE = 8000


@pytest.fixture(scope="module")
def voice() -> np.ndarray:
    async def speak() -> bytes:
        return b"".join([chunk async for chunk in Espeak().synthesize("put them through please")])

    samples = np.frombuffer(asyncio.run(speak()), "<i2").astype(np.float32)
    return np.asarray(soxr.resample(samples, Espeak.rate, RATE) / np.max(np.abs(samples)) * 8000)


def pcm(*parts: np.ndarray) -> bytes:
    return np.concatenate(parts).astype("<i2").tobytes()


def heard(activity: SileroVoiceActivity, audio: bytes, frame: float = 0.02) -> list[tuple[Activity, float]]:
    size = int(activity.rate * frame) * 2
    found = []
    for at in range(0, len(audio), size):
        found += [(change, (at + size) / 2 / activity.rate) for change in activity.feed(audio[at : at + size])]
    return found


def test_speech_is_told_quickly_and_its_end_after_the_hangover(voice: np.ndarray) -> None:
    silence = np.zeros(RATE)
    (started, start), (ended, end) = heard(SileroVoiceActivity(), pcm(silence, voice, silence))
    assert (started, ended) == (Activity.SPEECH_STARTED, Activity.SPEECH_ENDED)
    onset = 1 + np.argmax(np.abs(voice) > 300) / RATE
    last = 1 + (len(voice) - np.argmax(np.abs(voice[::-1]) > 300)) / RATE
    assert start - onset < 0.1
    assert 0.3 < end - last < 0.55


@pytest.mark.parametrize("level", [30, 300, 600])
def test_noise_and_clicks_are_not_speech(level: int) -> None:
    rng = np.random.default_rng(level)
    noise = rng.standard_normal(4 * RATE) * level
    noise[:: RATE // 3] += 12_000
    assert heard(SileroVoiceActivity(), pcm(noise)) == []


def test_the_size_of_frames_does_not_matter(voice: np.ndarray) -> None:
    audio = pcm(np.zeros(RATE), voice, np.zeros(RATE))
    whole = SileroVoiceActivity().feed(audio)
    assert [change for change, _ in heard(SileroVoiceActivity(), audio, 0.013)] == list(whole)


def test_sixteen_kilohertz_works_too(voice: np.ndarray) -> None:
    audio = pcm(np.zeros(2 * RATE), np.asarray(soxr.resample(voice, RATE, 2 * RATE)), np.zeros(2 * RATE))
    assert len(heard(SileroVoiceActivity(16_000), audio)) >= 2


def test_one_network_serves_all_and_mixes_nobody_up(voice: np.ndarray) -> None:
    audio = pcm(np.zeros(RATE), voice, np.zeros(RATE))
    mine, others = SileroVoiceActivity(), (SileroVoiceActivity(), SileroVoiceActivity(16_000))
    found: list[Activity] = []
    for begin in range(0, len(audio), 320):
        found += mine.feed(audio[begin : begin + 320])
        assert not any(other.feed(bytes(320)) for other in others)
    assert found == list(SileroVoiceActivity().feed(audio)) != []
