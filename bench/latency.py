"""How long people wait for the app: one transfer after the other, the app and the bare ARI requests in turn.

    .venv/bin/python -m bench.latency --runs 30 [--spoken 10]

P1 to P6 of docs/explanation/speed.md, each from what the two phones sent and received; P5 needs an embedded recogniser.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from ari_app.testing.heard import FRAME_TIME
from ari_app.testing.phone import Call
from ari_app.testing.rtp import CLOCK
from bench import figures, raw
from bench.acknowledgement import decided_at, press, recogniser, speak
from bench.people import (
    AGENT,
    CALLER,
    MUSIC,
    SUPERVISOR,
    People,
    begins,
    channel_of,
    first_sound,
    gathered,
    next_call,
    run,
)
from bench.process import without_garbage_collection

SUMMARY = "The caller was charged twice for one order in May. Both charges are on the same card. A refund was promised."
GOALS = {
    "P1": ("user event -> first music packet at the caller", 45),
    "P2": ("user event -> INVITE at the supervisor", 40),
    "P3": ("supervisor's 200 OK -> first speech packet", 80),
    "P4": ("end of the acknowledging key -> both hear each other", 60),
    "P6": ("20 ms frames missing at the caller at the switch", 1),
    "P5": ("words understood by the app -> both hear each other", 80),
    "P5*": ("end of the spoken words -> both hear each other, end-of-turn detection included", None),
}


@dataclass(frozen=True)
class Side:
    name: str
    application: str
    dial: str


APP = Side("app", "warm-transfer", "1000")
RAW = Side("raw", raw.APP, f"app-{raw.APP}")


@dataclass
class Moments:
    """Monotonic seconds of one transfer; judged when the SIP messages can be read."""

    side: Side
    asked: float
    acknowledged: float
    "The last event packet of the key, or the last voiced frame, left the supervisor."
    caller: Call
    supervisor: Call
    decided: float | None = None
    spoken: bool = False


async def transfer(people: People, side: Side, acknowledge: Callable[[Call], Awaitable[float]]) -> Moments:
    """One whole transfer, from the caller's INVITE to the last BYE."""
    await people.everybody_hangs_up()
    agent_called, supervisor_called = next_call(people.agent), next_call(people.supervisor)
    caller = people.caller.place(side.dial)
    agent = await agent_called()
    await caller.answered()
    await caller.hears(AGENT)
    await agent.hears(CALLER)
    await asyncio.sleep(random.uniform(0.1, 0.1 + FRAME_TIME))  # any phase of the two RTP streams is as likely
    asked = await people.ask(channel_of(agent), application=side.application, summary=SUMMARY)
    supervisor = await supervisor_called()
    answered = (await supervisor.answered()).at
    await until(lambda: first_sound(supervisor.heard, answered), "the briefing")
    await asyncio.sleep(random.uniform(0.7, 0.7 + FRAME_TIME))
    acknowledged = await acknowledge(supervisor)
    await caller.hears(SUPERVISOR, within=6)
    await supervisor.hears(CALLER, within=6)
    await asyncio.sleep(0.3)
    moments = Moments(side, asked, acknowledged, caller, supervisor)
    await people.everybody_hangs_up()
    return moments


async def until(found: Callable[[], float | None], what: str, within: float = 5.0) -> float:
    give_up = time.monotonic() + within
    while (at := found()) is None:
        if time.monotonic() > give_up:
            raise AssertionError(f"no {what} within {within} s")
        await asyncio.sleep(0.01)
    return at


@dataclass
class Measured:
    values: dict[tuple[str, str], list[float]] = field(default_factory=dict)
    "(figure, side) -> milliseconds, or frames."
    late: float = 0.005
    "Seconds a tick of the phones' RTP clock may be late; a transfer with a later one is void and done again."
    void: int = 0
    failures: list[str] = field(default_factory=list)
    "Transfers that went wrong while the phones were on time."

    def add(self, figure: str, side: Side, value: float | None) -> None:
        if value is None:
            raise AssertionError(f"{figure} was not observed for {side.name}")
        self.values.setdefault((figure, side.name), []).append(value)

    def judge(self, people: People, moments: Moments) -> None:
        caller, supervisor = moments.caller.heard, moments.supervisor.heard
        since = moments.acknowledged
        hearing = [begins(caller, SUPERVISOR, since), begins(supervisor, CALLER, since)]
        two_way = max(at for at in hearing if at) if all(hearing) else None
        if moments.spoken:
            self.add("P5*", moments.side, elapsed(since, two_way))
            self.add("P5", moments.side, elapsed(moments.decided, two_way))
            return
        invite, answer = sip_moments(people, moments.supervisor)
        self.add("P1", moments.side, elapsed(moments.asked, begins(caller, MUSIC, moments.asked)))
        self.add("P2", moments.side, elapsed(moments.asked, invite))
        self.add("P3", moments.side, elapsed(answer, first_sound(supervisor, answer)))
        self.add("P4", moments.side, elapsed(since, two_way))
        self.add("P6", moments.side, caller.missing(since - 0.5, since + 0.5))


