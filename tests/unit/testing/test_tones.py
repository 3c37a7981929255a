import numpy as np
import pytest

from ari_app.testing import tones


def mixed(*frequencies: int, seconds: float = 0.06) -> tones.Pcm:
    return sum((tones.tone(f, seconds, dbfs=-18) for f in frequencies), np.zeros(1, np.int16)).astype(np.int16)


def test_ulaw_decodes_the_values_of_g711():
    assert tones.ulaw_decode(bytes([0xFF, 0x7F, 0x80, 0x00, 0x55])).tolist() == [0, 0, 32124, -32124, -716]


def test_every_ulaw_byte_survives_the_round_trip_but_for_the_two_zeroes():
    everything = bytes(range(256))
    again = tones.ulaw_encode(tones.ulaw_decode(everything))
    assert [a for a, b in zip(again, everything, strict=True) if a != b] in ([0xFF], [0x7F])


def test_encoding_picks_the_nearest_level_and_clips():
    pcm = np.array([32767, -32768, 3, 1000], np.int16)
    assert np.abs(tones.ulaw_decode(tones.ulaw_encode(pcm)).astype(int) - pcm).max() <= 644


@pytest.mark.parametrize("frequency", [300, 440, 1000, 1500, 2000, 3400])
@pytest.mark.parametrize("seconds", [0.02, 0.06, 0.1])
def test_a_tone_is_recognised_after_ulaw(frequency: int, seconds: float):
    heard = tones.ulaw_decode(tones.ulaw_encode(tones.tone(frequency, seconds)))
    assert tones.classify(heard).tones == (frequency,)
    assert tones.share(heard, frequency) > 0.95
    assert tones.share(heard, frequency + 150) < 0.2


def test_a_quiet_tone_on_a_loud_one_is_contained_but_does_not_dominate():
    pcm = (tones.tone(300, 0.06, dbfs=-12) + tones.tone(2000, 0.06, dbfs=-17)).astype(np.int16)
    assert tones.contains(pcm, 2000)
    assert not tones.contains(pcm, 2000, at_least=tones.DOMINANT)
    assert not tones.contains(pcm, 1000)


def test_two_tones_are_both_named():
    assert str(tones.classify(mixed(2000, 1000))) == "tone 1000+2000"


def test_noise_silence_and_a_constant_byte_are_no_tones():
    noise = np.random.default_rng(7).normal(0, 3000, 480).astype(np.int16)
    assert str(tones.classify(noise)) == "other"
    assert str(tones.classify(np.zeros(160, np.int16))) == "silence"
    assert str(tones.classify(tones.ulaw_decode(bytes([0xFE]) * 160))) == "silence"
    assert str(tones.classify(tones.ulaw_decode(bytes([0x55]) * 160))) == "constant 0x55"
    assert not tones.contains(np.zeros(160, np.int16), 1000)


def test_a_second_of_tone_repeats_without_a_click():
    loop = tones.ulaw_decode(b"".join(tones.tone_frames(1050)) * 2)
    across = loop[8000 - 80 : 8000 + 80]
    assert tones.share(across, 1050) > 0.95


def test_frames_fill_the_last_one_up():
    assert [len(frame) for frame in tones.frames(tones.tone(500, 0.05))] == [160, 160, 160]


def test_a_border_frame_belongs_to_the_sound_before_it():
    labels = ["tone 300", "tone 300", "other", "tone 2000", "tone 2000"]
    spans = tones.spans((10 + 0.02 * n, label) for n, label in enumerate(labels))
    assert [str(span) for span in spans] == ["tone 300 for 0.06 s", "tone 2000 for 0.04 s"]


def test_dead_air_is_a_span_of_its_own():
    spans = tones.spans([(0.0, "silence"), (0.02, "silence"), (0.5, "silence")])
    assert [(span.label, round(span.end, 2)) for span in spans] == [
        ("silence", 0.04),
        ("nothing", 0.5),
        ("silence", 0.52),
    ]


def test_a_wav_file_keeps_every_sample(tmp_path):
    pcm = tones.tone(700, 0.1)
    tones.write_wav(tmp_path / "a.wav", pcm)
    assert (tones.read_wav(tmp_path / "a.wav") == pcm).all()


def test_a_wav_file_of_another_rate_is_refused(tmp_path):
    import wave

    with wave.open(str(tmp_path / "b.wav"), "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", ""))
        file.writeframes(b"\0\0" * 10)
    with pytest.raises(ValueError, match="8 kHz"):
        tones.read_wav(tmp_path / "b.wav")
