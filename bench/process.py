"""What a process costs, read from /proc: it is not asked, so asking costs it nothing."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Usage:
    """One look at a process."""

    at: float
    cpu: float
    "Seconds of its own, user and system, all threads."
    children: float
    "Seconds of its ended children: the embedded speech runs as a program."
    rss_mb: float
    threads: int
    fds: int

    @classmethod
    def of(cls, pid: int) -> Usage:
        folder = Path("/proc") / str(pid)
        # the name in parentheses may hold anything; what follows it are fields 3, 4 …
        fields = (folder / "stat").read_text().rpartition(")")[2].split()
        user, system, children_user, children_system = (int(field) / TICKS for field in fields[11:15])
        status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
        return cls(
            at=time.monotonic(),
            cpu=user + system,
            children=children_user + children_system,
            rss_mb=int(status["VmRSS"].split()[0]) / 1024,
            threads=int(status["Threads"]),
            fds=len(os.listdir(folder / "fd")),
        )

    def share_since(self, before: Usage) -> float:
        """Of one core, in percent."""
        return 100 * (self.cpu - before.cpu) / (self.at - before.at)


@contextmanager
def without_garbage_collection() -> Iterator[None]:
    """A collection in the middle of a measurement would be measured."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()
