"""What the supervisor's words decide, whatever engine heard them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_app.briefing.intent import Intent, phrasebook, read_intent

ACCEPTED = """yes|yes please|Yes, put them through.|sure, put her through|okay connect me|go ahead|I'll take it|accept
send him over|Yes. Put him through, please!|yep|put the call through to me please|I'm happy to take the call
let me speak to her|All right, put the caller through now|ok, I'll take this one|YES|yes, yes, yes
Yes, could you put her through please"""

DECLINED = """no|no I can't|I can't right now|decline|not now, I'm in a meeting|I am busy|call back later
don't put them through|I can't accept|do not accept|sorry, I'm on another call|no thanks|please don't connect me
No, take a message|ask someone else|I don't have time right now|I cannot take it I'm driving|I can’t|busy"""

REPEATED = """say that again|repeat|pardon|what was that|sorry, could you repeat that please|I didn't catch that
I can't hear you|one more time please|come again?|Pardon me?|yes, say that again"""

UNDECIDED = """hello|who is this|hold on a second|yes I'm listening|what does he want|the yes men concert
yes, but not now|no yes-man|yes who is calling|put them on hold|could you put them through to sales instead
if I say yes what happens|I can't say yes|yes, who is it?|no problem|not sure|I don't know|yes no|one two three
never mind|no wait|yes if she is nice|maybe|why not|put him through to John|don't repeat it|hello yes|uh huh
no problem put her through|put them through?|connect me later|I would accept if I could|yes 👎|yes 2|put through sales
|   |...|да|ja|Yes, I'd say so, but who is it|she said yes|no, yes|I refuse to say yes|accept nothing"""


def lines(table: str) -> list[str]:
    return [phrase for line in table.splitlines() for phrase in line.split("|")]


@pytest.mark.parametrize("text", lines(ACCEPTED))
def test_accepts(text: str) -> None:
    assert read_intent(text).intent is Intent.ACCEPT


@pytest.mark.parametrize("text", lines(DECLINED))
def test_declines(text: str) -> None:
    assert read_intent(text).intent is Intent.DECLINE


@pytest.mark.parametrize("text", lines(REPEATED))
def test_asks_to_repeat(text: str) -> None:
    assert read_intent(text).intent is Intent.REPEAT


@pytest.mark.parametrize("text", lines(UNDECIDED))
def test_decides_nothing(text: str) -> None:
    assert read_intent(text).intent in (Intent.NONE, Intent.DECLINE) if "refuse" in text else True
    assert read_intent(text).intent is not Intent.ACCEPT
    if "refuse" not in text:
        assert read_intent(text).intent is Intent.NONE


@pytest.mark.parametrize(
    "text, reason",
    [
        ("no", None),
        ("No, I can't.", None),
        ("not now, I'm in a meeting", "I'm in a meeting"),
        ("No I can't right now. I'm driving.", "I'm driving."),
        ("Sorry no, my shift is over", "my shift is over"),
        ("call back later", "call back later"),
    ],
)
def test_the_reason_is_the_supervisors_own_words(text: str, reason: str | None) -> None:
    assert read_intent(text).reason == reason


def test_a_lone_yes_is_told_from_an_order() -> None:
    assert read_intent("yes").bare
    assert read_intent("go ahead").bare
    assert not read_intent("yes, put them through").bare


def test_a_language_without_phrases_is_an_error() -> None:
    assert read_intent("yes", "en-US").intent is Intent.ACCEPT
    with pytest.raises(LookupError):
        read_intent("yes", "../en")


NEGATIONS = sorted(phrasebook("en").negations)
WORDS = st.sampled_from(["yes", "please", "put", "them", "him", "through", "okay", "sure", "connect", "me", "go",
                         "ahead", "i'll", "take", "it", "now", "accept", "the", "call"])  # fmt: skip


@given(st.lists(WORDS, max_size=8), st.sampled_from(NEGATIONS), st.lists(WORDS, max_size=8))
def test_a_negation_anywhere_is_never_acceptance(before: list[str], negation: str, after: list[str]) -> None:
    assert read_intent(" ".join([*before, negation, *after])).intent is not Intent.ACCEPT


@given(st.text(max_size=80), st.sampled_from(NEGATIONS), st.text(max_size=80))
def test_a_negation_in_any_text_is_never_acceptance(before: str, negation: str, after: str) -> None:
    assert read_intent(f"{before} {negation} {after}").intent is not Intent.ACCEPT


@given(st.lists(WORDS, max_size=8), st.sampled_from(sorted(phrasebook("en").doubts)), st.lists(WORDS, max_size=8))
def test_a_doubt_anywhere_is_never_acceptance(before: list[str], doubt: str, after: list[str]) -> None:
    assert read_intent(" ".join([*before, doubt, *after])).intent is not Intent.ACCEPT


@given(st.text(max_size=2000))
def test_any_text_is_read(text: str) -> None:
    reading = read_intent(text)
    assert reading.reason is None or 0 < len(reading.reason) <= 200
