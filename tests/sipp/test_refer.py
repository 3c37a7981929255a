"""Who can do nothing but SIP asks by REFER, and is told by NOTIFY what became of it: an agent, or a supervisor who has
the caller and sends them on."""

import asyncio
import time

import pytest

from ari_app.testing.phone import Reject, Ring
from tests.sipp.conftest import AGENT, CALLER, FALLBACK, MUSIC, SECOND, SUPERVISOR

TRYING, OK = "SIP/2.0 100 Trying", "SIP/2.0 200 OK"
UNAVAILABLE, DECLINE = "SIP/2.0 503 Service Unavailable", "SIP/2.0 603 Decline"


async def referring(stage, *, refer=True, **roles):
    """Caller and agent talk; the agent's leg may refer to what rule rr_one allows."""
    await stage.set(start=False, **roles)
    settings = stage.app.extra
    if refer:
        settings = settings.replace("PJSIP/lab/sip:agent@", "PJSIP/lab-refer/sip:agent@")
        settings = settings.replace("[agents.front-desk]", "[agents.front-desk]\nrefer = true")
        settings = settings.replace("[routing_rules.rr_one]", "[routing_rules.rr_one]\nrefer = true")
    stage.app.extra = settings
    await stage.app.start()
    return await stage.talking()


async def refers(stage, user="2001"):
    """Asterisk takes every REFER; what the app makes of it comes by NOTIFY."""
    assert await stage.agent.refer(f"sip:{user}@127.0.0.1") == 202


async def told(stage, *lines, within=5.0, phone=None):
    give_up = time.monotonic() + within
    while (heard := (phone or stage.agent).call.progress) != list(lines):
        assert time.monotonic() < give_up, heard
        await asyncio.sleep(0.02)


async def ended(stage):
    """The result of the one transfer."""
    [transfer] = (await stage.app.get("/v1/transfers"))["body"]
    await stage.told_without_holes(transfer["transfer_id"])
    return (await stage.app.get(f"/v1/transfers/{transfer['transfer_id']}"))["body"]["result"]


async def test_a_refer_becomes_a_warm_transfer(stage):
    await referring(stage)
    await refers(stage)
    await stage.supervisor.invited()
    await stage.supervisor.answered()
    await told(stage, TRYING)
    [transfer] = (await stage.app.get("/v1/transfers"))["body"]
    await stage.pause(1.0)
    stage.supervisor_heard_nothing_of(CALLER)
    await stage.supervisor.press("1")
    await stage.are_connected()
    await told(stage, TRYING, OK)
    requests = [message.first_line.split()[0] for message in stage.agent.messages if not message.status]
    assert requests.index("NOTIFY") < requests.index("BYE")
    names = await stage.told_without_holes(transfer["transfer_id"])
    assert names[-1] == "transfer_complete"


@pytest.mark.parametrize(
    "supervisor, outcome, last",
    [(Reject(486), "busy", UNAVAILABLE), (Reject(603), "rejected", DECLINE)],
    ids=["busy", "rejected"],
)
async def test_the_agent_is_told_of_the_failure_and_has_the_caller_again(stage, supervisor, outcome, last):
    await referring(stage, supervisor=supervisor)
    await refers(stage)
    await told(stage, TRYING, last)
    await stage.are_back()
    assert (await ended(stage))["outcome"] == outcome


async def test_what_no_rule_allows_touches_nothing(stage):
    await referring(stage)
    began = stage.clock()
    await refers(stage, "9001")
    await told(stage, TRYING, DECLINE)
    stage.only_heard(stage.caller.heard, AGENT, since=began)
    assert (await stage.app.get("/v1/transfers"))["body"] == []
    await stage.ask()
    await stage.supervisor.invited()


