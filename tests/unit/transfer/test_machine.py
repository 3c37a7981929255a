"""The transfer's stories, told command by command."""

import pytest

from ari_app.testing.playbook import (
    AGENT,
    CALLER,
    MEDIA,
    MEDIA_2,
    ROOM,
    ROOM_2,
    SECOND,
    SUPERVISOR,
    TALK,
    Playbook,
    requested,
    route,
)
from ari_app.transfer.commands import (
    ConnectAgent,
    Dismiss,
    HandBack,
    HoldCaller,
    Introduce,
    JoinCaller,
    MarkCaller,
    OpenRoom,
    PassKey,
    PrepareBriefing,
    Release,
    ReturnCaller,
    RingAgent,
    RingCaller,
    RingSupervisor,
    SeatSupervisor,
    SendToFallback,
    ShowCaller,
    StartBriefing,
    StopBriefing,
    WarmBriefing,
)
from ari_app.transfer.events import (
    AgentAnswered,
    AgentFailed,
    AgentLeft,
    AsteriskLost,
    BriefingAccepted,
    BriefingDeclined,
    BriefingExhausted,
    BriefingFailed,
    BriefingStarted,
    CallArrived,
    CallerHeld,
    CallerLeft,
    CallerStranded,
    CancelRequested,
    DeadlinePassed,
    HoldFailed,
    JoinFailed,
    MediaOut,
    Released,
    ReturnFailed,
    RoomFailed,
    RoomOpened,
    Seated,
    SummaryReady,
    SupervisorAnswered,
    SupervisorDialed,
    SupervisorFailed,
    SupervisorLeft,
    SupervisorPressed,
    SupervisorRinging,
    Unseated,
    VoicemailDetected,
)
from ari_app.transfer.model import Agent, Entry, Outcome, Owned, OwnedKind, Phase, State


def arrival(**changes):
    return CallArrived(CALLER, Entry.AGENT, TALK, agent=Agent("front-desk", "PJSIP/front-desk", AGENT), **changes)


# Arriving


def test_a_caller_hears_ringback_until_the_agent_answers():
    book = Playbook() >> arrival()
    book << MarkCaller << RingCaller << RingAgent
    book >> AgentAnswered(AGENT)
    book << ConnectAgent
    (book >> Seated(TALK, CALLER)).is_in(State.TALKING)


def test_an_agent_who_does_not_answer_gives_the_caller_to_the_fallback():
    book = Playbook().been_through(arrival()).times_out()
    book << Release << SendToFallback
    (book >> CallerLeft() >> Released(AGENT)).is_in(State.CLOSED)


def test_an_agent_who_can_not_be_rung_gives_the_caller_to_the_fallback():
    book = Playbook().been_through(arrival()) >> AgentFailed("no such endpoint")
    (book << Release << SendToFallback).is_in(State.LEAVING)


def test_a_caller_without_agent_goes_to_the_fallback():
    book = Playbook() >> CallArrived(CALLER, Entry.AGENT, TALK)
    (book << MarkCaller << SendToFallback).is_in(State.LEAVING)


def test_a_held_caller_goes_to_the_fallback_after_the_maximum_hold():
    book = Playbook.waiting().times_out()
    (book << SendToFallback >> CallerLeft()).is_in(State.CLOSED)


def test_a_fallback_that_does_not_happen_is_tried_again():
    book = Playbook.waiting().times_out()
    book << SendToFallback
    (book.times_out() << SendToFallback).is_in(State.LEAVING)


def test_caller_hangs_up_on_the_agent():
    book = Playbook.talking() >> CallerLeft()
    book << Release
    book >> Released(AGENT)
    (book << Release >> Released(TALK)).is_in(State.CLOSED)


def test_agent_hangs_up_on_the_caller():
    book = Playbook.talking() >> AgentLeft(AGENT)
    book << Release << Release
    book >> Released(AGENT) >> Released(CALLER)
    (book << Release >> CallerLeft() >> Released(TALK)).is_in(State.CLOSED)


