"""What one end of an RTP stream heard: every packet with the time of its arrival, and questions about it."""

from __future__ import annotations

import struct
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ari_app.testing import tones
from ari_app.testing.tones import FRAME, Pcm, Sound, Span

PCMU, COMFORT_NOISE, EVENT = 0, 13, 101
FRAME_TIME = 0.020
DIGITS = "0123456789*#ABCD"
HEADER = struct.Struct("!BBHII")


class Packet(NamedTuple):
    at: float
    "Monotonic seconds: arrival in the kernel, or the moment of sending."
    ssrc: int
    sequence: int
    timestamp: int
    marker: bool
    payload_type: int
    payload: bytes


def parse(datagram: bytes, at: float) -> Packet | None:
    """None for anything but RTP version 2; RTCP shares no port here but Asterisk may guess one."""
    if len(datagram) < HEADER.size or datagram[0] >> 6 != 2 or 192 <= datagram[1] <= 223:
        return None
    first, second, sequence, timestamp, ssrc = HEADER.unpack_from(datagram)
    start = HEADER.size + 4 * (first & 0x0F)
    if first & 0x10 and len(datagram) >= start + 4:
        start += 4 + 4 * int(struct.unpack_from("!H", datagram, start + 2)[0])
    end = len(datagram) - (datagram[-1] if first & 0x20 else 0)
    return Packet(at, ssrc, sequence, timestamp, bool(second & 0x80), second & 0x7F, datagram[start:end])


class Gap(NamedTuple):
    """Dead air between two audio packets."""

    start: float
    end: float
    frames: int
    "20 ms frames that did not come when they should: Δt / 20 ms - 1."
    cause: str
    "switch (another SSRC), lost (a hole in the sequence), key (events or comfort noise came in its place),"
    " pause (the sender's timestamps or marker say so), late (it came after all)"

    @property
    def missing(self) -> bool:
        """False when every frame came after all."""
        return self.cause != "late"


Raw = tuple[float, int, int, int, bool, int, bytes]
"A packet as it is kept: plain tuples of plain values are no work for the garbage collector, Packets are."


