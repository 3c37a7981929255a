"""Flat texts of a dialplan become the contract's messages; whatever else comes is left alone."""

import pytest

from ari_app.errors import RequestRefused
from ari_app.runtime.dialplan import unfolded
from ari_app.wire import WarmTransferCancel, WarmTransferRequest, WarmTransferTranscript, WarmTransferWhisper, parse

ONE = {"routing_rule_id": "rr", "sip_call_to": "2001"}
MODELS = {
    "WarmTransferRequest": WarmTransferRequest,
    "WarmTransferTranscript": WarmTransferTranscript,
    "WarmTransferCancel": WarmTransferCancel,
    "WarmTransferWhisper": WarmTransferWhisper,
}


def read(event, variables):
    return parse(MODELS[event], unfolded(event, variables)).model_dump(exclude_unset=True)


@pytest.mark.parametrize(
    ("event", "flat", "message"),
    [
        ("WarmTransferRequest", ONE, {"destination": ONE}),
        ("WarmTransferRequest", {"routing_rule_id": "rr", "destination_to": "2001"}, {"destination": ONE}),
        ("WarmTransferRequest", {" Routing-Rule-ID": "rr", "Sip_Call_To": "2001"}, {"destination": ONE}),
        (
            "WarmTransferRequest",
            ONE | {"sip_call_from": "+1415", "participant_display_name": "AI", "headers": '{"X-A": "b"}'},
            {
                "destination": ONE
                | {"sip_call_from": "+1415", "participant_display_name": "AI", "headers": {"X-A": "b"}}
            },
        ),
        (
            "WarmTransferRequest",
            ONE | {"supervisor_join_timeout": "30", "briefing_timeout": "7.5", "reason": "a, b", "summary": ""},
            {"destination": ONE, "supervisor_join_timeout": 30.0, "briefing_timeout": 7.5, "reason": "a, b"},
        ),
        (
            "WarmTransferRequest",
            {"destinations": '[{"routing_rule_id": "rr", "sip_call_to": "2001"}]', "metadata": '{"n": 1}'},
            {"destinations": [ONE], "metadata": {"n": 1}},
        ),
        (
            "WarmTransferRequest",
            ONE | {"dispositions": '{"busy": "dialplan:voicemail"}'},
            {"destination": ONE, "dispositions": {"busy": "dialplan:voicemail"}},
        ),
        ("WarmTransferWhisper", {"Text": "In March."}, {"text": "In March."}),
        (
            "WarmTransferTranscript",
            {"role": "user", "content": "hello"},
            {"turns": [{"role": "user", "content": "hello"}]},
        ),
        ("WarmTransferTranscript", {"turns": "[]", "replace": "yes"}, {"turns": [], "replace": True}),
        ("WarmTransferCancel", {"reason": "never mind"}, {"reason": "never mind"}),
    ],
)
def test_flat_keys_are_read(event, flat, message):
    assert read(event, flat) == message


@pytest.mark.parametrize(
    ("event", "flat", "key"),
    [
        ("WarmTransferRequest", ONE | {"priority": "1"}, "priority"),
        ("WarmTransferRequest", {"sip_call_to": "2001"}, "routing_rule_id"),
        ("WarmTransferRequest", {"routing_rule_id": "rr", "sip_call_to": ""}, "sip_call_to"),
        ("WarmTransferRequest", ONE | {"destination_to": "2002"}, "sip_call_to"),
        ("WarmTransferRequest", ONE | {"destination": "{}"}, "destination"),
        ("WarmTransferRequest", {"destination": "{routing_rule_id:rr"}, "destination"),
        ("WarmTransferRequest", ONE | {"supervisor_join_timeout": "soon"}, "supervisor_join_timeout"),
        ("WarmTransferRequest", ONE | {"supervisor_join_timeout": "nan"}, "supervisor_join_timeout"),
        ("WarmTransferTranscript", {"role": "user", "content": "a", "turns": "[]"}, "turns"),
        ("WarmTransferTranscript", {"content": "a"}, "role"),
        ("WarmTransferCancel", {"because": "a"}, "because"),
    ],
)
def test_what_is_wrong_is_named(event, flat, key):
    with pytest.raises(RequestRefused) as refused:
        read(event, flat)
    assert key in str(refused.value)


def test_what_another_way_sent_is_left_alone():
    sent = {"Reason": "spelled like that", "destination": ONE}
    assert unfolded("WarmTransferRequest", sent) is sent