async def test_asterisk_itself_refuses_those_who_may_not_refer(stage):
    """The template says `allow_transfer = no`, for agents and for a supervisor after the join."""
    await referring(stage, refer=False)
    assert await stage.agent.refer("sip:2001@127.0.0.1") == 603
    await stage.ask()
    await stage.ari.phase("briefing_started")
    await stage.supervisor.press("1")
    await stage.are_connected()
    began = stage.clock()
    assert await stage.supervisor.refer("sip:2001@127.0.0.1") == 603
    await stage.pause(0.5)
    stage.only_heard(stage.caller.heard, SUPERVISOR, since=began)


async def test_the_outcome_is_told_by_another_life_of_the_app(stage):
    await referring(stage, supervisor=Ring())
    await refers(stage)
    await stage.supervisor.invited()
    await told(stage, TRYING)
    await stage.killed_and_back()
    await stage.supervisor.reject(486)
    await told(stage, TRYING, UNAVAILABLE)
    await stage.are_back()


# A supervisor's own

DESK = """
[routing_rules.rr_desk]
endpoint = "PJSIP/lab-refer/sip:{{to}}@127.0.0.1:{port}"
callers = ["+14155550100"]
destinations = ["3???"]
ring_timeout = 20
refer = true
"""


async def with_a_supervisor(stage, **roles):
    """Caller and supervisor talk; who is reached over rr_one or rr_desk may send them on to what these allow."""
    await stage.set(start=False, **roles)
    settings = stage.app.extra.replace('endpoint = "PJSIP/lab/sip:{to}', 'endpoint = "PJSIP/lab-refer/sip:{to}')
    settings = settings.replace("[routing_rules.rr_one]", "[routing_rules.rr_one]\nrefer = true")
    stage.app.extra = settings + DESK.format(port=stage.second.sipp.port)
    await stage.app.start()
    await stage.connected()


async def sends_on(stage, user="3001"):
    """Asterisk takes every REFER. Returns when it was sent."""
    began = stage.clock()
    assert await stage.supervisor.refer(f"sip:{user}@127.0.0.1") == 202
    return began


async def the_latest(stage):
    """Phases and result of the transfer that was asked for last."""
    transfer = (await stage.app.get("/v1/transfers"))["body"][0]["transfer_id"]
    names = await stage.told_without_holes(transfer)
    return names, (await stage.app.get(f"/v1/transfers/{transfer}"))["body"]["result"]


async def the_second_has_the_caller(stage):
    await stage.caller.hears(SECOND)
    await stage.second.hears(CALLER)


async def hung_up(phone):
    """By BYE. SIPp answers one that comes with a NOTIFY, and does not report it."""
    give_up, mine = time.monotonic() + 5.0, phone.call.call_id
    while not (byes := [m for m in phone.messages if m.call_id == mine and m.first_line.startswith("BYE")]):
        assert time.monotonic() < give_up, phone.story()
        await asyncio.sleep(0.02)
    phone.call.happened("bye", byes[0])


async def test_a_supervisor_sends_the_caller_on(stage):
    await with_a_supervisor(stage)
    began = await sends_on(stage)
    await stage.second.invited()
    await the_second_has_the_caller(stage)
    await told(stage, TRYING, OK, phone=stage.supervisor)
    await hung_up(stage.supervisor)
    names, result = await the_latest(stage)
    assert (names[-2:], result["outcome"]) == (["call_switched", "transfer_complete"], "completed")
    requests = [message.first_line.split()[0] for message in stage.supervisor.messages if not message.status]
    assert requests[requests.index("BYE") - 1] == "NOTIFY", "hung up before it was told"
    met = stage.caller.heard.first(SECOND, began).at
    stage.caller.heard.assert_never_heard(SUPERVISOR, since=met)
    stage.supervisor.heard.assert_never_heard(SECOND)
    stage.second.heard.assert_never_heard(SUPERVISOR)
    stage.second.heard.assert_never_heard(AGENT)
    assert len(stage.invites(stage.second)) == 1


