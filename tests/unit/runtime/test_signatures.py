"""Signatures: the page's example and code agree with ours, and nothing that was changed, moved or repeated passes."""

import hashlib
import hmac
import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_app.errors import RequestRefused
from ari_app.runtime import signatures
from ari_app.runtime.signatures import Seals, Signer, canonical, signed
from tests.unit.runtime.conftest import CALLER, World

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "signatures.md").read_text()
SECRET = b"correct-horse-battery-staple-0123456789"
EVENT, CHANNEL, NOW = "WarmTransferRequest", "1699.42", 1_700_000_000
SAID = {"reason": "wants a human", "timeout": 30.0}


def theirs(event, channel, variables, secret, timestamp, nonce):
    """The page's lines, as a reader would run them."""
    code = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL).group(1)
    names = {}
    exec(code, names)
    return names["sign"](event, channel, variables, secret, timestamp, nonce)["signature"]["mac"]


def test_the_example_of_the_page():
    variables, written = re.findall(r"```json\n(.*?)\n```", PAGE, re.DOTALL)
    variables, nonce = json.loads(variables), "8f14e45fceea167a5a36dedd4bea2543"
    shown = re.search(r"`mac`: `([0-9a-f]{64})`", PAGE).group(1)
    text = f"v1\nWarmTransferRequest\n1699.42\n1700000000\n{nonce}\n{written}"
    assert hmac.new(SECRET, text.encode(), hashlib.sha256).hexdigest() == shown
    assert theirs(EVENT, CHANNEL, variables, SECRET.decode(), NOW, nonce) == shown
    assert signed(EVENT, CHANNEL, variables, SECRET, NOW, nonce)["signature"]["mac"] == shown
    assert canonical(variables).decode() == written


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (30.0, "30"),
        (-1.5, "-1.5"),
        (0.1, "0.1"),
        (0.002, "0.002"),
        (1e-6, "0.000001"),
        (1e-7, "1e-7"),
        (1.5e-7, "1.5e-7"),
        (5e-324, "5e-324"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (1.25e30, "1.25e+30"),
        (123456789012345680.0, "123456789012345680"),
        (333333333.33333329, "333333333.3333333"),
        (1.7976931348623157e308, "1.7976931348623157e+308"),
        (2**53 + 1, "9007199254740992"),
        (10**21, "1e+21"),
        ("€$\x0f\nA'B\"\\\x7f", '"€$\\u000f\\nA\'B\\"\\\\\x7f"'),
        ({"\ufb33": 1, "\U0001f600": 2, "1": 3, "€": 4}, '{"1":3,"€":4,"\U0001f600":2,"\ufb33":1}'),
        ([None, True, [], {}], "[null,true,[],{}]"),
    ],
)
def test_canonical_json_is_that_of_rfc_8785(value, text):
    assert canonical(value).decode() == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_survives(value):
    assert float(canonical(value)) == value


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800", {"a": object()}])
def test_what_json_can_not_say_has_no_canonical_form(value):
    with pytest.raises(ValueError):
        canonical(value)


class Clock:
    def __init__(self):
        self.now = float(NOW)

    def __call__(self):
        return self.now


def seals(demand="required", *secrets):
    clock = Clock()
    return Seals({"front-desk": Signer(demand, secrets or (SECRET,))}, clock), clock


def opened(desk, variables, *, event=EVENT, channel=CHANNEL, agent="front-desk", recalled=False):
    return desk.opened(event, variables, agent=agent, channel=channel, recalled=recalled)


def test_a_good_one_is_taken_off_and_good_once():
    desk, _ = seals()
    sent = json.loads(json.dumps(signed(EVENT, CHANNEL, SAID, SECRET, NOW)))
    assert opened(desk, sent) == SAID
    with pytest.raises(RequestRefused, match="signature: has been used"):
        opened(desk, sent)
    assert opened(desk, signed(EVENT, CHANNEL, SAID, SECRET, NOW)) == SAID


def test_either_secret_while_it_is_changed():
    desk, _ = seals("required", b"new" * 20, SECRET)
    assert opened(desk, signed(EVENT, CHANNEL, SAID, b"new" * 20, NOW)) == SAID
    assert opened(desk, signed(EVENT, CHANNEL, SAID, SECRET, NOW)) == SAID


def changed(**signature):
    good = signed(EVENT, CHANNEL, SAID, SECRET, NOW)
    return good | {"signature": good["signature"] | signature}


