"""The caller's wait: a true word now and then, a key back to the agent, and an end to it."""

import pytest

from ari_app.testing.phone import Ring
from tests.sipp.conftest import AGENT, CALLER, MUSIC, SUPERVISOR

TOLD = {"WARM_TRANSFER_HOLD__REASSURE_EVERY": "1"}
KEY = {"WARM_TRANSFER_HOLD__RETURN_KEY": "9"}
TOLD_WITHIN = 10.0
"Seconds in which the caller has been told something, and hears music again."


async def told(stage, since):
    """The caller hears words in place of the music. Returns since when."""
    while stage.clock() < since + TOLD_WITHIN:
        words = [span for span in stage.caller.heard.spans(since) if span.label == "other"]
        if sum(span.end - span.start for span in words) > 0.3:
            return words[0].start
        await stage.pause(0.02)
    raise AssertionError("; ".join(map(str, stage.caller.heard.spans(since))))


def longest_silence(stage, since):
    """Seconds without any sound at the caller's ear; dead air is silence, too."""
    heard = [p.at for p in stage.caller.heard.audio(since) if stage.caller.heard.sound(p).kind != "silence"]
    return max(later - earlier for earlier, later in zip(heard, heard[1:], strict=False))


async def test_the_caller_is_told_how_it_stands_and_the_music_goes_on(stage):
    """Twice while it rings and once while the supervisor is briefed; nobody else hears a word of it."""
    await stage.talking(supervisor=Ring(), environment=TOLD | KEY)
    await stage.ask()
    await stage.caller.hears(MUSIC)
    held = stage.caller.heard.onset(MUSIC)
    music = held
    for _ in range(2):
        words = await told(stage, music)
        assert 0.9 < words - music < 3.0
        await stage.caller.hears(MUSIC, TOLD_WITHIN)
        music = stage.caller.heard.onset(MUSIC)
    await stage.supervisor.answer()
    await stage.ari.phase("briefing_started")
    await told(stage, stage.clock())
    await stage.caller.hears(MUSIC, TOLD_WITHIN)
    assert longest_silence(stage, held) < 2.0, "neither music nor words"

    pressed = await stage.supervisor.press("1")
    await stage.are_connected()
    assert (await stage.ari.ended())["outcome"] == "completed"
    stage.agent.heard.assert_never_heard(CALLER, since=held + 0.1)
    stage.supervisor_heard_nothing_of(CALLER, until=pressed)
    assert stage.ari.names().count("caller_on_hold") == 1


@pytest.mark.parametrize("key", ["1", "2"], ids=["accepted", "declined"])
async def test_a_decision_in_the_middle_of_the_words_takes_the_caller_out_of_them_at_once(stage, key):
    await stage.briefed(environment=TOLD)
    await told(stage, stage.clock())
    pressed = await stage.supervisor.press(key)
    somebody = SUPERVISOR if key == "1" else AGENT
    await stage.caller.hears(somebody)
    met = stage.caller.heard.first(somebody, pressed).at
    assert met - pressed < 0.4
    assert (await stage.ari.ended())["outcome"] == ("completed" if key == "1" else "declined")
    stage.only_heard(stage.caller.heard, somebody, since=met + 0.02)


async def test_words_to_a_caller_who_hangs_up_in_them(stage):
    await stage.talking(supervisor=Ring(), environment=TOLD)
    await stage.ask()
    await told(stage, stage.clock())
    await stage.caller.hang_up()
    assert (await stage.ari.ended())["outcome"] == "caller_hangup"
    await stage.nothing_is_left()


async def test_killed_in_the_middle_of_the_words(stage):
    """The new life has the caller on music again, and goes on with the briefing and with the words."""
    await stage.briefed(environment=TOLD)
    await told(stage, stage.clock())
    await stage.killed_and_back()
    back = stage.clock()
    await stage.caller.hears(MUSIC, 5.0)
    await told(stage, back)
    await stage.supervisor.hears_music(5)
    await stage.supervisor.press("1")
    await stage.are_connected()
    assert "transfer_complete" in await stage.told_without_holes()
    await stage.asterisk_has(channels=2, bridges=1)


@pytest.mark.parametrize("when", ["on music", "in the words", "in the briefing"])
async def test_the_caller_goes_back_to_the_agent_by_key(stage, when):
    environment = KEY if when != "in the words" else KEY | TOLD
    if when == "in the briefing":
        await stage.briefed(environment=environment)
    else:
        await stage.dialing(supervisor=Ring(), environment=environment)
    if when == "in the words":
        await told(stage, stage.clock())
    await stage.caller.press("5")
    await stage.pause(0.2)
    assert not stage.ari.names()[-1].startswith("transfer_"), "another key does nothing"
    await stage.caller.press("9")
    await stage.are_back()
    result = await stage.ari.ended()
    assert (result["outcome"], result["error"]) == ("cancelled", "the caller went back to the agent")
    await stage.supervisor.ended()


async def test_without_the_setting_a_key_does_nothing(stage):
    await stage.dialing(supervisor=Ring())
    await stage.caller.press("9")
    await stage.pause(0.3)
    assert "caller_returned" not in stage.ari.names()
    await stage.cancel()
    await stage.are_back()


@pytest.mark.parametrize(
    ("briefed", "outcome"), [(False, "no_answer"), (True, "ack_timeout")], ids=["ringing", "briefed"]
)
async def test_a_transfer_that_takes_too_long_gives_the_caller_back(stage, briefed, outcome):
    roles = {} if briefed else {"supervisor": Ring()}
    await stage.dialing(environment={"WARM_TRANSFER_HOLD__MAX_TRANSFER_SECONDS": "2"}, **roles)
    began = (await stage.ari.phase("started"))["at"]
    await stage.are_back(within=5.0)
    assert 1.9 < stage.caller.heard.first(AGENT, began + 0.5).at - began < 2.6
    result = await stage.ari.ended()
    assert (result["outcome"], result["error"]) == (outcome, "no supervisor took the caller within 2 s")
