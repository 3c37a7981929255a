"""What the INVITE says about the call: one line each, bounded, and readable again."""

import json
import re
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_app.testing.playbook import route
from ari_app.transfer.context import FIELDS, JSON_BYTES, LINE_BYTES, encoded, headers, user_to_user

FACTS = {"who": "Ana Pérez", "problem": "charged twice, order 4711", "mood": ""}
anything = st.text(max_size=300)


def said(context, facts=FACTS, reason="wants a refund", **given):
    made = route("2001", context=context, headers=tuple(given.items()))
    return headers(made, facts, reason=reason, call_id="call_1", transfer_id="tr_1")


def carried(value):
    data, *parameters = value.split(";")
    assert parameters == ["encoding=hex", "purpose=warm-transfer"]
    return json.loads(bytes.fromhex(data))


def test_a_rule_without_context_says_nothing():
    assert said("none", **{"X-Queue": "gold"}) == {"X-Queue": "gold"}


def test_one_header_for_each_thing_that_is_known():
    assert said("x-headers") == {
        "X-WT-Who": "Ana P%C3%A9rez",
        "X-WT-Problem": "charged twice%2C order 4711",
        "X-WT-Call-ID": "call_1",
        "X-WT-Transfer-ID": "tr_1",
    }


def test_user_to_user_is_json_in_hex():
    (value,) = said("user-to-user").values()
    assert carried(value) == {"reason": "wants a refund", "who": "Ana Pérez", "problem": "charged twice, order 4711"}


def test_user_to_user_of_nothing_is_no_header():
    assert said("user-to-user", facts={}, reason=None) == {}


@pytest.mark.parametrize("context", ["x-headers", "user-to-user"])
def test_a_header_of_the_request_wins_however_it_is_spelt(context):
    mine = {"user-to-user": "6869;encoding=hex", "X-wt-WHO": "the boss"}
    made = said(context, **mine)
    assert made.items() >= mine.items()
    assert len({name.lower() for name in made}) == len(made)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("refund\r\nVia: SIP/2.0", "refund Via: SIP/2.0"),
        ("100% ${EXTEN}", "100%25 %24%7BEXTEN%7D"),
        ("half \ud800 a pair\0", "half a pair"),
        ("é" * 34 + "x", "%C3%A9" * 33),
    ],
)
def test_nothing_ends_the_line_or_a_character_early(text, line):
    assert encoded(text) == line


@given(anything)
def test_a_line_is_short_printable_and_gives_the_text_back(text):
    line = encoded(text)
    assert len(line) <= LINE_BYTES
    assert re.fullmatch(r"[ -~]*", line) and not set(line) & set(',;"\\<>{}$\r\n')
    readable = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    assert readable.startswith(unquote(line))
    assert unquote(line) == readable or len(line) > LINE_BYTES - 20


@given(st.dictionaries(st.sampled_from(("reason", *FIELDS)), anything))
def test_user_to_user_is_bounded_and_keeps_the_first_fields(texts):
    value = user_to_user(texts)
    assert re.fullmatch(r"(([0-9a-f]{2})+;encoding=hex;purpose=warm-transfer)?", value)
    if value:
        kept = carried(value)
        assert len(value.partition(";")[0]) <= 2 * JSON_BYTES
        assert list(kept) == [name for name in texts if name in kept]


def test_what_does_not_fit_is_dropped_from_the_end():
    texts = dict.fromkeys(("reason", *FIELDS), "x" * 20_000)
    assert carried(user_to_user(texts)) == {"reason": "x" * LINE_BYTES, "who": "x" * LINE_BYTES}
