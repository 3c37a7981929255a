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
from typing import NamedTuple

from ari_app.testing import tones
from ari_app.testing.heard import DIGITS, EVENT, FRAME_TIME, HEADER, PCMU, Packet, Raw, Recorder, parse
from ari_app.testing.tones import FRAME, Pcm

__all__ = ["CLOCK", "EVENT", "PCMU", "Clock", "Outgoing", "Packet", "Recorder", "RtpPort", "key_packets", "parse"]

_SO_TIMESTAMPNS = 35
"Linux; the socket module has no name for it."
_PHASES = 4
"Ports take turns, so that 60 phones do not send in one burst."


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
        self._sent: list[Raw] = []
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

    def send_frames(self, frames: Sequence[bytes]) -> None:
        """The same µ-law frames over and over, such as the noise of a room."""
        self._frames = frames

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
            header = HEADER.pack(0x80, marker << 7 | packet.payload_type, self._sequence, timestamp, self._ssrc)
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
