"""Many briefings at once: do they flow, what do they cost, and do they fall silent when the supervisor speaks?

    .venv/bin/python -m bench.briefings --at-once 40 [--seconds 20] [--barge-ins 30]

Callers wait on music without an agent, supervisors are told a long summary in a quiet room. P8: gaps between briefing
packets at the supervisors' sockets. P9: the app's share of a core for each, voice activity included. P7: each in turn,
one supervisor speaks over the briefing.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import sys
import time
from dataclasses import dataclass, field
from itertools import cycle, islice
from typing import Any

import numpy as np

from ari_app.testing import tones
from ari_app.testing.phone import Answer, Call
from ari_app.testing.rtp import CLOCK
from bench import figures
from bench.people import People, dialed, first_sound, gathered, run
from bench.process import Usage, without_garbage_collection
from bench.speech import VOICED_DBFS, noise, on_the_line, spoken

SUMMARY = " ".join(
    f"In step {n} the caller explained that the order was charged twice, that the bank confirmed both charges, and that"
    " nobody has answered the letter which was sent in May."
    for n in ("one", "two", "three", "four", "five", "six", "seven", "eight")
)
"More than a minute."
STOPPED = 0.3
"Seconds without a packet after which the briefing has stopped."
LATE, BUSY = 0.2, 70
"Seconds the phones' clock may be late, percent of a core they may take."
WORDS = (
    ("hold on a second", "en-us"), ("sorry, who is this", "en-gb"), ("wait, which order", "en-us+f3"),
    ("can you say that again", "en-gb"), ("excuse me", "en-us"), ("what was the name", "en-us+f3"),
)  # fmt: skip


@dataclass
class Flow:
    """What one window of many briefings showed."""

    gaps: list[float] = field(default_factory=list)
    "Milliseconds between two packets, pauses that are stops left out."
    stops: int = 0
    "Briefings that fell silent although nobody spoke."
    app: float = 0.0
    generator: float = 0.0
    "Percent of a core."
    late: float = 0.0


async def begin(people: People, n: int) -> Call:
    """One caller on music, one supervisor who is being briefed."""
    caller = people.caller.place("hold", f"+1415557{n:04}")
    await caller.answered()
    await caller.hears(300, 5)
    channel = await channel_calling(people, f"+1415557{n:04}")
    await people.ask(channel, to=f"2{n % 1000:03}", summary=SUMMARY, n=n)
    supervisor = await supervisor_dialed(people, f"2{n % 1000:03}")
    answered = (await supervisor.answered()).at
    supervisor.rtp.send_frames(tones.frames(noise(10.0)))
    while first_sound(supervisor.heard, answered) is None:
        assert time.monotonic() < answered + 8, "no briefing within 8 s of the answer"
        await asyncio.sleep(0.02)
    return supervisor


async def channel_calling(people: People, number: str) -> str:
    channels = await people.ari.call("GET", "channels")
    return next(channel["id"] for channel in channels if channel["caller"]["number"] == number)


async def supervisor_dialed(people: People, to: str, within: float = 10.0) -> Call:
    give_up = time.monotonic() + within
    while True:
        found = [call for call in people.supervisor.calls if dialed(call) == to and not call.over]
        if found:
            return found[-1]
        assert time.monotonic() < give_up, "the supervisor was not called"
        await asyncio.sleep(0.02)


async def observe(people: People, supervisors: list[Call], seconds: float) -> Flow:
    """A window in which all are being briefed."""
    assert people.app.process is not None
    flow = Flow()
    await asyncio.sleep(1.0)
    CLOCK.worst_lateness = 0.0
    before, own = Usage.of(people.app.process.pid), resource.getrusage(resource.RUSAGE_SELF)
    with without_garbage_collection():
        await asyncio.sleep(seconds)
    after, own_after = Usage.of(people.app.process.pid), resource.getrusage(resource.RUSAGE_SELF)
    flow.late, flow.app = CLOCK.worst_lateness, after.share_since(before)
    cpu = own_after.ru_utime + own_after.ru_stime - own.ru_utime - own.ru_stime
    flow.generator = 100 * cpu / (after.at - before.at)
    for supervisor in supervisors:
        arrivals = [packet.at for packet in supervisor.heard.audio(before.at, after.at)]
        between = 1000 * np.diff([before.at, *arrivals, after.at])
        flow.stops += bool(np.any(between > 1000 * STOPPED))
        flow.gaps += [float(gap) for gap in between[1:-1] if gap <= 1000 * STOPPED]
    return flow


async def barge_in(supervisor: Call, words: tuple[str, str]) -> float | None:
    """Milliseconds from the first voiced frame to the last briefing packet; None when the briefing went on."""
    pcm = on_the_line(spoken(*words), before=0.0, after=1.5)
    began = time.monotonic()
    await supervisor.play(pcm)
    spoke = next(packet.at for packet in supervisor.rtp.sent if packet.at > began and _is_voiced(packet.payload))
    arrivals = [packet.at for packet in supervisor.heard.audio(spoke - 0.5)]
    ends = [at for at, following in zip(arrivals, [*arrivals[1:], time.monotonic()], strict=True)
            if following - at > STOPPED and following > spoke]  # fmt: skip
    return 1000 * (ends[0] - spoke) if ends else None


def _is_voiced(payload: bytes) -> bool:
    return tones.level(tones.ulaw_decode(payload)) > VOICED_DBFS


async def barge_ins(people: People, count: int) -> list[float | None]:
    """Each on a briefing of its own, so that none has been interrupted before."""
    measured = []
    for n, words in enumerate(islice(cycle(WORDS), count)):
        supervisor = await begin(people, 5_000 + n)
        await asyncio.sleep(1.0 + 0.37 * (n % 4))
        measured.append(await barge_in(supervisor, words))
        progress(f"barge-in {n + 1} of {count}")
        await people.everybody_hangs_up()
    return measured


def progress(text: str) -> None:
    print(f"\r{text}  ", end="", file=sys.stderr, flush=True)


async def at_once(people: People, count: int, seconds: float) -> Flow:
    starting = []
    for n in range(count):
        starting.append(asyncio.create_task(begin(people, n)))
        await asyncio.sleep(0.15)
    supervisors = await asyncio.gather(*starting)
    progress(f"{count} briefings")
    flow = await observe(people, list(supervisors), seconds)
    await people.everybody_hangs_up()
    return flow


def report(flow: Flow | None, interruptions: list[float | None], options: argparse.Namespace) -> None:
    document: dict[str, Any] = {"at_once": options.at_once, "seconds": options.seconds, "stt": options.stt}
    if flow:
        gaps, share = figures.summary(flow.gaps), round(flow.app / options.at_once, 2)
        rows = [
            ["P8 gap between briefing packets, ms", gaps["p50"], gaps["p99.9"], gaps["max"], 30],
            ["P9 app CPU for each briefing, % of a core", share, None, None, 1.8],
            ["stopped although nobody spoke", flow.stops, None, None, "5 %"],
        ]
        print(
            "\n" + figures.table([f"{options.at_once} briefings at once", "p50 / value", "p99.9", "max", "must"], rows)
        )
        print(f"load generator: {flow.generator:.0f} % of a core, at most {1000 * flow.late:.0f} ms late")
        if flow.late > LATE or flow.generator > BUSY:
            print("VOID: the load generator was late or busy")
        document |= {"P8": gaps, "P9": share, "stops": flow.stops, "app": flow.app, "late_ms": 1000 * flow.late}
        document |= {"generator": flow.generator, "void": flow.late > LATE or flow.generator > BUSY}
    if interruptions:
        heard = figures.summary([value for value in interruptions if value is not None])
        row = ["P7 first voiced frame -> last packet", heard.get("p50"), heard.get("p95"), heard.get("max"), 200]
        print(figures.table(["ms", "p50", "p95", "max", "must p95"], [row]))
        print(f"{interruptions.count(None)} of {len(interruptions)} interruptions did not stop the briefing")
        document |= {"P7": heard, "P7_missed": interruptions.count(None), "P7_values": interruptions}
    print(figures.save("briefings", document))


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--at-once", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=20.0, help="of the window that is judged")
    parser.add_argument("--barge-ins", type=int, default=30)
    parser.add_argument("--stt", default="none", help="none: voice activity alone; pocketsphinx: words as well")
    options = parser.parse_args()
    async with gathered(supervisor=Answer(after=0.6), stt=options.stt) as people:
        interruptions = await barge_ins(people, options.barge_ins)
        flow = await at_once(people, options.at_once, options.seconds) if options.at_once else None
    report(flow, interruptions, options)


if __name__ == "__main__":
    run(main())
