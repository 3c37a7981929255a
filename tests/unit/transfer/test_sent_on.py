"""A supervisor who has the caller sends them on by REFER: to somebody who answers, else back to who asked."""

import pytest

from ari_app.testing.playbook import (
    CALLER,
    NEXT,
    NEXT_ROOM,
    NEXT_TRANSFER,
    ROOM,
    SUPERVISOR,
    Playbook,
    referred,
    requested,
)
from ari_app.transfer import ids
from ari_app.transfer.commands import (
    ContinueElsewhere,
    HandBack,
    HoldCaller,
    JoinCaller,
    OpenRoom,
    PrepareBriefing,
    Release,
    ReturnCaller,
    RingAgent,
    RingSupervisor,
    SeatSupervisor,
    SendToFallback,
    TellReferrer,
)
from ari_app.transfer.events import (
    AgentAnswered,
    AgentLeft,
    CallerLeft,
    CancelRequested,
    HoldFailed,
    Released,
    Resumed,
    ReturnFailed,
    Seated,
    SupervisorAnswered,
    SupervisorLeft,
    WhisperRequested,
)
from ari_app.transfer.model import Outcome, Phase, State
from ari_app.transfer.recovery import Seen, reconcile

BUSY = SupervisorLeft(NEXT, sip_code=486, cause=17)
JOINED = (SupervisorAnswered(NEXT), Seated(NEXT_ROOM, NEXT), Seated(NEXT_ROOM, CALLER))
OUT = (Released(SUPERVISOR), AgentLeft(SUPERVISOR), Released(ROOM))


def told(book, transfer_id=NEXT_TRANSFER):
    return [each.phase.value for each in book.told if each.transfer_id == transfer_id]


def test_the_caller_is_held_and_the_next_one_rung_without_a_briefing():
    book = Playbook.referable() >> referred()
    book << TellReferrer(SUPERVISOR, "channel_progress") << HoldCaller(CALLER, ROOM, "default")
    book << OpenRoom(NEXT_ROOM) << RingSupervisor
    book.is_in(State.DIALING)
    assert told(book) == ["started"]


def test_a_whisper_ends_with_it():
    book = Playbook.referable(coach=True).been_through(WhisperRequested("psst"))
    parts = book.call.whispering.parts
    book.inject(referred())
    assert {command.owned.id for command in book.taken() if isinstance(command, Release)} == parts
    assert book.call.whispering is None


def test_who_answers_has_the_caller_and_who_asked_is_told_before_they_are_hung_up():
    book = Playbook.sent_on() >> SupervisorAnswered(NEXT)
    book << SeatSupervisor << JoinCaller(CALLER, NEXT_ROOM)
    book.been_through(Seated(NEXT_ROOM, NEXT)) >> Seated(NEXT_ROOM, CALLER)
    book << TellReferrer(SUPERVISOR, "channel_answered") << Release
    book.been_through(*OUT).is_in(State.CONNECTED)
    assert (book.transfer.outcome, book.transfer.is_over) == (Outcome.COMPLETED, True)
    assert [each.sequence for each in book.told if each.transfer_id == NEXT_TRANSFER] == list(
        range(1, len(told(book)) + 1)
    )
    assert {owned.id for owned in book.call.ledger} == {NEXT, NEXT_ROOM}
    (book >> SupervisorLeft(NEXT)).been_through().is_in(State.CLOSING)


def test_the_next_one_may_send_the_caller_on_too():
    book = Playbook.sent_on().been_through(*JOINED, *OUT) >> referred(by=NEXT, transfer_id="tr_3")
    book << TellReferrer(NEXT, "channel_progress") << HoldCaller(CALLER, NEXT_ROOM, "default") << OpenRoom
    book << RingSupervisor
    book >> SupervisorLeft(ids.supervisor_leg("tr_3", 1), sip_code=486)
    book << ReturnCaller(CALLER, NEXT_ROOM)


def test_who_is_not_answered_has_the_caller_back_and_may_try_again():
    book = Playbook.sent_on() >> BUSY
    book << ReturnCaller(CALLER, ROOM) << Release
    book.been_through(Seated(ROOM, CALLER), Released(NEXT)).inject(Released(NEXT_ROOM))
    book << TellReferrer(SUPERVISOR, "channel_unavailable")
    book.is_in(State.CONNECTED)
    assert told(book)[-3:] == ["attempt_failed", "caller_returned", "transfer_cancelled"]
    assert book.told_of(Phase.CALLER_RETURNED)["to"] == "supervisor"
    book >> BUSY >> WhisperRequested("psst")
    book.is_in(State.CONNECTED)
    book >> referred(transfer_id="tr_3")
    book << TellReferrer << HoldCaller(CALLER, ROOM, "default") << OpenRoom << RingSupervisor


def test_who_has_the_caller_back_ends_the_conversation_by_hanging_up():
    book = Playbook.sent_on().been_through(BUSY, Seated(ROOM, CALLER), Released(NEXT), Released(NEXT_ROOM))
    book.been_through(AgentLeft(SUPERVISOR)).is_in(State.CLOSING)


@pytest.mark.parametrize("left", [AgentLeft(SUPERVISOR), SupervisorLeft(SUPERVISOR)], ids=["as agent", "as before"])
def test_who_hangs_up_right_after_asking_ends_nothing(left):
    """The hang-up may have been told while they were a supervisor still."""
    book = Playbook.sent_on().been_through(left, Released(SUPERVISOR)).is_in(State.DIALING)
    book.been_through(*JOINED, Released(ROOM)).is_in(State.CONNECTED)
    assert told(book)[-1] == "transfer_complete"


