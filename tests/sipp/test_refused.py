"""A refused request changes nothing: whoever asked is told once, with the key, and nobody hears a difference."""

import json
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from ari_app import AgentSession, WarmTransferConfig, WarmTransferError
from ari_app.testing.phone import Phone, Ring
from ari_app.transfer import ids
from tests.sipp.conftest import AGENT, CALLER, MUSIC
from tests.sipp.test_dialplan_event import AGI, add_to_dialplan, script

GOOD = {"routing_rule_id": "rr_one", "sip_call_to": "2001"}
EVENTS = ("caller's channel", "agent's leg")
SESSIONS = ("session over ARI", "session over HTTP")
JSON = (*EVENTS, "HTTP")
ALL = (*JSON, "dialplan", *SESSIONS)


@dataclass(frozen=True)
class Kind:
    """One thing that is wrong in a request."""

    variables: dict
    names: str
    "What the refusal has to name."
    status: int = 422
    "Over HTTP; a session calls 422 misuse before anybody is asked, the rest is a result."
    outcome: str = "refused"
    ways: tuple = ALL
    "Those that can say it."
    is_misuse: bool | None = None

    @property
    def misused(self):
        return self.status == 422 if self.is_misuse is None else self.is_misuse


def to(**more):
    return {"destination": {**GOOD, **more}}


KINDS = [
    Kind({**to(), "priority": 1}, "priority"),
    Kind(to(codec="ulaw"), "destination.codec"),
    Kind({"destinations": [GOOD, {**GOOD, "codec": "ulaw"}]}, "destinations.1.codec"),
    Kind({"reason": "the caller wants a human"}, "destination"),
    Kind({"destination": {"routing_rule_id": "rr_one"}}, "destination.sip_call_to"),
    Kind({**to(), "destinations": [GOOD]}, "destination"),
    Kind({**to(), "group": "night"}, "destination"),
    Kind({"destinations": []}, "destinations"),
    Kind({"destinations": [GOOD] * 21}, "destinations", ways=(*JSON, *SESSIONS)),
    Kind({"destinations": [GOOD] * 11, "strategy": "ring_all"}, "destinations"),
    # of a wrong type; where all is text, a number is one
    Kind({**to(), "reason": 5}, "reason", ways=(*JSON, *SESSIONS)),
    Kind({"destination": "2001"}, "destination"),
    Kind({"destinations": {}}, "destinations"),
    Kind(to(headers=["X-A"]), "headers"),
    Kind({**to(), "metadata": [1]}, "metadata"),
    Kind({**to(), "dispositions": "return"}, "dispositions"),
    # of a wrong value
    Kind({**to(), "strategy": "sideways"}, "strategy"),
    Kind({**to(), "mode": "tepid"}, "mode"),
    *(Kind({**to(), "supervisor_join_timeout": wait}, "supervisor_join_timeout") for wait in (0, -1, 3601, "soon")),
    Kind({**to(), "briefing_timeout": -1}, "briefing_timeout"),
    Kind({**to(), "briefing_timeout": "inf"}, "briefing_timeout"),
    Kind({**to(), "moh_class": "a b"}, "moh_class"),
    Kind({**to(), "dispositions": {"busy": "nowhere"}}, "dispositions"),
    Kind({**to(), "dispositions": {"completed": "hangup"}}, "dispositions"),
    Kind(to(headers={"From": "x"}), "headers"),
    Kind(to(headers={"X-A": "a\r\nVia: b"}), "destination.headers"),
    Kind(to(headers={"X-A": "x" * 201}), "destination.headers"),
    Kind(to(participant_display_name='"Boss" <sip:boss@evil>'), "destination.participant_display_name"),
    # too large; an AGI script's line is none of these
    Kind({**to(), "reason": "x" * 20_001}, "reason", ways=(*JSON, *SESSIONS)),
    Kind({**to(), "metadata": {"x": "y" * 16_384}}, "metadata", ways=(*JSON, *SESSIONS)),
    Kind(to(sip_call_to="2" * 65), "destination.sip_call_to"),
    # chat history of a wrong shape
    Kind({**to(), "chat_history": "hello"}, "chat_history"),
    Kind({**to(), "chat_history": ["hello"]}, "chat_history.0"),
    Kind({**to(), "chat_history": [{"role": "user", "content": "hi"}, {"content": "ho"}]}, "chat_history.1.role"),
    Kind(
        {**to(), "chat_history": [{"role": "user", "content": "x" * 20_001}]},
        *("chat_history", 422),
        ways=(*JSON, *SESSIONS),
        is_misuse=False,
    ),
    # what the settings do not allow
    Kind(to(routing_rule_id="rr_none"), "destination.routing_rule_id", 403),
    Kind(to(sip_call_to="3001"), "destination.sip_call_to", 403),
    Kind(to(sip_call_to="20011"), "destination.sip_call_to", 403),
    Kind(to(sip_call_from="+14155550111"), "destination.sip_call_from", 403),
    Kind({"destinations": [GOOD, {**GOOD, "sip_call_to": "3001"}]}, "sip_call_to", 403),
    Kind({"group": "night"}, "group", 403),
    Kind({**to(), "dispositions": {"busy": "dialplan:secrets"}}, "dispositions.busy", 403),
    Kind({**to(), "briefing_profile": "nonesuch"}, "briefing_profile", 422, is_misuse=False),
    Kind(to(routing_rule_id="rr_full", sip_call_to="2009"), "rr_full", 503, "congestion"),
    # a dial string smuggled into a number; a line break ends an AGI command
    *(
        Kind(to(sip_call_to=number), "destination.sip_call_to")
        for number in ("2001&PJSIP/x", "2001@evil", "2001,1", "2001/n", "2001|x", "20?1", "2001;x=y", "${HANGUPCAUSE}")
    ),
    Kind(to(sip_call_to="2\r\n1"), "destination.sip_call_to", ways=(*JSON, *SESSIONS)),
    Kind(to(sip_call_from="+14155550100@evil"), "destination.sip_call_from"),
]
IN_FLIGHT = [Kind(to(), "in flight", 409, ways=(*JSON, *SESSIONS))]


