"""One end of an RTP stream: 20 ms µ-law frames out on time, everything that arrives recorded with its time.

All ports share one thread; every 20 ms it empties a port's socket and sends what is due. Arrival times are the
kernel's, so neither a busy event loop nor that grid blurs them.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ari_app.testing import tones
from ari_app.testing.tones import FRAME, Pcm, Sound, Span

PCMU, COMFORT_NOISE, EVENT = 0, 13, 101
FRAME_TIME = 0.020
DIGITS = "0123456789*#ABCD"
_SO_TIMESTAMPNS = 35
"Linux; the socket module has no name for it."
_PHASES = 4
"Ports take turns, so that 60 phones do not send in one burst."
_HEADER = struct.Struct("!BBHII")


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
    if len(datagram) < _HEADER.size or datagram[0] >> 6 != 2 or 192 <= datagram[1] <= 223:
        return None
    first, second, sequence, timestamp, ssrc = _HEADER.unpack_from(datagram)
    start = _HEADER.size + 4 * (first & 0x0F)
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


_Raw = tuple[float, int, int, int, bool, int, bytes]
"A packet as it is kept: plain tuples of plain values are no work for the garbage collector, Packets are."


class Recorder:
    """Everything one end received, in order of arrival."""

    def __init__(self) -> None:
        self._raw: list[_Raw] = []
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


class Outgoing(NamedTuple):
    """A packet waiting for its tick."""

    payload_type: int
    payload: bytes
    marker: bool = False
    age: int = 0
    "Ticks since its timestamp: all packets of a key carry the timestamp of the key's beginning."
    repeats: int = 1
    left: Callable[[float], None] | None = None
    "Told the moment it left, in the clock's thread."


class RtpPort:
    """A socket of our own for one call. Nothing is sent until ``remote`` is set; ``close`` it after the call."""

    def __init__(self) -> None:
        self.heard = Recorder()
        self._sent: list[_Raw] = []
        self.remote: tuple[str, int] | None = None
        self._frames: Sequence[bytes] = ()
        self._queue: deque[Outgoing] = deque()
        self._ssrc, self._sequence, self._ticks = (random.getrandbits(bits) for bits in (32, 15, 16))
        self._pausing = True
        self._socket = _even_socket()
        self.port: int = self._socket.getsockname()[1]
        CLOCK.add(self)

    @property
    def sent(self) -> list[Packet]:
        """What left, and when."""
        return [Packet(*raw) for raw in self._sent]

    def close(self) -> None:
        """Whoever waits for something to be sent goes on. Harmless when repeated."""
        CLOCK.remove(self)
        self._socket.close()
        for packet in self._queue:
            if packet.left:
                packet.left(time.monotonic())
        self._queue.clear()

    def send_tone(self, tone: int | None) -> None:
        """What is sent when nothing is queued; None is silence: no packets."""
        self._frames = tones.tone_frames(tone) if tone else ()

    def send_byte(self, byte: int) -> None:
        """A constant µ-law byte: cheap, and passed through unchanged by a bridge of two."""
        self._frames = (bytes([byte]) * FRAME,)

    async def play(self, pcm: Pcm) -> float:
        """Says it instead of the tone. Returns when the last frame left, with that moment."""
        return await self._deliver([Outgoing(PCMU, frame) for frame in tones.frames(pcm)])

    async def press(self, digit: str, duration: float) -> float:
        """A key held for ``duration`` seconds, in real time. Returns the moment its end left."""
        return await self._deliver(key_packets(digit, max(1, round(duration / FRAME_TIME))))

    async def _deliver(self, packets: list[Outgoing]) -> float:
        if self.remote is None:
            raise AssertionError("there is nobody to send to: the call is not up")
        loop = asyncio.get_running_loop()
        done: asyncio.Future[float] = loop.create_future()

        def resolve(at: float) -> None:
            if not done.done():
                done.set_result(at)

        def left(at: float) -> None:
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(resolve, at)

        self._queue.extend([*packets[:-1], packets[-1]._replace(left=left)])
        return await done

    def tick(self) -> None:
        """Sends what is due now. Called by the clock every 20 ms, in its thread."""
        self._ticks += 1
        if self.remote is None:
            return
        if self._queue:
            self._send(self._queue.popleft())
        elif self._frames:
            self._send(Outgoing(PCMU, self._frames[self._ticks % len(self._frames)]))
        else:
            self._pausing = True

    def _send(self, packet: Outgoing) -> None:
        for _ in range(packet.repeats):
            self._sequence = self._sequence + 1 & 0xFFFF
            timestamp = (self._ticks - packet.age) * FRAME & 0xFFFFFFFF
            marker = packet.marker or (self._pausing and packet.payload_type == PCMU)
            header = _HEADER.pack(0x80, marker << 7 | packet.payload_type, self._sequence, timestamp, self._ssrc)
            at = time.monotonic()
            with suppress(OSError):  # the other end is gone or not there yet
                self._socket.sendto(header + packet.payload, self.remote or ("", 0))
            self._sent.append((at, self._ssrc, self._sequence, timestamp, marker, packet.payload_type, packet.payload))
            self._pausing = False
        if packet.left:
            packet.left(at)

    def drain(self) -> None:
        """Records what has arrived. Called by the clock, in its thread."""
        monotonic_minus_wall = time.monotonic() - time.time()
        for datagram, wall in _arrived(self._socket):
            packet = parse(datagram, wall + monotonic_minus_wall)
            if packet:
                self.heard.add(packet)


def _even_socket() -> socket.socket:
    """RTP ports are even (RFC 3550 section 11); the odd neighbour gets Asterisk's RTCP."""
    while True:
        opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        opened.bind(("127.0.0.1", 0))
        if opened.getsockname()[1] % 2 == 0:
            break
        opened.close()
    opened.setblocking(False)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    opened.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    return opened