# The good story


def accepted(how):
    book = Playbook.talking() >> requested()
    book << HoldCaller << OpenRoom << RingSupervisor << PrepareBriefing
    book >> CallerHeld("default") >> RoomOpened(ROOM) >> SupervisorDialed(SUPERVISOR)
    book >> SummaryReady("They want a refund.", "extractive", 0.01) >> SupervisorRinging(SUPERVISOR)
    book << WarmBriefing(MEDIA)
    book >> SupervisorAnswered(SUPERVISOR)
    book << SeatSupervisor << StartBriefing
    book >> Seated(ROOM, SUPERVISOR) >> BriefingStarted(MEDIA) >> how
    book << StopBriefing << JoinCaller
    book >> MediaOut(MEDIA) >> Seated(ROOM, CALLER)
    book << Release
    book >> Released(AGENT)
    return book << Release >> Released(TALK)


def test_accepted_by_speech():
    book = accepted(BriefingAccepted(MEDIA)).ends(Outcome.COMPLETED).is_in(State.CONNECTED)
    assert [str(phase) for phase in book.phases] == [
        "started",
        "summary_generating",
        "caller_on_hold",
        "consultation_room_created",
        "supervisor_dialed",
        "summary_ready",
        "supervisor_ringing",
        "supervisor_joined",
        "briefing_started",
        "briefing_complete",
        "call_switched",
        "transfer_complete",
    ]
    assert book.told_of(Phase.SUMMARY_READY)["form"] == {}
    assert book.told_of(Phase.TRANSFER_COMPLETE)["result"]["success"] is True


def test_accepted_by_key():
    book = accepted(SupervisorPressed(SUPERVISOR, "1")).ends(Outcome.COMPLETED)
    assert book.told_of(Phase.BRIEFING_COMPLETE)["by"] == "dtmf"


def test_keys_and_words_before_the_briefing_decide_nothing():
    book = Playbook.dialing().been_through(SupervisorAnswered(SUPERVISOR))
    book >> SupervisorPressed(SUPERVISOR, "1") >> BriefingAccepted(MEDIA)
    book.is_in(State.BRIEFING)


def test_other_keys_go_to_the_dialogue_and_are_not_final():
    book = Playbook.briefing() >> SupervisorPressed(SUPERVISOR, "5")
    book << PassKey("5", MEDIA)
    (book >> SupervisorPressed(SUPERVISOR, "1") << StopBriefing << JoinCaller).is_in(State.JOINING)


def test_the_switch_is_told_only_when_all_three_confirmations_are_there():
    book = Playbook.joining() >> Seated(ROOM, CALLER)
    book.is_in(State.JOINING)
    (book >> MediaOut(MEDIA) << Release).is_in(State.CONNECTED)


def test_a_supervisor_who_left_the_room_is_not_joined():
    book = Playbook.joining() >> MediaOut(MEDIA) >> Unseated(ROOM, SUPERVISOR) >> Seated(ROOM, CALLER)
    book.is_in(State.JOINING)


def test_ringing_may_be_heard_before_the_originate_is_answered():
    book = Playbook.talking() >> requested()
    book.been_through(SupervisorRinging(SUPERVISOR)) >> SupervisorDialed(SUPERVISOR)
    assert book.phases[-2:] == [Phase.SUPERVISOR_DIALED, Phase.SUPERVISOR_RINGING]


@pytest.mark.parametrize("shows", [True, False])
def test_the_supervisors_phone_shows_the_caller_if_the_rule_says_so_and_only_after_the_join(shows):
    book = Playbook.briefing(route(connected_line=shows)).been_through(BriefingAccepted(MEDIA), MediaOut(MEDIA))
    book >> Seated(ROOM, CALLER)
    book << Release
    if shows:
        book << ShowCaller(SUPERVISOR, CALLER, "+14155550123", "")
    book.is_in(State.CONNECTED) >> Released(AGENT)


