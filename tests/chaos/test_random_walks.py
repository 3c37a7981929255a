"""Random walks on a real Asterisk: phones, the agent and the app do something at random moments, often two at once.

The verdict is taken from SIP messages, RTP tones and what was told, and is the same whatever happened: nobody is
stranded, nobody is connected without a yes, nobody is rung twice, nothing is left. A walk is known by its number, and
the same number is the same walk: `CHAOS=100-199 make chaos` runs a hundred others.
"""

import asyncio
import os
import random
import signal
import time
from dataclasses import dataclass
from typing import Any

import pytest

from ari_app.testing.phone import Answer, Reject, Ring, ignore
from tests.sipp.conftest import AGENT, CALLER, FALLBACK, SECOND, SUPERVISOR

FIRST, _, LAST = os.environ.get("CHAOS", "1-4").partition("-")
WALKS = range(int(FIRST), int(LAST or FIRST) + 1)
BOTH = [
    {"routing_rule_id": "rr_one", "sip_call_to": "2001"},
    {"routing_rule_id": "rr_two", "sip_call_to": "2002"},
]
LEAVING = ("caller leaves", "agent leaves", "supervisor leaves", "second leaves")
DECIDING = ("supervisor accepts", "second accepts", "supervisor declines", "second declines")
ASKING = ("cancel", "ask again", "another request")
FAILING = ("kill", "freeze")
DEEDS = (*LEAVING, *DECIDING, *DECIDING, *ASKING, *FAILING)
FROZEN = 1.5
"Seconds."
ALONE = {"kill": 8.0, "freeze": 3.0}
"Seconds a caller may hear nobody while the app is not there; the music goes on, only a move is late."
THERE = 5.0
"Seconds within which everybody is where they belong."


@dataclass(frozen=True)
class Walk:
    supervisor: Any
    second: Any
    request: dict[str, Any]
    deeds: tuple[tuple[float, str], ...]
    "Seconds after the one before, and what is done."

    @property
    def longest_alone(self) -> float:
        return max((ALONE.get(deed, 1.0) for _, deed in self.deeds), default=1.0)


def behaviour(dice: random.Random) -> Any:
    return dice.choice([
        Answer(), Answer(), Answer(after=0.4), Answer(after=1.2), Answer(early_media=True, after=0.5),
        Answer(hang_up_after=dice.uniform(0.0, 3.0)), Reject(dice.choice([486, 603, 404, 480, 503])),
        Reject(486, after=0.5), Ring(), ignore,
    ])  # fmt: skip


def walk(number: int) -> Walk:
    dice = random.Random(number)
    request: dict[str, Any] = {"request_id": f"walk-{number}", "supervisor_join_timeout": 6, "briefing_timeout": 6}
    match dice.choice(["one", "one", "sequential", "ring_all", "ring_all", "blind"]):
        case "one":
            request["destinations"] = BOTH[:1]
        case "blind":
            request |= {"destinations": BOTH[:1], "mode": "blind"}
        case strategy:
            request |= {"destinations": BOTH, "strategy": strategy}
    deeds = []
    for _ in range(dice.choice([1, 2, 2, 3])):
        pause = dice.uniform(0.0, 0.02) if deeds and dice.random() < 0.4 else dice.uniform(0.0, 3.0)
        deeds.append((pause, dice.choice(DEEDS)))
    return Walk(behaviour(dice), behaviour(dice), request, tuple(deeds))


@pytest.mark.timeout(90)
@pytest.mark.parametrize("number", WALKS)
async def test_whatever_happens(stage, number):
    wanted = walk(number)
    print(wanted)
    await stage.talking(supervisor=wanted.supervisor, second=wanted.second)
    began = time.monotonic()
    accepted = set()
    await stage.ask(**wanted.request)
    for pause, deed in wanted.deeds:
        await asyncio.sleep(pause)
        print(f"{time.monotonic() - began:.3f} {deed}")
        await do(stage, deed, wanted, accepted)
    await over(stage)
    await everybody_is_where_they_belong(stage, wanted, accepted)
    if not stage.caller.call.over or stage.ari.phases:
        await told_once(stage)
    stage.caller_had_company(since=stage.caller.heard.first(AGENT).at, longest=wanted.longest_alone)
    nobody_was_wronged(stage, wanted, accepted)


