"""Asterisk's events as they come, and everything else that could come."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ari_app.ari.decode import (
    READERS,
    AriEvent,
    BridgeGone,
    Destroyed,
    Entered,
    EnteredBridge,
    HangupRequested,
    LeftApp,
    LeftBridge,
    Malformed,
    MoveFailed,
    Pressed,
    Referred,
    Replaced,
    Ringing,
    UserEvent,
    decode,
    decode_text,
)


def channel(id: str = "c1", state: str = "Up", **more: Any) -> dict[str, Any]:
    return {
        "id": id,
        "name": f"PJSIP/trunk-{id}",
        "state": state,
        "protocol_id": "a-call-id",
        "caller": {"name": "Zoé", "number": "+331"},
        "connected": {"name": "", "number": ""},
        "dialplan": {"context": "from-trunk", "exten": "s", "priority": 2, "app_name": "Stasis", "app_data": "wt"},
        "creationtime": "2026-11-22T08:33:56.988+0000",
        **more,
    }


BRIDGE = {"id": "b1", "technology": "simple_bridge", "bridge_type": "mixing", "channels": ["c1"]}
REFER = {
    "type": "ChannelTransfer",
    "refer_to": {"requested_destination": {"destination": "2001"}},
    "referred_by": {"source_channel": channel(), "connected_channel": channel("c0"), "bridge": BRIDGE},
}
EVENTS: list[tuple[dict[str, Any], AriEvent | None]] = [
    (
        {"type": "StasisStart", "args": ["agent=a", "x"], "channel": channel(channelvars={"WT": "1"})},
        Entered("c1", ("agent=a", "x"), "+331", "Zoé", "Up", {"WT": "1"}),
    ),
    (
        {"type": "StasisStart", "args": [], "channel": channel("n1"), "replace_channel": channel("c1")},
        Entered("n1", (), "+331", "Zoé", "Up", {}, "c1"),
    ),
    ({"type": "StasisEnd", "channel": channel()}, LeftApp("c1")),
    ({"type": "ChannelStateChange", "channel": channel(state="Ringing")}, Ringing("c1")),
    ({"type": "ChannelStateChange", "channel": channel(state="Up")}, None),
    ({"type": "Dial", "dialstatus": "", "peer": channel()}, None),
    ({"type": "Dial", "dialstatus": "RINGING", "peer": channel()}, Ringing("c1")),
    ({"type": "Dial", "dialstatus": "PROGRESS", "peer": channel(), "caller": channel("c0")}, Ringing("c1")),
    ({"type": "Dial", "dialstatus": "ANSWER", "peer": channel()}, None),
    (
        {"type": "ChannelHangupRequest", "cause": 17, "tech_cause": 486, "channel": channel()},
        HangupRequested("c1", 17, 486),
    ),
    ({"type": "ChannelHangupRequest", "cause": 32, "soft": True, "channel": channel()}, HangupRequested("c1")),
    ({"type": "ChannelHangupRequest", "channel": channel()}, HangupRequested("c1")),
    (
        {"type": "ChannelDestroyed", "cause": 19, "cause_txt": "x", "tech_cause": 480, "channel": channel()},
        Destroyed("c1", 19, 480),
    ),
    # a media channel whose WebSocket closed
    ({"type": "ChannelDestroyed", "cause": 16, "tech_cause": 1001, "channel": channel()}, Destroyed("c1", 16)),
    ({"type": "ChannelDtmfReceived", "digit": "#", "duration_ms": 100, "channel": channel()}, Pressed("c1", "#")),
    ({"type": "ChannelEnteredBridge", "bridge": BRIDGE, "channel": channel()}, EnteredBridge("b1", "c1")),
    ({"type": "ChannelLeftBridge", "bridge": BRIDGE, "channel": channel()}, LeftBridge("b1", "c1")),
    ({"type": "BridgeDestroyed", "bridge": BRIDGE}, BridgeGone("b1")),
    (
        {"type": "ChannelUserevent", "eventname": "wt", "userevent": {"a": {"b": [1, None]}, "eventname": "wt"}},
        UserEvent("wt", {"a": {"b": [1, None]}}),
    ),
    (
        {"type": "ChannelUserevent", "eventname": "wt", "userevent": {"eventname": "wt"}, "channel": channel()},
        UserEvent("wt", {}, "c1"),
    ),
    (
        {"type": "ApplicationMoveFailed", "args": [], "destination": "agent", "channel": channel()},
        MoveFailed("c1", "agent"),
    ),
    (REFER, Referred("c1", "2001")),
    (REFER | {"state": "channel_progress"}, None),
    (REFER | {"refer_to": {"requested_destination": {"protocol_id": "a@b"}}}, Referred("c1")),
    ({"type": "ApplicationReplaced", "application": "wt"}, Replaced()),
    ({"type": "ChannelVarset", "variable": "A", "value": "1"}, None),
    ({"type": "SomethingOfAsterisk25", "channel": 7}, None),
]


@pytest.mark.parametrize(("event", "expected"), EVENTS)
def test_an_event_is_read(event: dict[str, Any], expected: AriEvent | None) -> None:
    common = {"application": "wt", "timestamp": "2026-11-22T08:34:47.483+0000", "asterisk_id": "02:fc"}
    assert decode(common | event) == expected
    assert decode_text(json.dumps(common | event)) == expected


def test_every_reader_is_tried() -> None:
    assert set(READERS) <= {event["type"] for event, _ in EVENTS}


@pytest.mark.parametrize("caller", [None, "+331", {}, {"number": None}])
def test_a_caller_without_a_number(caller: Any) -> None:
    entered = decode({"type": "StasisStart", "args": [], "channel": channel(caller=caller)})
    assert isinstance(entered, Entered) and entered.number == ""


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ({"type": "StasisEnd"}, "no 'channel'"),
        ({"type": "StasisEnd", "channel": {}}, "no 'id'"),
        ({"type": "StasisEnd", "channel": {"id": 7}}, "id is int"),
        ({"type": "StasisEnd", "channel": ["c1"]}, "channel is list"),
        ({"type": "StasisStart", "args": "a", "channel": channel()}, "args is no list of texts"),
        ({"type": "ChannelUserevent", "eventname": "x", "userevent": []}, "userevent is list"),
    ],
)
def test_a_malformed_event_says_what_is_wrong_without_its_values(event: dict[str, Any], reason: str) -> None:
    assert decode(event) == Malformed(event["type"], reason)


@pytest.mark.parametrize("text", ["", "{", "nope", "[" * 100_000, "\x00"])
def test_a_frame_that_is_not_json(text: str) -> None:
    assert isinstance(decode_text(text), Malformed)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
KEYS = ["channel", "bridge", "peer", "args", "userevent", "eventname", "digit", "cause", "tech_cause", "destination"]
KEYS += ["replace_channel", "dialstatus", "soft", "caller"]


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(JSON)
def test_any_json_is_taken_calmly(anything: Any) -> None:
    assert isinstance(decode(anything), AriEvent | None)


@settings(max_examples=120, deadline=None, derandomize=True, database=None)
@given(st.sampled_from(EVENTS), st.dictionaries(st.sampled_from(KEYS), JSON, max_size=3), st.sampled_from(KEYS))
def test_any_damage_to_an_event_is_taken_calmly(
    known: tuple[dict[str, Any], AriEvent | None], damage: dict[str, Any], missing: str
) -> None:
    event = {key: value for key, value in {**known[0], **damage}.items() if key != missing}
    assert isinstance(decode(event), AriEvent | None)
    inner = channel() | damage
    assert isinstance(decode({**known[0], "channel": inner, "peer": inner, "bridge": inner}), AriEvent | None)
