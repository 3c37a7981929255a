import asyncio
import socket
import struct
import threading
import time

import pytest

from ari_app.testing import rtp, tones
from ari_app.testing.rtp import EVENT, PCMU, Packet, Recorder, RtpPort


class Stream:
    """Packets as one sender would make them, into a recorder."""

    def __init__(self, ssrc: int = 1, sequence: int = 65533, timestamp: int = 2**32 - 320) -> None:
        self.ssrc, self.sequence, self.timestamp = ssrc, sequence, timestamp

    def packet(self, at: float, payload: bytes, *, marker: bool = False, payload_type: int = PCMU) -> Packet:
        made = Packet(at, self.ssrc, self.sequence, self.timestamp, marker, payload_type, payload)
        self.sequence = (self.sequence + 1) % 65536
        self.timestamp = (self.timestamp + 160) % 2**32
        return made

    def tone(self, start: float, frequency: int, seconds: float) -> list[Packet]:
        frames = tones.frames(tones.tone(frequency, seconds))
        return [self.packet(start + 0.02 * n, frame) for n, frame in enumerate(frames)]


def recorded(*packets: Packet) -> Recorder:
    recorder = Recorder()
    for packet in packets:
        recorder.add(packet)
    return recorder


def test_a_stream_that_wraps_its_counters_has_no_gaps():
    assert recorded(*Stream().tone(0, 1000, 0.2)).gaps() == []


def test_a_bridge_move_is_one_switch_and_not_thousands_of_lost_packets():
    before, after = Stream(ssrc=1, sequence=100), Stream(ssrc=2, sequence=40000)
    recorder = recorded(*before.tone(0, 300, 0.1), *after.tone(0.14, 2000, 0.1))
    (gap,) = recorder.gaps()
    assert (gap.frames, gap.cause) == (2, "switch")
    assert recorder.missing() == 2


def test_a_hole_in_the_sequence_is_loss():
    stream = Stream()
    first = stream.tone(0, 1000, 0.1)
    stream.packet(0.1, b""), stream.packet(0.12, b"")
    (gap,) = recorded(*first, *stream.tone(0.14, 1000, 0.1)).gaps()
    assert (gap.frames, gap.cause) == (2, "lost")


def test_a_sender_that_paused_says_so_with_timestamp_and_marker():
    stream = Stream()
    first = stream.tone(0, 1000, 0.1)
    stream.timestamp = (stream.timestamp + 1600) % 2**32
    (gap,) = recorded(*first, stream.packet(0.3, b"\x55" * 160, marker=True)).gaps()
    assert (gap.frames, gap.cause) == (10, "pause")


def test_a_late_packet_is_dead_air_but_not_missing():
    stream = Stream()
    recorder = recorded(*stream.tone(0, 1000, 0.1), *stream.tone(0.16, 1000, 0.1))
    (gap,) = recorder.gaps()
    assert (gap.frames, gap.cause) == (3, "late")
    assert recorder.missing() == 0


def test_a_key_takes_the_place_of_audio():
    stream = Stream()
    first = stream.tone(0, 1000, 0.1)
    key = [stream.packet(0.1 + 0.02 * n, b"\x05\x0a\x00\xa0", payload_type=EVENT) for n in range(4)]
    recorder = recorded(*first, *key, *stream.tone(0.18, 1000, 0.1))
    assert [(gap.frames, gap.cause) for gap in recorder.gaps()] == [(4, "key")]


def test_one_key_is_one_digit_however_many_packets_it_takes():
    packets = [
        Packet(0.02 * n, 1, n, 1000 if n < 5 else 9000, n == 0, EVENT, bytes([code, 10, 0, 160]))
        for n, code in enumerate([1] * 5 + [11] * 3)
    ]
    recorder = recorded(*packets)
    assert (recorder.digits(), len(recorder.events()), recorder.digits(since=0.09)) == ("1#", 8, "#")


def test_what_was_heard_is_told_in_order():
    stream = Stream()
    recorder = recorded(*stream.tone(5, 300, 0.1), *stream.tone(5.1, 2000, 0.1), *stream.tone(5.5, 1000, 0.1))
    assert [span.label for span in recorder.spans()] == ["tone 300", "tone 2000", "nothing", "tone 1000"]
    assert [span.label for span in recorder.spans(since=5.05, until=5.15)] == ["tone 300", "tone 2000"]


def test_one_leaked_frame_is_found():
    stream = Stream()
    recorder = recorded(*stream.tone(0, 300, 0.1), *stream.tone(0.1, 1500, 0.02), *stream.tone(0.12, 300, 0.1))
    recorder.assert_never_heard(2000)
    recorder.assert_never_heard(1500, until=0.09)
    with pytest.raises(AssertionError, match="1500 Hz was heard in 1 frames"):
        recorder.assert_never_heard(1500)