async def do(stage, deed, wanted, accepted):
    who, _, what = deed.partition(" ")
    if deed in ASKING and stage.caller.call.over:
        return  # Asterisk knows no such channel any more
    match deed:
        case "cancel":
            await stage.cancel()
        case "ask again":
            await stage.ask(**wanted.request)
        case "another request":
            await stage.ask(**{**wanted.request, "request_id": "another"})
        case "kill":
            await stage.killed_and_back()
        case "freeze":
            stage.app.process.send_signal(signal.SIGSTOP)
            await asyncio.sleep(FROZEN)
            stage.app.process.send_signal(signal.SIGCONT)
        case _:
            await deed_of(getattr(stage, who), what, accepted)


async def deed_of(phone, what, accepted):
    """Whoever has no call, or has lost it in this moment, does nothing."""
    call = phone.calls[-1] if phone.calls else None
    if call is None or not call.up:
        return
    if what == "accepts":
        accepted.add(phone)
    try:
        match what:
            case "leaves":
                await call.hang_up()
            case "accepts":
                await call.press("1")
            case "declines":
                await call.press("2")
    except AssertionError as gone:
        assert call.over, gone


async def over(stage):
    """No transfer is under way any more; the last of them has told its end."""
    give_up = time.monotonic() + 30
    while True:
        calls = [call for call in (await stage.app.get("/v1/calls"))["body"] if call["call_id"] == stage.call_id]
        under_way = [each for each in (await stage.app.get("/v1/transfers"))["body"] if not each["result"]]
        if not under_way and (not calls or calls[0]["state"] in ("talking", "connected", "closed", "leaving")):
            return
        assert time.monotonic() < give_up, f"it never ends: {calls} {under_way}"
        await asyncio.sleep(0.1)


async def everybody_is_where_they_belong(stage, wanted, accepted):
    """A caller who is still there talks to one human who listens, or is in the fallback."""
    give_up = time.monotonic() + THERE
    while not (found := company(stage)):
        assert time.monotonic() < give_up, f"the caller is with nobody\n{stage.caller.story}\n{stage.app.log[-3000:]}"
        await asyncio.sleep(0.05)
    if found == "gone":
        return
    if found != FALLBACK:
        phone = {AGENT: stage.agent, SUPERVISOR: stage.supervisor, SECOND: stage.second}[found]
        await phone.hears(CALLER, 1.0)
        assert phone is stage.agent or phone in accepted or wanted.request.get("mode") == "blind", "nobody said yes"


def company(stage):
    """Whom the caller hears now, by tone; "gone" without a caller."""
    if stage.caller.call.over:
        return "gone"
    latest = [str(span.label) for span in stage.caller.heard.spans(time.monotonic() - 0.3)][-1:]
    return next((tone for tone in (AGENT, SUPERVISOR, SECOND, FALLBACK) if f"tone {tone}" in latest), None)


async def told_once(stage):
    for transfer_id in dict.fromkeys(phase["transfer_id"] for phase in stage.ari.phases):
        if not any(
            phase["data"].get("outcome") in ("refused", "congestion")
            for phase in stage.ari.phases
            if phase["transfer_id"] == transfer_id
        ):
            await stage.told_without_holes(transfer_id)


def nobody_was_wronged(stage, wanted, accepted):
    assert stage.caller.heard.events() == [], "a key leaked to the caller"
    for phone, tone in ((stage.supervisor, SUPERVISOR), (stage.second, SECOND)):
        requests = 1 + any(deed == "another request" for _, deed in wanted.deeds)
        assert len(stage.invites(phone)) <= requests, "rung twice"
        if phone not in accepted and wanted.request.get("mode") != "blind":
            stage.caller.heard.assert_never_heard(tone)
            for call in phone.calls:
                call.heard.assert_never_heard(CALLER)
