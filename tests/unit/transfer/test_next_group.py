"""When nobody of one group takes the call, the transfer goes on with the next: the same transfer, the same wait."""

import pytest

from ari_app.testing.playbook import ROOM, ROOM_2, SECOND, SUPERVISOR, TALK, TRANSFER, Playbook, requested, route
from ari_app.transfer import dispositions, ids
from ari_app.transfer.commands import (
    ContinueElsewhere,
    Dismiss,
    FindGroup,
    HoldCaller,
    JoinCaller,
    OpenRoom,
    ReturnCaller,
    RingSupervisor,
)
from ari_app.transfer.dispositions import Disposition, Kind
from ari_app.transfer.events import (
    BriefingAccepted,
    BriefingDeclined,
    BriefingStarted,
    CallerLeft,
    CancelRequested,
    GroupFound,
    GroupNotFound,
    JoinFailed,
    MediaOut,
    Seated,
    SupervisorAnswered,
    SupervisorDialed,
    SupervisorLeft,
    TransferOverdue,
)
from ari_app.transfer.model import Outcome, Phase, State
from ari_app.transfer.recovery import Seen, reconcile

BUSY, BUSY_2 = SupervisorLeft(SUPERVISOR, sip_code=486), SupervisorLeft(SECOND, sip_code=486)
ON = (("busy", "next_group:desk"), ("busy", "next_group:night"), ("busy", "dialplan:voicemail"))
SALES = route("2001", dispositions=ON)


def desk(*routes, strategy="sequential", asked="desk", group="desk"):
    return GroupFound(asked, group, routes or (route("2002", dispositions=ON),), strategy)


def seeking(**changes):
    return Playbook.dialing(SALES, **changes).been_through(BUSY).is_in(State.SEEKING)


def test_an_action_may_name_a_group():
    assert dispositions.read("next_group:on-call") == Disposition(Kind.NEXT_GROUP, group="on-call")
    for wrong in ("next_group", "next_group:", "next_group:a b", "next_group:a,b"):
        with pytest.raises(ValueError, match="next_group:NAME"):
            dispositions.read(wrong)


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ([{"busy": "next_group:a"}, {}, {"busy": "next_group:b"}, {"busy": "hangup"}],
         [("busy", "next_group:a"), ("busy", "next_group:b"), ("busy", "hangup")]),
        ([{"busy": "return"}, {"busy": "next_group:a"}], []),
        ([{"busy": "next_group:a"}, {"busy": "return"}, {"busy": "hangup"}], [("busy", "next_group:a")]),
        ([{"busy": "hangup"}, {"busy": "next_group:a", "declined": "next_group:a"}],
         [("busy", "hangup"), ("declined", "next_group:a")]),
    ],
)  # fmt: skip
def test_words_about_an_outcome_count_in_their_order_until_one_ends_it(layers, expected):
    assert dispositions.in_order(layers) == tuple(expected)


def test_the_same_transfer_goes_on_with_the_same_music():
    book = Playbook.dialing(SALES)
    book >> BUSY
    assert book.take(FindGroup) == FindGroup("desk", ())
    book >> desk()
    book << OpenRoom << RingSupervisor
    book.is_in(State.DIALING).been_through(SupervisorDialed(SECOND), SupervisorAnswered(SECOND))
    book.been_through(Seated(ROOM_2, SECOND), BriefingStarted(ids.media(TRANSFER, 1)))
    book >> BriefingAccepted(ids.media(TRANSFER, 1))
    assert book.take(JoinCaller).room_id == ROOM_2
    told = [told for told in book.told if told.phase is Phase.SUPERVISOR_DIALED]
    assert [each.data["attempt"] for each in told] == [1, 2]
    assert {each.transfer_id for each in book.told} == {TRANSFER}
    assert Phase.CALLER_RETURNED not in book.phases
    assert book.phases.count(Phase.CALLER_ON_HOLD) == book.phases.count(Phase.STARTED) == 1


def test_each_group_is_tried_once_and_then_comes_what_is_said_last():
    book = seeking(group="sales") >> desk()
    book.been_through(SupervisorDialed(SECOND)) >> BUSY_2
    assert book.take(FindGroup) == FindGroup("night", ("sales", "desk"))
    book >> GroupNotFound("desk", "late: of another time")
    book >> GroupNotFound("night", "night is closed now")
    assert book.take(ContinueElsewhere).context == "voicemail"
    assert book.transfer.outcome is Outcome.BUSY


def test_what_takes_a_closed_groups_place_counts_as_tried():
    book = seeking() >> desk(group="night")
    book.been_through(SupervisorDialed(SECOND)) >> BUSY_2
    assert book.take(ContinueElsewhere)