# The introduction


def test_one_line_to_both_and_the_transfer_is_complete_when_the_assistant_is_out():
    book = Playbook.joining(introduces=True) >> MediaOut(MEDIA) >> Seated(ROOM, CALLER)
    book << Release << Introduce(ROOM, MEDIA_2)
    book >> Released(AGENT)
    book << Release >> Released(TALK)
    assert book.phases[-1] is Phase.CALL_SWITCHED
    (book >> MediaOut(MEDIA_2) >> Released(MEDIA_2)).ends(Outcome.COMPLETED).is_in(State.CONNECTED)


def test_nobody_is_introduced_before_both_are_confirmed():
    book = Playbook.joining(introduces=True) >> MediaOut(MEDIA)
    (book >> JoinFailed("422") << ReturnCaller << Dismiss).is_in(State.RETURNING)


def test_caller_hangs_up_in_the_introduction():
    book = Playbook.introducing() >> CallerLeft()
    (
        book
        << Release(Owned(OwnedKind.MEDIA, MEDIA_2, asked=True))
        << Release(Owned(OwnedKind.CHANNEL, SUPERVISOR, asked=True))
    )
    book >> Released(MEDIA_2)
    book.ends(Outcome.COMPLETED)
    (book >> Released(SUPERVISOR) << Release >> Released(ROOM)).is_in(State.CLOSED)


def test_supervisor_hangs_up_in_the_introduction():
    book = Playbook.introducing() >> SupervisorLeft(SUPERVISOR)
    book << Release(Owned(OwnedKind.MEDIA, MEDIA_2, asked=True)) << Release << Release
    book >> MediaOut(MEDIA_2)
    book.ends(Outcome.COMPLETED)
    book >> Released(CALLER) >> Released(SUPERVISOR)
    (book << Release >> Released(ROOM)).is_in(State.CLOSED)


# The supervisor is not reached


def test_supervisor_busy_gives_the_caller_back():
    book = Playbook.dialing() >> SupervisorLeft(SUPERVISOR, sip_code=486, cause=17)
    book << ReturnCaller << Release
    book >> Released(SUPERVISOR) >> Seated(TALK, CALLER)
    (book << Release >> Released(ROOM)).ends(Outcome.BUSY).is_in(State.TALKING)
    result = book.told_of(Phase.TRANSFER_CANCELLED)["result"]
    assert (result["sip_code"], result["cause"], result["retryable"]) == (486, 17, True)


def test_second_destination_after_a_busy_first():
    book = Playbook.dialing(route("2001"), route("2002")) >> SupervisorLeft(SUPERVISOR, sip_code=486)
    book << Release << OpenRoom(ROOM_2) << RingSupervisor
    book >> Released(SUPERVISOR)
    book << Release >> Released(ROOM) >> SupervisorAnswered(SECOND)
    (book << SeatSupervisor(SECOND, ROOM_2) << StartBriefing).is_in(State.BRIEFING)
    assert [a.outcome for a in book.transfer.attempts] == [Outcome.BUSY, None]


def test_the_second_invite_can_say_what_the_first_could_not():
    form = (("who", "Ana"), ("problem", "charged twice"))
    book = Playbook.talking() >> requested(route("2001"), route("2002"))
    first = book.take(RingSupervisor)
    book >> SummaryReady("Ana was charged twice.", "llm", 0.4, form) >> SupervisorLeft(SUPERVISOR, sip_code=486)
    second = book.take(RingSupervisor)
    assert (first.form, second.form) == ((), form)
    assert {(ring.reason, ring.transfer_id) for ring in (first, second)} == {("wants a refund", "tr_1")}
    assert book.told_of(Phase.SUMMARY_READY)["form"] == {"who": "Ana", "problem": "charged twice"}


