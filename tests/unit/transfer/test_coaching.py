"""Words to the supervisor alone, after the join."""

import pytest

from ari_app.testing.playbook import CALLER, ROOM, SUPERVISOR, TRANSFER, Playbook
from ari_app.transfer import ids
from ari_app.transfer.commands import Release, Whisper
from ari_app.transfer.events import CallerLeft, Released, Resumed, WhisperOver, WhisperRequested
from ari_app.transfer.model import Owned, OwnedKind, State, Whispering
from ari_app.transfer.recovery import Seen, reconcile

LINE, SNOOP, EAR = (ids.whisper(TRANSFER, 1, part) for part in ("media", "snoop", "bridge"))
ASKED = WhisperRequested("Ask for the order number.")


def whispering():
    book = Playbook.connected(coach=True) >> ASKED
    book << Whisper(SUPERVISOR, Whispering(LINE, SNOOP, EAR), "Ask for the order number.")
    return book


def out(kind, id):
    return Release(Owned(kind, id, asked=True))


@pytest.mark.parametrize("over", [WhisperOver(LINE), Resumed(caller_in=ROOM)])
def test_after_the_words_nothing_of_them_is_left(over):
    book = whispering() >> over
    book << out(OwnedKind.MEDIA, LINE) << out(OwnedKind.CHANNEL, SNOOP) << out(OwnedKind.BRIDGE, EAR)
    book >> Released(LINE) >> Released(SNOOP) >> Released(EAR) >> ASKED
    assert book.take(Whisper).by.media_id == ids.whisper(TRANSFER, 2, "media")


def test_one_whisper_at_a_time():
    (whispering() >> ASKED).is_in(State.CONNECTED)


@pytest.mark.parametrize("begin", [Playbook.connected, Playbook.talking, Playbook.leaving])
def test_nobody_is_whispered_to_who_does_not_talk_or_is_not_to_be_coached(begin):
    begin() >> ASKED >> WhisperOver(LINE)


@pytest.mark.parametrize("begin", [Playbook.briefing, Playbook.joining])
def test_nor_before_the_join(begin):
    begin(coach=True) >> ASKED


def test_a_caller_who_hangs_up_takes_the_whisper_along():
    book = whispering().been_through(CallerLeft())
    assert {LINE, SNOOP, SUPERVISOR} <= {owned.id for owned in book.call.ledger if owned.asked}
    book.been_through(*map(Released, (LINE, SNOOP, SUPERVISOR, EAR, ROOM))).is_in(State.CLOSED)


def test_what_is_being_opened_is_not_missed_by_a_look_at_asterisk():
    book, people = whispering(), {CALLER: "Up", SUPERVISOR: "Up"}
    seen = Seen("", people, {ROOM: set(people)}, frozenset(people))
    missed = [type(event) for event in reconcile(book.call, seen, resuming=False)]
    assert Released not in missed
