"""Whole transfers at a steady rate, and what is left of them.

    .venv/bin/python -m bench.load --transfers 200 --rate 5

Each: a caller arrives, the agent answers and asks for a transfer, the supervisor answers, is briefed and presses 1,
both hear each other, the caller hangs up. The same run is done twice: what the second one adds to the app's memory is
growth, what the first one adds may be warming up (and Asterisk's memory of ended dialogs, kept for 32 s).
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import sys
import time
from collections import Counter, defaultdict
from dataclasses import asdict, dataclass, field
from typing import Any

from ari_app.testing.phone import Answer, Call
from ari_app.testing.rtp import CLOCK
from bench import figures
from bench.people import AGENT, CALLER, SUPERVISOR, People, channel_of, dialed, first_sound, gathered, number_of, run
from bench.process import Usage

LATE = 0.2
"Seconds the phones' clock may be late: from then on it stops sending, and the run measures the load generator."
BUSY = 70
"Percent of a core the load generator may take."
SETTLE = 3.0
TALK = 0.3
"Seconds caller and agent hear each other before the agent asks."
SUMMARY = "The caller was charged twice for one order in May. A refund was promised."


class Switchboard:
    """Finds the call of a story at the other phones, by the number that calls or was dialed."""

    def __init__(self) -> None:
        self._calls: defaultdict[str, asyncio.Future[Call]] = defaultdict(asyncio.Future)

    async def agent(self, call: Call) -> None:
        self._calls[number_of(call)].set_result(call)
        await Answer(ringing=False)(call)

    async def supervisor(self, call: Call) -> None:
        self._calls[dialed(call)].set_result(call)
        await Answer(after=0.3)(call)

    async def call_of(self, number: str, within: float = 10.0) -> Call:
        try:
            return await asyncio.wait_for(self._calls[number], within)
        except TimeoutError:
            raise AssertionError("a phone was not called") from None

    def forget(self, *numbers: str) -> None:
        for number in numbers:
            self._calls.pop(number, None)


@dataclass
class Outcome:
    seconds: float = 0.0
    failures: list[str] = field(default_factory=list)
    late: float = 0.0
    usage: tuple[Usage, Usage] | None = None
    generator: float = 0.0
    "Percent of a core."
    left: list[str] = field(default_factory=list)


async def transfer(people: People, board: Switchboard, n: int) -> None:
    """Raises AssertionError at the first thing that does not happen."""
    try:
        await _transfer(people, board, n, f"+1415556{n:04}", f"2{n % 1000:03}")
    except AssertionError as error:
        raise AssertionError(f"{error}; told: {told(people, n)}") from None


def told(people: People, n: int) -> str:
    """What the agent was told, and why it ended."""
    phases = [phase for phase in people.ari.phases if phase["metadata"] == {"n": n}]
    end = phases[-1]["data"].get("result", {}) if phases else {}
    return f"{phases[-1]['phase'] if phases else 'nothing'} {end.get('outcome', '')} {end.get('error', '')}"


async def _transfer(people: People, board: Switchboard, n: int, number: str, to: str) -> None:
    caller = people.caller.place("1000", number)
    try:
        await caller.answered()
        agent = await board.call_of(number)
        await caller.hears(AGENT)
        await asyncio.sleep(TALK)
        await people.ask(channel_of(agent), to=to, summary=SUMMARY, n=n)
        supervisor = await board.call_of(to)
        answered = (await supervisor.answered()).at
        await briefed(supervisor, answered)
        await supervisor.press("1")
        await caller.hears(SUPERVISOR)
        await supervisor.hears(CALLER)
        await agent.ended(2)
    finally:
        await caller.hang_up()
        board.forget(number, to)
    await supervisor.ended(5)


async def briefed(supervisor: Call, answered: float) -> None:
    give_up = time.monotonic() + 5
    while first_sound(supervisor.heard, answered) is None:
        assert time.monotonic() < give_up, "the supervisor heard no briefing"
        await asyncio.sleep(0.02)
    await asyncio.sleep(0.3)


async def run_once(people: People, board: Switchboard, *, first: int, transfers: int, rate: float) -> Outcome:
    """Paced against the clock: a slow app does not slow the arrivals down."""
    assert people.app.process is not None
    outcome = Outcome()
    CLOCK.worst_lateness = 0.0
    before, own, began = Usage.of(people.app.process.pid), resource.getrusage(resource.RUSAGE_SELF), time.monotonic()
    tasks = []
    for n in range(transfers):
        await asyncio.sleep(began + n / rate - time.monotonic())
        tasks.append(asyncio.create_task(transfer(people, board, first + n)))
        print(f"\r{n + 1} of {transfers} ", end="", file=sys.stderr, flush=True)
    results = await asyncio.gather(*tasks, return_exceptions=True)
    outcome.seconds = time.monotonic() - began
    outcome.generator = 100 * _cpu_since(own) / outcome.seconds
    outcome.late = CLOCK.worst_lateness
    outcome.failures = [f"{type(result).__name__}: {result}" for result in results if isinstance(result, Exception)]
    await asyncio.sleep(SETTLE)
    outcome.usage = before, Usage.of(people.app.process.pid)
    outcome.left = await people.left_in_asterisk()
    _forget_ended(people)
    return outcome


def _cpu_since(before: resource.struct_rusage) -> float:
    now = resource.getrusage(resource.RUSAGE_SELF)
    return now.ru_utime + now.ru_stime - before.ru_utime - before.ru_stime


def _forget_ended(people: People) -> None:
    for phone in (people.caller, people.agent, people.supervisor):
        phone.calls[:] = [call for call in phone.calls if not call.over]


def report(outcomes: list[Outcome], options: argparse.Namespace) -> None:
    rows = []
    for n, outcome in enumerate(outcomes, 1):
        before, after = outcome.usage  # type: ignore[misc]
        rows.append([
            f"run {n}", options.transfers, len(outcome.failures), len(outcome.left),
            f"{1000 * (after.cpu - before.cpu) / options.transfers:.1f}",
            f"{1000 * (after.children - before.children) / options.transfers:.1f}",
            f"{before.rss_mb:.1f} > {after.rss_mb:.1f}", f"{before.fds} > {after.fds}",
            f"{before.threads} > {after.threads}", f"{outcome.generator:.0f} %", f"{1000 * outcome.late:.0f}",
        ])  # fmt: skip
    head = [f"{options.rate:g} transfers/s", "whole", "failed", "left", "app CPU ms each", "its espeak ms each"]
    print("\n" + figures.table([*head, "app RSS MB", "fds", "threads", "generator CPU", "late ms"], rows))
    for what, times in Counter(failure for outcome in outcomes for failure in outcome.failures).most_common(8):
        print(f"  {times} x {what[:300]}")
    void = [f"run {n}" for n, o in enumerate(outcomes, 1) if o.late > LATE or o.generator > BUSY]
    if void:
        print(f"VOID: {', '.join(void)}: the load generator was late or busy")
    document: dict[str, Any] = {"transfers": options.transfers, "rate": options.rate, "void": void}
    print(figures.save("load", {**document, "runs": [asdict(outcome) for outcome in outcomes]}))


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--transfers", type=int, default=200)
    parser.add_argument("--rate", type=float, default=5.0, help="a second")
    parser.add_argument("--times", type=int, default=2, help="equal runs, one after the other")
    options = parser.parse_args()
    board = Switchboard()
    outcomes = []
    async with gathered(agent=board.agent, supervisor=board.supervisor) as people:
        await run_once(people, board, first=9_000, transfers=3, rate=1)  # opens connections, loads modules
        for n in range(options.times):
            first = n * options.transfers
            outcomes.append(await run_once(people, board, first=first, transfers=options.transfers, rate=options.rate))
    report(outcomes, options)


if __name__ == "__main__":
    run(main())
