"""A transfer without a briefing: whoever answers has the caller; whoever does not leaves the caller where they are."""

import pytest

from ari_app.testing.playbook import AGENT, CALLER, ROOM, ROOM_2, SECOND, SUPERVISOR, TALK, Playbook, requested, route
from ari_app.transfer import events as ev
from ari_app.transfer.commands import (
    HoldCaller,
    JoinCaller,
    OpenRoom,
    Release,
    ReturnCaller,
    RingSupervisor,
    SeatSupervisor,
)
from ari_app.transfer.model import Outcome, Owned, OwnedKind, Phase, State
from ari_app.transfer.recovery import Seen, reconcile

TWO = (route("2001"), route("2002"))


def ringing(*routes, **changes):
    book = Playbook.talking() >> requested(*routes, mode="blind", **changes)
    for _ in book.transfer.attempts:
        book.been_through(ev.CallerHeld("default"), ev.RoomOpened(ROOM), ev.SupervisorDialed(SUPERVISOR))
    return book.been_through(ev.SupervisorRinging(SUPERVISOR))


def test_whoever_answers_has_the_caller():
    book = Playbook.talking() >> requested(mode="blind")
    book << HoldCaller << OpenRoom << RingSupervisor
    book >> ev.CallerHeld("default") >> ev.RoomOpened(ROOM) >> ev.SupervisorRinging(SUPERVISOR)
    book >> ev.SupervisorAnswered(SUPERVISOR)
    (book << SeatSupervisor(SUPERVISOR, ROOM) << JoinCaller(CALLER, ROOM)).is_in(State.JOINING)
    book >> ev.CancelRequested() >> ev.Seated(ROOM, SUPERVISOR) >> ev.Seated(ROOM, CALLER)
    book << Release
    book >> ev.Released(AGENT)
    (book << Release >> ev.Released(TALK)).ends(Outcome.COMPLETED).is_in(State.CONNECTED)
    assert book.phases == [
        Phase.STARTED,
        Phase.CALLER_ON_HOLD,
        Phase.CONSULTATION_ROOM_CREATED,
        Phase.SUPERVISOR_DIALED,
        Phase.SUPERVISOR_RINGING,
        Phase.SUPERVISOR_JOINED,
        Phase.CALL_SWITCHED,
        Phase.TRANSFER_COMPLETE,
    ]


def test_a_seat_that_is_taken_twice_is_told_once():
    book = ringing().been_through(ev.SupervisorAnswered(SUPERVISOR), ev.Seated(ROOM, SUPERVISOR))
    book >> ev.Unseated(ROOM, SUPERVISOR) >> ev.Seated(ROOM, SUPERVISOR)
    assert book.phases.count(Phase.SUPERVISOR_JOINED) == 1


@pytest.mark.parametrize(
    ("end", "outcome"),
    [
        (ev.SupervisorLeft(SUPERVISOR, 486, 17), Outcome.BUSY),
        (ev.SupervisorLeft(SUPERVISOR, 603, 21), Outcome.REJECTED),
        (ev.SupervisorFailed(SUPERVISOR, "no such endpoint"), Outcome.UNREACHABLE),
        (None, Outcome.NO_ANSWER),
    ],
)
def test_who_does_not_answer_is_followed_by_the_next_and_the_last_gives_the_caller_back(end, outcome):
    book = ringing(*TWO)
    book = book >> end if end else book.times_out()
    book << Release << OpenRoom(ROOM_2) << RingSupervisor
    book >> ev.SupervisorLeft(SECOND, 480, 19)
    (book << ReturnCaller << Release).is_in(State.RETURNING)
    assert [attempt.outcome for attempt in book.transfer.attempts] == [outcome, Outcome.NO_ANSWER]


def test_of_all_who_ring_the_first_to_answer_has_the_caller():
    book = ringing(*TWO, strategy="ring_all") >> ev.SupervisorAnswered(SECOND)
    book << SeatSupervisor(SECOND, ROOM_2) << JoinCaller(CALLER, ROOM_2)
    book << Release(Owned(OwnedKind.CHANNEL, SUPERVISOR, asked=True), elsewhere=True)
    (book >> ev.SupervisorAnswered(SUPERVISOR)).is_in(State.JOINING)


@pytest.mark.parametrize("end", [ev.JoinFailed("500"), ev.SupervisorLeft(SUPERVISOR), None])
def test_a_join_that_is_not_confirmed_gives_the_caller_back_without_a_word(end):
    book = ringing().been_through(ev.SupervisorAnswered(SUPERVISOR), ev.Seated(ROOM, SUPERVISOR))
    book = book >> end if end else book.times_out()
    (book << ReturnCaller << Release).is_in(State.RETURNING)


def test_the_caller_hangs_up_in_the_join():
    book = ringing().been_through(ev.SupervisorAnswered(SUPERVISOR), ev.Seated(ROOM, SUPERVISOR)) >> ev.CallerLeft()
    (book << Release << Release).is_in(State.CLOSING)


@pytest.mark.parametrize("answered_before", [True, False])
def test_killed_and_back_the_one_who_answered_has_the_caller(answered_before):
    book = ringing()
    if answered_before:
        book.been_through(ev.SupervisorAnswered(SUPERVISOR))
    channels = {CALLER: "Up", AGENT: "Up", SUPERVISOR: "Up"}
    seen = Seen("", channels, {TALK: frozenset({AGENT}), ROOM: frozenset()}, frozenset(channels))
    for event in reconcile(book.call, seen, resuming=True):
        book.inject(event)
    commands = [type(command) for command in book.is_in(State.JOINING).taken()]
    assert commands[-2:] == [SeatSupervisor, JoinCaller]
    assert RingSupervisor not in commands
