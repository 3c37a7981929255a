"""P12: a burst beyond the limit. Who is refused, how soon the agent is told, and whether the others notice.

    .venv/bin/python -m bench.limits --callers 20 --limit 5 --times 5

All callers talk to their agents, then all agents ask in the same moment. Told is counted from the moment before the
user event was posted to the arrival of `transfer_failed` at the agent's own ARI connection; with so many at once that
includes standing in line behind the transfers that begin.
"""

from __future__ import annotations

import argparse
import asyncio
import sys

from ari_app.testing.phone import Call, Ring
from bench import figures
from bench.people import AGENT, CALLER, MUSIC, SUPERVISOR, People, channel_of, gathered, number_of, run

AGENT_WITHIN = 0.05
"Seconds: must."
LISTENED = 0.5
"Seconds after the burst in which everybody has to hear whom they should."


async def burst(people: People, callers: int, limit: int) -> list[float]:
    """Seconds to each refusal. Raises AssertionError when one more or one fewer was refused, or somebody noticed."""
    calls, channels = await talking(people, callers)
    known, began = len(people.ari.phases), len(people.supervisor.calls)
    failed, cancelled = (people.ari.names().count(name) for name in ("transfer_failed", "transfer_cancelled"))
    asked = await asyncio.gather(*(people.ask(channels[n], summary=None, n=n) for n in range(callers)))
    await people.supervisor.called(5.0, calls=began + limit)
    await people.ari.phase("transfer_failed", 5.0, count=failed + callers - limit)
    await asyncio.sleep(LISTENED)
    told = [phase for phase in people.ari.phases[known:] if phase["phase"] == "transfer_failed"]
    assert [phase["data"]["outcome"] for phase in told] == ["congestion"] * (callers - limit), told
    assert len(people.supervisor.calls) == began + limit, "a limit that is not exact"
    refused = {phase["metadata"]["n"]: phase["at"] for phase in told}
    for n, call in enumerate(calls):
        await call.hears(AGENT if n in refused else MUSIC, 0.1)
        strangers = (MUSIC, SUPERVISOR) if n in refused else (CALLER, SUPERVISOR)
        for tone in strangers:
            call.heard.assert_never_heard(tone, since=asked[n])
    await people.everybody_hangs_up()
    await people.ari.phase("transfer_cancelled", 5.0, count=cancelled + limit)
    return [at - asked[n] for n, at in refused.items()]


async def talking(people: People, callers: int) -> tuple[list[Call], list[str]]:
    numbers = [f"+1415556{n:04}" for n in range(callers)]
    calls = [people.caller.place("1000", number) for number in numbers]
    for call in calls:
        await call.hears(AGENT, 10.0)
    channels = {number_of(call): channel_of(call) for call in people.agent.calls if not call.over}
    return calls, [channels[number] for number in numbers]


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--callers", type=int, default=20)
    parser.add_argument("--limit", type=int, default=5)
    parser.add_argument("--times", type=int, default=5)
    options = parser.parse_args()
    seconds: list[float] = []
    async with gathered(supervisor=Ring(), limit=options.limit) as people:
        for n in range(options.times):
            seconds += await burst(people, options.callers, options.limit)
            print(f"\r{n + 1} of {options.times} ", end="", file=sys.stderr, flush=True)
    shown = figures.summary([1000 * each for each in seconds])
    head = [f"{options.callers} ask at once, {options.limit} may", *shown, "must"]
    print("\n" + figures.table(head, [["refused: asked → told, ms", *shown.values(), f"{1000 * AGENT_WITHIN:g}"]]))
    print(figures.save("limits", {**vars(options), "refused_ms": shown}))


if __name__ == "__main__":
    run(main())
