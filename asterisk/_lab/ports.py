"""Ports for labs side by side.

A lab takes a slot: a pair of signalling ports and a block of audio ports, all below the range the kernel hands to
clients. The slot's lock is inherited by Asterisk, so it is free again the moment Asterisk ends, however it ends.
"""

import errno
import fcntl
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

from .errors import LabError

SLOTS = 31
RTP_PORTS = 400
"""Per lab: two for a leg, three legs for a transfer."""


@dataclass(frozen=True)
class Ports:
    """Where one lab listens, on 127.0.0.1."""

    http: int
    sip: int
    rtp_start: int

    @property
    def rtp_end(self) -> int:
        return self.rtp_start + RTP_PORTS - 1

    def described(self) -> dict[str, int]:
        return asdict(self)


def of_slot(slot: int) -> Ports:
    return Ports(http=17000 + 2 * slot, sip=17001 + 2 * slot, rtp_start=20000 + RTP_PORTS * slot)


@contextmanager
def claiming(folder: Path) -> Iterator[None]:
    """One at a time on this machine: between the end of a lab and its start again nobody takes its slot."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "claiming", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def claim(folder: Path, http: int | None, sip: int | None, rtp_start: int | None) -> tuple[Ports, TextIO]:
    """Free ports and the lock that keeps them; whoever starts Asterisk hands the lock on. Given ports are kept. Only
    while `claiming`."""
    _refuse_taken(http, sip)
    for slot, lock in _free_slots(folder):
        own = of_slot(slot)
        ports = Ports(http or own.http, sip or own.sip, rtp_start or own.rtp_start)
        if are_free(ports):
            return ports, lock
        lock.close()
    raise LabError(f"all {SLOTS} labs of this machine are up: end one with `asterisk/lab down`")


def are_free(ports: Ports) -> bool:
    """Nobody else listens there. Audio ports show only while a call uses them; the slot's lock is what keeps those."""
    return _is_free(ports.http, socket.SOCK_STREAM) and _is_free(ports.sip, socket.SOCK_DGRAM)


def _refuse_taken(http: int | None, sip: int | None) -> None:
    for name, port, kind in (("HTTP", http, socket.SOCK_STREAM), ("SIP", sip, socket.SOCK_DGRAM)):
        if port and not _is_free(port, kind):
            raise LabError(f"{name} port {port} on 127.0.0.1 is taken")


def _free_slots(folder: Path) -> Iterator[tuple[int, TextIO]]:
    folder.mkdir(parents=True, exist_ok=True)
    for slot in range(SLOTS):
        lock = open(folder / f"slot-{slot}", "w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            continue
        yield slot, lock


def _is_free(port: int, kind: socket.SocketKind) -> bool:
    with socket.socket(socket.AF_INET, kind) as probe:
        if kind is socket.SOCK_STREAM:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as Asterisk does: TIME_WAIT is no obstacle
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise LabError(f"port {port} on 127.0.0.1 can't be used: {error.strerror}") from None
    return True
