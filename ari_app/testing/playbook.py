"""A call as a script: `<<` is the next command the core must give, `>>` an event that comes in.

    (Playbook.talking()
        >> requested()
        << HoldCaller << OpenRoom << RingSupervisor << PrepareBriefing
        >> SupervisorLeft(SUPERVISOR, sip_code=486)
        << ReturnCaller
        >> Seated(TALK, CALLER)
        << Release(room)
        >> Released(ROOM)
    ).ends(Outcome.BUSY)

Time stands still unless `after` moves it. Every command must be expected before the next event comes in.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Self, TypeVar

from ari_app.transfer import events as ev
from ari_app.transfer import ids, machine
from ari_app.transfer.commands import Command
from ari_app.transfer.model import Agent, Call, Entry, Outcome, Phase, Request, Route, State, Transfer
from ari_app.transfer.turn import Told

CALL, TRANSFER = "call_1", "tr_1"
CALLER, AGENT = "1700000000.1", ids.agent_leg(CALL)
TALK, ROOM, ROOM_2 = ids.talk_bridge(CALL), ids.room(TRANSFER, 1), ids.room(TRANSFER, 2)
SUPERVISOR, SECOND = ids.supervisor_leg(TRANSFER, 1), ids.supervisor_leg(TRANSFER, 2)
NEXT_TRANSFER = "tr_2"
NEXT, NEXT_ROOM = ids.supervisor_leg(NEXT_TRANSFER, 1), ids.room(NEXT_TRANSFER, 1)
"Of the transfer that a supervisor asks for by REFER."
MEDIA, MEDIA_2 = ids.media(TRANSFER, 1), ids.media(TRANSFER, 2)

C = TypeVar("C", bound=Command)


class Playbook:
    def __init__(self, call: Call | None = None, *, now: float = 1_000.0) -> None:
        self.call = call or Call(CALL)
        self.now = now
        self.told: list[Told] = []
        self.seen: list[tuple[State, type[ev.Event]]] = []
        "Every cell of the table that was crossed."
        self._pending: list[Command] = []

    @classmethod
    def talking(cls) -> Playbook:
        """Caller and agent in conversation."""
        agent = Agent("front-desk", "PJSIP/front-desk", AGENT)
        arrived = ev.CallArrived(CALLER, Entry.AGENT, TALK, number="+14155550123", agent=agent)
        return cls().been_through(arrived, ev.AgentAnswered(AGENT), ev.Seated(TALK, CALLER))

    @classmethod
    def waiting(cls, return_app: str | None = None) -> Playbook:
        """A caller on music without an agent."""
        entry = Entry.HANDOVER if return_app else Entry.HOLD
        return cls().been_through(ev.CallArrived(CALLER, entry, "", return_app=return_app))

    @classmethod
    def dialing(cls, *routes: Route, **changes: Any) -> Playbook:
        return cls.talking().been_through(
            requested(*routes, **changes),
            ev.CallerHeld("default"),
            ev.RoomOpened(ROOM),
            ev.SupervisorDialed(SUPERVISOR),
            ev.SummaryReady("They want a refund.", "extractive", 0.01),
        )

    @classmethod
    def briefing(cls, *routes: Route, **changes: Any) -> Playbook:
        """The supervisor hears the first words."""
        return cls.dialing(*routes, **changes).been_through(
            ev.SupervisorAnswered(SUPERVISOR), ev.Seated(ROOM, SUPERVISOR), ev.BriefingStarted(MEDIA)
        )

    @classmethod
    def joining(cls, **changes: Any) -> Playbook:
        return cls.briefing(**changes).been_through(ev.BriefingAccepted(MEDIA))

    @classmethod
    def connected(cls, **changes: Any) -> Playbook:
        return cls.joining(**changes).been_through(
            ev.MediaOut(MEDIA), ev.Seated(ROOM, CALLER), ev.Released(AGENT), ev.Released(TALK)
        )

    @classmethod
    def introducing(cls) -> Playbook:
        """Caller and supervisor are connected, and the assistant says its line to both on `MEDIA_2`."""
        return cls.connected(introduces=True)

    @classmethod
    def recalled(cls) -> Playbook:
        """The supervisor hung up right after the join, and the agent is rung again."""
        book = cls.dialing(route(recall_within=20.0)).been_through(
            ev.SupervisorAnswered(SUPERVISOR), ev.Seated(ROOM, SUPERVISOR), ev.BriefingStarted(MEDIA)
        )
        book.been_through(ev.BriefingAccepted(MEDIA), ev.MediaOut(MEDIA), ev.Seated(ROOM, CALLER))
        return book.been_through(ev.Released(AGENT), ev.Released(TALK), ev.SupervisorLeft(SUPERVISOR))

    @classmethod
    def referable(cls, book: Playbook | None = None, *, coach: bool = False, **changes: Any) -> Playbook:
        """The supervisor has the caller, and their REFER is taken."""
        return (book or cls.talking()).been_through(
            requested(route(refers=True, **changes), coach=coach),
            ev.CallerHeld("default"),
            ev.RoomOpened(ROOM),
            ev.SupervisorDialed(SUPERVISOR),
            ev.SupervisorAnswered(SUPERVISOR),
            ev.Seated(ROOM, SUPERVISOR),
            ev.BriefingStarted(MEDIA),
            ev.BriefingAccepted(MEDIA),
            ev.MediaOut(MEDIA),
            ev.Seated(ROOM, CALLER),
            *(ev.Released(each) for each in (AGENT, TALK)),
        )

    @classmethod
    def sent_on(cls, book: Playbook | None = None, **changes: Any) -> Playbook:
        """The supervisor has sent the caller on by REFER, and the next one is rung."""
        return cls.referable(book).been_through(
            referred(**changes), ev.CallerHeld("default"), ev.RoomOpened(NEXT_ROOM), ev.SupervisorDialed(NEXT)
        )

    @classmethod
    def returning(cls) -> Playbook:
        return cls.dialing().been_through(ev.SupervisorLeft(SUPERVISOR, sip_code=486, cause=17))

    @classmethod
    def leaving(cls) -> Playbook:
        return cls.returning().been_through(ev.ReturnFailed("refused"))

    def been_through(self, *events: ev.Event) -> Self:
        """All that happened before the scene opens; its commands are taken as carried out."""
        for event in events:
            self.inject(event)
        self._pending.clear()
        return self

    def __rshift__(self, event: ev.Event) -> Self:
        assert not self._pending, f"commands nobody expected before {type(event).__name__}: {self._pending}"
        return self.inject(event)

    def inject(self, event: ev.Event) -> Self:
        """An event that comes in while commands are still pending."""
        self.seen.append((self.call.state, type(event)))
        step = machine.step(self.call, event, self.now)
        self.call = step.call
        self.told.extend(step.phases)
        self._pending.extend(step.commands)
        return self

    def __lshift__(self, expected: type[Command] | Command) -> Self:
        wanted = expected if isinstance(expected, type) else type(expected)
        assert self._pending, f"expected {wanted.__name__}, but there is no further command"
        got = self._pending.pop(0)
        assert isinstance(got, wanted), f"expected {wanted.__name__}, got {got}"
        assert isinstance(expected, type) or got == expected, f"expected {expected}, got {got}"
        return self

    def take(self, wanted: type[C]) -> C:
        """The command of this kind that is pending, to be looked at; all that are pending are taken as carried out."""
        found = next((command for command in self._pending if isinstance(command, wanted)), None)
        assert found, f"no {wanted.__name__} among {self._pending}"
        self._pending.clear()
        return found

    def taken(self) -> list[Command]:
        """All commands that are pending, taken as carried out."""
        commands, self._pending = self._pending, []
        return commands

    def after(self, seconds: float) -> Self:
        self.now += seconds
        return self

    def times_out(self) -> Self:
        """The deadline that is armed comes."""
        assert self.call.deadline is not None, f"no deadline is armed in {self.call.state}"
        self.now = max(self.now, self.call.deadline)
        return self >> ev.DeadlinePassed(self.call.deadline)

    # Verdicts

    def is_in(self, state: State) -> Self:
        assert self.call.state is state, f"the call is {self.call.state}, not {state}"
        return self

    def ends(self, outcome: Outcome) -> Self:
        """The transfer is over, was told so exactly once, and left nothing."""
        transfer = self.transfer
        assert not self._pending, f"commands nobody expected: {self._pending}"
        assert transfer.outcome is outcome, f"{transfer.outcome}, not {outcome}"
        assert transfer.is_over, f"not over; still there: {transfer.ledger}"
        assert self.phases[-1] is outcome.terminal_phase, self.phases
        assert sum(phase.is_terminal for phase in self.phases) == 1, self.phases
        assert [told.sequence for told in self.told] == list(range(1, len(self.told) + 1))
        return self

    def told_of(self, phase: Phase) -> dict[str, object]:
        return dict(next(told.data for told in reversed(self.told) if told.phase is phase))

    @property
    def phases(self) -> list[Phase]:
        return [told.phase for told in self.told]

    @property
    def transfer(self) -> Transfer:
        assert self.call.transfer is not None, "there has been no transfer"
        return self.call.transfer


def referred(by: str = SUPERVISOR, transfer_id: str = NEXT_TRANSFER, **changes: Any) -> ev.TransferRequested:
    """A supervisor's own REFER."""
    to = route("2002", refers=True, **changes)
    return requested(to, transfer_id=transfer_id, mode="blind", referrer=by, reason=None)


def route(to: str = "2001", **changes: object) -> Route:
    made = Route("rr_test", f"PJSIP/{to}@trunk", to, "+14155550100")
    return replace(made, **changes)  # type: ignore[arg-type]


def requested(*routes: Route, transfer_id: str = TRANSFER, **changes: object) -> ev.TransferRequested:
    request = replace(Request(routes or (route(),), reason="wants a refund"), **changes)  # type: ignore[arg-type]
    return ev.TransferRequested(transfer_id, request)