@pytest.mark.parametrize(
    ("arrived", "changes", "command"),
    [
        (Playbook.talking, {}, SendToFallback),
        (Playbook.waiting, {}, SendToFallback),
        (lambda: Playbook.waiting("bot"), {}, HandBack),
        (Playbook.talking, {"dispositions": (("busy", "dialplan:voicemail"),)}, ContinueElsewhere),
    ],
    ids=["an agent's call", "hold", "handover", "disposition"],
)
def test_with_nobody_to_go_back_to_the_caller_is_not_stranded(arrived, changes, command):
    book = Playbook.sent_on(arrived(), **changes).been_through(AgentLeft(SUPERVISOR), Released(SUPERVISOR)) >> BUSY
    book.take(command)
    book.been_through(CallerLeft(), Released(NEXT), Released(NEXT_ROOM), Released(ROOM)).is_in(State.CLOSED)
    assert told(book)[-1] == "transfer_cancelled"


@pytest.mark.parametrize("arrived", [Playbook.talking, Playbook.waiting, lambda: Playbook.waiting("bot")])
def test_who_asked_has_the_caller_back_whatever_the_entry_and_the_disposition(arrived):
    book = Playbook.sent_on(arrived(), dispositions=(("busy", "hangup"),)) >> BUSY
    assert book.take(ReturnCaller) == ReturnCaller(CALLER, ROOM)


@pytest.mark.parametrize(
    ("event", "outcome"), [(CancelRequested("no"), "cancelled"), (HoldFailed("no"), "internal_error"), (None, "")]
)
def test_whatever_fails_gives_the_caller_back(event, outcome):
    book = Playbook.sent_on()
    book = book >> event if event else book.times_out()
    book.take(ReturnCaller)
    assert book.transfer.outcome.value == (outcome or "unreachable")
    (book >> ReturnFailed("gone")).take(SendToFallback)


def test_of_two_who_hang_up_on_the_way_back_none_strands_the_caller():
    book = Playbook.sent_on().been_through(BUSY) >> AgentLeft(SUPERVISOR)
    book << SendToFallback


@pytest.mark.parametrize("by", [None, NEXT, CALLER])
def test_nobody_else_may_ask_for_a_caller_who_is_with_a_supervisor(by):
    book = Playbook.referable().inject(referred(by=by))
    book.is_in(State.CONNECTED)
    assert [type(each) for each in book.taken()] == ([TellReferrer] if by else [])
    assert (told(book), book.transfer.transfer_id) == (["transfer_failed"], "tr_1")


def test_a_supervisor_whose_rule_does_not_say_so_may_not_ask():
    book = Playbook.connected().inject(referred())
    assert book.taken() == [TellReferrer(SUPERVISOR, "channel_declined")]
    book.is_in(State.CONNECTED)


def test_a_recall_of_the_next_one_rings_the_first_line():
    """Name and endpoint were kept; the leg is new."""
    book = Playbook.sent_on(recall_within=20.0).been_through(*JOINED, *OUT) >> SupervisorLeft(NEXT)
    agent = book.take(RingAgent).agent
    assert (agent.name, agent.endpoint, agent.rule) == ("front-desk", "PJSIP/front-desk", None)
    assert agent.channel_id == ids.agent_leg("call_1", 1)


def test_the_agent_who_is_asked_for_later_has_a_briefing_again():
    book = Playbook.sent_on(recall_within=20.0).been_through(*JOINED, *OUT, SupervisorLeft(NEXT))
    again, talk = ids.agent_leg("call_1", 1), ids.talk_bridge("call_1", 1)
    book.been_through(AgentAnswered(again), Seated(talk, CALLER)).is_in(State.TALKING)
    (book >> requested(transfer_id="tr_3")).take(PrepareBriefing)


def seen(*channels, **rooms):
    inside = {ROOM: frozenset(rooms.get("room", ())), NEXT_ROOM: frozenset(rooms.get("next", ()))}
    return Seen("", {channel: "Up" for channel in channels}, inside, frozenset(channels))


@pytest.mark.parametrize(
    ("there", "wanted", "state"),
    [
        (seen(CALLER, SUPERVISOR, room=[SUPERVISOR]), ReturnCaller, State.RETURNING),
        (seen(CALLER, room=[]), SendToFallback, State.LEAVING),
        (seen(CALLER, SUPERVISOR, NEXT, room=[SUPERVISOR]), JoinCaller, State.JOINING),
        (seen(CALLER, NEXT), JoinCaller, State.JOINING),
    ],
    ids=["nobody rung any more", "nobody there at all", "answered meanwhile", "answered, and who asked has gone"],
)
def test_another_life_of_the_app_goes_on(there, wanted, state):
    book = Playbook.sent_on()
    for event in reconcile(book.call, there, resuming=True):
        book.inject(event)
    book.take(wanted)
    book.is_in(state)


def test_another_life_finds_the_caller_with_who_asked():
    book = Playbook.sent_on().been_through(BUSY, Seated(ROOM, CALLER), Released(NEXT), Released(NEXT_ROOM))
    there = seen(CALLER, SUPERVISOR, room=[CALLER, SUPERVISOR])
    for event in reconcile(book.call, there, resuming=True):
        book.inject(event)
    assert book.taken() == []
    book.is_in(State.CONNECTED)
    assert Resumed(caller_in=ROOM) in reconcile(book.call, there, resuming=True)
