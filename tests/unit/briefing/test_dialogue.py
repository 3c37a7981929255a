"""Turn-taking with a supervisor, on a clock that only the test moves."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ari_app.briefing.dialogue import Dialogue, Mood
from ari_app.briefing.turns import (
    Accept,
    AnswerEnded,
    AnswerSentence,
    Decline,
    GiveUp,
    Hush,
    Line,
    LineOpened,
    Part,
    Pressed,
    Said,
    Say,
    Script,
    SpeakingBegan,
    SpeechEnded,
    SpeechStarted,
    Spoken,
    SummaryArrived,
    TimePassed,
    ToneHeard,
    Voicemail,
)

GREETING = Line(Part.GREETING, "Hello, a call.")
FIRST = Line(Part.SUMMARY, "They bought a boat.")
SECOND = Line(Part.SUMMARY, "It sank.")
QUESTION = Line(Part.QUESTION, "Shall I put them through?")
REPROMPT = Line(Part.REPROMPT, "Press 1 or say yes.")
ONCE_MORE = Line(Part.SUMMARY, "Once more.")
SUMMARY = (FIRST, SECOND)
BRIEFING = [GREETING, FIRST, SECOND, QUESTION]
SCRIPT = Script((GREETING,), QUESTION, REPROMPT, (ONCE_MORE,), SUMMARY)


class Scene:
    """Plays events at a dialogue and keeps what it does."""

    def __init__(self, script=SCRIPT, **manners):
        self.now = 100.0
        self.dialogue = Dialogue(script, **manners)
        self.saying = []
        "Asked for and not heard yet."

    def __call__(self, *events):
        return [self._seen(action) for event in events for action in self.dialogue.step(event, self.now)]

    def _seen(self, action):
        if isinstance(action, Hush):
            self.saying.clear()
        if not isinstance(action, Say):
            return action
        self.saying.append(action)
        return action.line

    def after(self, seconds, *events):
        self.now += seconds
        return self(*events)

    def until_deadline(self):
        assert self.dialogue.deadline is not None
        self.now = max(self.now, self.dialogue.deadline)
        return self(TimePassed())

    def hear(self, lines=None):
        """The supervisor hears so many lines to their end, three seconds each; all by default."""
        seen = []
        for _ in range(len(self.saying) if lines is None else lines):
            seen += self.after(3.0, Spoken(self.saying.pop(0).number))
        return seen

    def say(self, words, seconds=1.0):
        """The supervisor says something; the words are known half a second later."""
        seen = self(SpeechStarted())
        seen += self.after(seconds, SpeechEnded())
        return seen + self.after(0.5, Said(words))


def briefed(script=SCRIPT, **manners):
    """The briefing has just begun."""
    scene = Scene(script, waits_for_hello=False, **manners)
    scene(LineOpened(), SpeakingBegan())
    return scene


def asked():
    """The question was put and heard."""
    scene = briefed()
    scene.hear()
    assert scene.dialogue.mood is Mood.LISTENING
    return scene


# The start


def test_the_briefing_starts_at_the_end_of_hello():
    scene = Scene()
    assert scene(LineOpened()) == []
    assert scene.after(0.2, SpeechStarted()) == []
    assert scene.after(0.4, SpeechEnded()) == BRIEFING


def test_nobody_waits_longer_than_the_deadline_for_a_hello():
    scene = Scene()
    scene(LineOpened())
    assert scene.until_deadline() == BRIEFING
    assert scene.now == 100.8


def test_a_hello_that_goes_on_is_no_interruption_and_hears_nothing_private_before_it_ends():
    scene = Scene()
    scene(LineOpened())
    scene.after(0.5, SpeechStarted())
    assert scene.until_deadline() == [GREETING]
    scene(SpeakingBegan())
    assert scene.after(1.0, SpeechEnded()) == [FIRST, SECOND, QUESTION]
    assert scene.dialogue.mood is Mood.SPEAKING


def test_at_once_is_at_once():
    assert Scene(waits_for_hello=False)(LineOpened()) == BRIEFING


@pytest.mark.parametrize("hello", ["Yes?", "Yes", "Yes, put them through.", "Hello", "No, I can't."])
def test_what_was_begun_before_the_briefing_decides_nothing(hello):
    scene = Scene()
    scene(LineOpened())
    scene.after(0.2, SpeechStarted())
    scene.after(0.4, SpeechEnded())
    scene(SpeakingBegan())
    assert scene.after(0.4, Said(hello)) == []
    assert scene.dialogue.mood is Mood.SPEAKING


def test_nothing_decides_before_the_first_word():
    scene = Scene(waits_for_hello=False)
    scene(LineOpened())
    assert scene(SpeechStarted()) == [Hush()]
    assert scene.after(1.0, Said("yes, put them through"), Pressed("3"), Pressed("5")) == []


def test_a_bare_yes_into_the_first_word_is_a_late_hello():
    scene = briefed()
    scene.now += 0.3
    assert scene.say("yes", 0.3) == [Hush(), *BRIEFING]


# Deciding


def test_yes_after_the_question_accepts():
    assert asked().say("yes") == [Accept()]


def test_an_explicit_yes_accepts_from_the_first_word():
    scene = briefed()
    scene.now += 0.1
    assert scene.say("yes, put them through") == [Hush(), Accept()]


def test_a_bare_yes_into_the_summary_means_go_on():
    scene = briefed()
    scene.hear(1)
    assert scene.say("okay") == [Hush(), FIRST, SECOND, QUESTION]


def test_a_bare_yes_into_the_question_accepts():
    scene = briefed()
    scene.hear(3)
    assert scene.say("yes") == [Hush(), Accept()]


@pytest.mark.parametrize("heard", range(4))
def test_a_refusal_counts_wherever_it_is_said_and_keeps_the_reason(heard):
    scene = briefed()
    scene.hear(heard)
    decline = scene.say("No, I can't, I am in a meeting")[-1]
    assert isinstance(decline, Decline)
    assert "meeting" in decline.reason


def test_nothing_happens_after_a_decision():
    scene = asked()
    scene.say("yes")
    assert scene.say("no") == []
    assert scene(Pressed("3"), TimePassed(), SpeechStarted()) == []
    assert scene.dialogue.is_over and scene.dialogue.deadline is None


def test_words_of_an_earlier_turn_do_not_answer_for_a_later_one():
    scene = Scene()
    scene(LineOpened())
    scene.after(0.2, SpeechStarted())
    scene.after(0.4, SpeechEnded())
    scene(SpeakingBegan())
    scene.after(0.5, SpeechStarted())
    assert scene.after(0.1, Said("yes, put them through")) == []


def test_without_voice_activity_words_decide_after_the_first_second():
    scene = briefed()
    assert scene.after(0.5, Said("yes, put them through")) == []
    assert scene.after(2.0, Said("they bought a boat")) == []
    assert scene.after(1.0, Said("yes, put them through")) == [Accept()]


# Interrupting


def test_speech_stops_the_briefing_at_once():
    scene = briefed()
    assert scene.after(1.0, SpeechStarted()) == [Hush()]


def test_it_goes_on_with_the_sentence_that_was_cut_off():
    scene = briefed()
    scene.hear(2)
    assert scene.say("I see what you mean") == [Hush(), SECOND, QUESTION]


def test_a_cough_costs_nothing():
    scene = briefed()
    scene.hear(1)
    assert scene.after(1.0, SpeechStarted()) == [Hush()]
    assert scene.after(0.2, SpeechEnded()) == []
    assert scene.until_deadline() == [FIRST, SECOND, QUESTION]


def test_who_interrupts_the_summary_again_and_again_gets_the_question():
    scene = briefed()
    scene.hear(1)
    for _ in range(2):
        assert scene.say("hm, the boat") == [Hush(), FIRST, SECOND, QUESTION]
    assert scene.say("hm, the boat") == [Hush(), QUESTION]


def test_an_unclear_word_into_the_question_gets_the_short_one():
    scene = briefed()
    scene.hear(3)
    assert scene.say("the boat") == [Hush(), REPROMPT]


def test_a_line_that_is_never_quiet_does_not_hold_the_briefing_up():
    scene = briefed()
    scene.hear(1)
    scene(SpeechStarted())
    assert scene.until_deadline() == [FIRST, SECOND, QUESTION]
    scene.hear()
    assert scene.until_deadline() == [REPROMPT]


# Keys, repeats, patience


@pytest.mark.parametrize("ask", [lambda scene: scene(Pressed("3")), lambda scene: scene.say("say that again")])
@pytest.mark.parametrize("heard", [1, 4])
def test_a_repeat_is_summary_and_question(ask, heard):
    scene = briefed()
    scene.hear(heard)
    assert [seen for seen in ask(scene) if seen != Hush()] == [ONCE_MORE, FIRST, SECOND, QUESTION]
    assert [say.line for say in scene.saying] == [ONCE_MORE, FIRST, SECOND, QUESTION]


def test_the_keys_of_the_decision_are_not_ours():
    assert asked()(Pressed("1"), Pressed("2")) == []


def test_other_keys_are_answered_twice():
    scene = briefed()
    assert scene(Pressed("5")) == [Hush(), REPROMPT]
    assert scene(Pressed("#")) == [Hush(), REPROMPT]
    assert scene(Pressed("9")) == [GiveUp()]


def test_silence_is_answered_twice():
    scene = asked()
    for _ in range(2):
        asked_at = scene.now
        assert scene.until_deadline() == [REPROMPT]
        assert scene.now - asked_at == 8.0
        scene.hear()
    assert scene.until_deadline() == [GiveUp()]


def test_unclear_answers_are_answered_twice():
    scene = asked()
    for _ in range(2):
        assert scene.say("who is this")[-1] == REPROMPT
        scene.hear()
    assert scene.say("who is this") == [GiveUp()]


def test_asking_for_a_repeat_restores_patience():
    scene = asked()
    scene.until_deadline()
    scene.hear()
    scene.until_deadline()
    scene.hear()
    scene(Pressed("3"))
    scene.hear()
    assert scene.until_deadline() == [REPROMPT]


def test_the_end_of_a_line_that_was_hushed_is_not_heard():
    scene = briefed()
    scene(Pressed("5"))
    assert scene(Spoken(1)) == []
    assert scene.dialogue.mood is Mood.SPEAKING


def test_a_deadline_that_was_moved_does_nothing():
    scene = asked()
    assert scene.after(7.9, TimePassed()) == []


# A summary that comes late


def test_the_greeting_does_not_wait_for_the_summary():
    scene = Scene(Script((GREETING,), QUESTION, REPROMPT), waits_for_hello=False)
    assert scene(LineOpened()) == [GREETING]
    scene(SpeakingBegan())
    scene.hear()
    assert scene.dialogue.mood is Mood.SPEAKING
    assert scene(SummaryArrived(SUMMARY)) == [FIRST, SECOND, QUESTION]
    assert scene(SummaryArrived(SUMMARY)) == []


def test_a_summary_that_comes_while_the_supervisor_speaks_is_said_afterwards():
    scene = Scene(Script((GREETING,), QUESTION, REPROMPT), waits_for_hello=False)
    scene(LineOpened(), SpeakingBegan())
    scene.after(1.5, SpeechStarted())
    assert scene(SummaryArrived(SUMMARY)) == []
    assert scene.after(1.0, SpeechEnded()) == []
    assert scene.until_deadline() == BRIEFING


def test_a_summary_that_comes_before_the_hello_is_part_of_the_briefing():
    scene = Scene(Script((GREETING,), QUESTION, REPROMPT))
    scene(LineOpened(), SummaryArrived(SUMMARY))
    assert scene.until_deadline() == BRIEFING


# Whatever happens

EVENTS = st.one_of(
    st.sampled_from([SpeechStarted(), SpeechEnded(), TimePassed(), SpeakingBegan(), LineOpened()]),
    st.builds(Said, st.sampled_from(["yes", "yes, put them through", "no, I can't", "say that again", "boat", ""])),
    st.builds(Pressed, st.sampled_from("0123456789*#")),
    st.builds(Spoken, st.integers(0, 12)),
    st.just(SummaryArrived(SUMMARY)),
    st.just(ToneHeard()),
    st.builds(AnswerSentence, st.integers(1, 3), st.just("yes, put them through")),
    st.builds(AnswerEnded, st.integers(1, 3)),
)


@settings(max_examples=100)
@given(st.lists(st.tuples(EVENTS, st.floats(0, 5))), st.booleans(), st.booleans(), st.booleans())
def test_nothing_decides_before_the_first_word_nor_after_the_end(story, waits, has_summary, can_answer):
    script = replace(SCRIPT, can_answer=can_answer, summary=SUMMARY if has_summary else None)
    scene = Scene(script, waits_for_hello=waits)
    scene(LineOpened())
    has_begun = False
    for event, pause in story:
        was_over = scene.dialogue.is_over
        actions = scene.after(pause, event)
        has_begun = has_begun or isinstance(event, SpeakingBegan)
        decided = any(isinstance(action, Accept | Decline) for action in actions)
        assert not (decided and not has_begun) and not (actions and was_over)
        ends = any(isinstance(action, Accept | Decline | GiveUp | Voicemail) for action in actions)
        assert scene.dialogue.is_over == (was_over or ends)


@settings(max_examples=100)
@given(st.lists(st.tuples(EVENTS.filter(lambda e: e != Pressed("3")), st.floats(0, 5)), max_size=20), st.booleans())
def test_silence_always_ends_it(story, can_answer):
    scene = briefed(replace(SCRIPT, can_answer=can_answer))
    for event, pause in story:
        scene.after(pause, event)
    scene(SpeechEnded(), SummaryArrived(SUMMARY))
    for _ in range(40):
        if scene.dialogue.is_over:
            return
        scene.hear() if scene.dialogue.mood is Mood.SPEAKING else scene.until_deadline()
    pytest.fail("it never ends")


# An engine that mishears


def mumbled(scene, words):
    seen = scene(SpeechStarted())
    seen += scene.after(1.0, SpeechEnded())
    return seen + scene.after(0.3, Said(words, certain=False))


def test_a_plain_acceptance_is_believed_even_when_it_may_be_misheard():
    assert mumbled(asked(), "yes put them through") == [Accept()]


@pytest.mark.parametrize("words", ["yes", "sure go ahead", "please put the caller through", "okay connect me"])
def test_any_other_acceptance_that_may_be_misheard_is_asked_for_once_more(words):
    scene = asked()
    (asks,) = mumbled(scene, words)
    assert asks.part is Part.QUESTION
    scene.hear()
    assert mumbled(scene, "yes") == [Accept()]


def test_small_talk_after_a_misheard_acceptance_connects_nobody():
    scene = asked()
    mumbled(scene, "sure go ahead")
    scene.hear()
    assert Accept() not in mumbled(scene, "it is cold in here")
    scene.hear()
    assert Accept() not in mumbled(scene, "yes")


@pytest.mark.parametrize("manners", [{}, {"waits_for_hello": False}, {"hello_within": 0.2}])
def test_behind_an_attendant_the_first_hello_is_waited_for(manners):
    scene = Scene(picks_up_within=25.0, **manners)
    assert scene(LineOpened()) == []
    assert scene.after(17.0, TimePassed(), SpeechStarted()) == []
    assert scene.after(0.6, SpeechEnded()) == BRIEFING


def test_behind_an_attendant_it_speaks_at_last_and_to_words_alone():
    scene = Scene(picks_up_within=25.0)
    scene(LineOpened())
    assert scene.dialogue.deadline == scene.now + 25.0
    assert scene.until_deadline() == BRIEFING
    scene = Scene(picks_up_within=25.0)
    scene(LineOpened())
    assert scene.after(9.0, Said("hello")) == BRIEFING, "no voice activity, but words"


def test_a_yes_before_the_briefing_decides_nothing_behind_an_attendant_either():
    scene = Scene(picks_up_within=25.0)
    scene(LineOpened())
    scene.after(9.0, SpeechStarted())
    assert Accept() not in scene.after(0.5, SpeechEnded()) + scene.after(0.3, Said("yes, put them through"))