def requests(way, kinds):
    """Each with an id by which its refusal is known again."""
    numbered = ((f"{ALL.index(way)}:{(*KINDS, *IN_FLIGHT).index(kind)}", kind) for kind in kinds if way in kind.ways)
    return [({"request_id": number, **kind.variables}, kind) for number, kind in numbered]


async def by_event(stage, channel, kinds, way):
    asked = requests(way, kinds)
    for variables, _ in asked:
        await stage.ari.tell("WarmTransferRequest", channel, {"reply_to": "agent-app", **variables})
    return asked


async def by_http(stage, channel, kinds):
    for variables, kind in requests("HTTP", kinds):
        answer = await stage.app.post("/v1/transfers", {"channel": channel, "reply_to": "agent-app", **variables})
        assert (answer["status"], answer["body"]["outcome"]) == (kind.status, kind.outcome), (kind, answer)
        assert answer["body"]["status"] == answer["status"]
        assert kind.names in answer["body"]["detail"], (kind, answer)
        assert answer["body"].get("key", kind.names) in answer["body"]["detail"]


async def by_session(session, kinds, way):
    """What no app could take is misuse; what this one does not take is a result."""
    for variables, kind in requests(way, kinds):
        try:
            result = await session.warm_transfer(WarmTransferConfig(**variables))
        except WarmTransferError as misuse:
            assert kind.misused, (kind, misuse)
            assert kind.names in str(misuse), (kind, misuse)
        else:
            assert not kind.misused, kind
            assert (result.success, result.outcome, result.attempts) == (False, kind.outcome, []), (kind, result)
            assert kind.names in result.error, (kind, result)


def flat(variables):
    """As a dialplan says it: the keys of a destination by themselves, and the rest as JSON."""
    given = {"reply_to": "agent-app", **variables}
    destination = given.get("destination")
    if isinstance(destination, dict) and "codec" not in destination and "destinations" not in given:
        given = {key: value for key, value in given.items() if key != "destination"} | destination
    said = {key: value if isinstance(value, str) else json.dumps(value) for key, value in given.items()}
    return ",".join(f"{key}:{quoted(value)}" for key, value in said.items())


