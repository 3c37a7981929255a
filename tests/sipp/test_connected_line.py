"""Once joined, the supervisor's phone shows the caller, if the rule says so; the caller's phone shows nobody new."""

import pytest

from tests.sipp.conftest import CALLER

SHOWN = """
[routing_rules.rr_shown]
endpoint = "PJSIP/lab/sip:{to}@127.0.0.1:PORT"
callers = ["+14155550100"]
destinations = ["2???"]
connected_line = true
"""


def identities(phone, method):
    """P-Asserted-Identity of what came to this phone within its call."""
    received = [m for m in phone.messages if not m.sent and m.first_line.startswith(method)]
    return [m.headers.get("p-asserted-identity") for m in received]


@pytest.mark.parametrize("rule", ["rr_shown", "rr_one"])
async def test_the_supervisors_phone_shows_the_caller_after_the_join(stage, rule):
    await stage.set(start=False)
    stage.app.extra += SHOWN.replace("PORT", str(stage.supervisor.sipp.port))
    await stage.app.start()
    await stage.talking()
    await stage.ask(rule=rule)
    await stage.ari.phase("briefing_started")
    pressed = await stage.supervisor.press("1")
    await stage.are_connected()
    assert (await stage.ari.ended())["outcome"] == "completed"
    await stage.pause(0.5)

    assert identities(stage.supervisor, "INVITE") == ["<sip:+14155550100@127.0.0.1>"]
    shown = ['"Caller" <sip:+14155550123@127.0.0.1>'] if rule == "rr_shown" else []
    assert identities(stage.supervisor, "UPDATE") == shown
    assert identities(stage.caller, "UPDATE") == identities(stage.caller, "INVITE") == []
    await stage.supervisor.hears(CALLER)
    stage.nothing_leaked(accepted=pressed)
