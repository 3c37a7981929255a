"""What tells a human from a machine, one piece of evidence at a time."""

import pytest

from ari_app.briefing.humans import Humanity, OtherSide
from ari_app.briefing.turns import LineOpened, Pressed, Said, SpeechEnded, SpeechStarted, TimePassed, ToneHeard

BEGAN, ENDED, LATER = SpeechStarted(), SpeechEnded(), TimePassed()
CONFESSION = Said("this is a machine")


def judged(*story):
    humanity = Humanity(lambda text: "machine" in text, lambda text: text == "no")
    humanity.step(LineOpened(), 100.0)
    for at, event in story:
        humanity.step(event, 100.0 + at)
    return humanity


@pytest.mark.parametrize(
    "story",
    [
        [(3.0, LATER)],
        [(0.2, BEGAN), (0.7, ENDED), (2.7, LATER)],
        [(0.2, BEGAN), (4.2, ENDED), (7.2, LATER)],
        [(0.2, BEGAN), (0.7, ENDED), (4.0, BEGAN), (20.0, LATER)],
        [(0.2, BEGAN), (0.5, Pressed("5"))],
        [(0.2, BEGAN), (0.5, Said("no"))],
        [(0.5, Pressed("5")), (0.6, ToneHeard())],
        [(0.5, Pressed("5")), (30.5, CONFESSION)],
    ],
    ids=["silence", "hello", "greeting", "hello and a story", "key", "words", "tone after a key", "late words"],
)
def test_a_human(story):
    assert judged(*story).other_side is OtherSide.HUMAN


@pytest.mark.parametrize(
    "story",
    [
        [(0.2, BEGAN), (6.2, LATER)],
        [(0.2, BEGAN), (6.5, ENDED)],
        [(0.2, BEGAN), (2.0, ENDED), (2.5, BEGAN), (4.0, ENDED), (4.5, BEGAN), (6.2, LATER)],
        [(0.2, BEGAN), (5.0, ENDED), (5.5, BEGAN), (6.0, ENDED), (6.5, BEGAN)],
        [(0.2, BEGAN), (2.0, ENDED), (2.5, ToneHeard())],
        [(0.2, BEGAN), (2.0, CONFESSION)],
        [(0.5, Pressed("5")), (29.0, CONFESSION)],
    ],
    ids=["long", "long, seen late", "in sentences", "ends in a breath", "beep", "words", "words after a key"],
)
def test_a_machine(story):
    assert judged(*story).is_machine


@pytest.mark.parametrize(
    "story",
    [
        [(2.9, LATER)],
        [(0.2, BEGAN), (0.7, ENDED), (2.6, LATER)],
        [(0.2, BEGAN), (6.1, LATER)],
        [(0.2, BEGAN), (3.0, Said("Miller and sons"))],
    ],
    ids=["just answered", "just said hello", "still speaking", "words of no use"],
)
def test_nobody_knows_yet(story):
    assert judged(*story).other_side is OtherSide.UNKNOWN


def test_it_is_to_be_looked_at_when_a_greeting_becomes_too_long():
    assert judged((0.2, BEGAN)).deadline == 106.2
    assert judged((0.2, BEGAN), (1.0, ENDED)).deadline is None
    assert judged((0.2, BEGAN), (0.5, Pressed("5"))).deadline is None


@pytest.mark.parametrize(
    ("story", "expected"),
    [
        ([(20.0, LATER), (40.0, LATER)], OtherSide.UNKNOWN),
        ([(20.0, BEGAN), (20.5, ENDED), (22.5, LATER)], OtherSide.HUMAN),
        ([(20.0, BEGAN), (26.0, LATER)], OtherSide.MACHINE),
        ([(20.0, BEGAN), (22.0, ENDED), (22.3, ToneHeard())], OtherSide.MACHINE),
        ([(5.0, ToneHeard()), (10.0, ToneHeard())], OtherSide.UNKNOWN),
        ([(40.0, BEGAN), (42.0, CONFESSION)], OtherSide.MACHINE),
    ],
    ids=["ringing", "hello", "long", "beep", "ringback", "words"],
)
def test_behind_an_attendant_silence_says_nothing(story, expected):
    humanity = Humanity(lambda text: "machine" in text, lambda text: False, 25.0)
    humanity.step(LineOpened(), 100.0)
    for at, event in story:
        humanity.step(event, 100.0 + at)
    assert humanity.other_side is expected
