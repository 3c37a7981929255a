"""What a call missed, from the difference between its state and what Asterisk has."""

from ari_app.testing.playbook import AGENT, CALLER, MEDIA, MEDIA_2, ROOM, SUPERVISOR, TALK, Playbook, requested, route
from ari_app.transfer import events as ev
from ari_app.transfer.commands import (
    HoldCaller,
    Introduce,
    JoinCaller,
    Release,
    ReturnCaller,
    RingSupervisor,
    StartBriefing,
)
from ari_app.transfer.model import Outcome, Phase, State
from ari_app.transfer.recovery import Seen, reconcile


def seen(*channels, talk=(), room=(), bridges=(TALK, ROOM)):
    inside = {TALK: frozenset(talk), ROOM: frozenset(room)}
    return Seen(
        asterisk="",
        channels={channel: "Up" for channel in channels},
        bridges={bridge: inside[bridge] for bridge in bridges},
        ours=frozenset(channels),
    )


def resumed(book, facts):
    """The commands of a new life of the app."""
    commands = []
    for event in reconcile(book.call, facts, resuming=True):
        from ari_app.transfer.machine import step

        after = step(book.call, event, book.now)
        book.call = after.call
        commands += after.commands
    return [type(command) for command in commands]


def test_nothing_missed_nothing_told():
    book = Playbook.talking()
    assert reconcile(book.call, seen(CALLER, AGENT, talk=(CALLER, AGENT), bridges=(TALK,)), resuming=False) == (
        ev.Seated(TALK, CALLER),
    )


def test_a_caller_who_left_is_told_first_so_that_nobody_is_rung_for_nobody():
    book = Playbook.dialing(route("2001"), route("2002"))
    missed = reconcile(book.call, seen(AGENT), resuming=True)
    assert missed[0] == ev.CallerLeft()
    assert RingSupervisor not in resumed(book, seen(AGENT))


def test_another_asterisk_has_none_of_our_channels():
    book = Playbook.briefing()
    assert reconcile(book.call, Seen(asterisk="later"), resuming=False)[0] != ev.AsteriskLost()
    from dataclasses import replace

    call = replace(book.call, asterisk="earlier")
    assert reconcile(call, Seen(asterisk="later"), resuming=False) == (ev.AsteriskLost(),)


def test_killed_on_hold_before_the_invite_left_nobody_is_rung_again():
    book = Playbook.talking().been_through(requested())
    commands = resumed(book, seen(CALLER, AGENT, bridges=(TALK,)))
    assert RingSupervisor not in commands
    assert ReturnCaller in commands
    assert book.transfer.outcome is Outcome.UNREACHABLE


def test_killed_while_ringing_goes_on_ringing():
    book = Playbook.dialing()
    facts = seen(CALLER, AGENT, SUPERVISOR, talk=(AGENT,))
    facts.channels[SUPERVISOR] = "Ringing"
    commands = resumed(book, facts)
    assert commands.count(HoldCaller) == 1
    book.is_in(State.DIALING)


def test_answered_while_the_app_was_down_is_briefed():
    book = Playbook.dialing()
    commands = resumed(book, seen(CALLER, AGENT, SUPERVISOR, talk=(AGENT,)))
    assert commands.count(StartBriefing) == 1
    book.is_in(State.BRIEFING)


def test_killed_in_the_briefing_is_briefed_again_on_a_new_line():
    book = Playbook.briefing()
    commands = resumed(book, seen(CALLER, AGENT, SUPERVISOR, talk=(AGENT,), room=(SUPERVISOR,)))
    assert commands.count(StartBriefing) == 1
    assert book.transfer.attempt.media_id == MEDIA_2
    assert MEDIA != MEDIA_2


def test_killed_in_the_join_joins():
    book = Playbook.joining()
    commands = resumed(book, seen(CALLER, AGENT, SUPERVISOR, talk=(AGENT,), room=(SUPERVISOR,)))
    assert JoinCaller in commands
    book.is_in(State.JOINING)


def test_killed_after_the_join_before_it_was_told_is_told():
    book = Playbook.joining()
    resumed(book, seen(CALLER, AGENT, SUPERVISOR, talk=(AGENT,), room=(SUPERVISOR, CALLER)))
    book.is_in(State.CONNECTED)


def test_killed_in_the_introduction_takes_the_assistant_out_and_leaves_the_two_alone():
    book = Playbook.introducing()
    here = seen(CALLER, SUPERVISOR, MEDIA_2, room=(SUPERVISOR, CALLER, MEDIA_2), bridges=(ROOM,))
    assert resumed(book, here) == [Release]
    (book >> ev.Released(MEDIA_2)).ends(Outcome.COMPLETED).is_in(State.CONNECTED)


def test_killed_in_the_introduction_and_the_assistant_is_out_already():
    book = Playbook.introducing()
    assert resumed(book, seen(CALLER, SUPERVISOR, room=(SUPERVISOR, CALLER), bridges=(ROOM,))) == []
    assert book.is_in(State.CONNECTED).transfer.phase is Phase.TRANSFER_COMPLETE


def test_killed_in_the_join_introduces_afterwards():
    book = Playbook.joining(introduces=True)
    facts = seen(CALLER, AGENT, SUPERVISOR, talk=(AGENT,), room=(SUPERVISOR, CALLER))
    assert resumed(book, facts).count(Introduce) == 1
    book.is_in(State.CONNECTED)


def test_a_connection_that_was_away_leaves_the_introduction_to_who_says_it():
    book = Playbook.introducing()
    missed = reconcile(book.call, seen(CALLER, SUPERVISOR, room=(SUPERVISOR, CALLER), bridges=(ROOM,)), resuming=False)
    assert ev.Released(MEDIA_2) not in missed


def test_killed_on_the_way_back_returns():
    book = Playbook.returning()
    assert ReturnCaller in resumed(book, seen(CALLER, AGENT, talk=(AGENT,)))


def test_supervisor_gone_while_the_app_was_down():
    book = Playbook.connected()
    resumed(book, seen(CALLER, room=(CALLER,), bridges=(ROOM,)))
    book.is_in(State.CLOSING)


def test_a_connection_that_was_away_leaves_what_is_being_created_alone():
    book = Playbook.talking().been_through(requested())
    missed = reconcile(book.call, seen(CALLER, AGENT, talk=(AGENT, CALLER), bridges=(TALK,)), resuming=False)
    assert not any(isinstance(event, ev.SupervisorFailed | ev.Released) for event in missed)


def test_a_line_that_is_to_be_opened_again_is_not_taken_for_lost_twice():
    book = Playbook.briefing().been_through(ev.MediaOut(MEDIA))
    here = seen(CALLER, AGENT, SUPERVISOR, talk=(AGENT,), room=(SUPERVISOR,))
    assert ev.Released(MEDIA_2) not in reconcile(book.call, here, resuming=False)
    book.been_through(ev.BriefingStarted(MEDIA_2))
    assert ev.Released(MEDIA_2) in reconcile(book.call, here, resuming=False)
