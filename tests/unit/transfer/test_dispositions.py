"""What becomes of the caller when no supervisor takes the call."""

import pytest

from ari_app.testing.playbook import CALLER, SUPERVISOR, TRANSFER, Playbook, requested, route
from ari_app.transfer import dispositions, ids
from ari_app.transfer.commands import (
    ContinueElsewhere,
    HandBack,
    HoldCaller,
    PrepareWords,
    ReturnCaller,
    SendToFallback,
)
from ari_app.transfer.dispositions import Disposition, Kind
from ari_app.transfer.events import (
    AgentLeft,
    CallerLeft,
    CallerStranded,
    CancelRequested,
    Released,
    SupervisorLeft,
    WordsOver,
    WordsReady,
)
from ari_app.transfer.model import Outcome, Phase, State

LINE = ids.words_media(TRANSFER, 1)
BUSY = SupervisorLeft(SUPERVISOR, sip_code=486)


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ("return", Disposition(Kind.RETURN)),
        ("dialplan:voicemail", Disposition(Kind.DIALPLAN, "voicemail", "s")),
        ("dialplan:queues,sales-1", Disposition(Kind.DIALPLAN, "queues", "sales-1")),
        ("hangup", Disposition(Kind.HANGUP, text="caller_goodbye")),
        (
            "hangup:We call you back: today, at five.",
            Disposition(Kind.HANGUP, text="We call you back: today, at five."),
        ),
    ],
)
def test_an_action_is_read(action, expected):
    assert dispositions.read(action) == expected


@pytest.mark.parametrize(
    "action",
    ["", "back", "dialplan:", "dialplan:a b", "dialplan:a,s,1", "dialplan:a,b,", "hangup:", "hangup:a\nb", "return,"],
)
def test_what_is_no_action_is_refused(action):
    with pytest.raises(ValueError, match="write return"):
        dispositions.read(action)


def busy(action):
    """The supervisor is busy, and this is to become of the caller."""
    return Playbook.dialing(route(dispositions=(("busy", action),))) >> BUSY


def test_on_into_the_dialplan_with_the_outcome():
    book = busy("dialplan:voicemail,s")
    told = (("WT_OUTCOME", "busy"), ("WT_TRANSFER_ID", TRANSFER))
    command = book.take(ContinueElsewhere)
    assert command == ContinueElsewhere(CALLER, "voicemail", "s", told)
    book.been_through(CallerLeft())
    assert book.told_of(Phase.CALLER_RETURNED) == {"to": "dialplan:voicemail"}
    book.been_through(*(Released(owned.id) for owned in (*book.call.ledger, *book.transfer.ledger)))
    book.been_through(*(Released(owned.id) for owned in (*book.call.ledger, *book.transfer.ledger)))
    book.ends(Outcome.BUSY).is_in(State.CLOSED)


@pytest.mark.parametrize("event", [CallerStranded("the dialplan has none"), "deadline"])
def test_a_dialplan_that_does_not_take_the_caller_is_as_if_nothing_had_been_chosen(event):
    book = busy("dialplan:voicemail").been_through()
    book = book.times_out() if event == "deadline" else book >> event
    assert book.take(ReturnCaller).caller == CALLER
    book.is_in(State.RETURNING)


def test_whoever_has_no_agent_any_more_ends_in_the_fallback_once():
    book = Playbook.dialing(route(dispositions=(("busy", "dialplan:voicemail"),))).been_through(
        AgentLeft("wt-call_1-agent"), BUSY
    )
    (book >> CallerStranded("no")).take(SendToFallback)
    (book >> CallerStranded("no")).take(SendToFallback)
    book.is_in(State.LEAVING)


def test_a_last_line_is_heard_before_the_hang_up():
    book = busy("hangup:Nobody is here.")
    assert book.take(PrepareWords).text == "Nobody is here."
    book.been_through(WordsReady(LINE)).is_in(State.LEAVING)
    assert Phase.CALLER_RETURNED not in book.phases
    book.been_through(WordsOver(LINE)).is_in(State.CLOSING)
    assert book.told_of(Phase.CALLER_RETURNED) == {"to": "hangup"}
    assert CALLER in {owned.id for owned in book.call.ledger if owned.asked}


@pytest.mark.parametrize("when", ["not made", "not heard", "too late"])
def test_nobody_is_hung_up_without_the_last_line(when):
    book = busy("hangup").been_through()
    if when != "not made":
        book.been_through(WordsReady(LINE))
    book = book.times_out() if when == "too late" else book >> WordsOver(LINE, heard=False)
    assert book.take(ReturnCaller).caller == CALLER
    assert book.is_in(State.RETURNING).transfer.words is None


@pytest.mark.parametrize(("app", "back"), [(None, HoldCaller), ("bot", HandBack)])
def test_a_failed_disposition_of_a_caller_without_agent(app, back):
    chosen = route(dispositions=(("busy", "dialplan:voicemail"),))
    book = Playbook.waiting(app).been_through(requested(chosen), BUSY) >> CallerStranded("no")
    assert book.take(back).caller == CALLER


def test_another_outcome_and_a_cancel_go_back():
    assert busy("return").take(ReturnCaller)
    book = Playbook.dialing(route(dispositions=(("busy", "hangup"),))) >> CancelRequested()
    assert book.take(ReturnCaller)


def test_the_supervisor_tried_last_decides():
    first, second = route("2001", dispositions=(("busy", "hangup"),)), route("2002")
    book = Playbook.dialing(first, second).been_through(BUSY)
    assert (book >> SupervisorLeft(ids.supervisor_leg(TRANSFER, 2), sip_code=486)).take(ReturnCaller)