def test_one_who_declined_never_meets_the_next_one_nor_the_caller():
    """The farewell takes seconds; the next supervisor gets a room of their own meanwhile."""
    book = Playbook.briefing(route("2001"), route("2002")) >> BriefingDeclined(MEDIA)
    book << Dismiss("farewell_declined", SUPERVISOR, ROOM, MEDIA) << OpenRoom(ROOM_2) << RingSupervisor
    book.been_through(SupervisorAnswered(SECOND), Seated(ROOM_2, SECOND), BriefingStarted(MEDIA_2))
    book >> BriefingAccepted(MEDIA_2)
    book << StopBriefing(MEDIA_2) << JoinCaller(CALLER, ROOM_2)


def test_one_who_hangs_up_in_the_farewell_ends_it():
    book = Playbook.briefing().been_through(BriefingDeclined(MEDIA)) >> Released(SUPERVISOR)
    book << Release(Owned(OwnedKind.MEDIA, MEDIA, asked=True))


def test_late_news_of_the_first_supervisor_is_noted():
    book = Playbook.dialing(route("2001"), route("2002")) >> SupervisorLeft(SUPERVISOR, sip_code=486)
    book.been_through() >> SupervisorLeft(SUPERVISOR) >> SupervisorAnswered(SUPERVISOR)
    book.is_in(State.DIALING)


def test_no_second_destination_after_the_join_timeout():
    book = Playbook.dialing(route("2001", ring_timeout=500.0), route("2002"))
    (book.times_out() << ReturnCaller << Release).is_in(State.RETURNING)
    assert len(book.transfer.attempts) == 1


def test_no_answer_cancels_the_leg():
    book = Playbook.dialing().been_through(SupervisorRinging(SUPERVISOR)).times_out()
    book << ReturnCaller << Release << Release
    book >> Seated(TALK, CALLER) >> Released(MEDIA) >> Released(SUPERVISOR)
    (book << Release >> Released(ROOM)).ends(Outcome.NO_ANSWER)


def test_a_phone_that_never_rings_is_unreachable():
    assert Playbook.dialing().times_out().transfer.outcome is Outcome.UNREACHABLE


def test_an_originate_of_unknown_fate_is_cancelled_and_failed():
    book = Playbook.talking().been_through(requested()) >> SupervisorFailed(SUPERVISOR, "dial: no answer")
    book << ReturnCaller << Release
    assert book.transfer.outcome is Outcome.UNREACHABLE


def test_a_caller_who_can_not_be_held_stays_with_the_agent():
    book = Playbook.talking().been_through(requested()) >> HoldFailed("hold: refused")
    (book << ReturnCaller << Release).is_in(State.RETURNING)


def test_a_room_that_can_not_be_opened_gives_the_caller_back():
    book = Playbook.talking().been_through(requested()) >> RoomFailed(ROOM, "refused")
    (book << ReturnCaller << Release).is_in(State.RETURNING)


# The supervisor does not accept


def test_declined_with_a_reason_returns_the_caller_first():
    book = Playbook.briefing() >> BriefingDeclined(MEDIA, reason="I am in a meeting")
    book << ReturnCaller << Dismiss("farewell_declined", SUPERVISOR, ROOM, MEDIA)
    book >> Seated(TALK, CALLER) >> MediaOut(MEDIA) >> Released(SUPERVISOR)
    (book << Release >> Released(ROOM)).ends(Outcome.DECLINED)
    assert book.told_of(Phase.TRANSFER_CANCELLED)["result"]["decline_reason"] == "I am in a meeting"