def elapsed(start: float | None, end: float | None) -> float | None:
    return None if start is None or end is None else 1000 * (end - start)


def sip_moments(people: People, call: Call) -> tuple[float, float]:
    """When the INVITE came and when its 200 OK left."""
    messages = [m for m in people.supervisor.messages if m.call_id == call.call_id]
    invite = next(m.at for m in messages if not m.sent and m.first_line.startswith("INVITE"))
    answer = next(m.at for m in messages if m.sent and m.status == 200 and "INVITE" in m.headers.get("cseq", ""))
    return invite, answer


async def measure(people: People, measured: Measured, *, runs: int, spoken: int) -> None:
    done: list[Moments] = []
    plan = [side for _ in range(runs) for side in (APP, RAW)]
    for side in (APP, RAW):  # the first of its kind loads modules and opens connections
        await on_time(Measured(late=1.0), transfer(people, side, press))
    while plan:
        moments = await on_time(measured, transfer(people, plan[0], press))
        if moments:
            done.append(moments)
            plan.pop(0)
            progress(f"{len(done)} of {2 * runs}")
    while spoken:
        moments = await on_time(measured, transfer(people, APP, speak))
        if moments:
            moments.spoken, moments.decided = True, decided_at(people.app)
            done.append(moments)
            spoken -= 1
    for moments in done:
        measured.judge(people, moments)


async def on_time(measured: Measured, work: Awaitable[Moments]) -> Moments | None:
    """None when the RTP sender was late: it, and not the app, would be measured. A transfer that fails is counted."""
    CLOCK.worst_lateness = 0.0
    try:
        with without_garbage_collection():
            moments = await work
        if CLOCK.worst_lateness <= measured.late:
            return moments
    except AssertionError as error:
        if CLOCK.worst_lateness <= measured.late:
            measured.failures.append(str(error))
    measured.void += 1
    progress(f"{measured.void} void: {1000 * CLOCK.worst_lateness:.0f} ms late  ")
    if measured.void > 500:
        raise SystemExit("the machine is too busy to measure on: 500 transfers were void")
    return None


@asynccontextmanager
async def raw_app(people: People) -> AsyncIterator[None]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.raw", "--url", people.lab.ari_url, "--user", people.lab.username),
        *("--agent", people.agent.endpoint("agent"), "--supervisor", people.supervisor_endpoint),
        env={**os.environ, "RAW_PASSWORD": people.lab.password},
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        await process.stdout.readline()
        yield
    finally:
        process.terminate()
        await process.wait()


def progress(text: str) -> None:
    print(f"\r{text}", end="", file=sys.stderr, flush=True)


def report(measured: Measured) -> None:
    rows, document = [], {}
    for figure, (what, must) in GOALS.items():
        ours, floor = (figures.summary(measured.values.get((figure, side.name), [])) for side in (APP, RAW))
        if not ours["n"]:
            continue
        ratio = figures.ratio(ours, floor, "p50")
        document[figure] = {"what": what, "must": must, "app": ours, "raw": floor, "ratio": ratio}
        numbers = [ours["p50"], ours["p95"], ours["max"], floor.get("p50"), floor.get("p95"), floor.get("max")]
        rows.append([f"{figure} {what}", *numbers, ratio, must])
    head = ["ms (P6: frames)", "app p50", "p95", "max", "raw p50", "p95", "max", "app/raw p50", "must p95"]
    print("\n" + figures.table(head, rows))
    for failure in measured.failures:
        print(f"FAILED: {failure[:300]}")
    print(f"{measured.void} transfers void: the phones' clock was more than {1000 * measured.late:.0f} ms late")
    values = {f"{figure} {side}": [round(v, 2) for v in all] for (figure, side), all in measured.values.items()}
    print(
        figures.save(
            "latency",
            {
                "figures": document,
                "failures": measured.failures,
                "void": measured.void,
                "late_ms": 1000 * measured.late,
                "values": values,
            },
        )
    )


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=30, help="transfers of each side, acknowledged by key")
    parser.add_argument("--spoken", type=int, default=0, help="more transfers of the app, acknowledged by speech")
    parser.add_argument("--late", type=float, default=5.0, help="ms the phones' clock may be late")
    options = parser.parse_args()
    measured = Measured(late=options.late / 1000)
    stt = recogniser() if options.spoken else "none"
    async with gathered(stt=stt) as everybody, raw_app(everybody):
        await measure(everybody, measured, runs=options.runs, spoken=options.spoken)
    report(measured)


if __name__ == "__main__":
    run(main())
