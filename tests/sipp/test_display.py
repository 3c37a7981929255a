"""What the supervisor's display shows: one of our numbers, or the caller's own; never one that was withheld."""

from pathlib import Path

import pytest

from tests.sipp.conftest import AGENT

NUMBER = "+14155550123"
PRIVATE = """
[from-trunk](+)
exten => private,1,Set(CALLERID(pres)=prohib_passed_screen)
 same => n,Goto(1000,1)
"""


def add_to_dialplan(lab, lines):
    site = Path(lab.dir, "etc", "site", "extensions.conf")
    if lines not in site.read_text():
        site.write_text(f"{site.read_text()}\n{lines}")


@pytest.mark.parametrize(
    ("dial", "present", "asked", "shown"),
    [
        ("1000", "fixed", {}, "+14155550100"),
        ("1000", "caller", {}, NUMBER),
        ("1000", "caller", {"sip_call_from": "+14155550199"}, "+14155550199"),
        ("private", "caller", {}, None),
        ("private", "caller", {"participant_display_name": "Acme"}, None),
        ("private", "fixed", {}, "+14155550100"),
    ],
)
async def test_the_number_of_the_invite(stage, dial, present, asked, shown):
    add_to_dialplan(stage.lab, PRIVATE)
    await stage.lab.cli("dialplan reload")
    await stage.set(start=False)
    rule = "[routing_rules.rr_one]"
    stage.app.extra = stage.app.extra.replace(rule, f'{rule}\npresent = "{present}"')
    await stage.app.start()
    await stage.calls(dial)
    await stage.caller.hears(AGENT, 5.0)
    await stage.know_the_call()
    await stage.ask(destination={"routing_rule_id": "rr_one", "sip_call_to": "2001", **asked})
    await stage.ari.phase("supervisor_dialed")
    await stage.supervisor.invited()

    invite = next(m for m in stage.supervisor.messages if not m.sent and m.first_line.startswith("INVITE"))
    if shown:
        said = invite.headers["from"], invite.headers["p-asserted-identity"]
        assert all(f"sip:{shown}@" in header for header in said), said
    else:
        assert "anonymous" in invite.headers["from"]
        assert NUMBER not in str(invite.headers) and NUMBER not in invite.body
    dialed = await stage.ari.phase("supervisor_dialed")
    assert dialed["data"]["sip_call_from"] == (shown or "")