@pytest.mark.parametrize("event", [GroupNotFound("desk", "closed"), "deadline"])
def test_no_answer_of_ours_is_as_if_the_group_were_closed(event):
    book = Playbook.dialing(route(dispositions=ON[:1])).been_through(BUSY)
    book = book.times_out() if event == "deadline" else book >> event
    assert book.take(ReturnCaller)
    assert (book >> desk()).is_in(State.RETURNING).taken() == [], "too late"


def test_the_last_group_alone_says_how_it_ends():
    said_no = (("declined", "next_group:desk"),)
    book = Playbook.briefing(route(dispositions=said_no))
    book >> BriefingDeclined(ids.media(TRANSFER, 1), reason="in a meeting")
    farewell = book.take(Dismiss)
    assert (farewell.text, book.call.state) == ("farewell_declined", State.SEEKING)
    book >> desk(route("2002"), route("2003"), strategy="ring_all")
    rung = [command.attempt.channel_id for command in book.taken() if isinstance(command, RingSupervisor)]
    assert rung == [SECOND, ids.supervisor_leg(TRANSFER, 3)]
    book.been_through(SupervisorLeft(rung[0], sip_code=480), SupervisorLeft(rung[1], sip_code=486))
    assert (book.transfer.outcome, book.transfer.attempt.number) == (Outcome.BUSY, 3)


def test_no_time_is_left_for_others():
    book = Playbook.dialing(SALES, supervisor_join_timeout=10.0).after(10.0) >> BUSY
    assert book.take(ContinueElsewhere)
    book = Playbook.dialing(SALES, max_seconds=20.0).after(20.0)
    book >> TransferOverdue(book.transfer.give_up_at)
    assert not [command for command in book.taken() if isinstance(command, FindGroup)]
    book = seeking(max_seconds=20.0).after(20.0)
    book >> TransferOverdue(book.transfer.give_up_at)
    assert book.take(ContinueElsewhere)


def test_a_join_that_failed_rings_nobody_else():
    every = tuple((outcome.value, "next_group:desk") for outcome in dispositions.GOES_ON)
    answered = Playbook.briefing(route(dispositions=every)).been_through(BriefingAccepted(ids.media(TRANSFER, 1)))
    for event in (JoinFailed("refused"), SupervisorLeft(SUPERVISOR)):
        book = Playbook(answered.call, now=answered.now) >> event
        assert book.take(ReturnCaller)


@pytest.mark.parametrize("event", [CancelRequested("no more"), CallerLeft()])
def test_meanwhile_the_agent_thinks_better_of_it_or_the_caller_goes(event):
    book = seeking() >> event
    assert book.call.state in (State.RETURNING, State.CLOSING)
    assert book.transfer.outcome in (Outcome.CANCELLED, Outcome.CALLER_HANGUP)
    book.been_through() >> desk()
    assert book.taken() == []


def test_a_blind_transfer_goes_on_too():
    book = Playbook.talking().been_through(requested(SALES, mode="blind"), SupervisorDialed(SUPERVISOR), BUSY)
    book.is_in(State.SEEKING).been_through(desk(), SupervisorDialed(SECOND)) >> SupervisorAnswered(SECOND)
    assert book.take(JoinCaller).room_id == ROOM_2


def test_killed_while_the_group_is_looked_up_it_is_looked_up_again():
    book = seeking(group="sales")
    seen = Seen("", channels={book.call.caller: "Up", book.call.agent.channel_id: "Up"}, ours={book.call.caller},
                bridges={TALK: frozenset(), ROOM: frozenset()})  # fmt: skip
    for event in reconcile(book.call, seen, resuming=True):
        book.inject(event)
    commands = book.taken()
    assert FindGroup("desk", ("sales",)) in commands
    assert not [command for command in commands if isinstance(command, RingSupervisor)]
    assert [command for command in commands if isinstance(command, HoldCaller)]
    assert (book >> desk()).take(RingSupervisor).attempt.number == 2


def test_killed_when_the_next_phone_was_about_to_ring_nobody_is_rung_twice():
    book = seeking().been_through(desk(route("2002", dispositions=ON[1:])))
    seen = Seen("", channels={book.call.caller: "Up", book.call.agent.channel_id: "Up"}, ours={book.call.caller})
    for event in reconcile(book.call, seen, resuming=True):
        book.inject(event)
    assert not [command for command in book.taken() if isinstance(command, RingSupervisor)]
    assert book.transfer.attempts[1].outcome is Outcome.UNREACHABLE


def test_a_line_that_is_still_closing_does_not_disturb_the_next_group():
    book = Playbook.briefing(SALES) >> SupervisorLeft(SUPERVISOR)
    assert book.take(ReturnCaller), "supervisor_hangup names no group here"
    hung_up = route(dispositions=(("supervisor_hangup", "next_group:desk"),))
    book = Playbook.briefing(hung_up).been_through(SupervisorLeft(SUPERVISOR))
    book.is_in(State.SEEKING) >> MediaOut(ids.media(TRANSFER, 1))
    assert book.is_in(State.SEEKING).transfer.media_count == 1
