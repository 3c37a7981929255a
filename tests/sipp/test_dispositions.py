"""What becomes of the caller when no supervisor takes the call: by settings, by request, and never into nowhere."""

import pytest

from ari_app.testing.phone import Reject
from tests.sipp.conftest import AGENT, MUSIC

VOICEMAIL = 620
"Hz: the lab's voicemail, when it was told the outcome and the transfer."
HOUSE = "WARM_TRANSFER_DISPOSITIONS__OUTCOMES"
CONTEXTS = {"WARM_TRANSFER_DISPOSITIONS__CONTEXTS": '["lab-voicemail"]'}


async def ended_in_voicemail(stage):
    await stage.caller.hears(VOICEMAIL)
    assert (await stage.ari.ended())["outcome"] == "busy"
    assert (await stage.ari.phase("caller_returned"))["data"]["to"] == "dialplan:lab-voicemail"
    await stage.agent.ended()
    stage.caller.heard.assert_never_heard(AGENT, since=stage.caller.heard.first(MUSIC).at + 0.1)
    await stage.asterisk_has(channels=1, bridges=0)


async def test_the_house_sends_callers_of_busy_supervisors_to_voicemail(stage):
    await stage.talking(supervisor=Reject(486, after=0.5), environment={HOUSE: '{"busy": "dialplan:lab-voicemail"}'})
    await stage.ask()
    await ended_in_voicemail(stage)


async def test_a_request_may_do_so_where_the_settings_let_it(stage):
    await stage.talking(supervisor=Reject(486, after=0.5), environment=CONTEXTS)
    await stage.ask(dispositions={"busy": "dialplan:lab-voicemail,s"})
    await ended_in_voicemail(stage)


async def test_a_request_may_not_send_the_caller_anywhere_else(stage):
    await stage.talking(environment=CONTEXTS)
    await stage.ask(dispositions={"busy": "dialplan:fallback"})
    result = await stage.ari.ended()
    assert result["outcome"] == "refused" and "dispositions.busy" in result["error"]
    await stage.are_back()
    assert stage.invites() == []


@pytest.mark.parametrize("action", ["dialplan:nowhere", "dialplan:lab-voicemail,nobody"])
async def test_a_place_that_is_not_there_is_as_if_none_had_been_named(stage, action):
    await stage.talking(supervisor=Reject(486, after=0.5), environment={HOUSE: f'{{"busy": "{action}"}}'})
    await stage.ask()
    await stage.are_back()
    assert (await stage.ari.ended())["outcome"] == "busy"
    assert (await stage.ari.phase("caller_returned"))["data"]["to"] == "agent"


async def test_a_last_line_and_a_hang_up_by_us(stage):
    await stage.talking(supervisor=Reject(486, after=0.5), environment={HOUSE: '{"busy": "hangup"}'})
    await stage.ask()
    await stage.caller.hears(MUSIC)
    assert (await stage.caller.ended()).event == "bye"
    music_until = [p.at for p in stage.caller.heard.audio() if str(stage.caller.heard.sound(p)) == f"tone {MUSIC}"][-1]
    assert stage.spoken(stage.caller.call, music_until + 0.02) > 1.0, "a spoken line after the music"
    assert (await stage.ari.ended())["outcome"] == "busy"
    assert (await stage.ari.phase("caller_returned"))["data"]["to"] == "hangup"