@pytest.mark.parametrize(
    ("kind", "reason", "suggestion", "farewell"),
    [
        ("refused", "I am in a meeting", None, "farewell_declined"),
        ("message", "tell them I call back at five", None, "farewell_message"),
        ("redirect", "that is for billing", "Maria in billing", "farewell_redirect"),
    ],
)
def test_a_no_is_told_with_its_kind(kind, reason, suggestion, farewell):
    book = Playbook.briefing() >> BriefingDeclined(MEDIA, "speech", reason, kind, suggestion)
    book << ReturnCaller << Dismiss(farewell, SUPERVISOR, ROOM, MEDIA)
    book >> Seated(TALK, CALLER) >> MediaOut(MEDIA) >> Released(SUPERVISOR)
    (book << Release >> Released(ROOM)).ends(Outcome.DECLINED)
    assert book.told_of(Phase.BRIEFING_COMPLETE) == {
        "attempt": 1,
        "resolution": "declined",
        "by": "speech",
        "decline_reason": reason,
        "decline_kind": kind,
        "suggestion": suggestion,
    }
    result = book.told_of(Phase.TRANSFER_CANCELLED)["result"]
    assert [a["decline"] for a in result["attempts"]] == [{"kind": kind, "reason": reason, "suggestion": suggestion}]


def test_declined_by_key():
    book = Playbook.briefing() >> SupervisorPressed(SUPERVISOR, "2")
    book << ReturnCaller << Dismiss
    complete = book.told_of(Phase.BRIEFING_COMPLETE)
    assert (complete["by"], complete["decline_kind"], complete["decline_reason"]) == ("dtmf", "refused", None)


@pytest.mark.parametrize("event", [BriefingAccepted(MEDIA), VoicemailDetected(MEDIA), BriefingExhausted(MEDIA)])
def test_what_is_no_decline_has_no_kind(event):
    book = Playbook.briefing().been_through(event)
    complete = book.told_of(Phase.BRIEFING_COMPLETE)
    assert (complete["decline_kind"], complete["suggestion"]) == (None, None)
    assert book.transfer.attempt.decline is None


def test_silence_is_never_consent():
    book = Playbook.briefing().times_out()
    (book << ReturnCaller << Dismiss).is_in(State.RETURNING)
    assert book.transfer.outcome is Outcome.ACK_TIMEOUT


def test_the_last_reprompt_is_never_consent():
    book = Playbook.briefing() >> BriefingExhausted(MEDIA)
    book << ReturnCaller << Dismiss
    assert book.transfer.outcome is Outcome.ACK_TIMEOUT


def test_a_machine_is_hung_up_without_a_word_and_never_connected():
    book = Playbook.briefing() >> VoicemailDetected(MEDIA)
    book << ReturnCaller << Release << Release
    book >> BriefingAccepted(MEDIA) >> SupervisorPressed(SUPERVISOR, "1")
    book >> Seated(TALK, CALLER) >> Released(MEDIA) >> Released(SUPERVISOR)
    (book << Release >> Released(ROOM)).ends(Outcome.VOICEMAIL)
    assert book.told_of(Phase.BRIEFING_COMPLETE)["resolution"] == "voicemail"


def test_a_machine_before_the_first_word_gives_way_to_the_next_destination():
    book = Playbook.dialing(route("2001"), route("2002")).been_through(SupervisorAnswered(SUPERVISOR))
    book >> VoicemailDetected(MEDIA)
    (
        book
        << Release(Owned(OwnedKind.MEDIA, MEDIA, asked=True))
        << Release(Owned(OwnedKind.CHANNEL, SUPERVISOR, asked=True))
    )
    (book << OpenRoom(ROOM_2) << RingSupervisor).is_in(State.DIALING)
    assert [a.outcome for a in book.transfer.attempts] == [Outcome.VOICEMAIL, None]


def test_a_failed_briefing_gives_the_caller_back():
    book = Playbook.briefing() >> BriefingFailed(MEDIA, "no voice")
    book << ReturnCaller << Release << Release
    assert book.transfer.outcome is Outcome.BRIEFING_FAILED


def test_a_broken_media_line_starts_the_briefing_again():
    book = Playbook.briefing() >> Released(MEDIA)
    (book << StartBriefing >> BriefingStarted(MEDIA_2)).is_in(State.BRIEFING)
    assert book.phases.count(Phase.BRIEFING_STARTED) == 1


