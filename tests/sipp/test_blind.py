"""A transfer without a briefing: whoever answers has the caller, and a caller whom nobody takes is not lost."""

import asyncio

from ari_app.testing.phone import Answer, Reject, Ring
from tests.sipp.conftest import CALLER, MUSIC, SECOND

BOTH = [
    {"routing_rule_id": "rr_one", "sip_call_to": "2001"},
    {"routing_rule_id": "rr_two", "sip_call_to": "2002"},
]
ABSENT = ("summary_generating", "summary_ready", "briefing_started", "briefing_complete")


async def asked(stage, *, first, second=None, **variables):
    await stage.talking(supervisor=first, second=second)
    await stage.ask(mode="blind", destinations=BOTH if second else BOTH[:1], **variables)


def no_briefing(stage):
    assert not set(ABSENT) & set(stage.ari.names())


async def test_answered(stage):
    await asked(stage, first=Answer(after=1.0))
    await stage.caller.hears(MUSIC)
    await stage.supervisor.answered()
    answered = stage.supervisor.call.saw("established").at
    await stage.are_connected()
    result = await stage.ari.ended()

    assert (result["outcome"], result["success"], result["summary"]) == ("completed", True, None)
    assert stage.ari.names()[-3:] == ["supervisor_joined", "call_switched", "transfer_complete"]
    assert (await stage.ari.phase("call_switched"))["at"] - answered < 1.0
    no_briefing(stage)
    heard = stage.supervisor.heard
    stage.only_heard(heard, CALLER, since=answered)
    assert heard.first(CALLER).at - answered < 1.0
    assert len(stage.invites(stage.supervisor)) == 1
    stage.nothing_leaked(accepted=answered)


async def test_busy_and_the_next_answers(stage):
    await asked(stage, first=Reject(486), second=Answer(after=0.5))
    await stage.caller.hears(SECOND)
    await stage.second.hears(CALLER)
    result = await stage.ari.ended()

    assert [(a["outcome"], a["sip_code"]) for a in result["attempts"]] == [("busy", 486), ("completed", None)]
    assert len(stage.invites(stage.supervisor)) == len(stage.invites(stage.second)) == 1
    no_briefing(stage)
    stage.nothing_leaked(accepted=stage.second.call.saw("established").at)


async def test_nobody_answers(stage):
    await asked(stage, first=Reject(603), second=Ring(), supervisor_join_timeout=2.0)
    await stage.second.cancelled()
    await stage.are_back()
    result = await stage.ari.ended()

    assert (result["outcome"], result["phase"]) == ("no_answer", "transfer_cancelled")
    assert [a["outcome"] for a in result["attempts"]] == ["rejected", "no_answer"]
    assert stage.ari.names()[-2:] == ["caller_returned", "transfer_cancelled"]
    no_briefing(stage)
    stage.nothing_leaked()


async def test_the_caller_hangs_up_while_it_rings(stage):
    await asked(stage, first=Ring())
    await stage.ari.phase("supervisor_ringing")
    await stage.caller.hears(MUSIC)
    await stage.caller.hang_up()
    await stage.supervisor.cancelled(within=2.0)
    result = await stage.ari.ended()

    assert (result["outcome"], result["phase"]) == ("caller_hangup", "transfer_cancelled")
    assert (await stage.agent.ended(within=2.0)).event == "bye"


async def test_of_two_who_ring_the_first_to_answer_has_the_caller(stage):
    await asked(stage, first=Ring(), second=Ring(), strategy="ring_all")
    await asyncio.gather(stage.supervisor.invited(), stage.second.invited())
    await stage.caller.hears(MUSIC)
    await stage.second.answer()
    await stage.caller.hears(SECOND)
    await stage.second.hears(CALLER)
    await stage.supervisor.cancelled(within=1.0)
    result = await stage.ari.ended()

    assert [a["outcome"] for a in result["attempts"]] == ["cancelled", "completed"]
    no_briefing(stage)
    stage.nothing_leaked(accepted=stage.second.call.saw("established").at)


async def test_killed_while_it_rings_and_answered_when_it_is_back(stage):
    await asked(stage, first=Ring())
    await stage.ari.phase("supervisor_ringing")
    await stage.killed_and_back()
    await stage.supervisor.answer()
    await stage.are_connected()

    assert (await stage.told_without_holes())[-2:] == ["call_switched", "transfer_complete"]
    assert len(stage.invites(stage.supervisor)) == 1
    stage.caller_had_company()