@pytest.mark.parametrize(
    "second, outcome, last",
    [(Reject(486), "busy", UNAVAILABLE), (Reject(603), "rejected", DECLINE)],
    ids=["busy", "rejected"],
)
async def test_a_supervisor_has_the_caller_again_when_nobody_takes_them(stage, second, outcome, last):
    await with_a_supervisor(stage, second=second)
    began = await sends_on(stage)
    await told(stage, TRYING, last, phone=stage.supervisor)
    again = stage.clock()
    await stage.pause(0.5)
    stage.only_heard(stage.caller.heard, SUPERVISOR, since=again)
    stage.only_heard(stage.supervisor.heard, CALLER, since=again)
    await stage.are_connected()
    stage.caller_had_company(began)
    names, result = await the_latest(stage)
    assert (names[-2], result["outcome"]) == ("caller_returned", outcome)
    [call] = (await stage.app.get("/v1/calls"))["body"]
    assert call["state"] == "connected"
    await stage.supervisor.hang_up()
    await stage.caller.ended()


async def test_a_supervisor_who_hangs_up_at_once_has_sent_the_caller_on(stage):
    await with_a_supervisor(stage, second=Ring())
    await sends_on(stage)
    await stage.supervisor.hang_up()
    await stage.second.invited()
    await stage.caller.hears(MUSIC)
    await stage.pause(0.5)
    await stage.second.answer()
    await the_second_has_the_caller(stage)
    assert (await the_latest(stage))[1]["outcome"] == "completed"


async def test_a_caller_with_nobody_to_go_back_to_goes_to_the_fallback(stage):
    await with_a_supervisor(stage, second=Ring())
    await sends_on(stage)
    await stage.supervisor.hang_up()
    await stage.second.invited()
    await stage.second.reject(486)
    await stage.caller.hears(FALLBACK)
    await stage.caller.hang_up()
    names, result = await the_latest(stage)
    assert (names[-2], result["outcome"]) == ("caller_returned", "busy")


@pytest.mark.parametrize("user", ["9001", "1001"])
async def test_what_no_rule_allows_leaves_the_two_alone(stage, user):
    await with_a_supervisor(stage)
    began = await sends_on(stage, user)
    await told(stage, TRYING, DECLINE, phone=stage.supervisor)
    await stage.pause(0.5)
    for heard, tone in ((stage.caller.heard, SUPERVISOR), (stage.supervisor.heard, CALLER)):
        stage.only_heard(heard, tone, since=began)
    assert len((await stage.app.get("/v1/transfers"))["body"]) == 1


async def test_who_was_sent_a_caller_sends_them_on_too(stage):
    """To the phone that the caller came from."""
    await with_a_supervisor(stage)
    await sends_on(stage)
    await stage.second.invited()
    await the_second_has_the_caller(stage)
    await hung_up(stage.supervisor)
    await the_latest(stage)
    assert await stage.second.refer("sip:2001@127.0.0.1") == 202
    await stage.supervisor.invited()
    await stage.are_connected()
    await told(stage, TRYING, OK, phone=stage.second)
    await hung_up(stage.second)
    assert len((await stage.app.get("/v1/transfers"))["body"]) == 3


async def test_another_life_of_the_app_sends_the_caller_on(stage):
    await with_a_supervisor(stage, second=Ring())
    await sends_on(stage)
    await stage.second.invited()
    await stage.killed_and_back()
    await stage.second.answer()
    await the_second_has_the_caller(stage)
    await told(stage, TRYING, OK, phone=stage.supervisor)
    await hung_up(stage.supervisor)
    assert (await the_latest(stage))[1]["outcome"] == "completed"


async def test_another_life_of_the_app_gives_the_caller_back(stage):
    await with_a_supervisor(stage, second=Ring())
    await sends_on(stage)
    await stage.second.invited()
    await stage.killed_and_back()
    await stage.second.reject(486)
    await told(stage, TRYING, UNAVAILABLE, phone=stage.supervisor)
    await stage.are_connected()
