"""Several supervisors at once: whoever accepts first gets the caller, everybody else is told or not rung any more."""

import asyncio

from ari_app.testing.phone import Answer, Phone, Reject, Ring
from tests.sipp.conftest import AGENT, CALLER, MUSIC, SECOND, SUPERVISOR

ALL = [
    {"routing_rule_id": "rr_one", "sip_call_to": "2001"},
    {"routing_rule_id": "rr_two", "sip_call_to": "2002"},
    {"routing_rule_id": "rr_three", "sip_call_to": "2003"},
]
ELSEWHERE = 'SIP;cause=200;text="Call completed elsewhere"'


async def rung(stage, *, first, second, third, **variables):
    """All three phones have their INVITE. Returns the third; the others are the stage's."""
    await stage.set(supervisor=first, second=second)
    third_phone = Phone.listener(port=stage.third_port, name="third", behaviour=third)
    phone = await stage.people.enter_async_context(third_phone)
    await stage.talking()
    await stage.ask(destinations=ALL, strategy="ring_all", **variables)
    for one in (stage.supervisor, stage.second, phone):
        await one.invited()
    return phone


def attempts(result):
    return [attempt["outcome"] for attempt in result["attempts"]]


async def has_the_caller(phone):
    try:
        await phone.hears(CALLER, within=2.0)
    except AssertionError:
        return False
    return True


def cancels(phone):
    """The `Reason` of every CANCEL this phone got."""
    return [m.headers.get("reason") for m in phone.messages if m.first_line.startswith("CANCEL") and not m.sent]


def one_invite_each(stage, third):
    assert [len(stage.invites(phone)) for phone in (stage.supervisor, stage.second, third)] == [1, 1, 1]


async def test_the_first_to_pick_up_declines_and_the_second_accepts(stage):
    third = await rung(stage, first=Answer(), second=Answer(after=1.0), third=Ring())
    await stage.ari.phase("briefing_started")
    declined = await stage.supervisor.press("2")
    await stage.ari.phase("briefing_started", count=2)
    accepted = await stage.second.press("1")
    await stage.caller.hears(SECOND)
    await stage.second.hears(CALLER)
    goodbye = await stage.supervisor.ended(within=6.0)
    await third.cancelled()
    result = await stage.ari.ended()

    assert (result["outcome"], attempts(result)) == ("completed", ["declined", "completed", "cancelled"])
    assert result["supervisor_call_id"] == result["attempts"][1]["supervisor_call_id"]
    assert stage.spoken(stage.supervisor.call, declined + 0.4, goodbye.at) > 1.0, "no farewell"
    assert stage.ari.names().count("supervisor_dialed") == 3
    one_invite_each(stage, third)
    stage.caller.heard.assert_never_heard(SUPERVISOR)
    stage.supervisor_heard_nothing_of(CALLER)
    stage.nothing_leaked(accepted=accepted)


async def test_of_two_who_accept_in_the_same_frame_one_wins_and_the_other_is_told(stage):
    third = await rung(stage, first=Answer(), second=Answer(), third=Ring())
    await stage.ari.phase("briefing_started", count=2)
    keys = await asyncio.gather(stage.supervisor.press("1"), stage.second.press("1"))
    assert abs(keys[0] - keys[1]) < 0.02
    await stage.ari.phase("call_switched")
    result_of = asyncio.create_task(stage.ari.ended())
    winners = [phone for phone in (stage.supervisor, stage.second) if await has_the_caller(phone)]
    assert len(winners) == 1, "not exactly one has the caller"
    loser = stage.second if winners[0] is stage.supervisor else stage.supervisor
    goodbye = await loser.ended(within=6.0)
    result = await result_of

    assert goodbye.event == "bye"
    assert stage.spoken(loser.call, max(keys) + 0.4, goodbye.at) > 1.0, "no notice"
    assert sorted(attempts(result)) == ["cancelled", "cancelled", "completed"]
    assert not winners[0].call.over
    loser.heard.assert_never_heard(CALLER)
    stage.caller.heard.assert_never_heard(SECOND if loser is stage.second else SUPERVISOR)
    assert cancels(third) == [ELSEWHERE]
    one_invite_each(stage, third)
    stage.nothing_leaked(accepted=max(keys))


async def test_two_who_ring_are_told_that_the_call_was_taken_elsewhere(stage):
    third = await rung(stage, first=Answer(), second=Ring(), third=Ring())
    await stage.ari.phase("briefing_started")
    pressed = await stage.supervisor.press("1")
    await stage.are_connected()
    await asyncio.gather(stage.second.cancelled(within=1.0), third.cancelled(within=1.0))
    result = await stage.ari.ended()

    assert attempts(result) == ["completed", "cancelled", "cancelled"]
    assert cancels(stage.second) == cancels(third) == [ELSEWHERE]
    one_invite_each(stage, third)
    stage.nothing_leaked(accepted=pressed)


async def test_nobody_takes_it(stage):
    """One is busy at once, the others ring until the time for all of them is over."""
    third = await rung(stage, first=Ring(), second=Reject(486), third=Ring(), supervisor_join_timeout=2.0)
    await asyncio.gather(stage.supervisor.cancelled(), third.cancelled())
    await stage.are_back()
    result = await stage.ari.ended()

    assert (result["outcome"], attempts(result)) == ("busy", ["no_answer", "busy", "no_answer"])
    assert (result["sip_code"], result["cause"]) == (486, 17)
    assert ELSEWHERE not in cancels(third)
    one_invite_each(stage, third)
    stage.nothing_leaked()


async def test_killed_while_one_is_briefed_and_two_ring(stage):
    """Back again: the one is briefed anew, the others ring on, and nobody is rung twice."""
    third = await rung(stage, first=Answer(), second=Ring(), third=Ring())
    await stage.ari.phase("briefing_started")
    await stage.killed_and_back()
    await stage.ari.phase("briefing_started")
    assert not stage.second.call.over and not third.call.over
    await stage.second.answer()
    await stage.ari.phase("briefing_started", count=2)
    await stage.supervisor.hears_music(5)
    pressed = await stage.supervisor.press("1")
    await stage.are_connected()
    result = await stage.ari.ended()

    assert attempts(result) == ["completed", "cancelled", "cancelled"]
    assert (await stage.second.ended(within=6.0)).event == "bye"
    assert cancels(third) == [ELSEWHERE]
    one_invite_each(stage, third)
    await stage.told_without_holes()
    stage.caller_had_company()
    stage.supervisor.heard.assert_never_heard(CALLER, until=pressed)


async def test_the_caller_hangs_up(stage):
    third = await rung(stage, first=Answer(), second=Answer(), third=Ring())
    await stage.ari.phase("briefing_started", count=2)
    await stage.caller.hears(MUSIC)
    await stage.caller.hang_up()
    told = stage.caller.call.saw("left").at
    await third.cancelled(within=2.0)
    goodbyes = await asyncio.gather(stage.supervisor.ended(within=6.0), stage.second.ended(within=6.0))
    result = await stage.ari.ended()

    assert (result["outcome"], {*attempts(result)}) == ("caller_hangup", {"caller_hangup"})
    for phone, goodbye in zip((stage.supervisor, stage.second), goodbyes, strict=True):
        assert goodbye.event == "bye"
        assert stage.spoken(phone.call, told + 0.4, goodbye.at) > 1.0, "no notice"
        phone.heard.assert_never_heard(CALLER)
        phone.heard.assert_never_heard(AGENT)
    one_invite_each(stage, third)
