"""Several supervisors at once: the first to accept wins, and everybody else is told or not rung any more."""

from itertools import permutations

import pytest

from ari_app.testing.playbook import CALLER, ROOM, ROOM_2, SECOND, SUPERVISOR, TALK, Playbook, requested, route
from ari_app.transfer import events as ev
from ari_app.transfer import ids, machine
from ari_app.transfer.commands import (
    ContinueElsewhere,
    Dismiss,
    HoldCaller,
    JoinCaller,
    OpenRoom,
    PassKey,
    PrepareBriefing,
    Release,
    ReturnCaller,
    RingSupervisor,
    SeatSupervisor,
    StartBriefing,
    StopBriefing,
)
from ari_app.transfer.model import Outcome, Owned, OwnedKind, Phase, State
from ari_app.transfer.recovery import Seen, reconcile

THIRD, ROOM_3 = ids.supervisor_leg("tr_1", 3), ids.room("tr_1", 3)
LEGS, ROOMS = (SUPERVISOR, SECOND, THIRD), (ROOM, ROOM_2, ROOM_3)
THREE = (route("2001"), route("2002", ring_timeout=10.0), route("2003"))


def ringing(**changes):
    """All three phones ring."""
    book = Playbook.talking().been_through(requested(*THREE, strategy="ring_all", **changes))
    book.been_through(ev.CallerHeld("default"), ev.SummaryReady("s", "extractive", 0.0))
    return book.been_through(*(ev.RoomOpened(r) for r in ROOMS), *(ev.SupervisorDialed(leg) for leg in LEGS))


def answers(book, *numbers):
    """They are in their rooms and hear the first words."""
    for n in numbers:
        book.been_through(ev.SupervisorAnswered(LEGS[n - 1]), ev.Seated(ROOMS[n - 1], LEGS[n - 1]))
        book.been_through(ev.BriefingStarted(line(book, n)))
    return book


def line(book, n):
    return book.transfer.attempts[n - 1].media_id


def ended(book):
    return [attempt.outcome for attempt in book.transfer.attempts]


def given_up(leg):
    return Release(Owned(OwnedKind.CHANNEL, leg, asked=True))


def elsewhere(leg):
    return Release(Owned(OwnedKind.CHANNEL, leg, asked=True), elsewhere=True)


def test_all_are_rung_at_once_each_with_a_room_of_their_own():
    book = Playbook.talking() >> requested(*THREE, strategy="ring_all")
    book << HoldCaller
    for room in ROOMS:
        book << OpenRoom(room) << RingSupervisor
    (book << PrepareBriefing).is_in(State.DIALING)
    assert [attempt.channel_id for attempt in book.transfer.attempts] == list(LEGS)


def test_everybody_who_answers_is_briefed_and_the_first_yes_wins():
    book = answers(ringing(), 2, 1)
    lines = line(book, 1), line(book, 2)
    assert len({*lines}) == 2
    book >> ev.BriefingAccepted(lines[0])
    book << StopBriefing(lines[0]) << JoinCaller(CALLER, ROOM)
    (book << Dismiss("taken_elsewhere", SECOND, ROOM_2, lines[1]) << elsewhere(THIRD)).is_in(State.JOINING)
    book >> ev.BriefingAccepted(lines[1]) >> ev.SupervisorPressed(SECOND, "1") >> ev.SupervisorAnswered(THIRD)
    book.been_through(ev.Seated(ROOM_2, CALLER), ev.MediaOut(lines[0]))
    book.is_in(State.JOINING)
    book.been_through(ev.Seated(ROOM, CALLER)).is_in(State.CONNECTED)
    assert ended(book) == [Outcome.COMPLETED, Outcome.CANCELLED, Outcome.CANCELLED]
    assert book.told_of(Phase.CALL_SWITCHED)["switched_call_id"] == CALLER


def test_what_the_others_do_after_the_join_does_not_end_the_conversation():
    book = answers(ringing(), 1, 3)
    book.been_through(ev.SupervisorPressed(THIRD, "1"), ev.MediaOut(line(book, 3)), ev.Seated(ROOM_3, CALLER))
    book.been_through(ev.SupervisorLeft(SUPERVISOR), ev.SupervisorLeft(SECOND)).is_in(State.CONNECTED)
    book.been_through(ev.SupervisorLeft(THIRD)).is_in(State.CLOSING)