GOOD = signed(EVENT, CHANNEL, SAID, SECRET, NOW)
BAD = {
    "missing": (SAID, {}, "is missing"),
    "another secret": (signed(EVENT, CHANNEL, SAID, b"x" * 40, NOW), {}, "is not that"),
    "another event": (GOOD, {"event": "WarmTransferCancel"}, "is not that"),
    "another channel": (GOOD, {"channel": "1699.43"}, "is not that"),
    "another value": (GOOD | {"reason": "wants a robot"}, {}, "is not that"),
    "one key more": (GOOD | {"summary": "a lie"}, {}, "is not that"),
    "another time": (changed(timestamp=NOW + 1), {}, "is not that"),
    "another nonce": (changed(nonce="0" * 32), {}, "is not that"),
    "no mac": (changed(mac=""), {}, "is not {"),
    "capital mac": (changed(mac=GOOD["signature"]["mac"].upper()), {}, "is not {"),
    "another version": (changed(v=2), {}, "is not {"),
    "a true time": (changed(timestamp=True), {}, "is not {"),
    "a short nonce": (changed(nonce="abc"), {}, "is not {"),
    "one key too many": (changed(alg="none"), {}, "is not {"),
    "a text": (SAID | {"signature": "x"}, {}, "is not {"),
    "nothing": (SAID | {"signature": None}, {}, "is not {"),
    "too old": (signed(EVENT, CHANNEL, SAID, SECRET, NOW - 31), {}, "is not of now"),
    "too new": (signed(EVENT, CHANNEL, SAID, SECRET, NOW + 31), {}, "is not of now"),
    "too large": (signed(EVENT, CHANNEL, {"reason": "x" * 65_536}, SECRET, NOW), {}, "covers more"),
    "unspeakable": (GOOD | {"reason": "\ud800"}, {}, "covers what"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_is_refused(name):
    variables, where, why = BAD[name]
    desk, _ = seals()
    with pytest.raises(RequestRefused, match="signature: " + re.escape(why)) as refused:
        opened(desk, variables, **where)
    assert refused.value.key == "signature"
    assert opened(desk, signed(EVENT, CHANNEL, SAID, SECRET, NOW)) == SAID


@pytest.mark.parametrize(
    ("demand", "variables", "passes"),
    [
        ("none", SAID, True),
        ("none", SAID | {"signature": "not looked at"}, True),
        ("optional", SAID, True),
        ("optional", GOOD | {"reason": "a lie"}, False),
        ("required", SAID, False),
    ],
)
def test_how_much_the_settings_want(demand, variables, passes):
    desk, _ = seals(demand)
    if passes:
        assert opened(desk, variables) == SAID
    else:
        with pytest.raises(RequestRefused):
            opened(desk, variables)


def test_a_nonce_is_remembered_as_long_as_its_time_is_good_and_no_longer():
    desk, clock = seals()
    early = signed(EVENT, CHANNEL, SAID, SECRET, NOW + 30)
    opened(desk, early)
    for clock.now in range(NOW, NOW + 62):
        with pytest.raises(RequestRefused, match="has been used|is not of now"):
            opened(desk, early)
    opened(desk, signed(EVENT, CHANNEL, SAID, SECRET, clock.now + 1))
    clock.now += 63
    opened(desk, signed(EVENT, CHANNEL, SAID, SECRET, clock.now))
    assert len(desk._used) == len(desk._by_age) == 1


def test_there_is_a_bound_and_behind_it_nothing_passes(monkeypatch):
    monkeypatch.setattr(signatures, "MOST_NONCES", 2)
    desk, clock = seals()
    for _ in range(2):
        opened(desk, signed(EVENT, CHANNEL, SAID, SECRET, NOW))
    with pytest.raises(RequestRefused, match="too many"):
        opened(desk, signed(EVENT, CHANNEL, SAID, SECRET, NOW))
    clock.now += 62
    opened(desk, signed(EVENT, CHANNEL, SAID, SECRET, clock.now))


def test_after_a_restart_a_recalled_call_takes_only_what_is_newer():
    desk, clock = seals()
    clock.now += 2
    with pytest.raises(RequestRefused, match="older than this life"):
        opened(desk, signed(EVENT, CHANNEL, SAID, SECRET, NOW), recalled=True)
    assert opened(desk, signed(EVENT, CHANNEL, SAID, SECRET, NOW + 1), recalled=True) == SAID
    assert opened(desk, signed(EVENT, CHANNEL, SAID, SECRET, NOW), recalled=False) == SAID


DESTINATION = {"routing_rule_id": "rr", "sip_call_to": "2001"}


async def test_all_three_events_at_the_door():
    now = signatures.time()
    async with World(signers={"front-desk": Signer("required", (SECRET,))}).running() as world:
        await world.talking()
        world.ari.calls.clear()
        turns = {"turns": [{"role": "user", "content": "I was charged twice"}]}
        for event, said in (
            ("WarmTransferTranscript", turns),
            ("WarmTransferRequest", {"destination": DESTINATION, "reply_to": "agent-app"}),
        ):
            world.desk.user_event(event, said, CALLER)
            await world.settle()
        assert world.call.conversation == () and world.call.transfer is None
        assert [made.operation for made in world.ari.calls] == ["events.userEvent"]
        assert world.payloads[-1]["data"]["outcome"] == "refused"
        assert "signature" in world.payloads[-1]["data"]["reason"]

        for event, said in (
            ("WarmTransferTranscript", turns),
            ("WarmTransferRequest", {"destination": DESTINATION, "reply_to": "agent-app"}),
        ):
            world.desk.user_event(event, signed(event, CALLER, said, SECRET, now), CALLER)
            await world.settle()
        assert [turn.content for turn in world.call.conversation] == ["I was charged twice"]
        world.desk.user_event("WarmTransferCancel", {}, CALLER)
        await world.settle()
        assert world.call.transfer_in_flight
        world.desk.user_event("WarmTransferCancel", signed("WarmTransferCancel", CALLER, {}, SECRET, now), CALLER)
        await world.settle()
        assert world.payloads[-1]["data"]["outcome"] == "cancelled"