def test_the_beginning_of_a_tone_is_its_first_frame():
    stream = Stream()
    recorder = recorded(*stream.tone(0, 300, 0.1), *stream.tone(0.1, 2000, 0.1))
    assert recorder.onset(2000) == pytest.approx(0.1)
    assert recorder.onset(300) is None
    found = recorder.first(2000)
    assert found and found.at == pytest.approx(0.1)


def test_what_is_not_recent_is_not_heard_any_more():
    recorder = recorded(*Stream().tone(0, 1000, 0.2))
    assert len(recorder.recent(0.06, now=0.2)) == 480
    assert len(recorder.recent(0.06, now=0.3)) == 0
    assert len(recorder.recent(0.5, now=0.2)) == 0


def test_a_recording_keeps_dead_air(tmp_path):
    stream = Stream()
    recorder = recorded(*stream.tone(0, 1000, 0.1), *stream.tone(0.5, 2000, 0.1))
    recorder.write_wav(tmp_path / "heard.wav")
    pcm = tones.read_wav(tmp_path / "heard.wav")
    assert tones.share(pcm[:800], 1000) > 0.9
    assert not pcm[900:3900].any()
    assert tones.share(pcm[4000:4800], 2000) > 0.9


def test_only_rtp_is_recorded():
    header = struct.pack("!BBHII", 0x80, 0, 1, 2, 3)
    assert rtp.parse(header + b"\x55" * 160, 1.0) == Packet(1.0, 3, 1, 2, False, PCMU, b"\x55" * 160)
    assert rtp.parse(struct.pack("!BBHII", 0x80, 200, 1, 2, 3), 1.0) is None
    assert rtp.parse(b"INVITE sip:", 1.0) is None
    extended = struct.pack("!BBHII", 0xB0, 0x80, 1, 2, 3) + b"\xbe\xde\0\1abcd" + b"payload\0\2"
    found = rtp.parse(extended, 1.0)
    assert found and (found.payload, found.marker) == (b"payload", True)


async def test_two_ports_hear_each_other_on_time():
    one, two = RtpPort(), RtpPort()
    one.remote, two.remote = ("127.0.0.1", two.port), ("127.0.0.1", one.port)
    one.send_tone(1000)
    try:
        await one.play(tones.tone(500, 0.2))
        end = await one.press("5", 0.1)
        await asyncio.sleep(0.1)
    finally:
        one.close(), two.close()
    heard = two.heard
    assert {p.payload for p in heard.audio()} <= {p.payload for p in one.sent}
    assert [span.label for span in heard.spans()][0] == "tone 500"
    assert heard.digits() == "5"
    assert heard.events()[-1].at == pytest.approx(end, abs=0.01)
    assert not one.heard.packets


async def test_a_closed_port_lets_its_speaker_go_on():
    port = RtpPort()
    with pytest.raises(AssertionError, match="not up"):
        await port.play(tones.tone(500, 1))
    port.remote = ("127.0.0.1", 9)
    speaking = asyncio.ensure_future(port.play(tones.tone(500, 60)))
    await asyncio.sleep(0.05)
    port.close(), port.close()
    await asyncio.wait_for(speaking, 1)


async def test_packets_leave_on_time_though_the_event_loop_is_stuck():
    port = RtpPort()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sink:
        sink.bind(("127.0.0.1", 0))
        port.remote = sink.getsockname()
        port.send_byte(0x55)
        time.sleep(0.3)  # noqa: ASYNC251 - the point of the test
        port.close()
    assert 12 <= len(port.sent) <= 18
    assert {p.timestamp - q.timestamp for q, p in zip(port.sent, port.sent[1:], strict=False)} <= {160, 160 - 2**32}


async def test_the_clock_stops_with_the_last_port():
    port = RtpPort()
    port.close()
    for _ in range(100):
        if not any(thread.name == "rtp" for thread in threading.enumerate()):
            return
        await asyncio.sleep(0.01)
    raise AssertionError("the clock's thread is still running")


def test_a_key_is_sent_in_real_time_and_ends_three_times():
    packets = rtp.key_packets("#", 6)
    assert len(packets) == 7 and packets[-1].repeats == 3
    assert [p.age for p in packets] == [0, 1, 2, 3, 4, 5, 6]
    assert packets[0].marker and not any(p.marker for p in packets[1:])
    durations = [struct.unpack("!BBH", p.payload) for p in packets]
    assert durations[0] == (11, 10, 160) and durations[-1] == (11, 0x8A, 960)