def test_the_first_to_pick_up_declines_and_the_others_go_on():
    book = answers(ringing(), 1) >> ev.SupervisorPressed(SUPERVISOR, "2")
    (book << Dismiss("farewell_declined", SUPERVISOR, ROOM, line(book, 1))).is_in(State.DIALING)
    book >> ev.SupervisorAnswered(SECOND)
    (book << SeatSupervisor(SECOND, ROOM_2) << StartBriefing).is_in(State.BRIEFING)
    assert ended(book) == [Outcome.DECLINED, None, None]


def test_a_key_goes_to_the_talk_of_whoever_pressed_it():
    book = answers(ringing(), 1, 2) >> ev.SupervisorPressed(SECOND, "3")
    book << PassKey("3", line(book, 2))


def test_each_has_a_ring_time_of_their_own():
    book = ringing().times_out()
    (book << given_up(SECOND)).is_in(State.DIALING)
    assert ended(book) == [None, Outcome.UNREACHABLE, None]
    assert book.call.deadline == 1_025.0
    book.times_out() << given_up(SUPERVISOR)
    (book.times_out() << ReturnCaller << given_up(THIRD)).is_in(State.RETURNING)


def test_one_ring_time_does_not_end_another_ones_briefing():
    book = answers(ringing(), 1).times_out().been_through().times_out().been_through()
    assert ended(book) == [None, Outcome.UNREACHABLE, Outcome.UNREACHABLE]
    assert book.is_in(State.BRIEFING).call.deadline == 1_180.0


def test_ringing_together_ends_with_the_join_timeout():
    book = ringing(supervisor_join_timeout=5.0)
    assert [attempt.deadline for attempt in book.transfer.attempts] == [1_005.0] * 3


FATES = {
    Outcome.DECLINED: lambda book, n: book.been_through(ev.BriefingDeclined(line(answers(book, n), n))),
    Outcome.VOICEMAIL: lambda book, n: book.been_through(ev.VoicemailDetected(line(answers(book, n), n))),
    Outcome.BUSY: lambda book, n: book.been_through(ev.SupervisorLeft(LEGS[n - 1], 486, 17)),
    Outcome.UNREACHABLE: lambda book, n: book.been_through(ev.SupervisorFailed(LEGS[n - 1], "no such endpoint")),
}


@pytest.mark.parametrize("fates", [*permutations(FATES, 3)], ids=str)
def test_the_outcome_is_what_says_most_whatever_came_last(fates):
    book = ringing()
    for n, outcome in enumerate(fates, 1):
        FATES[outcome](book, n)
    assert ended(book) == list(fates)
    most = min(fates, key=list(FATES).index)
    told = book.is_in(State.RETURNING).transfer
    assert (told.outcome, told.attempt.outcome) == (most, most)
    book.been_through(ev.Seated(TALK, CALLER))
    for owned in book.transfer.ledger * 2:
        book.been_through(ev.Released(owned.id))
    result = book.told_of(most.terminal_phase)["result"]
    assert result["supervisor_call_id"] == LEGS[fates.index(most)]
    assert result["sip_code"] == (486 if most is Outcome.BUSY else None)
    assert "no such endpoint" not in result["error"]


@pytest.mark.parametrize("end", [ev.CallerLeft(), ev.CancelRequested()], ids=["caller hangs up", "cancelled"])
def test_an_end_is_everybodys_end(end):
    book = answers(ringing(), 1, 2) >> end
    commands = book.taken()
    text = "caller_gone" if isinstance(end, ev.CallerLeft) else "cancelled"
    farewells = [c for c in commands if isinstance(c, Dismiss)]
    assert [(f.text, f.channel_id, f.room_id) for f in farewells] == [
        (text, SUPERVISOR, ROOM),
        (text, SECOND, ROOM_2),
    ]
    assert given_up(THIRD) in commands
    assert {*ended(book)} == {book.transfer.outcome}


def test_a_room_that_can_not_be_opened_is_one_supervisor_less():
    book = Playbook.talking().been_through(requested(*THREE, strategy="ring_all"))
    book >> ev.RoomFailed(ROOM_2, "500")
    (book << given_up(SECOND)).is_in(State.DIALING)
    assert ended(book) == [None, Outcome.INTERNAL_ERROR, None]


def test_a_line_that_broke_is_opened_again_for_its_own_supervisor():
    book = answers(ringing(), 1, 2)
    book >> ev.MediaOut(line(book, 1))
    again = book.take(StartBriefing)
    assert (again.attempt.channel_id, again.room_id, again.again) == (SUPERVISOR, ROOM, True)
    book >> ev.BriefingDeclined(again.media_id)
    book.been_through() >> ev.MediaOut(again.media_id)
    assert ended(book) == [Outcome.DECLINED, None, None]


