"""Nobody of one group takes the call: the next group is rung in the same transfer, and the caller hears music."""

from contextlib import suppress

from ari_app.testing.phone import Answer, Reject, Ring
from tests.sipp.conftest import MUSIC, SECOND

GROUPS = """
[groups.sales]
destinations = [{ routing_rule_id = "rr_one", sip_call_to = "2001" }]
dispositions = { busy = "next_group:desk", declined = "next_group:closed-desk" }
[groups.desk]
destinations = [{ routing_rule_id = "rr_two", sip_call_to = "2002" }]
dispositions = { busy = "next_group:sales" }
[groups.closed-desk]
destinations = [{ routing_rule_id = "rr_two", sip_call_to = "2002" }]
hours = "Mon 00:00-00:01"
"""


async def ask_sales(stage, **roles):
    await stage.talking(more=GROUPS, **roles)
    await stage.ari.tell("WarmTransferRequest", stage.channel, {"group": "sales", "reply_to": "agent-app"})


async def the_second_takes_the_call(stage):
    """Returns the moment of the key."""
    await stage.ari.phase("briefing_started")
    accepted = stage.clock()
    await stage.second.press("1")
    await stage.caller.hears(SECOND)
    await stage.second.hears(1000)
    result = await stage.ari.ended()
    assert [(each["attempt"], each["sip_call_to"], each["outcome"]) for each in result["attempts"]] == [
        (1, "2001", "busy"),
        (2, "2002", "completed"),
    ]
    assert len(stage.invites(stage.supervisor)) == len(stage.invites(stage.second)) == 1
    return accepted


async def test_sales_is_busy_and_the_desk_takes_the_call(stage):
    await ask_sales(stage, supervisor=Reject(486, after=0.5), second=Answer(after=0.5))
    accepted = await the_second_takes_the_call(stage)
    names = stage.ari.names()
    assert names.count("caller_on_hold") == names.count("started") == 1 and "caller_returned" not in names
    stage.nothing_leaked(accepted=accepted)
    stage.caller_had_company()
    await stage.asterisk_has(channels=2, bridges=1)


async def test_both_are_busy_and_nobody_is_rung_twice(stage):
    await ask_sales(stage, supervisor=Reject(486, after=0.2), second=Reject(486, after=0.2))
    assert (await stage.ari.ended())["outcome"] == "busy"
    await stage.are_back()
    assert len(stage.invites()) == 2
    stage.nothing_leaked()


async def test_the_next_group_is_closed_and_the_caller_goes_back(stage):
    await ask_sales(stage)
    await stage.ari.phase("briefing_started")
    await stage.supervisor.press("2")
    assert (await stage.ari.ended())["outcome"] == "declined"
    await stage.are_back()
    assert stage.invites(stage.second) == []


async def test_killed_while_the_second_group_rings_it_goes_on(stage):
    await ask_sales(stage, supervisor=Reject(486, after=0.2), second=Ring())
    await stage.ari.phase("supervisor_ringing", count=2)
    await stage.killed_and_back()
    await stage.caller.hears(MUSIC)
    await stage.second.answer()
    await the_second_takes_the_call(stage)
    assert (await stage.told_without_holes())[-1] == "transfer_complete"
    stage.caller_had_company()


async def test_killed_when_the_second_group_is_about_to_ring(stage):
    """Journaled or not, rung or not: the desk is rung once at the most, and the caller ends with somebody."""
    await ask_sales(stage, supervisor=Reject(486, after=0.2), second=Ring())
    await stage.ari.phase("attempt_failed")
    await stage.killed_and_back()
    with suppress(AssertionError):
        await stage.second.called(3)
    if stage.second.calls:
        while not stage.second.call.saw("rang"):
            await stage.pause(0.01)
        await stage.second.answer()
        await the_second_takes_the_call(stage)
    else:
        await stage.are_back(5)
    assert len(stage.invites(stage.second)) <= 1
    stage.caller_had_company(longest=3.0)
