"""The right human: groups of the settings, whoever declined is left alone, and no room is said at once."""

import base64
from pathlib import Path

from aiohttp import web

from ari_app.testing.phone import Answer, Ring
from tests.sipp.conftest import AGENT, SECOND

GROUPS = """
[groups.desk]
destinations = [
    { routing_rule_id = "rr_one", sip_call_to = "2001" },
    { routing_rule_id = "rr_two", sip_call_to = "2002" },
]
[groups.never]
destinations = [{ routing_rule_id = "rr_one", sip_call_to = "2001" }]
hours = "Mon 00:00-00:01"
closed = "desk"
[groups.nobody]
destinations = [{ routing_rule_id = "rr_one", sip_call_to = "2001" }]
hours = "Mon 00:00-00:01"
"""


async def staged(stage, *, of_rule="", **roles):
    """The app with the groups, and with one more line of the first rule."""
    await stage.set(start=False, more=GROUPS, **roles)
    stage.app.extra = stage.app.extra.replace("[routing_rules.rr_one]", f"[routing_rules.rr_one]\n{of_rule}")
    await stage.app.start()
    await stage.talking()


async def ask_group(stage, name, channel=None, **more):
    variables = {"group": name, "reply_to": "agent-app", **more}
    await stage.ari.tell("WarmTransferRequest", channel or stage.channel, variables)


async def test_a_group_is_rung_and_whoever_declined_is_not_asked_again(stage):
    await staged(stage, of_rule="cool_down = 60", second=(Ring(), Answer()))
    await ask_group(stage, "nobody")
    refusal = await stage.ari.phase("transfer_failed")
    assert (refusal["data"]["outcome"], "nobody is closed" in refusal["data"]["reason"]) == ("refused", True)

    await ask_group(stage, "never")
    await stage.ari.phase("briefing_started")
    await stage.supervisor.press("2")
    await stage.second.invited()
    await stage.cancel()
    await stage.are_back()
    await stage.ari.phase("transfer_cancelled")

    await ask_group(stage, "desk")
    await stage.second.invited()
    await stage.ari.phase("briefing_started", count=2)
    await stage.second.press("1")
    await stage.caller.hears(SECOND)
    result = await stage.ari.ended(count=3)
    assert [attempt["sip_call_to"] for attempt in result["attempts"]] == ["2002"]
    assert (len(stage.invites(stage.supervisor)), len(stage.invites(stage.second))) == (1, 2)


async def test_no_room_is_said_within_50_ms_and_the_second_caller_hears_no_difference(stage):
    await staged(stage, of_rule="max_concurrent = 1", supervisor=Ring())
    first, first_channel = stage.caller, stage.channel
    await stage.calls()
    await stage.caller.hears(AGENT, 5.0)
    await stage.know_the_call()
    assert stage.channel != first_channel
    await stage.ask()
    await stage.ari.phase("supervisor_ringing")
    took = []
    for number in range(1, 6):
        asked = stage.clock()
        await ask_group(stage, "desk", channel=first_channel)
        refusal = await stage.ari.phase("transfer_failed", count=number)
        took.append(refusal["at"] - asked)
        assert (refusal["data"]["outcome"], refusal["data"]["result"]["retryable"]) == ("congestion", True)
    assert sorted(took)[2] < 0.05, took
    assert len(stage.invites()) == 1
    await stage.cancel()
    await stage.ari.phase("transfer_cancelled")
    await first.call.hang_up()


OFFLINE = """
[nobody-there](trunk)
aors = nobody-there
[nobody-there]
type = aor
max_contacts = 1
"""
RULE = """
[routing_rules.rr_phones]
endpoint = "PJSIP/{to}"
destinations = ["nobody-there"]
skip_offline = true
"""


def add_to_pjsip(lab, lines):
    site = Path(lab.dir, "etc", "site", "pjsip.conf")
    site.write_text(f"{site.read_text()}\n{lines}")


async def test_a_phone_that_is_not_registered_is_left_out(stage):
    add_to_pjsip(stage.lab, OFFLINE)
    await stage.lab.cli("module reload res_pjsip.so")
    await stage.set(start=False)
    stage.app.extra += RULE
    await stage.app.start()
    await stage.talking()
    nobody = {"routing_rule_id": "rr_phones", "sip_call_to": "nobody-there"}
    somebody = {"routing_rule_id": "rr_one", "sip_call_to": "2001"}
    await stage.ask(destinations=[nobody])
    refusal = await stage.ari.phase("transfer_failed")
    assert refusal["data"]["outcome"] == "unreachable"
    assert "started" not in stage.ari.names(), "the caller was touched"

    await stage.ask(destinations=[nobody, somebody])
    await stage.ari.phase("briefing_started")
    await stage.supervisor.press("1")
    await stage.are_connected()
    result = await stage.ari.ended(count=2)
    assert [attempt["sip_call_to"] for attempt in result["attempts"]] == ["2001"]


async def test_a_program_of_ones_own_says_whom_to_ring(stage):
    async def who(request):
        asked.append(await request.json())
        await stage.pause(0.2)
        return web.json_response({"destinations": [{"routing_rule_id": "rr_two", "sip_call_to": "2002"}]})

    asked, roster = [], web.Application()
    roster.router.add_post("/who", who)
    runner = web.AppRunner(roster, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port = runner.addresses[0][1]
        secret = "whsec_" + base64.b64encode(bytes(32)).decode()
        await stage.set(more=f'[destination_webhooks.roster]\nurl = "http://127.0.0.1:{port}/who"\nsecret = "{secret}"')
        await stage.talking()
        await ask_group(stage, "roster", reason="wants a refund")
        await stage.second.invited()
        answer = await stage.app.post("/v1/transfers", {"channel": stage.channel, "group": "roster"})
        assert (answer["status"], answer["body"]["detail"]) == (409, "a transfer of this call is in flight")
        await stage.ari.phase("briefing_started")
        await stage.second.press("1")
        await stage.caller.hears(SECOND)
        assert (await stage.ari.ended())["outcome"] == "completed"
        assert [each["data"]["reason"] for each in asked] == ["wants a refund", None]
        assert {each["data"]["call_id"] for each in asked} == {stage.call_id}
        assert stage.invites(stage.supervisor) == []
    finally:
        await runner.cleanup()
