"""The caller's wait: what is said when, the way back, and the end of it."""

import pytest

from ari_app.testing.playbook import (
    CALLER,
    MEDIA,
    ROOM,
    SUPERVISOR,
    TALK,
    TRANSFER,
    Playbook,
    requested,
    route,
)
from ari_app.transfer import ids, machine
from ari_app.transfer.commands import (
    HoldCaller,
    InterruptMusic,
    JoinCaller,
    PrepareBriefing,
    PrepareWords,
    Release,
    ReturnCaller,
    SayWords,
    StopBriefing,
)
from ari_app.transfer.events import (
    BriefingAccepted,
    BriefingStarted,
    CallerLeft,
    CallerPressed,
    DeadlinePassed,
    ReassuranceDue,
    Released,
    Resumed,
    RoomOpened,
    Seated,
    SupervisorAnswered,
    SupervisorDialed,
    SupervisorLeft,
    SupervisorRinging,
    TransferOverdue,
    WordsOver,
    WordsReady,
)
from ari_app.transfer.model import Outcome, Owned, OwnedKind, State
from ari_app.transfer.recovery import Seen, reconcile

WORDS, LINE, LINE_2 = ids.words_bridge(TRANSFER), ids.words_media(TRANSFER, 1), ids.words_media(TRANSFER, 2)
OUT = Release(Owned(OwnedKind.MEDIA, LINE, asked=True))


def due(book):
    """The alarm that is set comes."""
    alarm = machine.alarm(book.call)
    book.now = alarm.at
    return book >> alarm


def speaking(book):
    """The caller hears words."""
    due(book)
    book.take(PrepareWords)
    return book.been_through(WordsReady(LINE))


def told(**changes):
    return Playbook.dialing(reassure_every=10.0, **changes)


def test_the_music_stops_only_for_words_that_are_made():
    book = due(told(return_key="9"))
    book << PrepareWords(WORDS, LINE, "caller_dialing", "9")
    book >> WordsReady(LINE)
    book << InterruptMusic(CALLER, WORDS, LINE) << SayWords(LINE, "caller_dialing", "9")
    book.after(3.0) >> WordsOver(LINE)
    book << HoldCaller(CALLER, WORDS, "default") << OUT
    assert machine.alarm(book.call) == ReassuranceDue(book.now + 10.0)
    book >> Released(LINE)
    assert due(book).take(PrepareWords).media_id == LINE_2


def test_words_that_can_not_be_made_leave_the_music_alone():
    book = due(told())
    book << PrepareWords
    book >> WordsOver(LINE, heard=False)
    book << OUT
    assert machine.alarm(book.call).at == book.now + 10.0


@pytest.mark.parametrize(
    ("begin", "text"), [(Playbook.dialing, "caller_dialing"), (Playbook.briefing, "caller_briefing")]
)
def test_the_caller_is_told_the_truth(begin, text):
    assert due(begin(reassure_every=1.0)).take(PrepareWords).text == text


def test_nothing_is_said_unless_it_is_wanted():
    assert machine.alarm(Playbook.dialing().call) == DeadlinePassed(Playbook.dialing().call.deadline)


def test_a_join_takes_the_caller_out_of_the_words():
    book = speaking(Playbook.briefing(reassure_every=1.0)) >> BriefingAccepted(MEDIA)
    book << StopBriefing << JoinCaller(CALLER, ROOM) << OUT
    book >> WordsOver(LINE)
    assert book.call.state is State.JOINING


def test_a_return_takes_the_caller_out_of_the_words_and_all_of_it_is_cleared_away():
    book = speaking(told()) >> SupervisorLeft(SUPERVISOR, sip_code=486)
    book << ReturnCaller << Release(Owned(OwnedKind.CHANNEL, SUPERVISOR, asked=True)) << OUT
    book >> Seated(TALK, CALLER)
    book << Release(Owned(OwnedKind.BRIDGE, WORDS, asked=True))
    book >> Released(SUPERVISOR)
    book << Release(Owned(OwnedKind.BRIDGE, ROOM, asked=True))
    (book >> Released(ROOM) >> Released(WORDS) >> Released(LINE)).ends(Outcome.BUSY)


def test_the_next_supervisor_is_rung_while_the_words_go_on():
    book = Playbook.dialing(route("2001"), route("2002"), reassure_every=10.0)
    speaking(book).been_through(SupervisorLeft(SUPERVISOR, sip_code=486))
    assert not [owned for owned in book.transfer.ledger if owned.id == LINE and owned.asked]
    book >> WordsOver(LINE)
    book << HoldCaller << OUT


def test_a_caller_who_hangs_up_in_the_words():
    book = speaking(told()) >> CallerLeft()
    assert {LINE, SUPERVISOR} <= {owned.id for owned in book.transfer.ledger if owned.asked}


def test_a_new_life_of_the_app_brings_the_music_back():
    book = speaking(told()) >> Resumed(caller_in=WORDS)
    (book << OUT << HoldCaller(CALLER, WORDS, "default")).take(PrepareBriefing)
    assert machine.alarm(book.call).at == book.now + 10.0


def test_what_is_being_opened_for_the_words_is_not_missed_by_a_look_at_asterisk():
    book = due(told())
    people = {CALLER: "Up", book.call.agent.channel_id: "Up", SUPERVISOR: "Ringing"}
    seen = Seen("", people, {TALK: set(), ROOM: set()}, frozenset(people))
    assert reconcile(book.call, seen, resuming=False) == ()
    assert {event.id for event in reconcile(book.call, seen, resuming=True) if isinstance(event, Released)} >= {LINE}


@pytest.mark.parametrize("begin", [Playbook.dialing, Playbook.briefing])
def test_the_key_back_is_a_cancel(begin):
    book = begin(return_key="9").been_through(CallerPressed("1"))
    assert not book.transfer.outcome
    book.been_through(CallerPressed("9")).is_in(State.RETURNING)
    assert (book.transfer.outcome, book.transfer.error) == (Outcome.CANCELLED, "the caller went back to the agent")


@pytest.mark.parametrize("key", [None, "9"])
def test_a_committed_join_beats_the_key_back(key):
    (Playbook.joining(return_key=key) >> CallerPressed("9")).is_in(State.JOINING)


def test_no_key_is_the_key_back_unless_it_is_set():
    (Playbook.dialing() >> CallerPressed("9")).is_in(State.DIALING)


@pytest.mark.parametrize(
    ("events", "outcome"),
    [
        ((), Outcome.UNREACHABLE),
        ((SupervisorRinging(SUPERVISOR),), Outcome.NO_ANSWER),
        ((SupervisorAnswered(SUPERVISOR), Seated(ROOM, SUPERVISOR), BriefingStarted(MEDIA)), Outcome.ACK_TIMEOUT),
    ],
)
def test_a_transfer_that_takes_too_long_is_over_and_nobody_else_is_rung(events, outcome):
    book = Playbook.talking().been_through(
        requested(route("2001"), route("2002"), max_seconds=5.0), RoomOpened(ROOM), SupervisorDialed(SUPERVISOR)
    )
    book.been_through(*events).after(5.0)
    alarm = machine.alarm(book.call)
    assert isinstance(alarm, TransferOverdue)
    book.been_through(alarm).is_in(State.RETURNING)
    assert (book.transfer.outcome, len(book.transfer.attempts)) == (outcome, 1)
    assert book.transfer.error == "no supervisor took the caller within 5 s"
