"""An agent that can do nothing but SIP asks by REFER, and is told by NOTIFY what became of it."""

import asyncio
import time

import pytest

from ari_app.testing.phone import Reject, Ring
from tests.sipp.conftest import AGENT, CALLER, SUPERVISOR

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


async def told(stage, *lines, within=5.0):
    give_up = time.monotonic() + within
    while (heard := stage.agent.call.progress) != list(lines):
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
