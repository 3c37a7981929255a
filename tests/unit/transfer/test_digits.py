"""An auto attendant answers: digits first, then the supervisor; nobody is told anything, or joined, meanwhile."""

import re

import pytest

from ari_app.testing.playbook import AGENT, CALLER, ROOM, SUPERVISOR, TALK, Playbook, requested, route
from ari_app.transfer import digits
from ari_app.transfer import events as ev
from ari_app.transfer.actions.moves import CONFIRM
from ari_app.transfer.actions.ringing import DIALS_ON_SLACK
from ari_app.transfer.commands import JoinCaller, Release, ReturnCaller, RingSupervisor, SeatSupervisor, SendDigits
from ari_app.transfer.commands import StartBriefing as Start
from ari_app.transfer.model import Outcome, Phase, State
from ari_app.transfer.recovery import Seen, reconcile
from ari_app.transfer.routing import NotAllowed, Rule, Wanted
from ari_app.transfer.routing import route as routed

EXTENSION = route("2001;ext=1234", digits="ww1234#", ring_timeout=25.0)
SENT = digits.seconds("ww1234#")


@pytest.mark.parametrize(
    ("template", "extension", "expected"),
    [
        ("", "", ""),
        ("ww{ext}#", "1234", "ww1234#"),
        ("ww{ext}#", "", ""),
        ("1w2", "", "1w2"),
        ("9w{ext}w{ext}", "ab", "9wABwAB"),
    ],
)
def test_a_template_is_filled(template, extension, expected):
    assert digits.filled(template, extension) == expected
    assert re.match(digits.TEMPLATE, template)


@pytest.mark.parametrize("template", ["{}", "{extension}", "12E", "1,2", "w" * 65, "1 2", "{ext"])
def test_what_is_no_template_is_refused(template):
    assert not re.match(digits.TEMPLATE, template)


RULE = Rule("pbx", "PJSIP/{to}@trunk", destinations=("+1415*",), digits_after_answer="ww{ext}#")


def wanted(to, rule=RULE):
    return routed(Wanted("pbx", to), {"pbx": rule})


def test_the_number_alone_is_matched_and_dialed():
    found = wanted("+14155550100;ext=1234")
    assert (found.endpoint, found.sip_call_to) == ("PJSIP/+14155550100@trunk", "+14155550100;ext=1234")
    assert (found.digits, found.picks_up_within) == ("ww1234#", 25.0)
    direct = wanted("+14155550123")
    assert (direct.digits, direct.picks_up_within) == ("", 0.0)
    fixed = Rule("pbx", "PJSIP/{to}@trunk", destinations=("+1415*",), digits_after_answer="w1")
    assert wanted("+14155550100", fixed).digits == "w1"


@pytest.mark.parametrize(
    ("to", "rule", "reason"),
    [
        ("+14155550100;ext=1234", Rule("pbx", "PJSIP/{to}", destinations=("+1415*",)), "takes no extension"),
        (
            "+14155550100;ext=1",
            Rule("pbx", "PJSIP/{to}", destinations=("*",), digits_after_answer="w1"),
            "no extension",
        ),
        ("+14155550100;ext=", RULE, "write an extension"),
        ("+14155550100;ext=12345678901234567", RULE, "write an extension"),
        ("+14155550100;ext=w1", RULE, "write an extension"),
        ("+14155550100;isub=1", RULE, "only digits"),
        ("+14155550100;ext=1;ext=2", RULE, "write an extension"),
        ("+12125550100;ext=1234", RULE, "does not allow"),
    ],
)
def test_what_the_rule_does_not_take_is_refused(to, rule, reason):
    with pytest.raises(NotAllowed, match=reason) as refused:
        wanted(to, rule)
    assert refused.value.key == "sip_call_to" and "55501" not in str(refused.value)


def picked_up(*routes, **changes):
    book = Playbook.dialing(*(routes or (EXTENSION,)), **changes).been_through(ev.SupervisorRinging(SUPERVISOR))
    return book >> ev.SupervisorAnswered(SUPERVISOR)


