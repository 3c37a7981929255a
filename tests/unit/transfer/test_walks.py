"""Random walks over the whole machine: whatever happens in whatever order, the guarantees hold."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from ari_app.testing.playbook import (
    AGENT,
    CALLER,
    NEXT,
    NEXT_ROOM,
    SUPERVISOR,
    TALK,
    Playbook,
    referred,
    requested,
    route,
)
from ari_app.transfer import commands as cmd
from ari_app.transfer import dispositions, ids, machine
from ari_app.transfer import events as ev
from ari_app.transfer.actions.words import HELD
from ari_app.transfer.dispositions import GOES_ON, OUTCOMES
from ari_app.transfer.model import Outcome, Phase, State, Turn
from ari_app.transfer.table import TABLE

SUPERVISORS = [*(ids.supervisor_leg("tr_1", n) for n in (1, 2, 3)), NEXT]
ROOMS = [*(ids.room("tr_1", n) for n in (1, 2, 3)), NEXT_ROOM]
MEDIAS = [ids.media("tr_1", n) for n in (1, 2, 3, 4)]
AGAIN, TALK_AGAIN = ids.agent_leg("call_1", 1), ids.talk_bridge("call_1", 1)
WHISPERS = [ids.whisper("tr_1", n, part) for n in (1, 2) for part in ("media", "snoop", "bridge")]
WORDS, LINES = ids.words_bridge("tr_1"), [ids.words_media("tr_1", n) for n in (1, 2, 3)]
THINGS = [AGENT, CALLER, TALK, *ROOMS, *SUPERVISORS, *MEDIAS, WORDS, *LINES, AGAIN, TALK_AGAIN, *WHISPERS]
THREE = (route("2001"), route("2002", ring_timeout=5.0), route("2003"))
EXTENSION = route("2001;ext=12", digits="w12#")
BUSY = ev.SupervisorLeft(SUPERVISORS[0], sip_code=486)
GOODBYES = tuple((outcome.value, "hangup") for outcome in OUTCOMES)
VOICEMAIL = tuple((outcome.value, "dialplan:voicemail") for outcome in OUTCOMES)
NEXT = tuple(
    (outcome.value, action) for outcome in GOES_ON for action in ("next_group:two", "next_group:one", "hangup")
)
WAIT = {"reassure_every": 3.0, "return_key": "9", "max_seconds": 20.0}

supervisors, rooms, medias = st.sampled_from(SUPERVISORS), st.sampled_from(ROOMS), st.sampled_from(MEDIAS)
bridges, people = st.sampled_from([TALK, TALK_AGAIN, *ROOMS]), st.sampled_from([CALLER, *SUPERVISORS])
anything = st.one_of(
    st.just(ev.CallerLeft()),
    st.just(ev.CallerAnswered()),
    st.just(ev.CallerHeld("default")),
    st.just(ev.HoldFailed("x")),
    st.just(ev.CallerStranded("x")),
    st.builds(ev.AgentAnswered, st.sampled_from([AGENT, AGAIN])),
    st.builds(ev.AgentLeft, st.sampled_from([AGENT, AGAIN, SUPERVISOR])),
    st.just(ev.AgentFailed("x")),
    st.just(ev.TranscriptAdded(())),
    st.just(ev.TranscriptAdded((Turn("user", "sent"),))),
    st.just(ev.TranscriptAdded((Turn("user", "overheard"),), overheard=True, at_most=20)),
    st.just(requested(route("2001"), route("2002"))),
    st.just(requested(*THREE, strategy="ring_all")),
    st.just(requested(*THREE, mode="blind")),
    st.builds(referred, st.sampled_from([SUPERVISOR, NEXT])),
    st.just(ev.CancelRequested()),
    st.builds(ev.SupervisorDialed, supervisors),
    st.builds(ev.SupervisorRinging, supervisors),
    st.builds(ev.SupervisorAnswered, supervisors),
    st.builds(ev.DigitsSent, supervisors),
    st.builds(ev.SupervisorFailed, supervisors, st.just("x")),
    st.builds(ev.SupervisorLeft, supervisors, st.sampled_from([None, 486, 480, 603]), st.just(17)),
    st.builds(ev.SupervisorPressed, supervisors, st.sampled_from("12359#")),
    st.builds(ev.RoomOpened, rooms),
    st.builds(ev.RoomFailed, rooms, st.just("x")),
    st.builds(ev.Seated, bridges, people),
    st.builds(ev.Unseated, bridges, people),
    st.just(ev.JoinFailed("x")),
    st.just(ev.ReturnFailed("x")),
    st.just(ev.SummaryReady("s", "extractive", 0.1, (("who", "Ana"),))),
    st.builds(ev.BriefingStarted, medias),
    st.builds(ev.BriefingAccepted, medias),
    st.builds(ev.BriefingDeclined, medias, kind=st.sampled_from(["refused", "message", "redirect"])),
    st.builds(ev.VoicemailDetected, medias),
    st.builds(ev.BriefingExhausted, medias),
    st.builds(ev.BriefingFailed, medias, st.just("x")),
    st.builds(ev.MediaOut, medias),
    st.builds(ev.Released, st.sampled_from(THINGS)),
    st.just(ev.AsteriskLost()),
    st.builds(ev.Resumed, st.sampled_from([None, TALK, WORDS, *ROOMS])),
    st.builds(ev.CallerPressed, st.sampled_from("19")),
    st.builds(ev.WordsReady, st.sampled_from(LINES)),
    st.builds(ev.WordsOver, st.sampled_from(LINES), st.booleans()),
    st.just(ev.WhisperRequested("x")),
    st.builds(ev.WhisperOver, st.sampled_from(WHISPERS[::3])),
    st.just(ev.GroupFound("two", "two", (route("2003", dispositions=NEXT),), "sequential")),
    st.just(ev.GroupFound("one", "two", (route("2003", dispositions=NEXT), route("2004")), "ring_all")),
    st.just(
        ev.GroupFound("two", "three", (route("2003", dispositions=NEXT), route("2004", dispositions=NEXT)), "ring_all")
    ),
    st.builds(ev.GroupNotFound, st.sampled_from(["one", "two"]), st.just("x")),
    st.just("deadline"),
)
starts = st.sampled_from(
    [
        Playbook.talking,
        Playbook.waiting,
        lambda: Playbook.waiting("bot"),
        lambda: Playbook.dialing(route("2001"), route("2002")),
        lambda: Playbook.dialing(route("2001"), referrer=AGENT),
        lambda: Playbook.briefing(route("2001"), route("2002")),
        lambda: Playbook.dialing(*THREE, strategy="ring_all"),
        lambda: Playbook.briefing(*THREE, strategy="ring_all"),
        lambda: two_are_briefed(),
        lambda: Playbook.talking().been_through(requested(*THREE, mode="blind")),
        lambda: Playbook.waiting().been_through(requested(*THREE, mode="blind", strategy="ring_all")),
        lambda: Playbook.dialing(route("2001"), route("2002"), **WAIT),
        lambda: Playbook.briefing(route("2001"), route("2002"), **WAIT),
        lambda: Playbook.briefing(route("2001", dispositions=GOODBYES), **WAIT),
        lambda: Playbook.dialing(route("2001", dispositions=VOICEMAIL)),
        lambda: two_are_briefed(**WAIT),
        lambda: Playbook.talking().been_through(requested(*THREE, mode="blind", **WAIT)),
        lambda: Playbook.briefing(
            route("2001", dispositions=GOODBYES), route("2002", dispositions=VOICEMAIL), strategy="ring_all", **WAIT
        ),
        lambda: Playbook.dialing(route("2001", dispositions=NEXT), group="one"),
        lambda: Playbook.dialing(route("2001", dispositions=NEXT), **WAIT).been_through(BUSY),
        lambda: Playbook.talking().been_through(requested(route("2001", dispositions=NEXT), mode="blind"), BUSY),
        lambda: Playbook.dialing(*(route(f"200{n}", dispositions=NEXT) for n in "123"), strategy="ring_all", **WAIT),
        lambda: Playbook.dialing(EXTENSION, route("2002"), **WAIT),
        lambda: Playbook.dialing(EXTENSION, replace(EXTENSION, sip_call_to="2002"), route("2003"), strategy="ring_all"),
        lambda: Playbook.talking().been_through(requested(EXTENSION, route("2002"), mode="blind")),
        Playbook.joining,
        lambda: Playbook.joining(referrer=AGENT),
        lambda: Playbook.joining(introduces=True),
        Playbook.connected,
        Playbook.introducing,
        lambda: Playbook.connected(coach=True),
        Playbook.recalled,
        Playbook.referable,
        lambda: Playbook.referable(recall_within=20.0, coach=True),
        lambda: Playbook.referable(Playbook.waiting()),
        Playbook.sent_on,
        lambda: Playbook.sent_on(Playbook.waiting("bot"), dispositions=VOICEMAIL),
        lambda: sent_back(),
        Playbook.returning,
        Playbook.leaving,
    ]
)


def two_are_briefed(**changes):
    """The third still rings."""
    book = Playbook.briefing(*THREE, strategy="ring_all", **changes)
    return book.been_through(
        ev.SupervisorAnswered(SUPERVISORS[1]), ev.Seated(ROOMS[1], SUPERVISORS[1]), ev.BriefingStarted(MEDIAS[1])
    )


def sent_back():
    """The next one was busy, and who asked has the caller again."""
    return Playbook.sent_on().been_through(ev.SupervisorLeft(NEXT, sip_code=486), ev.Seated(ROOMS[0], CALLER))


def walk(start, events):
    """Every step of the walk, with the call before it."""
    book = start()
    call, now = book.call, book.now
    asked = 0 if call.transfer is None or call.transfer.transfer_id == "tr_1" else 1
    for event in events:
        now += 0.25
        if isinstance(event, ev.TransferRequested):
            asked += 1
            event = replace(event, transfer_id="tr_1" if asked == 1 and call.transfer is None else f"tr_{asked + 1}")
        if event == "deadline":
            event = machine.alarm(call)
            if event is None:
                continue
            now = max(now, event.at)
        step = machine.step(call, event, now)
        yield call, event, step
        call = step.call


@settings(max_examples=500, deadline=None)
@given(starts, st.lists(anything, max_size=40))
def test_the_guarantees(start, events):
    commands, terminal = [], {}
    asked_by_refer = sum(isinstance(event, ev.TransferRequested) and bool(event.request.referrer) for event in events)
    for before, event, step in walk(start, events):
        commands += step.commands
        _no_state_without_a_deadline(step.call)
        _the_table_is_true(before, event, step)
        _the_call_is_where_its_furthest_supervisor_is(step.call)
        _who_was_not_chosen_is_on_the_way_out(step.call)
        _consent_is_explicit(before, event, step)
        _a_machine_is_never_joined(before, event, step)
        _nobody_talks_in_a_blind_transfer(step)
        _digits_go_out_before_anybody_is_there(before, event, step)
        _only_two_who_talk_are_introduced(before, step)
        _the_conversation_is_from_one_side_and_bounded(step.call)
        _each_group_is_tried_once(before, event, step)
        _music_stops_only_for_words(before, event, step)
        _a_caller_is_hung_up_only_after_a_last_line(before, event, step)
        _other_legs_never_end_the_caller(before, event, step)
        _nobody_is_left_in_an_empty_bridge(before, step)
        for told in step.phases:
            if told.phase.is_terminal:
                terminal[told.transfer_id] = terminal.get(told.transfer_id, 0) + 1
        if step.call.transfer and step.call.transfer.is_over and step.call.transfer.phase.is_terminal:
            assert not step.call.transfer.ledger
    assert all(count == 1 for count in terminal.values())
    rung = [c.attempt.channel_id for c in commands if isinstance(c, cmd.RingSupervisor)]
    assert len(rung) == len(set(rung)), "somebody was rung twice"
    joined = {(c.caller, c.room_id) for c in commands if isinstance(c, cmd.JoinCaller)}
    assert len(joined) <= len({room.rsplit("-room-")[0] for _, room in joined}), "two supervisors were joined"
    introduced = [c.media_id for c in commands if isinstance(c, cmd.Introduce)]
    assert len(introduced) <= 1, "they were introduced twice"
    ends = [c.state for c in commands if isinstance(c, cmd.TellReferrer) and c.state != "channel_progress"]
    assert len(ends) <= 1 + asked_by_refer, "one REFER was given two ends"


WAITS_FOR_SOMEBODY = {
    *(State.CONNECTING, State.DIALING, State.SEEKING, State.BRIEFING),
    *(State.JOINING, State.RETURNING, State.LEAVING),
}


def _digits_go_out_before_anybody_is_there(before, event, step):
    for command in step.commands:
        if isinstance(command, cmd.SendDigits):
            who = machine.attempt_of(before, event)
            assert isinstance(event, ev.SupervisorAnswered) and not who.dials_on and who.answered_at is None
    for attempt in step.call.transfer.attempts if step.call.transfer else ():
        if attempt.route.digits and attempt.answered_at is None:
            assert not (attempt.seated or attempt.briefing_started)


def _each_group_is_tried_once(before, event, step):
    sought = [command.group for command in step.commands if isinstance(command, cmd.FindGroup)]
    assert bool(sought) == (step.call.state is State.SEEKING and not step.noted and step.call.since != before.since)
    if sought and not isinstance(event, ev.Resumed):
        assert set(sought).isdisjoint(before.transfer.groups) and step.call.transfer.outcome is None
        assert before.transfer.join_deadline > step.call.since, "no time is left for others"


def _no_state_without_a_deadline(call):
    assert call.state not in WAITS_FOR_SOMEBODY or call.deadline is not None, call.state


def _consent_is_explicit(before, event, step):
    if any(isinstance(command, cmd.JoinCaller) for command in step.commands):
        resumed = isinstance(event, ev.Resumed) and before.state is State.JOINING
        said_yes = isinstance(event, ev.BriefingAccepted) or getattr(event, "digit", "") == "1"
        who = machine.attempt_of(before, event)
        if step.call.transfer.request.is_blind:
            reached = ev.DigitsSent if who and who.route.digits else ev.SupervisorAnswered
            assert resumed or (isinstance(event, reached) and before.state is State.DIALING)
            return
        assert resumed or (said_yes and before.state is State.BRIEFING and who.briefing_started)


def _the_table_is_true(before, event, step):
    if step.noted or step.call.state is before.state:
        return
    event = machine.by_place(before, event)
    who = machine.attempt_of(before, event)
    row = TABLE[before.stage(who) if who else before.state][type(event)]
    assert step.call.state in (*row.to, State.CLOSED), (before.state, event, step.call.state)


def _the_call_is_where_its_furthest_supervisor_is(call):
    if call.state in (State.DIALING, State.BRIEFING):
        live = call.transfer.live
        assert live and (call.state is State.BRIEFING) == any(attempt.answered_at is not None for attempt in live)
        assert call.deadline == min(attempt.deadline for attempt in live)


def _who_was_not_chosen_is_on_the_way_out(call):
    if call.state in (State.JOINING, State.CONNECTED):
        others = {attempt.channel_id for attempt in call.transfer.attempts if attempt.number != call.transfer.chosen}
        ledger = (*call.ledger, *call.transfer.ledger)
        assert all(owned.asked for owned in ledger if owned.id in others)
        assert {attempt.number for attempt in call.transfer.live} <= {call.transfer.chosen}


def _a_machine_is_never_joined(before, event, step):
    if isinstance(event, ev.VoicemailDetected) and not step.noted:
        answered = machine.attempt_of(before, event)
        assert answered.number in _machines(step.call)
        assert all(owned.asked for owned in step.call.transfer.ledger if owned.id == answered.channel_id)
        dismissed = {command.channel_id for command in step.commands if isinstance(command, cmd.Dismiss)}
        assert answered.channel_id not in dismissed
    if step.call.state in (State.JOINING, State.CONNECTED):
        assert step.call.transfer.attempt.number not in _machines(step.call)


def _machines(call):
    return {attempt.number for attempt in call.transfer.attempts if attempt.outcome is Outcome.VOICEMAIL}


BRIEFINGS = (
    *(cmd.PrepareBriefing, cmd.WarmBriefing, cmd.StartBriefing, cmd.PassKey, cmd.StopBriefing),
    *(cmd.Dismiss, cmd.Introduce),
)


def _nobody_talks_in_a_blind_transfer(step):
    if step.call.transfer and step.call.transfer.request.is_blind:
        assert step.call.state is not State.BRIEFING
        assert not [command for command in step.commands if isinstance(command, BRIEFINGS)]


def _only_two_who_talk_are_introduced(before, step):
    for command in step.commands:
        if isinstance(command, cmd.Introduce):
            told = [told.phase for told in step.phases]
            assert (before.state, step.call.state) == (State.JOINING, State.CONNECTED)
            assert told == [Phase.CALL_SWITCHED], "complete only when the assistant is out again"
            assert command.media_id in {owned.id for owned in step.call.transfer.ledger}


def _the_conversation_is_from_one_side_and_bounded(call):
    said = [turn.content for turn in call.conversation]
    assert len(set(said)) <= 1, said
    assert "overheard" not in said or sum(map(len, said)) <= 20


def _music_stops_only_for_words(before, event, step):
    """Whoever is taken off the music is on it again after the words, unless somebody else has the caller."""
    if any(isinstance(command, cmd.InterruptMusic) for command in step.commands):
        parting = before.state is State.LEAVING and before.leaving_to == "hangup"
        assert isinstance(event, ev.WordsReady) and (before.state in HELD or parting)
    words = before.transfer.words if before.transfer else None
    if words and words.is_listening and step.call.transfer.words != words and step.call.state in HELD:
        assert any(isinstance(command, cmd.HoldCaller) for command in step.commands)


def _a_caller_is_hung_up_only_after_a_last_line(before, event, step):
    hung_up = any(told.phase is Phase.CALLER_RETURNED and told.data["to"] == "hangup" for told in step.phases)
    if hung_up and not isinstance(event, ev.CallerLeft):
        assert isinstance(event, ev.WordsOver) and event.heard
        assert dispositions.of(before.transfer).kind is dispositions.Kind.HANGUP


def _other_legs_never_end_the_caller(before, event, step):
    """The supervisor's end closes the call only after the join; the agent's only while the two talk."""
    if before.state in (State.CLOSING, State.CLOSED) or step.call.state not in (State.CLOSING, State.CLOSED):
        return
    if before.has_supervisor_back:
        return
    if isinstance(event, ev.SupervisorLeft):
        assert before.state is State.CONNECTED
        assert before.transfer.attempt.route.recall_within == 0.0
    if isinstance(event, ev.AgentLeft):
        assert before.state is State.TALKING


def _nobody_is_left_in_an_empty_bridge(before, step):
    """A caller is given back to somebody who is there."""
    if any(isinstance(command, cmd.ReturnCaller) for command in step.commands):
        assert step.call.agent_is_up or before.state is State.RETURNING
    if step.call.has_supervisor_back:
        assert step.call.agent_is_up and step.call.agent.is_supervisor


@settings(max_examples=500, deadline=None)
@given(starts, st.lists(anything, max_size=30))
def test_once_the_caller_has_left_and_all_is_released_the_call_closes(start, events):
    book = start()
    call, now = book.call, book.now
    for _, _, step in walk(start, events):
        call = step.call
    script = [ev.CallerLeft(), *(ev.Released(thing) for thing in [*THINGS, *_ledger(call)])] * 3
    for event in script:
        call = machine.step(call, event, now + 1_000).call
    assert call.state is State.CLOSED, call
    assert call.transfer is None or call.transfer.is_over


def _ledger(call):
    return [owned.id for owned in (*call.ledger, *(call.transfer.ledger if call.transfer else ()))]


@settings(max_examples=60, deadline=None)
@given(starts, st.lists(anything, max_size=30))
def test_replaying_the_events_gives_the_same_state(start, events):
    first = [step.call for _, _, step in walk(start, events)]
    again = [step.call for _, _, step in walk(start, events)]
    assert first == again


@settings(max_examples=150, deadline=None)
@given(starts, st.lists(anything, max_size=40))
def test_a_supervisor_is_connected_only_by_all_confirmations(start, events):
    for before, _, step in walk(start, events):
        if any(told.phase is Phase.CALL_SWITCHED for told in step.phases):
            attempt = step.call.transfer.attempt
            assert before.state is State.JOINING
            assert attempt.seated and attempt.media_out and step.call.transfer.caller_seated
            assert step.call.transfer.outcome is Outcome.COMPLETED


def test_every_state_has_a_row_for_the_caller_leaving():
    for state in State:
        if state not in (State.NEW, State.CLOSED):
            assert ev.CallerLeft in TABLE[state], state


def test_every_event_is_in_some_row():
    used = {kind for rows in TABLE.values() for kind in rows}
    assert set(ev.EVENTS.values()) - used == set()


def test_late_supervisor_of_another_attempt_never_matters():
    book = Playbook.connected()
    assert machine.step(book.call, ev.SupervisorLeft(ids.supervisor_leg("tr_1", 9)), 1.0).noted
    assert not machine.step(book.call, ev.SupervisorLeft(SUPERVISOR), 1.0).noted
