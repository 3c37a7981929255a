"""After the join the assistant whispers to the supervisor; the caller hears the supervisor and nothing else."""

import pytest

from tests.sipp.conftest import CALLER, SUPERVISOR

COACH = {"WARM_TRANSFER_BRIEFING__DEFAULT__COACH": "true"}
WORDS = "The caller has asked for ninety dollars, and the order is from March."


async def coached(stage):
    """Caller and supervisor talk. Returns the transfer's id, and since when."""
    await stage.connected(environment=COACH)
    await stage.pause(0.3)
    return stage.ari.phases[0]["transfer_id"], stage.clock()


def whispered(stage, since):
    """Seconds in which the supervisor heard clearly more than the tone of the caller."""
    heard = stage.supervisor.heard
    return 0.02 * sum(str(heard.sound(p)) not in (f"tone {CALLER}", "silence") for p in heard.audio(since))


async def whisper_is_over(stage, since, within=10.0):
    while not (whispered(stage, since) > 0.3 and len(await stage.ari.call("GET", "channels")) == 2):
        assert stage.clock() < since + within, (whispered(stage, since), await stage.ari.call("GET", "channels"))
        await stage.pause(0.05)


@pytest.mark.parametrize("way", ["HTTP", "user event"])
async def test_only_the_supervisor_hears_it(stage, way):
    transfer_id, since = await coached(stage)
    if way == "HTTP":
        assert (await stage.app.post(f"/v1/transfers/{transfer_id}/whisper", {"text": WORDS}))["status"] == 202
        assert (await stage.app.post(f"/v1/transfers/{transfer_id}/whisper", {"text": WORDS}))["status"] == 409
    else:
        await stage.ari.tell("WarmTransferWhisper", stage.channel, {"text": WORDS})
    await whisper_is_over(stage, since)
    stage.only_heard(stage.caller.heard, SUPERVISOR, since=since)
    await stage.are_connected()
    await stage.asterisk_has(channels=2, bridges=1)

    again = stage.clock()
    await stage.ari.tell("WarmTransferWhisper", stage.channel, {"text": WORDS})
    await whisper_is_over(stage, again)


async def test_a_caller_who_hangs_up_in_the_whisper_leaves_nothing(stage):
    _, since = await coached(stage)
    await stage.ari.tell("WarmTransferWhisper", stage.channel, {"text": WORDS})
    await stage.asterisk_has(channels=4, bridges=2)
    await stage.caller.hang_up()
    await stage.supervisor.ended()
    await stage.nothing_is_left()


async def test_killed_in_the_whisper_the_two_talk_on(stage):
    _, since = await coached(stage)
    await stage.ari.tell("WarmTransferWhisper", stage.channel, {"text": WORDS})
    await stage.asterisk_has(channels=4, bridges=2)
    await stage.killed_and_back()
    await stage.asterisk_has(channels=2, bridges=1)
    await stage.are_connected()
    stage.only_heard(stage.caller.heard, SUPERVISOR, since=since)


async def test_without_the_setting_nothing_is_whispered(stage):
    await stage.connected()
    transfer_id = stage.ari.phases[0]["transfer_id"]
    answer = await stage.app.post(f"/v1/transfers/{transfer_id}/whisper", {"text": WORDS})
    assert (answer["status"], "coach" in answer["body"]["detail"]) == (409, True)