def test_supervisor_hangs_up_in_the_briefing():
    book = Playbook.briefing() >> SupervisorLeft(SUPERVISOR, cause=16)
    book << ReturnCaller << Release << Release
    book >> Released(SUPERVISOR) >> Released(MEDIA) >> Seated(TALK, CALLER)
    (book << Release >> Released(ROOM)).ends(Outcome.SUPERVISOR_HANGUP)


def test_supervisor_hangs_up_at_the_acknowledgement():
    book = Playbook.joining() >> SupervisorLeft(SUPERVISOR)
    book << ReturnCaller << Release
    assert book.transfer.outcome is Outcome.SUPERVISOR_HANGUP


def test_an_unconfirmed_join_gives_the_caller_back():
    book = Playbook.joining() >> MediaOut(MEDIA)
    book.times_out() << ReturnCaller << Dismiss
    assert book.transfer.outcome is Outcome.JOIN_FAILED


def test_a_refused_join_gives_the_caller_back():
    book = Playbook.joining() >> JoinFailed("422")
    (book << ReturnCaller << Dismiss("join_failed", SUPERVISOR, ROOM, MEDIA)).is_in(State.RETURNING)
    assert book.transfer.outcome is Outcome.JOIN_FAILED


# Somebody else ends it


def test_cancel_while_ringing():
    book = Playbook.dialing() >> CancelRequested("solved")
    book << ReturnCaller << Release
    book >> Seated(TALK, CALLER) >> Released(SUPERVISOR)
    (book << Release >> Released(ROOM)).ends(Outcome.CANCELLED)
    assert book.told_of(Phase.TRANSFER_CANCELLED)["result"]["error"] == "solved"


def test_cancel_in_the_briefing_tells_the_supervisor():
    book = Playbook.briefing() >> CancelRequested()
    (book << ReturnCaller << Dismiss("cancelled", SUPERVISOR, ROOM, MEDIA)).is_in(State.RETURNING)


def test_a_committed_join_beats_a_cancel():
    (Playbook.joining() >> CancelRequested()).is_in(State.JOINING)


def test_caller_hangs_up_while_it_rings():
    book = Playbook.dialing() >> CallerLeft()
    book << Release << Release
    book >> Released(SUPERVISOR)
    book << Release
    book >> Released(AGENT)
    book << Release >> Released(ROOM) >> Released(TALK)
    book.ends(Outcome.CALLER_HANGUP).is_in(State.CLOSED)


def test_caller_hangs_up_in_the_briefing_and_the_supervisor_is_told():
    book = Playbook.briefing() >> CallerLeft()
    book << Dismiss("caller_gone", SUPERVISOR, ROOM, MEDIA) << Release
    assert book.transfer.outcome is Outcome.CALLER_HANGUP


def test_caller_hangs_up_during_the_join_and_the_supervisor_is_told_on_a_new_line():
    book = Playbook.joining() >> MediaOut(MEDIA) >> CallerLeft()
    book << Dismiss("caller_gone", SUPERVISOR, ROOM, MEDIA_2) << Release
    book.is_in(State.CLOSING)


def test_agent_hangs_up_during_the_transfer_and_the_caller_still_gets_the_supervisor():
    book = Playbook.dialing() >> AgentLeft(AGENT) >> Released(AGENT) >> SupervisorAnswered(SUPERVISOR)
    book.been_through() >> Seated(ROOM, SUPERVISOR) >> BriefingStarted(MEDIA) >> BriefingAccepted(MEDIA)
    book.been_through() >> MediaOut(MEDIA) >> Seated(ROOM, CALLER)
    (book << Release >> Released(TALK)).ends(Outcome.COMPLETED)


