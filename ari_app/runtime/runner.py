"""One call's loop: take an event or the deadline, step, journal, run the commands, publish. Nothing else changes it.

Commands run in order in a lane of their own, so that a slow Asterisk never keeps the mailbox from hearing a hang-up;
their results come back as events.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog

from ari_app.errors import JournalError
from ari_app.runtime.effects import SIDE_BY_SIDE, Effects
from ari_app.runtime.ports import Clock, Journal, Step
from ari_app.transfer import machine
from ari_app.transfer.commands import Command
from ari_app.transfer.events import Alarm, Event, GroupFound, TransferRequested
from ari_app.transfer.model import Call, Request, State, Transfer
from ari_app.transfer.turn import Told

log = structlog.get_logger(__name__)


JOURNAL_PATIENCE = 0.5
"Seconds a step waits for the journal; a caller between two bridges has less than two (G2)."
JOURNAL_AGAIN = 1.0
"Seconds between two tries to write what the journal did not take."
JOURNAL_LAST = 10.0
"Seconds for that after the end of the call."


@dataclass(frozen=True)
class Mail:
    event: Event
    done: asyncio.Future[machine.Step] | None = field(default=None, compare=False)


class Runner:
    """The life of one call. `tell` is safe at any time; `run` returns when nothing of the call is left."""

    def __init__(
        self,
        call: Call,
        *,
        number: int,
        journal: Journal,
        clock: Clock,
        on_step: Callable[[Runner, Call, tuple[Told, ...]], None],
    ) -> None:
        self.call = call
        self.transfers: dict[str, Transfer] = {}
        "Every transfer of the call so far, as it is now."
        self.told: list[Told] = []
        "Every phase so far, oldest first."
        self.admitted: dict[str, Request] = {}
        "Transfer id, or name of a next group → what is still in the mailbox: it has its place already."
        self.is_withheld = True
        "The caller's number is nobody's business, as far as is known."
        self.effects: Effects | None = None
        self._number = number
        self._journal = journal
        self._clock = clock
        self._on_step = on_step
        self._mailbox: asyncio.Queue[Mail] = asyncio.Queue()
        self._lane: asyncio.Queue[tuple[Command, Call]] = asyncio.Queue()
        self._unwritten: list[tuple[Step, Call]] = []
        self._catching_up: asyncio.Task[None] | None = None
        self._tasks: asyncio.TaskGroup | None = None
        self._running: set[asyncio.Task[None]] = set()

    def tell(self, event: Event) -> None:
        self._post(Mail(event))

    def _post(self, mail: Mail) -> None:
        match mail.event:
            case TransferRequested(transfer_id, request):
                self.admitted[transfer_id] = request
            case GroupFound(asked=asked, routes=routes, strategy=strategy):
                self.admitted[asked] = Request(routes, strategy)
        self._mailbox.put_nowait(mail)

    def tell_all(self, events: Sequence[Event]) -> None:
        for event in events:
            self.tell(event)

    async def ask(self, event: Event) -> machine.Step:
        """Tells the event and waits for what the step made of it."""
        done: asyncio.Future[machine.Step] = asyncio.get_running_loop().create_future()
        self._post(Mail(event, done))
        return await done

    def remember(self, story: machine.Story) -> None:
        """Takes up what was folded from the journal."""
        self.call, self.transfers, self.told = story.call, story.transfers, story.told

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            self.beside(self._run_lane())
            try:
                while self.call.state is not State.CLOSED:
                    await self._take(await self._next())
                await self._see_written()
            finally:
                for task in self._running:
                    task.cancel()
        self._refuse_late_mail()
        # runner, effects and briefing know each other; apart, they are freed at once
        self.effects = self._tasks = None

    def beside(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Runs something for as long as the call lives."""
        if self._tasks is None:
            raise AssertionError("the call is not running")
        task = self._tasks.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    async def _next(self) -> Mail:
        alarm = machine.alarm(self.call)
        if alarm is None:
            return await self._mailbox.get()
        try:
            async with self._clock.until(alarm.at):
                return await self._mailbox.get()
        except TimeoutError:
            return Mail(alarm)

    async def _take(self, mail: Mail) -> None:
        now = self._clock.now()
        if isinstance(mail.event, Alarm):
            # timers may fire a millisecond early, and a deadline that has passed is never still to come
            now = max(now, mail.event.at)
        step = machine.step(self.call, mail.event, now)
        if step.noted:
            log.debug("noted", call_id=self.call.call_id, state=self.call.state, happened=type(mail.event).__name__)
        else:
            await self._advance(step, mail.event, now)
        match mail.event:
            case TransferRequested(transfer_id=name) | GroupFound(asked=name):
                self.admitted.pop(name, None)
        if mail.done and not mail.done.done():
            mail.done.set_result(step)

    async def _advance(self, step: machine.Step, event: Event, now: float) -> None:
        self._number += 1
        await self._write(Step(self.call.call_id, self._number, now, event), step.call)
        self.call = step.call
        self._keep(step.call, step.phases)
        self._on_step(self, step.call, step.phases)
        if self.effects and not (step.call.transfer_in_flight or step.call.whispering):
            self.effects.forget_briefing()
        for command in step.commands:
            self._lane.put_nowait((command, step.call))

    def _keep(self, call: Call, told: Sequence[Told]) -> None:
        if call.transfer:
            self.transfers[call.transfer.transfer_id] = call.transfer
        self.told.extend(told)

    async def _write(self, step: Step, call: Call) -> None:
        """A journal that can't be written costs the recovery, never the caller: after the first failure nobody waits
        for it, and what is missing is written when it can be."""
        self._unwritten.append((step, call))
        if len(self._unwritten) == 1 and not await self._catch_up_soon():
            self._catching_up = self.beside(self._catch_up_later())

    async def _see_written(self) -> None:
        """Its end is in the journal before the call is forgotten: else it would be taken up again in the next life."""
        if self._unwritten and self._catching_up:
            await asyncio.wait({self._catching_up}, timeout=JOURNAL_LAST)

    async def _catch_up_soon(self) -> bool:
        try:
            async with asyncio.timeout(JOURNAL_PATIENCE):
                return await self._catch_up()
        except TimeoutError:
            log.error("journal does not answer; the call goes on", call_id=self.call.call_id)
            return False

    async def _catch_up(self) -> bool:
        while self._unwritten:
            step, call = self._unwritten[0]
            try:
                await self._journal.append(step, call=call)
            except JournalError as error:
                log.error("journal not written", call_id=step.call_id, why=str(error), waiting=len(self._unwritten))
                return False
            self._unwritten.pop(0)
        return True

    async def _catch_up_later(self) -> None:
        while True:
            await asyncio.sleep(JOURNAL_AGAIN)
            if await self._catch_up():
                return

    async def _run_lane(self) -> None:
        effects = self.effects
        if effects is None:
            raise AssertionError("a runner needs its effects before it runs")
        while True:
            command, call = await self._lane.get()
            if isinstance(command, SIDE_BY_SIDE):
                self.beside(effects.run(command, call))
            else:
                await effects.run(command, call)

    def _refuse_late_mail(self) -> None:
        while not self._mailbox.empty():
            mail = self._mailbox.get_nowait()
            if mail.done and not mail.done.done():
                mail.done.set_result(machine.Step(self.call, noted=True))