def test_nobody_is_briefed_before_the_digits_are_out():
    book = picked_up()
    assert book.taken() == [SendDigits(SUPERVISOR, "ww1234#")]
    assert book.is_in(State.DIALING).call.deadline == book.now + DIALS_ON_SLACK * SENT + CONFIRM
    (book.after(SENT) >> ev.SupervisorAnswered(SUPERVISOR) >> ev.SupervisorPressed(SUPERVISOR, "1")).is_in(
        State.DIALING
    )
    assert Phase.SUPERVISOR_JOINED not in book.phases
    book >> ev.DigitsSent(SUPERVISOR)
    book << SeatSupervisor(SUPERVISOR, ROOM) << Start
    assert book.is_in(State.BRIEFING).call.deadline == book.now + 25.0 + 180.0
    assert not (book >> ev.DigitsSent(SUPERVISOR)).taken()


def test_a_blind_transfer_joins_only_then():
    book = Playbook.talking().been_through(requested(EXTENSION, mode="blind")) >> ev.SupervisorAnswered(SUPERVISOR)
    assert book.taken() == [SendDigits(SUPERVISOR, "ww1234#")]
    book.is_in(State.DIALING) >> ev.DigitsSent(SUPERVISOR)
    (book << SeatSupervisor(SUPERVISOR, ROOM) << JoinCaller(CALLER, ROOM)).is_in(State.JOINING)


@pytest.mark.parametrize(
    ("event", "outcome"),
    [
        (ev.SupervisorLeft(SUPERVISOR, None, 16), Outcome.NO_ANSWER),
        (ev.SupervisorFailed(SUPERVISOR, "send a digit: no answer"), Outcome.UNREACHABLE),
        ("deadline", Outcome.NO_ANSWER),
        (ev.CancelRequested(), Outcome.CANCELLED),
    ],
)
def test_a_line_that_ends_meanwhile(event, outcome):
    book = picked_up().been_through()
    book = book.times_out() if event == "deadline" else book >> event
    commands = book.taken()
    assert [type(command) for command in commands if not isinstance(command, Release)] == [ReturnCaller]
    assert book.transfer.outcome is outcome
    assert {owned.id for owned in book.transfer.ledger if owned.asked} >= {SUPERVISOR}


def test_the_other_phones_go_on_ringing():
    book = picked_up(EXTENSION, route("2002"), strategy="ring_all").been_through().times_out()
    assert book.is_in(State.DIALING).transfer.live[0].number == 2


def seen(**channels):
    people = {CALLER: "Up", AGENT: "Up", **channels}
    return Seen("", channels=people, bridges={TALK: frozenset(), ROOM: frozenset()}, ours={CALLER})


def resumed(book, *, resuming=True):
    for event in reconcile(book.call, seen(**{SUPERVISOR: "Up"}), resuming=resuming):
        book.inject(event)
    return book.taken()


def test_killed_while_digits_are_sent_none_is_sent_twice():
    """One digit less would reach somebody else, who must not hear a word of it."""
    book = picked_up(EXTENSION, route("2002")).been_through()
    commands = resumed(book)
    assert not [command for command in commands if isinstance(command, SendDigits | Start)]
    assert [command.attempt.number for command in commands if isinstance(command, RingSupervisor)] == [2]
    assert book.transfer.attempts[0].outcome is Outcome.UNREACHABLE
    assert SUPERVISOR in {command.owned.id for command in commands if isinstance(command, Release)}


def test_killed_before_the_answer_was_noted_they_are_sent_from_the_first():
    book = Playbook.dialing(EXTENSION).been_through()
    assert [command for command in resumed(book) if isinstance(command, SendDigits)] == [
        SendDigits(SUPERVISOR, "ww1234#")
    ]


def test_a_lost_connection_alone_changes_nothing():
    book = picked_up().been_through()
    assert resumed(book, resuming=False) == []
    (book >> ev.DigitsSent(SUPERVISOR)).is_in(State.BRIEFING)


def test_killed_in_the_briefing_behind_an_attendant():
    book = picked_up().been_through(ev.DigitsSent(SUPERVISOR))
    again = [command for command in resumed(book) if isinstance(command, SendDigits | Start)]
    assert [(type(command), command.attempt.briefing_started) for command in again] == [(Start, False)]
