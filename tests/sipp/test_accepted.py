"""The supervisor accepts: by key, and by speech."""

import asyncio

from ari_app.testing.phone import Answer, Phone
from tests.sipp.conftest import AGENT, CALLER, MUSIC, SUPERVISOR

DOOR = """
[routing_rules.rr_door]
endpoint = "PJSIP/lab/sip:{{to}}@127.0.0.1:{port}"
destinations = ["2???"]
keys_reach_caller = true
"""


async def test_accepted_by_key(stage):
    await stage.briefed()
    told = stage.caller.heard.onset(MUSIC)
    await stage.supervisor.press("1")
    await stage.are_connected()
    result = await stage.ari.ended()

    assert (result["success"], result["outcome"]) == (True, "completed")
    assert stage.ari.names()[-3:] == ["briefing_complete", "call_switched", "transfer_complete"]
    assert [p["sequence"] for p in stage.ari.phases] == list(range(1, len(stage.ari.phases) + 1))
    switched = stage.caller.heard.onset(SUPERVISOR)
    stage.caller.heard.assert_never_heard(SUPERVISOR, until=switched - 0.001)
    stage.caller.heard.assert_never_heard(AGENT, since=told)
    stage.agent.heard.assert_never_heard(CALLER, since=told)
    assert stage.caller.heard.events() == [], "a digit leaked to the caller"
    await stage.agent.ended()


async def test_keys_after_the_yes_do_not_reach_the_caller(stage):
    """`11` and `1#` are habits of fingers."""
    await stage.briefed()
    await stage.supervisor.press("1")
    await stage.supervisor.press("1")
    await stage.supervisor.press("#")
    await stage.are_connected()
    assert (await stage.ari.ended())["outcome"] == "completed"
    assert stage.caller.heard.events() == [], "a key leaked to the caller"


async def test_a_door_that_is_opened_by_a_key_hears_it(stage):
    opener = await stage.people.enter_async_context(Phone.listener(tone=SUPERVISOR, name="opener", behaviour=Answer()))
    await stage.set(more=DOOR.format(port=opener.sipp.port))
    await stage.talking()
    await stage.ask("rr_door", summary="Somebody is at the door.")
    await stage.ari.phase("briefing_started")
    await opener.press("1")
    await stage.ari.phase("transfer_complete")
    await opener.press("5")
    async with asyncio.timeout(2):
        while stage.caller.heard.digits() != "5":  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_accepted_by_speech(stage):
    await stage.briefed_to_a_talker()
    await stage.says("yes, put them through")
    complete = await stage.ari.phase("briefing_complete", 5.0)
    stage.supervisor.tone = SUPERVISOR
    await stage.are_connected()

    assert (complete["data"]["resolution"], complete["data"]["by"]) == ("accepted", "speech")
    assert (await stage.ari.ended())["outcome"] == "completed"
    stage.nothing_leaked(accepted=complete["at"] - 0.05)


async def test_a_yes_that_may_have_been_misheard_is_asked_for_once_more(stage):
    await stage.briefed_to_a_talker()
    await stage.says("sure, go ahead")
    assert "briefing_complete" not in stage.ari.names()
    await stage.says("yes, put them through")
    await stage.ari.phase("call_switched", 5.0)
    stage.supervisor.tone = SUPERVISOR
    await stage.are_connected()


async def test_small_talk_is_no_acceptance(stage):
    await stage.briefed_to_a_talker()
    for words in ("hello who is this", "hold on a second please", "yes but not right now"):
        await stage.says(words)
    assert not {"call_switched", "transfer_complete"} & set(stage.ari.names())
    stage.caller.heard.assert_never_heard(SUPERVISOR)
