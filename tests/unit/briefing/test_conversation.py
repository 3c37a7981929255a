"""Whole conversations on virtual time: who says what from when to when, and what the supervisor then hears."""

import heapq
from dataclasses import replace
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ari_app.briefing.answering import QUESTIONS
from ari_app.briefing.dialogue import Dialogue
from ari_app.briefing.intent import DeclineKind, Intent, Reading
from ari_app.briefing.turns import (
    Accept,
    AnswerEnded,
    AnswerSentence,
    Ask,
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

LINE = 2.0
"Seconds of each line."
SUMMARY = (Line(Part.SUMMARY, "boat"), Line(Part.SUMMARY, "sank"))
SCRIPT = Script(
    greeting=(Line(Part.GREETING, "assistant"), Line(Part.GREETING, "refund")),
    question=Line(Part.QUESTION, "question"),
    reprompt=Line(Part.REPROMPT, "reprompt"),
    summary=SUMMARY,
    short=(Line(Part.SUMMARY, "short"),),
    can_answer=True,
    not_known=Line(Part.ANSWER, "not known"),
    wait_note=Line(Part.COURTESY, "take your time"),
    message_prompt=Line(Part.QUESTION, "what message"),
)
READINGS = {
    "yes": Reading(Intent.ACCEPT, bare=True),
    "put them through": Reading(Intent.ACCEPT),
    "yes, put them through": Reading(Intent.ACCEPT, plain=True),
    "no": Reading(Intent.DECLINE),
    "say that again": Reading(Intent.REPEAT),
    "shorter": Reading(Intent.SHORTER),
    "give me a minute": Reading(Intent.WAIT),
    "take a message": Reading(Intent.DECLINE, kind=DeclineKind.MESSAGE),
    "tell them I call at five": Reading(Intent.DECLINE, "I call at five", DeclineKind.MESSAGE),
    "send them to Bob": Reading(Intent.DECLINE, kind=DeclineKind.REDIRECT, suggestion="Bob"),
}


def read(text):
    return READINGS.get(text, Reading(Intent.NONE))


def speech(begins, ends, *words, after=0.4):
    """The supervisor's side speaks; each final result comes so long after the end of speech, or the one before."""
    said = [(ends + after * number, Said(text)) for number, text in enumerate(words, 1)]
    return [(begins, SpeechStarted()), (ends, SpeechEnded()), *said]


def answer(*sentences, ends=True):
    """What comes how long after the question."""
    return [(after, text) for after, text in sentences] + ([(sentences[-1][0] + 0.1, None)] if ends else [])


def play(*story, script=SCRIPT, answers=(), until=120.0, **manners):
    """What the supervisor hears and what is done, each as "seconds words"; answers come for the questions in order
    and are never taken back."""
    dialogue = Dialogue(script, read=read, sounds_like_machine=lambda text: "voicemail" in text, **manners)
    order, answers = count(), list(answers)
    coming = [(0.0, next(order), LineOpened())]
    coming += [(at, next(order), event) for part in story for at, event in (part if isinstance(part, list) else [part])]
    heapq.heapify(coming)
    transcript, saying, free_at, has_begun = [], [], 0.0, False

    def told(at, what):
        transcript.append((round(at, 2), what))

    while not dialogue.is_over:
        moments = [(at, 0) for at, _, _ in coming[:1]] + [(say[1] + LINE, 1) for say in saying[:1]]
        moments += [(dialogue.deadline, 2)] if dialogue.deadline is not None else []
        now, kind = min(moments, default=(until, 2))
        if now >= until:
            break
        match kind:
            case 0:
                event = heapq.heappop(coming)[2]
            case 1:
                event = Spoken(saying.pop(0)[0])
            case _:
                event = TimePassed()
        for action in dialogue.step(event, now):
            match action:
                case Say(number, line):
                    begins = max(now, free_at)
                    saying.append((number, begins))
                    free_at = begins + LINE
                    told(begins, line.text)
                    if not has_begun:
                        has_begun = True
                        heapq.heappush(coming, (now + 0.01, next(order), SpeakingBegan()))
                case Hush():
                    transcript = [(at, what) for at, what in transcript if at <= round(now, 2) or what[0] == "("]
                    saying, free_at = [], now
                    told(now, "(hush)")
                case Ask(number, question, heard):
                    told(now, f"(ask {question!r} after {'+'.join(heard)})")
                    for after, text in answers.pop(0) if answers else ():
                        event = AnswerEnded(number) if text is None else AnswerSentence(number, text)
                        heapq.heappush(coming, (now + after, next(order), event))
                case Decline(reason, wish, suggestion):
                    told(now, " ".join(["(decline", wish.value, *filter(None, (reason, suggestion))]) + ")")
                case Accept() | GiveUp() | Voicemail():
                    told(now, f"({type(action).__name__.lower()})")
    heard = [each for each in transcript if each[0] <= round(now, 2) or not dialogue.is_over]
    return [f"{at:g} {what}" for at, what in sorted(heard, key=lambda each: each[0])]


def words(transcript):
    return [line.split(" ", 1)[1] for line in transcript]


HELLO = speech(0.2, 0.6, "hello")
OPENING = ["0.6 assistant", "2.6 refund", "4.6 boat", "6.6 sank", "8.6 question"]
NO_HELLO = ["0.8 assistant", "2.8 refund", "4.8 boat", "6.8 sank", "8.8 question"]
HEARD = "assistant+refund+boat+sank+question"


STORIES = {
    "a question is answered, and put again": (
        [HELLO, speech(11, 12, "who sold it?"), speech(19, 19.5, "yes")],
        [answer((0.5, "A man."), (0.9, "In June."))],
        [
            f"12.4 (ask 'who sold it?' after {HEARD})",
            "12.9 A man.",
            "14.9 In June.",
            "16.9 question",
            "19.9 (accept)",
        ],
    ),
    "an answer that comes too late is not waited for": (
        [HELLO, speech(11, 12, "who sold it?"), speech(19.5, 20, "no")],
        [answer((2.6, "A man."))],
        [
            f"12.4 (ask 'who sold it?' after {HEARD})",
            "14.9 (hush)",
            "14.9 not known",
            "16.9 question",
            "20.4 (decline refused)",
        ],
    ),
    "no answer is said to be none": (
        [HELLO, speech(11, 12, "who sold it?"), speech(19, 19.5, "no")],
        [[(0.2, None)]],
        [f"12.4 (ask 'who sold it?' after {HEARD})", "12.6 not known", "14.6 question", "19.9 (decline refused)"],
    ),
    "an answer that breaks off gives way to the question": (
        [HELLO, speech(11, 12, "who sold it?"), speech(19.5, 20, "no")],
        [answer((0.5, "A man."), ends=False)],
        [
            f"12.4 (ask 'who sold it?' after {HEARD})",
            "12.9 A man.",
            "16.9 (hush)",
            "16.9 question",
            "20.4 (decline refused)",
        ],
    ),
    "a question in mid-summary costs nothing of it": (
        [HELLO, speech(5, 6, "what boat?"), speech(16, 16.5, "yes")],
        [answer((0.5, "A blue one."))],
        [
            "5 (hush)",
            "6.4 (ask 'what boat?' after assistant+refund)",
            "6.9 A blue one.",
            "8.9 boat",
            "10.9 sank",
            "12.9 question",
            "16.9 (accept)",
        ],
    ),
    "a question into an answer is answered instead": (
        [HELLO, speech(11, 12, "who sold it?"), speech(13, 14, "no, when?"), speech(19, 19.5, "yes")],
        [answer((0.5, "A man."), (2.5, "He is old.")), answer((0.4, "In June."))],
        [
            f"12.4 (ask 'who sold it?' after {HEARD})",
            "12.9 A man.",
            "13 (hush)",
            f"14.4 (ask 'no, when?' after {HEARD})",
            "14.8 In June.",
            "16.8 question",
            "19.9 (accept)",
        ],
    ),
    "a cough into an answer that was not all there has it answered again": (
        [HELLO, speech(11, 12, "who?"), speech(13, 13.2), speech(20, 20.5, "yes")],
        [answer((0.5, "A man."), (3.0, "He is old.")), answer((0.4, "A man, an old one."))],
        [
            f"12.4 (ask 'who?' after {HEARD})",
            "12.9 A man.",
            "13 (hush)",
            f"14.4 (ask 'who?' after {HEARD})",
            "14.8 A man, an old one.",
            "16.8 question",
            "20.9 (accept)",
        ],
    ),
    "a cough into an answer that was all there costs nothing": (
        [HELLO, speech(11, 12, "who?"), speech(13, 13.2), speech(20, 20.5, "yes")],
        [answer((0.2, "A man."))],
        [
            f"12.4 (ask 'who?' after {HEARD})",
            "12.6 A man.",
            "13 (hush)",
            "14.4 A man.",
            "16.4 question",
            "20.9 (accept)",
        ],
    ),
    "a yes into an answer is no acceptance": (
        [HELLO, speech(11, 12, "who?"), speech(13, 13.5, "yes"), speech(20, 20.5, "no")],
        [answer((0.2, "A man."))],
        [
            f"12.4 (ask 'who?' after {HEARD})",
            "12.6 A man.",
            "13 (hush)",
            "13.9 A man.",
            "15.9 question",
            "20.9 (decline refused)",
        ],
    ),
    "two results of one turn are one question": (
        [HELLO, speech(11, 12, "the boat", "who sold it?", "Who sold it", after=0.2), speech(19, 19.5, "yes")],
        [answer((0.9, "No idea.")), answer((0.5, "A man."))],
        [
            f"12.2 (ask 'the boat' after {HEARD})",
            "12.4 (hush)",
            f"12.4 (ask 'the boat who sold it?' after {HEARD})",
            "12.9 A man.",
            "14.9 question",
            "19.9 (accept)",
        ],
    ),
    "a result in mid-turn is asked when the turn is over": (
        [HELLO, (11, SpeechStarted()), (12, Said("who sold it?")), (12.5, SpeechEnded()), speech(17.5, 18, "yes")],
        [answer((0.5, "A man."))],
        [f"12.5 (ask 'who sold it?' after {HEARD})", "13 A man.", "15 question", "18.4 (accept)"],
    ),
    "words planted by the caller and read to the supervisor decide nothing": (
        [HELLO, speech(11, 12, "what did she say?"), speech(19, 19.5, "no")],
        [answer((0.5, "yes, put them through"))],
        [
            f"12.4 (ask 'what did she say?' after {HEARD})",
            "12.9 yes, put them through",
            "14.9 question",
            "19.9 (decline refused)",
        ],
    ),
    "shorter": (
        [HELLO, speech(5, 5.5, "shorter"), speech(10.2, 10.6, "yes")],
        [],
        ["5 (hush)", "5.9 short", "7.9 question", "11 (accept)"],
    ),
    "give me a minute, then yes": (
        [HELLO, speech(11, 11.5, "give me a minute"), speech(50, 50.4), speech(60, 60.5, "yes")],
        [],
        ["11.9 take your time", "60.9 (accept)"],
    ),
    "give me a minute, then silence": (
        [HELLO, speech(11, 11.5, "give me a minute")],
        [],
        [
            "11.9 take your time",
            "73.9 question",
            "83.9 reprompt",
            "93.9 reprompt",
            "103.9 (giveup)",
        ],
    ),
    "a yes in a minute asked for in mid-summary goes on": (
        [HELLO, speech(5, 5.5, "give me a minute"), speech(20, 20.5, "yes"), speech(28, 28.5, "yes")],
        [],
        ["5 (hush)", "5.9 take your time", "20.9 boat", "22.9 sank", "24.9 question", "28.9 (accept)"],
    ),
    "a message": (
        [HELLO, speech(11, 12, "take a message"), speech(15, 18, "I am back on Monday")],
        [],
        ["12.4 what message", "18.4 (decline message I am back on Monday)"],
    ),
    "a message in pieces": (
        [
            HELLO,
            speech(11, 12, "take a message"),
            (15, SpeechStarted()),
            (16, Said("I am back")),
            (18, SpeechEnded()),
            (18.4, Said("on Monday")),
        ],
        [],
        ["12.4 what message", "18.4 (decline message I am back on Monday)"],
    ),
    "a message that is not dictated": (
        [HELLO, speech(11, 12, "take a message"), speech(15, 15.2)],
        [],
        ["12.4 what message", "22.4 (decline message)"],
    ),
    "a message refused by key": (
        [HELLO, speech(11, 12, "take a message"), (15, Pressed("2"))],
        [],
        ["12.4 what message", "15 (decline message)"],
    ),
    "a bare yes is a message": (
        [HELLO, speech(11, 12, "take a message"), speech(15, 15.5, "yes")],
        [],
        ["12.4 what message", "15.9 (decline message yes)"],
    ),
    "a change of mind instead of a message": (
        [HELLO, speech(11, 12, "take a message"), speech(15, 16, "put them through")],
        [],
        ["12.4 what message", "16.4 (accept)"],
    ),
    "a message said at once": (
        [HELLO, speech(11, 12, "tell them I call at five")],
        [],
        ["12.4 (decline message I call at five)"],
    ),
    "somebody else": ([HELLO, speech(11, 12, "send them to Bob")], [], ["12.4 (decline redirect Bob)"]),
}


@pytest.mark.parametrize("name", STORIES)
def test_a_conversation(name):
    story, answers, expected = STORIES[name]
    transcript = play(*story, answers=answers)
    is_interrupted = expected[0] == "5 (hush)"
    assert transcript == (OPENING[:3] if is_interrupted else OPENING) + expected


# Human or machine

PICKUPS = {
    "a hello": ([HELLO], OPENING),
    "silence": ([], NO_HELLO),
    "a company's greeting of four seconds hears nothing private before it ends": (
        [speech(0.3, 4.3, "Sarah Miller from billing, how can I help?")],
        ["0.8 assistant", "4.7 refund", "6.7 boat", "8.7 sank", "10.7 question"],
    ),
    "the same when nothing is understood": (
        [speech(0.3, 4.3)],
        ["0.8 assistant", "5.5 refund", "7.5 boat", "9.5 sank", "11.5 question"],
    ),
    "a hello that outlasts the deadline": (
        [speech(0.4, 1.6, "hello there")],
        ["0.8 assistant", "2.8 refund", "4.8 boat", "6.8 sank", "8.8 question"],
    ),
    "a machine that says so": (
        [speech(0.3, 4.3, "the voicemail of Bob")],
        ["0.8 assistant", "4.7 (hush)", "4.7 (voicemail)"],
    ),
    "a machine that talks and talks": ([speech(0.3, 12)], ["0.8 assistant", "6.3 (hush)", "6.3 (voicemail)"]),
    "a machine that takes breath": (
        [speech(0.3, 2.2), speech(2.6, 4.5), speech(4.9, 9)],
        ["0.8 assistant", "2.6 (hush)", "6.3 (hush)", "6.3 (voicemail)"],
    ),
    "a machine that beeps": (
        [speech(0.3, 3.8), (4.4, ToneHeard())],
        ["0.8 assistant", "4.4 (hush)", "4.4 (voicemail)"],
    ),
    "a machine that begins late hears the public line at most": (
        [speech(1.5, 9)],
        ["0.8 assistant", "1.5 (hush)", "7.5 (hush)", "7.5 (voicemail)"],
    ),
    "a machine that confesses when it was taken for a human": (
        [HELLO, speech(9, 10, "this is the voicemail of Bob")],
        [*OPENING, "9 (hush)", "10.4 (hush)", "10.4 (voicemail)"],
    ),
    "whoever talks of voicemail later is a human": (
        [HELLO, speech(35, 36, "is it about my voicemail?"), (36.5, Pressed("2"))],
        [*OPENING, "18.6 reprompt", "28.6 reprompt", "36.4 (ask"],
    ),
    "a human with a long story is none": (
        [HELLO, speech(11, 19, "let me think")],
        [*OPENING, "19.4 (ask"],
    ),
    "a tone in a human's room is none": ([HELLO, (5.0, ToneHeard())], OPENING),
}


@pytest.mark.parametrize("name", PICKUPS)
def test_who_picks_up(name):
    story, expected = PICKUPS[name]
    transcript = play(*story)
    assert [line[: len(wanted)] for line, wanted in zip(transcript, expected, strict=False)] == expected
    assert "(voicemail)" not in words(transcript) or transcript[-1] == expected[-1]


@pytest.mark.parametrize(
    "story, left_at",
    [
        ([speech(0.3, 4.3, "the voicemail of Bob"), (6, ToneHeard())], 6.2),
        ([speech(0.3, 4.3, "the voicemail of Bob")], 6.2),
        ([speech(0.3, 60)], 26.3),
        ([speech(0.3, 9), (9.5, ToneHeard()), (9.6, SpeechStarted()), (10, SpeechEnded())], 9.7),
    ],
    ids=["after the tone", "after silence", "at last", "a tone that is taken for speech, too"],
)
def test_a_machine_is_left_a_message_by_policy(story, left_at):
    script = replace(SCRIPT, voicemail_message=Line(Part.FAREWELL, "call us"))
    transcript = play(*story, script=script)
    assert transcript[-2:] == [f"{left_at:g} call us", f"{left_at + LINE:g} (voicemail)"]
    assert words(transcript)[:-2] == ["assistant", "(hush)"]


# Bounds


def test_questions_come_to_an_end():
    questions = [speech(at, at + 0.5, f"what about {at}?") for at in range(11, 400, 8)]
    transcript = words(play(HELLO, *questions, answers=[answer((0.3, "This."))] * 100, until=1000.0))
    assert len([each for each in transcript if each.startswith("(ask")]) == QUESTIONS
    assert transcript[-1] == "(giveup)"


def test_who_can_not_be_answered_is_reprompted():
    script = replace(SCRIPT, can_answer=False)
    assert play(HELLO, speech(11, 12, "who sold it?"), script=script)[5] == "12.4 reprompt"


def test_a_moment_is_granted_twice():
    minutes = [speech(at, at + 0.5, "give me a minute") for at in (11, 30, 50)]
    assert words(play(HELLO, *minutes))[5:8] == ["take your time", "take your time", "question"]


def test_a_summary_that_arrives_during_an_answer_follows_it():
    script = replace(SCRIPT, summary=None, short=())
    story = [HELLO, speech(5, 6, "who is it?"), (7.0, SummaryArrived(SUMMARY)), speech(15, 15.5, "no")]
    transcript = play(*story, script=script, answers=[answer((0.5, "Ann."))])
    assert transcript[4:] == ["6.9 Ann.", "8.9 boat", "10.9 sank", "12.9 question", "15.9 (decline refused)"]


@pytest.mark.parametrize("arrives_at", [0.5, 2.0, 4.0, 4.6])
def test_a_summary_that_arrives_during_a_long_greeting_is_kept_back_with_the_rest(arrives_at):
    script = replace(SCRIPT, summary=None, short=())
    story = [speech(0.3, 4.3, "Sarah Miller from billing"), (arrives_at, SummaryArrived(SUMMARY))]
    assert play(*story, script=script)[:4] == ["0.8 assistant", "4.7 refund", "6.7 boat", "8.7 sank"]


def test_without_a_public_line_nothing_is_said_over_a_voice_that_may_be_a_machine():
    script = replace(SCRIPT, greeting=())
    assert play(speech(0.3, 4.3), script=script)[:1] == ["5.5 boat"]
    assert play(speech(0.3, 9), script=script) == ["6.3 (hush)", "6.3 (voicemail)"]


def test_shorter_before_there_is_a_summary_brings_the_short_one():
    script = replace(SCRIPT, summary=None, short=())
    story = [HELLO, speech(3, 3.5, "shorter"), (6.0, SummaryArrived(SUMMARY, SCRIPT.short)), speech(11, 11.5, "yes")]
    assert play(*story, script=script)[2:] == ["3 (hush)", "6 short", "8 question", "11.9 (accept)"]


SOUNDS = st.tuples(
    st.sampled_from([*READINGS, "who?", "who sold the boat?", None]), st.floats(0.1, 4.0), st.floats(0.3, 20.0)
)


@settings(max_examples=150, deadline=None)
@given(st.lists(SOUNDS, max_size=12), st.lists(st.floats(0.1, 3.0), max_size=6), st.booleans())
def test_every_conversation_ends_and_only_the_supervisor_accepts(sounds, delays, planted):
    at, story = 0.2, []
    for text, seconds, pause in sounds:
        story.append(speech(at, at + seconds, *([text] if text else [])))
        at += seconds + pause + 0.5
    sentence = "yes, put them through" if planted else "This."
    transcript = words(play(*story, answers=[answer((delay, sentence)) for delay in delays], until=1000.0))
    assert transcript[-1].startswith(("(accept", "(decline", "(giveup", "(voicemail"))
    accepts = {"yes", "put them through", "yes, put them through"}
    assert "(accept)" not in transcript or accepts & {text for text, _, _ in sounds}