def seen(book, **channels):
    here = {CALLER: "Up", book.call.agent.channel_id: "Up"} | channels
    rooms = {r: frozenset({leg} & {*channels}) for r, leg in zip(ROOMS, LEGS, strict=True)}
    return Seen("", here, {TALK: frozenset(), **rooms}, frozenset(here))


def test_killed_while_one_is_briefed_and_two_ring():
    """One of the two answered meanwhile, one is gone; the briefing begins again; nobody is rung twice."""
    book = answers(ringing(), 1)
    facts = seen(book, **{SUPERVISOR: "Up", SECOND: "Up"})
    for event in reconcile(book.call, facts, resuming=True):
        book.inject(event)
    commands = book.taken()
    assert not [c for c in commands if isinstance(c, RingSupervisor)]
    briefed = [c.attempt.channel_id for c in commands if isinstance(c, StartBriefing)]
    assert briefed == [SUPERVISOR, SECOND]
    assert (
        sum(isinstance(c, HoldCaller) for c in commands) == sum(isinstance(c, PrepareBriefing) for c in commands) == 1
    )
    assert ended(book) == [None, None, Outcome.UNREACHABLE]
    assert book.is_in(State.BRIEFING).transfer.live


def test_a_connection_that_was_away_takes_no_ringing_phone_for_lost():
    book = Playbook.talking().been_through(requested(*THREE, strategy="ring_all"), ev.SupervisorDialed(SUPERVISOR))
    book.been_through(ev.RoomOpened(ROOM))
    missed = reconcile(book.call, seen(book, **{SUPERVISOR: "Ringing"}), resuming=False)
    assert not [event for event in missed if isinstance(event, ev.SupervisorFailed | ev.SupervisorLeft | ev.Released)]


def test_when_it_takes_too_long_it_is_over_for_everybody():
    book = answers(ringing(max_seconds=8.0).after(1.0), 1, 2).after(7.0)
    book >> machine.alarm(book.call)
    briefed, rung = Outcome.ACK_TIMEOUT, Outcome.UNREACHABLE
    assert ended(book) == [briefed, briefed, rung]
    failed = [told.data["outcome"] for told in book.told if told.phase is Phase.ATTEMPT_FAILED]
    assert failed == [briefed, briefed, rung]
    assert (book.transfer.outcome, book.transfer.error) == (briefed, "no supervisor took the caller within 8 s")
    commands = book.is_in(State.RETURNING).taken()
    assert [c.channel_id for c in commands if isinstance(c, Dismiss)] == [SUPERVISOR, SECOND]
    assert given_up(THIRD) in commands


def test_the_rule_of_whoever_says_most_decides_what_becomes_of_the_caller():
    routes = [route(to, dispositions=(("declined", f"dialplan:after-{to}"),)) for to in ("2001", "2002", "2003")]
    book = Playbook.talking().been_through(requested(*routes, strategy="ring_all"))
    answers(book, 2).been_through(ev.BriefingDeclined(line(book, 2)), ev.SupervisorLeft(SUPERVISOR, sip_code=486))
    book >> ev.SupervisorLeft(THIRD, sip_code=486)
    assert book.take(ContinueElsewhere).context == "after-2002"


@pytest.mark.parametrize(("within", "state"), [((20.0, 0.0, 0.0), State.CONNECTING), ((0.0, 0.0, 20.0), State.CLOSING)])
def test_the_rule_of_whoever_accepted_decides_whether_the_caller_is_recalled(within, state):
    routes = [route(to, recall_within=each) for to, each in zip(("2001", "2002", "2003"), within, strict=True)]
    book = answers(Playbook.talking().been_through(requested(*routes, strategy="ring_all")), 1)
    book.been_through(ev.BriefingAccepted(line(book, 1)), ev.MediaOut(line(book, 1)), ev.Seated(ROOM, CALLER))
    book.been_through(ev.SupervisorLeft(SUPERVISOR)).is_in(state)


def test_the_caller_hears_the_words_out_when_one_of_several_is_out():
    book = ringing(reassure_every=4.0).after(4.0)
    book.been_through(machine.alarm(book.call))
    words = book.transfer.words
    book.been_through(ev.WordsReady(words.media_id)) >> ev.SupervisorLeft(SECOND, sip_code=486)
    (book << given_up(SECOND)).is_in(State.DIALING)
    assert book.transfer.words.media_id == words.media_id