def test_agent_gone_and_transfer_failed_gives_the_caller_to_the_fallback():
    book = Playbook.dialing() >> AgentLeft(AGENT) >> Released(AGENT) >> SupervisorLeft(SUPERVISOR, sip_code=603)
    book << SendToFallback << Release
    book >> Released(SUPERVISOR)
    book << Release >> CallerLeft()
    book << Release >> Released(TALK) >> Released(ROOM)
    book.ends(Outcome.REJECTED).is_in(State.CLOSED)
    assert book.told_of(Phase.CALLER_RETURNED) == {"to": "fallback"}


def test_agent_hangs_up_while_the_caller_returns():
    book = Playbook.dialing().been_through(SupervisorLeft(SUPERVISOR, sip_code=486))
    (book >> AgentLeft(AGENT) << SendToFallback).is_in(State.LEAVING)


def test_a_return_that_fails_ends_in_the_fallback():
    book = Playbook.dialing().been_through(SupervisorLeft(SUPERVISOR, sip_code=486))
    (book >> ReturnFailed("refused") << SendToFallback).is_in(State.LEAVING)


def test_caller_and_supervisor_until_the_supervisor_hangs_up():
    book = Playbook.connected() >> SupervisorLeft(SUPERVISOR)
    book << Release << Release
    book >> Released(CALLER) >> Released(SUPERVISOR)
    (book << Release >> Released(ROOM)).is_in(State.CLOSED)


def test_caller_and_supervisor_until_the_caller_hangs_up():
    book = Playbook.connected() >> CallerLeft()
    book << Release
    (book >> Released(SUPERVISOR) << Release >> Released(ROOM)).is_in(State.CLOSED)


# The other entries


def test_a_held_caller_is_on_music_again_after_a_failed_transfer():
    book = Playbook.waiting().been_through(requested()) >> SupervisorLeft(SUPERVISOR, sip_code=486)
    book << HoldCaller << Release
    (book >> Released(SUPERVISOR) << Release >> Released(ROOM)).ends(Outcome.BUSY).is_in(State.WAITING)
    assert book.told_of(Phase.CALLER_RETURNED) == {"to": "hold"}


def test_a_caller_who_was_handed_over_goes_back_with_transfer_id_and_outcome():
    book = Playbook.waiting("bot").been_through(requested()) >> SupervisorLeft(SUPERVISOR, sip_code=486)
    book << HandBack(CALLER, "bot", "returned,tr_1,busy") << Release
    book >> CallerLeft() >> Released(SUPERVISOR)
    (book << Release >> Released(ROOM)).ends(Outcome.BUSY).is_in(State.CLOSED)
    assert book.told_of(Phase.CALLER_RETURNED) == {"to": "bot"}


def test_an_application_that_is_gone_does_not_strand_the_caller():
    book = Playbook.waiting("bot").been_through(requested()) >> SupervisorLeft(SUPERVISOR, sip_code=486)
    (book.been_through() >> CallerStranded("not there") << SendToFallback).is_in(State.LEAVING)


# Weather


def test_asterisk_restarts_in_the_briefing():
    book = Playbook.briefing() >> AsteriskLost()
    book.ends(Outcome.ASTERISK_LOST).is_in(State.CLOSED)


def test_a_second_transfer_after_a_failed_one():
    book = Playbook.dialing().been_through(SupervisorLeft(SUPERVISOR, sip_code=486))
    book >> Released(SUPERVISOR) >> Seated(TALK, CALLER)
    book.been_through() >> Released(ROOM)
    book >> requested(transfer_id="tr_2")
    (book << HoldCaller << OpenRoom << RingSupervisor << PrepareBriefing).is_in(State.DIALING)


def test_no_second_transfer_while_one_is_being_cleared_away():
    book = Playbook.dialing().been_through(SupervisorLeft(SUPERVISOR, sip_code=486))
    book >> Seated(TALK, CALLER)
    (book >> requested(transfer_id="tr_2")).is_in(State.TALKING)
    assert book.transfer.transfer_id == "tr_1"


def test_an_old_deadline_is_stale():
    (Playbook.dialing() >> DeadlinePassed(1.0)).is_in(State.DIALING)
