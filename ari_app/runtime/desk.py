"""Every live call: admits callers, finds the call of a channel, takes calls up after a crash, renews the lease, drains.

What Asterisk says arrives here in plain words (`channel_left`, `pressed` …, called by `ari/translate.py`) and goes
into the mailbox of the call it concerns, under the role the channel has in it. No event of a leg that is not the
caller's is ever told as the caller's.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from typing import Any

import structlog

from ari_app.runtime import occupancy
from ari_app.runtime.effects import Effects
from ari_app.runtime.ports import Ari, Briefer, Clock, Journal, Snapshot
from ari_app.runtime.runner import Runner
from ari_app.transfer import commands as cmd
from ari_app.transfer import events as ev
from ari_app.transfer import ids, machine
from ari_app.transfer.model import Agent, Call, Entry, State
from ari_app.transfer.recovery import Seen, reconcile
from ari_app.transfer.referral import DECLINED
from ari_app.transfer.turn import Told

log = structlog.get_logger(__name__)

TALKING = frozenset({State.TALKING, State.CONNECTED})
ELSEWHERE = frozenset({State.NEW, State.CONNECTING, State.LEAVING, State.CLOSING, State.CLOSED})
"States of callers who are not here yet, or not any more; another application may hand one over again at once."
ARRIVAL_PATIENCE = 1.0
"Seconds a user event waits for the call it is about: Asterisk moves a caller only when what is played has ended."
FAR_HALF = ";2"
"Asterisk's ending of the id of a Local channel's half that runs the dialplan; its user events reach us unasked."


@dataclass(frozen=True)
class Policy:
    """What the settings say about calls."""

    app: str
    agents: Mapping[str, Callable[[str], Agent]]
    "Name → the agent of a call, given the id of its leg."
    default_agent: str | None
    hold_class: str
    max_hold: float
    fallback: str
    lease: float
    talk_lease: float
    presents_callers: bool = False
    "Some rule shows supervisors the caller's own number."


class Role(Enum):
    CALLER = "caller"
    AGENT = "agent"
    SUPERVISOR = "supervisor"
    OTHER = "other"


OnStep = Callable[[Call, tuple[Told, ...]], None]
Listener = Callable[[str, Mapping[str, Any], str | None], None]
Seeker = Callable[[Runner, cmd.FindGroup], ev.GroupFound | ev.GroupNotFound]


class Desk:
    """The calls of this process. `run` never returns by itself."""

    def __init__(
        self, policy: Policy, *, ari: Ari, journal: Journal, briefer: Briefer, clock: Clock, on_step: OnStep
    ) -> None:
        self.policy = policy
        self.connected = False
        self.draining = False
        self.live: dict[str, Runner] = {}
        "Call id → its runner."
        self.set_apart: set[str] = set()
        "Ids of ours that somebody beside the calls sees to: not to be swept."
        self.on_user_event: Listener = lambda name, variables, channel: None
        self.on_referred: Callable[[str, str], None] = lambda channel, target: None
        self.on_seek: Seeker = lambda runner, wanted: ev.GroupNotFound(wanted.group, "there are no groups here")
        self._ari, self._journal, self._briefer, self._clock = ari, journal, briefer, clock
        self._on_step = on_step
        self._where: dict[str, tuple[Runner, Role]] = {}
        self._asterisk = ""
        self._asleep: list[Runner] = []
        "Calls of the journal that wait for the first snapshot."
        self._tasks: asyncio.TaskGroup | None = None
        self._idle: asyncio.Future[None] | None = None
        self._moved_on = asyncio.Event()
        "Some call has made a step; the next one has an event of its own."

    # Life

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            await self._keep_leases()

    async def recall(self) -> int:
        """Takes the unfinished calls from the journal; they go on with the first snapshot. How many there are."""
        for call_id in await self._journal.unfinished():
            steps = await self._journal.steps(call_id)
            story = machine.fold(call_id, ((step.at, step.event) for step in steps))
            if story.call.state not in (State.NEW, State.CLOSED):
                runner = self._runner(story.call, number=len(steps))
                runner.remember(story)
                self._index(runner, story.call)
                self._asleep.append(runner)
        return len(self._asleep)

    def _runner(self, call: Call, *, number: int) -> Runner:
        runner = Runner(call, number=number, journal=self._journal, clock=self._clock, on_step=self._stepped)
        policy = self.policy
        runner.effects = Effects(
            self._ari,
            self._briefer,
            runner.tell,
            beside=runner.beside,
            is_connected=lambda: self.connected,
            app=policy.app,
            lease=policy.lease,
            talk_lease=policy.talk_lease,
            find_group=lambda wanted: self.on_seek(runner, wanted),
        )
        return runner

    def _start(self, runner: Runner) -> None:
        if self._tasks is None:
            raise AssertionError("the desk is not running")
        self.live[runner.call.call_id] = runner
        self._tasks.create_task(self._run(runner), name=runner.call.call_id)

    async def _run(self, runner: Runner) -> None:
        try:
            with structlog.contextvars.bound_contextvars(call_id=runner.call.call_id):
                await runner.run()
        except Exception:
            log.exception("a call's loop failed; the caller goes to the fallback", call_id=runner.call.call_id)
            await self._rescue(runner.call)
        finally:
            self._forget(runner)

    async def _rescue(self, call: Call) -> None:
        """The last net: our own defect must not keep a caller."""
        await self._ari.call("channels.stopMoh", channelId=call.caller)
        await self._ari.call(
            "channels.continueInDialplan",
            channelId=call.caller,
            context=self.policy.fallback,
            extension="s",
            priority=1,
        )

    def _forget(self, runner: Runner) -> None:
        self.live.pop(runner.call.call_id, None)
        for id in [id for id, (owner, _) in self._where.items() if owner is runner]:
            del self._where[id]
        self._note_idle()

    def _stepped(self, runner: Runner, call: Call, told: tuple[Told, ...]) -> None:
        """Called by the runner after each step is journaled and before its commands run."""
        self._index(runner, call)
        for phase in told:
            log.info("phase", transfer_id=phase.transfer_id, phase=phase.phase.value, elapsed=phase.elapsed)
        self._on_step(call, told)
        self._moved_on.set()
        self._moved_on = asyncio.Event()
        self._note_idle()

    def _index(self, runner: Runner, call: Call) -> None:
        """Before any command runs, so that an event can't overtake the id it is about."""
        if call.caller_here:
            self._where[call.caller] = (runner, Role.CALLER)
        if call.agent:
            self._where[call.agent.channel_id] = (runner, Role.AGENT)
        for owned in (*call.ledger, *(call.transfer.ledger if call.transfer else ())):
            self._where.setdefault(owned.id, (runner, Role.OTHER))
        for attempt in call.transfer.attempts if call.transfer else ():
            self._where[attempt.channel_id] = (runner, Role.SUPERVISOR)

    def find(self, reference: str) -> Runner | None:
        """The live call with this call id, or in which this channel is the caller or the agent's leg, the dialplan's
        half of a Local one included."""
        if reference in self.live:
            return self.live[reference]
        known = self._where.get(reference) or self._where.get(reference.removesuffix(FAR_HALF))
        return known[0] if known and known[1] in (Role.CALLER, Role.AGENT) else None

    def carrying(self, leg: str) -> Runner | None:
        """The live call that has this leg, a supervisor's included."""
        return self._where.get(leg, (None, Role.OTHER))[0]

    def is_here(self, reference: str) -> bool:
        runner = self.find(reference)
        return runner is not None and runner.call.state not in ELSEWHERE

    async def arrived(self, reference: str, within: float = ARRIVAL_PATIENCE) -> None:
        """Returns when this call can be asked for something, or when it is no use to wait. Whoever moves a caller here
        or answers one, and asks in the same breath, may be ahead of what Asterisk tells us."""
        with suppress(TimeoutError):
            async with self._clock.until(self._clock.now() + within):
                while not self.is_here(reference):
                    await self._moved_on.wait()

    def beside(self, work: Coroutine[Any, Any, None]) -> None:
        """Runs something for as long as this process has calls."""
        self._spawn(self._guarded(work))

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception:
            log.exception("work beside the calls failed")

    def overheard(self, call_id: str, event: ev.Event) -> None:
        """From whoever listens in on this call; it may have ended meanwhile."""
        if runner := self.live.get(call_id):
            runner.tell(event)

    # What Asterisk says

    def channel_entered(self, channel: str, args: Sequence[str], number: str, name: str, *, answered: bool) -> None:
        runner, role = self._where.get(channel, (None, Role.OTHER))
        if runner and role is Role.AGENT:
            runner.tell(ev.AgentAnswered(channel))
        elif runner and role is Role.SUPERVISOR:
            runner.tell(ev.SupervisorAnswered(channel))
        elif channel.startswith(ids.PREFIX):
            if runner is None and channel not in self.set_apart:
                self._spawn(self._sweep_channel(channel))
        else:
            self._arrive(channel, args, number, name, answered=answered)

    def channel_left(self, channel: str, *, cause: int | None = None, sip_code: int | None = None) -> None:
        runner, role = self._where.get(channel, (None, Role.OTHER))
        if runner is None:
            return
        if role is Role.CALLER:
            runner.tell(ev.CallerLeft(cause))
        elif role is Role.AGENT:
            runner.tell(ev.AgentLeft(channel, cause))
        elif role is Role.SUPERVISOR:
            runner.tell(ev.SupervisorLeft(channel, sip_code, cause))

    def channel_destroyed(self, channel: str, *, cause: int | None, sip_code: int | None) -> None:
        self.channel_left(channel, cause=cause, sip_code=sip_code)
        self._released(channel)

    def bridge_gone(self, bridge: str) -> None:
        self._released(bridge)

    def _released(self, id: str) -> None:
        runner, _ = self._where.get(id, (None, None))
        if runner:
            runner.tell(ev.Released(id))

    def ringing(self, channel: str) -> None:
        runner, role = self._where.get(channel, (None, None))
        if runner and role is Role.SUPERVISOR:
            runner.tell(ev.SupervisorRinging(channel))

    def pressed(self, channel: str, digit: str) -> None:
        runner, role = self._where.get(channel, (None, None))
        if runner and role is Role.SUPERVISOR:
            runner.tell(ev.SupervisorPressed(channel, digit))
        elif runner and role is Role.CALLER:
            runner.tell(ev.CallerPressed(digit))

    def seated(self, bridge: str, channel: str) -> None:
        self._tell_of(channel, ev.Seated(bridge, channel))

    def unseated(self, bridge: str, channel: str) -> None:
        self._tell_of(channel, ev.Unseated(bridge, channel))

    def move_failed(self, channel: str, destination: str) -> None:
        self._tell_of(channel, ev.CallerStranded(f"the application {destination} is not there"))

    def referred(self, channel: str, target: str) -> None:
        self.on_referred(channel, target)

    def decline_referral(self, channel: str) -> None:
        self._spawn(self._ari.call("channels.transfer_progress", channelId=channel, states=DECLINED))

    def user_event(self, name: str, variables: Mapping[str, Any], channel: str | None) -> None:
        self.on_user_event(name, variables, channel)

    def _tell_of(self, channel: str, event: ev.Event) -> None:
        runner, _ = self._where.get(channel, (None, None))
        if runner:
            runner.tell(event)

    # Callers

    def _arrive(self, channel: str, args: Sequence[str], number: str, name: str, *, answered: bool) -> None:
        options = dict(_option(arg) for arg in args)
        call_id = f"call_{secrets.token_hex(8)}"
        entry = _entry(options)
        runner = self._runner(Call(call_id), number=0)
        self._where[channel] = (runner, Role.CALLER)
        self._start(runner)
        self._learn_presentation(runner, channel)
        policy = self.policy
        runner.tell(
            ev.CallArrived(
                caller=channel,
                entry=entry,
                bridge_id=ids.talk_bridge(call_id) if entry is Entry.AGENT else "",
                number=number,
                name=name,
                agent=self._agent(call_id, options) if entry is Entry.AGENT else None,
                return_app=options.get("return"),
                answered=answered,
                hold_class=policy.hold_class,
                max_hold=policy.max_hold,
                fallback=policy.fallback,
                asterisk=self._asterisk,
            )
        )

    def _learn_presentation(self, runner: Runner, channel: str) -> None:
        """Asterisk's events have the number of a caller who withheld it, too; whether they did it must be asked."""
        if self.policy.presents_callers:
            self._spawn(self._ask_presentation(runner, channel))

    async def _ask_presentation(self, runner: Runner, channel: str) -> None:
        reply = await self._ari.call("channels.getChannelVar", channelId=channel, variable="CALLERID(pres)")
        said = reply.body.get("value", "") if reply.ok and isinstance(reply.body, dict) else ""
        runner.is_withheld = not said.startswith("allowed")

    def _agent(self, call_id: str, options: Mapping[str, str]) -> Agent | None:
        name = options.get("agent") or self.policy.default_agent
        make = self.policy.agents.get(name or "")
        if make is None:
            log.error("no such agent; the caller goes to the fallback", agent=name, call_id=call_id)
            return None
        return make(ids.agent_leg(call_id))

    # Connection and recovery

    def disconnected(self, reason: str) -> None:
        self.connected = False
        if reason != "cancelled":
            log.warning("connection to Asterisk lost; calls go on there, and here when it is back", why=reason)

    def on_connected(self, snapshot: Snapshot) -> None:
        """Everything that was missed is told before any event that came with the new connection."""
        self.connected = True
        self._asterisk = snapshot.started
        seen = Seen(
            asterisk=snapshot.started,
            channels={id: channel.state for id, channel in snapshot.channels.items()},
            bridges=snapshot.bridges,
            ours=snapshot.ours,
        )
        for runner in list(self.live.values()):
            runner.tell_all(reconcile(runner.call, seen, resuming=False))
        for runner in self._asleep:
            self._start(runner)
            self._learn_presentation(runner, runner.call.caller)
            runner.tell_all(reconcile(runner.call, seen, resuming=True))
            log.info("call taken up again", call_id=runner.call.call_id, state=runner.call.state.value)
        self._asleep.clear()
        self._sweep(seen)

    def _sweep(self, seen: Seen) -> None:
        """What carries our prefix in our application and belongs to no call is left over from another life."""
        for id in sorted(seen.ours):
            if id in self._where or id in self.set_apart:
                continue
            if id in seen.bridges and id.startswith(ids.PREFIX):
                self._spawn(self._sweep_bridge(id))
            elif id in seen.channels and id.startswith(ids.PREFIX):
                self._spawn(self._sweep_channel(id))
            elif id in seen.channels:
                log.warning("a caller nobody knows goes to the fallback", channel=id)
                self._spawn(self._rescue(Call("", caller=id)))

    async def _sweep_channel(self, id: str) -> None:
        log.warning("left-over channel hung up", channel=id)
        await self._ari.call("channels.hangup", channelId=id)

    async def _sweep_bridge(self, id: str) -> None:
        log.warning("left-over bridge destroyed", bridge=id)
        await self._ari.call("bridges.destroy", bridgeId=id)

    def _spawn(self, coroutine: Any) -> None:
        if self._tasks is None:
            raise AssertionError("the desk is not running")
        self._tasks.create_task(coroutine)

    async def _keep_leases(self) -> None:
        """While this app lives, Asterisk's own guard (TIMEOUT(absolute), extension T) does not fire."""
        pause = self.policy.lease / 3
        while True:
            await asyncio.sleep(pause)
            if self.connected:
                for runner in list(self.live.values()):
                    await self._renew(runner.call)

    async def _renew(self, call: Call) -> None:
        if call.caller_here and call.state not in (State.CLOSING, State.LEAVING):
            seconds = self.policy.talk_lease if call.state in TALKING else self.policy.lease
            await self._ari.call(
                "channels.setChannelVar", channelId=call.caller, variable="TIMEOUT(absolute)", value=str(int(seconds))
            )

    # Counting

    def transfers_in_flight(self) -> int:
        return sum(1 for runner in self.live.values() if runner.call.transfer_in_flight)

    def transfers_beside(self, this: Runner) -> int:
        """Of other calls: in flight, or admitted and about to be."""
        others = (runner for runner in self.live.values() if runner is not this)
        return sum(1 for runner in others if runner.call.transfer_in_flight or runner.admitted)

    def legs_over(self, rule: str, *, beside: Runner | None = None) -> int:
        """Supervisors whom other calls ring or talk to over this rule, or may yet."""
        return sum(_legs(runner, rule) for runner in self.live.values() if runner is not beside)

    async def drained(self) -> None:
        """Returns when no transfer is in flight. New ones are refused from now on."""
        self.draining = True
        if self.transfers_in_flight():
            self._idle = asyncio.get_running_loop().create_future()
            await self._idle

    def _note_idle(self) -> None:
        if self._idle and not self._idle.done() and not self.transfers_in_flight():
            self._idle.set_result(None)


def _legs(runner: Runner, rule: str) -> int:
    admitted = [occupancy.wanted(request, rule) for request in runner.admitted.values()]
    return occupancy.talking(runner.call, rule) + max(occupancy.rung(runner.call, rule), *admitted, 0)


def _option(arg: str) -> tuple[str, str]:
    key, _, value = arg.partition("=")
    return key.strip(), value.strip()


def _entry(options: Mapping[str, str]) -> Entry:
    if "handover" in options:
        return Entry.HANDOVER
    return Entry.HOLD if "hold" in options else Entry.AGENT
