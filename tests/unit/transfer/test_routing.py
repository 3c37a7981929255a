"""Default deny."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ari_app.config import RoutingRule
from ari_app.transfer.routing import NotAllowed, Rule, Wanted, matches, route

RULES = {
    "rr_sales": Rule(
        "rr_sales",
        "PJSIP/{to}@trunk-a",
        callers=("+14155550100",),
        destinations=("+1415*", "2???"),
        ring_timeout=25,
        context="x-headers",
    ),
    "rr_closed": Rule("rr_closed", "PJSIP/{to}@trunk-b"),
}


def test_an_allowed_destination_becomes_a_dial_string():
    made = route(Wanted("rr_sales", "+14155550123", "+14155550100"), RULES)
    assert (made.endpoint, made.sip_call_from) == ("PJSIP/+14155550123@trunk-a", "+14155550100")
    assert made.context == "x-headers"


def test_a_rule_may_ring_one_phone_whatever_is_dialed():
    desk = RoutingRule(endpoint="PJSIP/lab/sip:2001@127.0.0.1:5090", destinations=("+1415*",))
    rules = {"rr_desk": Rule("rr_desk", desk.endpoint, destinations=desk.destinations)}
    assert route(Wanted("rr_desk", "+14155550123"), rules).endpoint == "PJSIP/lab/sip:2001@127.0.0.1:5090"


def test_the_rules_first_number_is_presented_when_none_is_asked_for():
    assert route(Wanted("rr_sales", "2001"), RULES).sip_call_from == "+14155550100"


@pytest.mark.parametrize(
    ("wanted", "key"),
    [
        (Wanted("rr_unknown", "2001"), "routing_rule_id"),
        (Wanted("rr_closed", "2001"), "sip_call_to"),
        (Wanted("rr_sales", "+19005550123"), "sip_call_to"),
        (Wanted("rr_sales", "20011"), "sip_call_to"),
        (Wanted("rr_sales", "2001", "+19995550100"), "sip_call_from"),
    ],
)
def test_what_no_rule_names_is_refused(wanted, key):
    with pytest.raises(NotAllowed) as refused:
        route(wanted, RULES)
    assert refused.value.key == key


@given(st.text(min_size=1, max_size=30), st.sampled_from("&/,@|;\n\r\t\0 \\'\"(){}<>"), st.text(max_size=30))
def test_no_dial_string_is_smuggled(before, bad, after):
    everything = {"all": Rule("all", "PJSIP/{to}@trunk", destinations=("*",))}
    with pytest.raises(NotAllowed):
        route(Wanted("all", before + bad + after), everything)


def test_patterns():
    assert matches("+1415*", "+14155550123")
    assert not matches("+1415*", "14155550123")
    assert matches("2???", "2001")
    assert not matches("2???", "200")
    assert not matches("2.01", "2x01")


@pytest.mark.parametrize(
    ("present", "own", "asked", "shown"),
    [
        ("fixed", "+4930123", None, "+14155550100"),
        ("caller", "+4930123", None, "+4930123"),
        ("caller", "+4930123", "+14155550100", "+14155550100"),
        ("caller", "", None, ""),
    ],
)
def test_whose_number_is_presented(present, own, asked, shown):
    rule = Rule("rr", "PJSIP/{to}", callers=("+14155550100",), destinations=("2???",), present=present)
    assert route(Wanted("rr", "2001", asked, own=own), {"rr": rule}).sip_call_from == shown


def test_the_callers_own_number_is_not_for_requests_to_name():
    rule = Rule("rr", "PJSIP/{to}", destinations=("2???",), present="caller")
    with pytest.raises(NotAllowed):
        route(Wanted("rr", "2001", "+4930123", own="+4930123"), {"rr": rule})