def _arrived(opened: socket.socket) -> Iterator[tuple[bytes, float]]:
    """Datagrams with the kernel's wall clock."""
    while True:
        try:
            datagram, extra, _, _ = opened.recvmsg(2048, 64)
        except BlockingIOError:
            return
        except OSError:  # an ICMP error of an earlier send; what follows it is read next time
            return
        stamp = next((data for _, kind, data in extra if kind == _SO_TIMESTAMPNS), None)
        seconds, nanoseconds = struct.unpack("@qq", stamp[:16]) if stamp else (time.time(), 0)
        yield datagram, seconds + nanoseconds / 1e9


def key_packets(digit: str, frames: int) -> list[Outgoing]:
    """RFC 4733: an update every 20 ms with growing duration, then the end three times."""
    code = DIGITS.index(digit)

    def payload(number: int, end: bool) -> bytes:
        return struct.pack("!BBH", code, 0x80 * end | 10, number * FRAME)

    updates = [Outgoing(EVENT, payload(n + 1, False), marker=n == 0, age=n) for n in range(frames)]
    return [*updates, Outgoing(EVENT, payload(frames, True), age=frames, repeats=3)]


class Clock:
    """The thread all ports share. It runs while there are ports, against an absolute monotonic origin."""

    def __init__(self) -> None:
        self.worst_lateness = 0.0
        "Seconds a tick ran behind since this was last set to 0: a benchmark whose generator is late is void."
        self._phases: tuple[tuple[RtpPort, ...], ...] = ((),) * _PHASES
        self._lock = threading.Lock()
        self._stepping = threading.Lock()
        self._thread: threading.Thread | None = None

    def add(self, port: RtpPort) -> None:
        with self._lock:
            fewest = min(range(_PHASES), key=lambda n: len(self._phases[n]))
            self._phases = tuple((*ports, port) if n == fewest else ports for n, ports in enumerate(self._phases))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="rtp", daemon=True)
                self._thread.start()

    def remove(self, port: RtpPort) -> None:
        """The port is not touched any more when this returns."""
        with self._lock, self._stepping:
            self._phases = tuple(tuple(p for p in ports if p is not port) for ports in self._phases)

    def _run(self) -> None:
        origin = time.monotonic()
        for step in itertools.count(1):
            late = time.monotonic() - (origin + step * FRAME_TIME / _PHASES)
            if late < 0:
                time.sleep(-late)
            self.worst_lateness = max(self.worst_lateness, late)
            if late > 0.2:  # stopped, not slow: a flood of old frames would help nobody
                origin += late
            with self._stepping:
                for port in self._phases[step % _PHASES]:
                    port.drain()
                    port.tick()
            if self._left_alone():
                return

    def _left_alone(self) -> bool:
        with self._lock:
            if any(self._phases):
                return False
            self._thread = None
            return True


CLOCK = Clock()
