"""A refused request changes nothing: one phase that names the key, no INVITE, and nobody hears a difference."""

from ari_app.testing.phone import Ring
from tests.sipp.conftest import AGENT, CALLER, MUSIC

ALLOWED = {"routing_rule_id": "rr_one", "sip_call_to": "2001"}
NOT_ALLOWED = [
    ({"destination": {**ALLOWED, "routing_rule_id": "rr_none"}}, "destination.routing_rule_id"),
    ({"destination": {**ALLOWED, "sip_call_to": "3001"}}, "destination.sip_call_to"),
    ({"destination": {**ALLOWED, "sip_call_to": "20011"}}, "destination.sip_call_to"),
    ({"destination": {**ALLOWED, "sip_call_from": "+14155550111"}}, "destination.sip_call_from"),
    ({"destinations": [ALLOWED, {**ALLOWED, "sip_call_to": "3001"}]}, "sip_call_to"),
]
MALFORMED = [
    ({"destination": ALLOWED, "priority": 1}, "priority"),
    ({"destination": {**ALLOWED, "codec": "ulaw"}}, "destination.codec"),
    ({"reason": "the caller wants a human"}, "destination"),
    ({"destinations": []}, "destinations"),
    ({"destination": ALLOWED, "briefing_timeout": -1}, "briefing_timeout"),
    ({"destination": ALLOWED, "briefing_profile": "nonesuch"}, "briefing_profile"),
]
SMUGGLED = [
    "2001&PJSIP/x",
    "2001@evil",
    "2001,1",
    "2001/n",
    "2001|x",
    "20?1",
    "2\r\n1",
    "2001;x=y",
    "${HANGUPCAUSE}",
]


async def are_refused(stage, *requests):
    """Sends them all; each of `requests` is (variables, the key that is named)."""
    await stage.ari.call("POST", f"applications/{stage.ari.app}/subscription", eventSource="channel:")
    since = stage.clock()
    for variables, _ in requests:
        await stage.ari.tell("WarmTransferRequest", stage.channel, {"reply_to": "agent-app", **variables})
    await stage.ari.phase("transfer_failed", count=len(requests))
    await is_undisturbed(stage, since)

    for phase, (_, key) in zip(stage.ari.phases, requests, strict=True):
        result = phase["data"]["result"]
        assert (phase["phase"], phase["sequence"]) == ("transfer_failed", 1)
        assert (result["success"], result["outcome"], result["attempts"]) == (False, "refused", [])
        assert key in phase["data"]["reason"], f"{phase['data']['reason']} does not name {key}"


async def is_undisturbed(stage, since):
    """No INVITE anywhere, no channel made, the same stream of sound without a hole."""
    await stage.pause(0.3)
    assert stage.invites() == []
    assert [event for event in stage.ari.events if event["type"] in ("ChannelCreated", "Dial")] == []
    for heard, tone in ((stage.caller.heard, AGENT), (stage.agent.heard, CALLER)):
        stage.only_heard(heard, tone, since)
        assert [gap for gap in heard.gaps(since, over=0.1) if gap.missing] == []
        assert len({packet.ssrc for packet in heard.audio(since)}) == 1, "somebody was moved between bridges"
    assert stage.caller.heard.first(MUSIC) is None


async def test_what_the_routing_rules_do_not_allow(stage):
    """Validated as a whole: of two destinations the good one is not rung either."""
    await stage.talking()
    await are_refused(stage, *NOT_ALLOWED)


async def test_what_is_malformed(stage):
    await stage.talking()
    await are_refused(stage, *MALFORMED)


async def test_a_dial_string_smuggled_into_a_number(stage):
    await stage.talking()
    to = [({"destination": {**ALLOWED, "sip_call_to": number}}, "destination.sip_call_to") for number in SMUGGLED]
    caller = {"destination": {**ALLOWED, "sip_call_from": "+14155550100@evil"}}, "destination.sip_call_from"
    await are_refused(stage, *to, caller)


async def test_a_channel_that_is_no_call_here(stage):
    await stage.talking()
    since = stage.clock()
    request = {"reply_to": "agent-app", "destination": ALLOWED}
    body = {"variables": request}
    await stage.ari.call("POST", "events/user/WarmTransferRequest", body, application="warm-transfer")
    refused = await stage.ari.phase("transfer_failed")
    assert (refused["data"]["outcome"], refused["call_id"]) == ("refused", None)
    assert "source" in refused["data"]["reason"]
    answer = await stage.app.post("/v1/transfers", {"channel": "nobody", "destination": ALLOWED})
    assert (answer["status"], answer["body"]["outcome"]) == (404, "refused")
    assert len(stage.ari.phases) == 1
    await is_undisturbed(stage, since)


async def test_by_http(stage):
    """The same refusals as problem details, and no phase: who asked has got the answer."""
    await stage.talking()
    since = stage.clock()
    for variables, key in (*NOT_ALLOWED, *MALFORMED[:2], ({"destination": {**ALLOWED, "sip_call_to": "2&3"}}, "dest")):
        answer = await stage.app.post("/v1/transfers", {"channel": stage.channel, **variables})
        assert 400 <= answer["status"] < 500, answer
        assert key in answer["body"]["detail"], answer
        assert answer["body"]["outcome"] == "refused"
    await is_undisturbed(stage, since)


async def test_a_second_request_while_one_is_in_flight(stage):
    """The first goes on as if nothing had happened."""
    await stage.talking(supervisor=Ring())
    await stage.ask(request_id="first")
    first = (await stage.ari.phase("supervisor_ringing"))["transfer_id"]
    await stage.caller.hears(MUSIC)
    await stage.ask("rr_two", "2002", request_id="second")
    refused = await stage.ari.phase("transfer_failed")

    assert (refused["request_id"], refused["sequence"]) == ("second", 1)
    assert refused["data"]["outcome"] == "refused"
    assert "in flight" in refused["data"]["reason"]
    assert stage.ari.names(refused["transfer_id"]) == ["transfer_failed"]
    assert stage.invites(stage.second) == []
    await stage.supervisor.answer()
    await stage.ari.phase("briefing_started")
    pressed = await stage.supervisor.press("1")
    await stage.are_connected()
    assert (await stage.ari.ended(count=2))["outcome"] == "completed"
    assert [phase["sequence"] for phase in stage.ari.phases if phase["transfer_id"] == first][-1] > 8
    stage.nothing_leaked(accepted=pressed)
