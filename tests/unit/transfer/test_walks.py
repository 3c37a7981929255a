"""Random walks over the whole machine: whatever happens in whatever order, the guarantees hold."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from ari_app.testing.playbook import AGENT, CALLER, ROOM, SUPERVISOR, TALK, Playbook, requested, route
from ari_app.transfer import commands as cmd
from ari_app.transfer import events as ev
from ari_app.transfer import ids, machine
from ari_app.transfer.actions.words import HELD
from ari_app.transfer.dispositions import OUTCOMES
from ari_app.transfer.model import Outcome, Phase, State
from ari_app.transfer.table import TABLE

SUPERVISORS = [ids.supervisor_leg("tr_1", n) for n in (1, 2)]
MEDIAS = [ids.media("tr_1", n) for n in (1, 2, 3)]
AGAIN, TALK_AGAIN = ids.agent_leg("call_1", 1), ids.talk_bridge("call_1", 1)
WHISPERS = [ids.whisper("tr_1", n, part) for n in (1, 2) for part in ("media", "snoop", "bridge")]
LINES = [ids.words_media("tr_1", n) for n in (1, 2, 3)]
THINGS = [
    AGENT,
    CALLER,
    ROOM,
    TALK,
    *SUPERVISORS,
    *MEDIAS,
    *LINES,
    ids.words_bridge("tr_1"),
    AGAIN,
    TALK_AGAIN,
    *WHISPERS,
]
GOODBYES = tuple((outcome.value, "hangup") for outcome in OUTCOMES)
VOICEMAIL = tuple((outcome.value, "dialplan:voicemail") for outcome in OUTCOMES)
WAIT = {"reassure_every": 3.0, "return_key": "9", "max_seconds": 20.0}

supervisors, medias = st.sampled_from(SUPERVISORS), st.sampled_from(MEDIAS)
anything = st.one_of(
    st.just(ev.CallerLeft()),
    st.just(ev.CallerAnswered()),
    st.just(ev.CallerHeld("default")),
    st.just(ev.HoldFailed("x")),
    st.just(ev.CallerStranded("x")),
    st.builds(ev.AgentAnswered, st.sampled_from([AGENT, AGAIN])),
    st.builds(ev.AgentLeft, st.sampled_from([AGENT, AGAIN])),
    st.just(ev.AgentFailed("x")),
    st.just(ev.TranscriptAdded(())),
    st.just(requested(route("2001"), route("2002"))),
    st.just(ev.CancelRequested()),
    st.builds(ev.SupervisorDialed, supervisors),
    st.builds(ev.SupervisorRinging, supervisors),
    st.builds(ev.SupervisorAnswered, supervisors),
    st.builds(ev.SupervisorFailed, supervisors, st.just("x")),
    st.builds(ev.SupervisorLeft, supervisors, st.sampled_from([None, 486, 480, 603]), st.just(17)),
    st.builds(ev.SupervisorPressed, supervisors, st.sampled_from("12359#")),
    st.just(ev.RoomOpened(ROOM)),
    st.just(ev.RoomFailed(ROOM, "x")),
    st.builds(ev.Seated, st.sampled_from([ROOM, TALK, TALK_AGAIN]), st.sampled_from([CALLER, *SUPERVISORS])),
    st.builds(ev.Unseated, st.sampled_from([ROOM, TALK, TALK_AGAIN]), st.sampled_from([CALLER, *SUPERVISORS])),
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
    st.builds(ev.Resumed, st.sampled_from([None, ROOM, TALK])),
    st.builds(ev.CallerPressed, st.sampled_from("19")),
    st.builds(ev.WordsReady, st.sampled_from(LINES)),
    st.builds(ev.WordsOver, st.sampled_from(LINES), st.booleans()),
    st.just(ev.WhisperRequested("x")),
    st.builds(ev.WhisperOver, st.sampled_from(WHISPERS[::3])),
    st.just("deadline"),
)
starts = st.sampled_from(
    [
        Playbook.talking,
        Playbook.waiting,
        lambda: Playbook.waiting("bot"),
        lambda: Playbook.dialing(route("2001"), route("2002")),
        lambda: Playbook.briefing(route("2001"), route("2002")),
        lambda: Playbook.dialing(route("2001"), route("2002"), **WAIT),
        lambda: Playbook.briefing(route("2001"), route("2002"), **WAIT),
        lambda: Playbook.briefing(route("2001", dispositions=GOODBYES), **WAIT),
        lambda: Playbook.dialing(route("2001", dispositions=VOICEMAIL)),
        Playbook.joining,
        lambda: Playbook.joining(introduces=True),
        Playbook.connected,
        Playbook.introducing,
        lambda: Playbook.connected(coach=True),
        Playbook.recalled,
        Playbook.returning,
        Playbook.leaving,
    ]
)


def walk(start, events):
    """Every step of the walk, with the call before it."""
    book = start()
    call, now = book.call, book.now
    asked = 0
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
    for before, event, step in walk(start, events):
        commands += step.commands
        _no_state_without_a_deadline(step.call)
        _consent_is_explicit(before, event, step)
        _a_machine_is_never_joined(before, event, step)
        _only_two_who_talk_are_introduced(before, step)
        _music_stops_only_for_words(before, event, step)
        _a_caller_is_hung_up_only_after_a_last_line(before, event, step)
        _other_legs_never_end_the_caller(before, event, step)
        for told in step.phases:
            if told.phase.is_terminal:
                terminal[told.transfer_id] = terminal.get(told.transfer_id, 0) + 1
        if step.call.transfer and step.call.transfer.is_over and step.call.transfer.phase.is_terminal:
            assert not step.call.transfer.ledger
    assert all(count == 1 for count in terminal.values())
    rung = [c.attempt.channel_id for c in commands if isinstance(c, cmd.RingSupervisor)]
    assert len(rung) == len(set(rung)), "somebody was rung twice"
    introduced = [c.media_id for c in commands if isinstance(c, cmd.Introduce)]
    assert len(introduced) <= 1, "they were introduced twice"


WAITS_FOR_SOMEBODY = {State.CONNECTING, State.DIALING, State.BRIEFING, State.JOINING, State.RETURNING, State.LEAVING}


def _no_state_without_a_deadline(call):
    assert call.state not in WAITS_FOR_SOMEBODY or call.deadline is not None, call.state


def _consent_is_explicit(before, event, step):
    if any(isinstance(command, cmd.JoinCaller) for command in step.commands):
        resumed = isinstance(event, ev.Resumed) and before.state is State.JOINING
        said_yes = isinstance(event, ev.BriefingAccepted) or getattr(event, "digit", "") == "1"
        assert resumed or (said_yes and before.state is State.BRIEFING and before.transfer.attempt.briefing_started)


def _a_machine_is_never_joined(before, event, step):
    if isinstance(event, ev.VoicemailDetected) and not step.noted:
        answered = before.transfer.attempt
        assert answered.number in _machines(step.call)
        assert all(owned.asked for owned in step.call.transfer.ledger if owned.id == answered.channel_id)
        assert not any(isinstance(command, cmd.Dismiss) for command in step.commands)
    if step.call.state in (State.JOINING, State.CONNECTED):
        assert step.call.transfer.attempt.number not in _machines(step.call)


def _machines(call):
    return {attempt.number for attempt in call.transfer.attempts if attempt.outcome is Outcome.VOICEMAIL}


def _only_two_who_talk_are_introduced(before, step):
    for command in step.commands:
        if isinstance(command, cmd.Introduce):
            told = [told.phase for told in step.phases]
            assert (before.state, step.call.state) == (State.JOINING, State.CONNECTED)
            assert told == [Phase.CALL_SWITCHED], "complete only when the assistant is out again"
            assert command.media_id in {owned.id for owned in step.call.transfer.ledger}


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
        assert dict(before.transfer.attempt.route.dispositions)[before.transfer.outcome.value] == "hangup"


def _other_legs_never_end_the_caller(before, event, step):
    """The supervisor's end closes the call only after the join; the agent's only while the two talk."""
    if before.state in (State.CLOSING, State.CLOSED) or step.call.state not in (State.CLOSING, State.CLOSED):
        return
    if isinstance(event, ev.SupervisorLeft):
        assert before.state is State.CONNECTED
        assert before.transfer.attempt.route.recall_within == 0.0
    if isinstance(event, ev.AgentLeft):
        assert before.state is State.TALKING


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
