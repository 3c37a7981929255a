"""What the supervisor's words decide, whatever engine heard them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_app.briefing.intent import DeclineKind, Intent, phrasebook, read_intent, sounds_like_machine

ACCEPTED = """yes|yes please|Yes, put them through.|sure, put her through|okay connect me|go ahead|I'll take it|accept
send him over|Yes. Put him through, please!|yep|put the call through to me please|I'm happy to take the call
let me speak to her|All right, put the caller through now|ok, I'll take this one|YES|yes, yes, yes
Yes, could you put her through please"""

DECLINED = """no|no I can't|I can't right now|decline|not now, I'm in a meeting|I am busy|call back later
don't put them through|I can't accept|do not accept|sorry, I'm on another call|no thanks|please don't connect me
No, take a message|ask someone else|I don't have time right now|I cannot take it I'm driving|I can’t|busy"""

REPEATED = """say that again|repeat|pardon|what was that|sorry, could you repeat that please|I didn't catch that
I can't hear you|one more time please|come again?|Pardon me?|yes, say that again"""

UNDECIDED = """hello|who is this|yes I'm listening|what does he want|the yes men concert
yes, but not now|no yes-man|yes who is calling|put them on hold|could you put them through to sales instead
if I say yes what happens|I can't say yes|yes, who is it?|no problem|not sure|I don't know|yes no|one two three
never mind|no wait|yes if she is nice|maybe|why not|put him through to John|don't repeat it|hello yes|uh huh
no problem put her through|put them through?|connect me later|I would accept if I could|yes 👎|yes 2|put through sales
|   |...|да|ja|Yes, I'd say so, but who is it|she said yes|no, yes|I refuse to say yes|accept nothing"""


SHORTENED = """make it short|shorter please|the short version|in one sentence|just the headline|could you sum it up?
okay, keep it brief|get to the point"""

WAITED = """give me a minute|hold on a second|one moment please|just a sec|let me finish this first|okay, hang on|wait
Could you give me a second?|one second, please"""

WAITED_NO_LONGER = """wait, who is this|hold on, put them through|let me finish this first, then put them through
give me the caller|no wait|one moment, no, I can't|just a second opinion"""

MACHINES = """Please leave a message after the tone.|John Smith is not available.|Press 1 for sales|The mailbox is full
You have reached the voicemail of Anna.|Your call has been forwarded to voicemail
The number you have dialed is not in service|Our office is closed.|All our agents are busy
Please hold while we connect you|Your call is important to us|For billing, press two
I will get back to you as soon as possible|The person you are calling is not available right now"""

HUMANS = """Hello, this is Sarah from billing|I'm not available right now|leave him a message|please hold on|hello?
who is this|yes, put them through|she is not available, can I take a message?|I'll call back as soon as I can
do I press 1 to accept|try again later|take a message|our office closes at five|send it to my voicemail"""

NEVER_ACCEPTED = """send them to billing|transfer them to accounting|transfer them to|send them over to Maria
send him to me or Maria|put them through to billing|connect me to billing|yes, send them to billing
tell him I'll be right there|pass them on to sales"""


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


@pytest.mark.parametrize("text", lines(SHORTENED))
def test_asks_for_less(text: str) -> None:
    assert read_intent(text).intent is Intent.SHORTER


@pytest.mark.parametrize("text", lines(WAITED))
def test_asks_for_a_moment(text: str) -> None:
    assert read_intent(text).intent is Intent.WAIT


@pytest.mark.parametrize("text", lines(WAITED_NO_LONGER))
def test_a_moment_is_asked_for_with_nothing_else(text: str) -> None:
    assert read_intent(text).intent not in (Intent.WAIT, Intent.ACCEPT)


@pytest.mark.parametrize(
    "text, message",
    [
        ("take a message", None),
        ("No, take a message please.", None),
        ("Can you take a message?", None),
        ("I'll call him back", "I'll call him back"),
        ("tell her I'll call back at five", "I'll call back at five"),
        ("No, I'm in a meeting. Tell them that I'll call back tomorrow.", "I'll call back tomorrow."),
        ("take a message and tell him the order ships tomorrow", "the order ships tomorrow"),
        ("Can you tell him I'll call back?", "I'll call back"),
        ("I'm driving, take a message", "I'm driving"),
        ("call me back later", "call me back later"),
        ("have them call me on Monday", "have them call me on Monday"),
    ],
)
def test_a_message_is_a_refusal_in_the_supervisors_own_words(text: str, message: str | None) -> None:
    reading = read_intent(text)
    assert (reading.intent, reading.kind, reading.reason) == (Intent.DECLINE, DeclineKind.MESSAGE, message)


@pytest.mark.parametrize(
    "text, who, why",
    [
        ("send them to billing instead", "billing", None),
        ("No, try Maria.", "Maria", None),
        ("that's for the sales team", "the sales team", None),
        ("transfer them to accounting please", "accounting", None),
        ("I'm driving, send him over to Maria Gomez, thanks", "Maria Gomez", "I'm driving"),
        ("yes, send them to billing", "billing", None),
        ("could you transfer them to Maria?", "Maria", None),
        ("ask someone else", None, None),
        ("send them to someone else", None, None),
        ("no, somebody else should take it", None, None),
    ],
)
def test_a_redirection_says_who(text: str, who: str | None, why: str | None) -> None:
    reading = read_intent(text)
    assert (reading.intent, reading.kind) == (Intent.DECLINE, DeclineKind.REDIRECT)
    assert (reading.suggestion, reading.reason) == (who, why)


@pytest.mark.parametrize("text", ["don't send them to billing", "I can't, I'm busy", "no"])
def test_a_refusal_is_no_errand(text: str) -> None:
    reading = read_intent(text)
    assert (reading.intent, reading.kind) == (Intent.DECLINE, DeclineKind.REFUSED)


@pytest.mark.parametrize(
    "text",
    ["tell them to hold on", "take a message, no wait, put them through", "send them to whom", "that's for sure"],
)
def test_an_errand_in_doubt_is_none(text: str) -> None:
    assert read_intent(text).intent is Intent.NONE


@pytest.mark.parametrize("text", lines(NEVER_ACCEPTED))
def test_somebody_elses_call_is_never_accepted(text: str) -> None:
    assert read_intent(text).intent is not Intent.ACCEPT


@pytest.mark.parametrize("text", ["send them over", "transfer them to me", "transfer them", "let me talk to him"])
def test_the_supervisors_own_call_is_accepted(text: str) -> None:
    assert read_intent(text).intent is Intent.ACCEPT


@pytest.mark.parametrize("text", lines(MACHINES))
def test_knows_a_machine(text: str) -> None:
    assert sounds_like_machine(text)


@pytest.mark.parametrize("text", lines(HUMANS))
def test_takes_no_human_for_a_machine(text: str) -> None:
    assert not sounds_like_machine(text)


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
