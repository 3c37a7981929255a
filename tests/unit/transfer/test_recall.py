"""A supervisor who hangs up right after the join."""

import pytest

from ari_app.testing.playbook import CALL, CALLER, ROOM, SUPERVISOR, TALK, TRANSFER, Playbook, requested, route
from ari_app.transfer import ids
from ari_app.transfer.commands import ConnectAgent, HandBack, HoldCaller, Release, RingAgent, SendToFallback
from ari_app.transfer.events import (
    AgentAnswered,
    AgentFailed,
    AgentLeft,
    BriefingAccepted,
    BriefingStarted,
    CallerLeft,
    CallerStranded,
    HoldFailed,
    MediaOut,
    Released,
    Resumed,
    RoomOpened,
    Seated,
    SupervisorAnswered,
    SupervisorDialed,
    SupervisorLeft,
)
from ari_app.transfer.model import Outcome, State

AGAIN, TALK_AGAIN = ids.agent_leg(CALL, 1), ids.talk_bridge(CALL, 1)
SOON = route(recall_within=20.0)


def connected(book):
    """From a request to a conversation of caller and supervisor."""
    return book.been_through(
        requested(SOON),
        RoomOpened(ROOM),
        SupervisorDialed(SUPERVISOR),
        SupervisorAnswered(SUPERVISOR),
        Seated(ROOM, SUPERVISOR),
        BriefingStarted("wt-tr_1-media-1"),
        BriefingAccepted("wt-tr_1-media-1"),
        MediaOut("wt-tr_1-media-1"),
        Seated(ROOM, CALLER),
        Released(ids.agent_leg(CALL)),
        Released(TALK),
    )


def recalled():
    book = connected(Playbook.talking()).after(20.0) >> SupervisorLeft(SUPERVISOR)
    assert book.transfer.outcome is Outcome.COMPLETED and book.transfer.is_over
    return book


def test_the_agent_is_rung_again_with_the_caller_on_music():
    book = recalled()
    book << HoldCaller(CALLER, ROOM, "default") << RingAgent << Release << Release
    book >> Released(SUPERVISOR) >> Released(ROOM) >> AgentAnswered(AGAIN)
    book << ConnectAgent(CALLER, AGAIN, TALK_AGAIN)
    (book >> Seated(TALK_AGAIN, CALLER)).is_in(State.TALKING)
    book >> requested(transfer_id="tr_2")
    assert book.take(HoldCaller) == HoldCaller(CALLER, TALK_AGAIN, "default")


def test_the_agent_is_told_which_transfer_it_was():
    ring = recalled().take(RingAgent)
    assert (ring.agent.channel_id, ring.recall) == (AGAIN, TRANSFER)


@pytest.mark.parametrize("event", [AgentFailed("no"), AgentLeft(AGAIN), HoldFailed("no"), "deadline"])
def test_an_agent_who_does_not_come_back_is_no_reason_to_strand_the_caller(event):
    book = recalled().been_through()
    book = book.times_out() if event == "deadline" else book >> event
    book.take(SendToFallback)
    book.been_through(CallerLeft())
    assert not [told for told in book.told if told.phase == "caller_returned"], "the transfer was complete"


def test_late_news_of_the_first_leg_to_the_agent_is_noted():
    book = recalled().been_through() >> AgentLeft(ids.agent_leg(CALL))
    book.is_in(State.CONNECTING)


def test_later_it_is_a_conversation_that_ended():
    book = connected(Playbook.talking()).after(20.1).been_through(SupervisorLeft(SUPERVISOR))
    book.is_in(State.CLOSING)


@pytest.mark.parametrize(("app", "command"), [(None, SendToFallback), ("bot", HandBack)])
def test_a_caller_without_an_agent_of_ours(app, command):
    book = connected(Playbook.waiting(app)) >> SupervisorLeft(SUPERVISOR)
    sent = book.take(command)
    assert command is SendToFallback or (sent.app, sent.args) == ("bot", f"recalled,{TRANSFER}")
    if app:
        (book >> CallerStranded("gone")).take(SendToFallback)
    book.been_through(CallerLeft(), Released(SUPERVISOR)).been_through(Released(ROOM)).is_in(State.CLOSED)


def test_a_new_life_of_the_app_keeps_the_music_on_while_the_agent_is_rung():
    assert (recalled().been_through() >> Resumed(caller_in=ROOM)).take(HoldCaller).bridge_id == ROOM