def quoted(text):
    """As `${QUOTE(…)}` does."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def dialplan_commands():
    texts = (f"WarmTransferRequest,{flat(variables)}" for variables, _ in requests("dialplan", KINDS))
    return [f"EXEC UserEvent {quoted(text)}" for text in texts]


def sessions(stage, channel):
    lab = stage.lab
    ari = {"ari_url": lab.ari_url, "username": lab.username, "password": lab.password, "app": "warm-transfer"}
    ways = (ari, {"http_url": stage.app.url})
    return [(AgentSession(**way, channel_id=channel), name) for way, name in zip(ways, SESSIONS, strict=True)]


async def every_way(stage, channel, leg, kinds):
    """All of them, one after the other at each way. Returns what is to be told by phases."""
    asked = [*await by_event(stage, channel, kinds, EVENTS[0]), *await by_event(stage, leg, kinds, EVENTS[1])]
    await by_http(stage, channel, kinds)
    for session, way in sessions(stage, channel):
        async with session:
            await by_session(session, kinds, way)
    return asked


def told_once(stage, asked):
    """One phase for each request, and no other."""
    phases = {phase["request_id"]: phase for phase in stage.ari.phases}
    assert len(phases) == len(stage.ari.phases) == len(asked), stage.ari.names()
    for variables, kind in asked:
        phase = phases[variables["request_id"]]
        result = phase["data"]["result"]
        assert (phase["phase"], phase["sequence"]) == ("transfer_failed", 1)
        assert (result["success"], result["outcome"], result["attempts"]) == (False, kind.outcome, []), (kind, phase)
        assert kind.names in phase["data"]["reason"], f"{phase['data']['reason']} does not name {kind.names}"


SETTINGS = """
[agents.agi]
endpoint = "Local/s@agi-desk/n"
[routing_rules.rr_full]
endpoint = "{supervisor}"
destinations = ["2009"]
max_concurrent = 1
refer = true
[limits]
transcript_bytes = 20000
"""


async def settled(stage, agi):
    """The app, with an agent who may refer and one who is a dialplan."""
    await stage.set(start=False, supervisor=Ring())
    for module in ("res_speech.so", "res_agi.so"):
        await stage.lab.cli(f"module load {module}")
    add_to_dialplan(stage.lab, AGI.format(port=agi))
    await stage.lab.cli("dialplan reload")
    supervisor = f"PJSIP/lab/sip:{{to}}@127.0.0.1:{stage.supervisor.sipp.port}"
    extra = stage.app.extra.replace("PJSIP/lab/sip:agent@", "PJSIP/lab-refer/sip:agent@")
    extra = extra.replace("[agents.front-desk]", "[agents.front-desk]\nrefer = true")
    stage.app.extra = extra + SETTINGS.format(supervisor=supervisor)
    await stage.app.start()


@asynccontextmanager
async def others(stage):
    """Two more calls: one whose transfer rings and fills rule rr_full, and one of the dialplan. Gives the channel and
    the agent's leg of the first; both callers hang up in the end."""
    async with (
        Phone.caller(lab_sip=stage.lab.sip, dial="1000") as first,
        Phone.caller(lab_sip=stage.lab.sip, dial="agent-agi") as second,
    ):
        for phone in (first, second):
            await phone.answered()
        await second.hears(AGENT)
        calls = (await stage.app.get("/v1/calls"))["body"]
        [call] = [call for call in calls if call["agent"] == "front-desk"]
        stage.channel = call["channel"]
        request = stage.request("rr_full", "2009", request_id="fills", reply_to="nobody-listens")
        answer = await stage.app.post("/v1/transfers", request)
        assert answer["status"] == 201
        await stage.supervisor.called()
        yield call["channel"], ids.agent_leg(call["call_id"])
        stage.only_heard(second.heard, AGENT, since=second.heard.first(AGENT).at)
        for phone in (first, second):
            with suppress(AssertionError):
                await phone.hang_up()


async def is_declined(stage, call):
    """Asterisk takes the REFER, and the app declines it in a NOTIFY: rule rr_full has no place."""
    assert await call.refer("sip:2009@127.0.0.1") == 202
    give_up = stage.clock() + 3
    while call.progress[-1:] != ["SIP/2.0 603 Decline"]:
        assert stage.clock() < give_up, call.progress
        await stage.pause(0.02)


async def test_every_kind_by_every_way(stage):
    """A hundred refusals and more, at one app; meanwhile caller and agent talk as if nobody asked for anything."""
    async with script(*dialplan_commands()) as (agi, go, done):
        await settled(stage, agi)
        async with others(stage) as (busy_caller, busy_leg):
            await stage.talking()
            rung = stage.invites()
            await stage.ari.call("POST", f"applications/{stage.ari.app}/subscription", eventSource="channel:")
            await stage.pause(0.3)  # a new bridge may choose its way of mixing once more, with a new stream of sound
            since = stage.clock()
            go.set()
            asked = await every_way(stage, stage.channel, ids.agent_leg(stage.call_id), KINDS)
            in_flight = await every_way(stage, busy_caller, busy_leg, IN_FLIGHT)
            assert set(await done) == {"200 result=0"}
            for call in stage.agent.calls:
                await is_declined(stage, call)
            everything = [*asked, *in_flight, *requests("dialplan", KINDS)]
            await stage.ari.phase("transfer_failed", count=len(everything))
            await is_undisturbed(stage, since, rung)
            told_once(stage, everything)
            [only] = (await stage.app.get("/v1/transfers"))["body"]
            assert (only["request_id"], only["phase"]) == ("fills", "supervisor_ringing")


async def is_undisturbed(stage, since, rung=()):
    """No INVITE but those that were `rung` before, no channel made, the same stream of sound without a hole."""
    await stage.pause(0.3)
    assert stage.invites() == list(rung)
    assert [event for event in stage.ari.events if event["type"] in ("ChannelCreated", "Dial")] == []
    for heard, tone in ((stage.caller.heard, AGENT), (stage.agent.calls[-1].heard, CALLER)):
        stage.only_heard(heard, tone, since)
        assert [gap for gap in heard.gaps(since, over=0.1) if gap.missing] == []
        assert len({packet.ssrc for packet in heard.audio(since)}) == 1, "somebody was moved between bridges"
    assert stage.caller.heard.first(MUSIC) is None


async def test_a_channel_that_is_no_call_here(stage):
    await stage.talking()
    since = stage.clock()
    request = {"reply_to": "agent-app", "destination": GOOD}
    body = {"variables": request}
    await stage.ari.call("POST", "events/user/WarmTransferRequest", body, application="warm-transfer")
    refused = await stage.ari.phase("transfer_failed")
    assert (refused["data"]["outcome"], refused["call_id"]) == ("refused", None)
    assert "source" in refused["data"]["reason"]
    answer = await stage.app.post("/v1/transfers", {"channel": "nobody", "destination": GOOD})
    assert (answer["status"], answer["body"]["outcome"]) == (404, "refused")
    assert len(stage.ari.phases) == 1
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