class Recorder:
    """Everything one end received, in order of arrival."""

    def __init__(self) -> None:
        self._raw: list[Raw] = []
        self._sounds: dict[bytes, Sound] = {}

    def add(self, packet: Packet) -> None:
        self._raw.append((*packet,))

    @property
    def packets(self) -> list[Packet]:
        return [Packet(*raw) for raw in self._raw]

    def audio(self, since: float | None = None, until: float | None = None) -> list[Packet]:
        """µ-law packets that arrived in the stretch."""
        return [packet for packet in _within(self.packets, since, until) if packet.payload_type == PCMU]

    def events(self, since: float = 0.0) -> list[Packet]:
        """telephone-event packets (RFC 4733); nobody who was not sent a key should have one."""
        return [p for p in self.packets if p.payload_type == EVENT and p.at >= since]

    def digits(self, since: float = 0.0) -> str:
        """The keys received: one for each event, however many packets it took."""
        starts = {(p.ssrc, p.timestamp): p.payload[0] for p in self.events(since) if p.payload}
        return "".join(DIGITS[code] for code in starts.values() if code < len(DIGITS))

    def pcm(self, since: float | None = None, until: float | None = None) -> Pcm:
        """What was heard, back to back; dead air is left out."""
        return tones.ulaw_decode(b"".join(p.payload for p in self.audio(since, until)))

    def sound(self, packet: Packet) -> Sound:
        if packet.payload not in self._sounds:
            self._sounds[packet.payload] = tones.classify(tones.ulaw_decode(packet.payload))
        return self._sounds[packet.payload]

    def recent(self, window: float, now: float | None = None) -> Pcm:
        """The last ``window`` seconds if they were all received, and just now; else nothing."""
        now = time.monotonic() if now is None else now
        wanted = round(window / FRAME_TIME)
        latest = (Packet(*raw) for raw in self._raw[-2 * wanted - 4 :])
        packets = [packet for packet in latest if packet.payload_type == PCMU][-wanted:]
        if len(packets) < wanted or packets[-1].at < now - 0.06 or packets[0].at < now - window - 0.08:
            return np.zeros(0, dtype=np.int16)
        return tones.ulaw_decode(b"".join(p.payload for p in packets))

    def gaps(self, since: float | None = None, until: float | None = None, *, over: float = 0.035) -> list[Gap]:
        """Dead air longer than ``over`` seconds.

        Asterisk begins a new SSRC and sequence on every bridge move, so sequence numbers are compared within one SSRC
        only, and never counted across.
        """
        gaps: list[Gap] = []
        before: Packet | None = None
        between = 0
        for packet in _within(self.packets, since, until):
            if before and packet.ssrc == before.ssrc and packet.payload_type != PCMU:
                between += 1
            elif packet.payload_type == PCMU:
                if before and packet.at - before.at > over:
                    gaps.append(_gap(before, packet, between))
                before, between = packet, 0
        return gaps

    def missing(self, since: float | None = None, until: float | None = None) -> int:
        """20 ms frames that never came."""
        return sum(gap.frames for gap in self.gaps(since, until) if gap.missing)

    def spans(self, since: float | None = None, until: float | None = None) -> list[Span]:
        """What was heard, in order."""
        return tones.spans((p.at, str(self.sound(p))) for p in self.audio(since, until))

    def onset(self, tone: int) -> float | None:
        """Since when this tone has been heard without interruption; None when it isn't heard now."""
        began = None
        for packet in reversed(self.audio()):
            if not self._holds(packet, tone, tones.DOMINANT):
                break
            began = packet.at
        return began

    def first(self, tone: int, since: float = 0.0) -> Packet | None:
        """The first packet in which this tone dominates."""
        return next((p for p in self.audio(since) if self._holds(p, tone, tones.DOMINANT)), None)

    def assert_never_heard(
        self, tone: int, *, since: float = 0.0, until: float | None = None, share: float = 0.5
    ) -> None:
        """Not in one frame, alone or mixed: ``share`` is how much of a frame's energy makes it heard."""
        heard = [p.at for p in self.audio(since, until) if self._holds(p, tone, share)]
        if heard:
            raise AssertionError(
                f"{tone} Hz was heard in {len(heard)} frames, first at {heard[0]:.3f}: "
                + "; ".join(map(str, self.spans(since or None, until)))
            )

    def write_wav(self, path: Path | str) -> None:
        """All of it with dead air as silence, for ears."""
        audio = self.audio()
        pcm = np.zeros(0 if not audio else round((audio[-1].at - audio[0].at) * tones.RATE) + 2 * FRAME, np.int16)
        position = 0
        for packet in audio:
            due = round((packet.at - audio[0].at) * tones.RATE)
            position = due if due - position > 3 * FRAME else position
            frame = tones.ulaw_decode(packet.payload)[: max(0, len(pcm) - position)]
            pcm[position : position + len(frame)] = frame
            position += len(frame)
        tones.write_wav(path, pcm)

    def _holds(self, packet: Packet, tone: int, at_least: float) -> bool:
        return tones.contains(tones.ulaw_decode(packet.payload), tone, at_least=at_least)


def _within(packets: list[Packet], since: float | None, until: float | None) -> list[Packet]:
    low = -np.inf if since is None else since
    high = np.inf if until is None else until
    return [packet for packet in packets if low <= packet.at <= high]


def _gap(before: Packet, after: Packet, between: int) -> Gap:
    frames = max(0, round((after.at - before.at) / FRAME_TIME) - 1)
    return Gap(before.at, after.at, frames, _cause(before, after, between))


def _cause(before: Packet, after: Packet, between: int) -> str:
    if before.ssrc != after.ssrc:
        return "switch"
    if (after.sequence - before.sequence) & 0xFFFF != between + 1:
        return "lost"
    if between:
        return "key"
    skipped = (after.timestamp - before.timestamp) & 0xFFFFFFFF != FRAME
    return "pause" if skipped or after.marker else "late"
