"""Every rung of the ladder: whatever is dead, the supervisor is briefed and takes the call."""

import pytest

from ari_app.testing.providers.server import Fault
from tests.sipp.clouds import ANSWER, CONVERSATION, QUESTION, REMARK, SECOND_VOICE, SUMMARY
from tests.sipp.conftest import SUPERVISOR
from tests.sipp.test_http import metrics

NO_PROGRAMS = {"PATH": "/nonexistent"}
"espeak-ng is found there."
NORMAL = 0.5
"Seconds from the answer to the first sound when everybody is well and the profile greets at once."


async def talking(stage, clouds, manners="", **environment):
    await stage.set(more=clouds.settings(manners), environment=environment)
    stage.supervisor.tone = None
    await stage.talking()


async def briefed(stage, count=1, **request):
    """Returns the seconds from the answer to the first sound."""
    await stage.ask(briefing_profile="clouds", **request)
    call = await stage.supervisor.invited()
    answered = (await call.answered()).at
    await stage.ari.phase("briefing_started", count=count)
    await heard(stage, "sound", lambda sound: sound != "silence", 0.1)
    first = next(packet for packet in call.heard.audio() if call.heard.sound(packet).kind != "silence")
    print(f"first sound {first.at - answered:.2f} s after the answer")
    return first.at - answered


async def heard(stage, what, is_it, seconds, within=8.0):
    """Waits until the supervisor has heard so much of it in all."""
    give_up = stage.clock() + within
    recorder = stage.supervisor.heard
    while 0.02 * sum(is_it(str(recorder.sound(packet))) for packet in recorder.audio()) < seconds:
        assert stage.clock() < give_up, f"no {what}: {'; '.join(map(str, recorder.spans()))}"
        await stage.pause(0.05)


async def hears_speech(stage):
    """The embedded voice or a recording; clouds hum."""
    await heard(stage, "speech", lambda sound: sound == "other", 0.5)


async def turned_down(stage, count=1):
    await stage.supervisor.press("2")
    await stage.are_back(within=4.0)
    await stage.ari.ended(count=count)
    await stage.supervisor.ended(within=6.0)


async def taken(stage, count=1):
    """By key, as ever."""
    pressed = await stage.supervisor.press("1")
    stage.supervisor.tone = SUPERVISOR
    await stage.are_connected()
    result = await stage.ari.ended(count=count)
    assert (result["outcome"], result["success"]) == ("completed", True)
    return pressed


async def left_alone(stage):
    """The providers whose circuit is open."""
    begin = 'warm_transfer_provider_left_alone{provider="'
    lines = [line.removeprefix(begin) for line in await metrics(stage) if line.startswith(begin)]
    return sorted(line.partition('"')[0] for line in lines if line.endswith(" 1.0"))


async def test_the_model_is_dead(stage, clouds):
    """It takes the question and does not answer; the next time nobody listens."""
    clouds.model.fail(Fault.SILENCE)
    await talking(stage, clouds)
    await briefed(stage, chat_history=CONVERSATION)
    hung = (await stage.ari.phase("summary_ready"))["data"]
    await turned_down(stage)
    clouds.model.fail(Fault.REFUSE)
    await briefed(stage, count=2)
    refused = (await stage.ari.phase("summary_ready", count=2))["data"]
    await taken(stage, count=2)
    assert hung["source"] == refused["source"] == "extractive"
    assert "invoice twice" in hung["summary"]
    assert refused["seconds"] < 1.5 < hung["seconds"] < 4.5


async def test_the_voices_are_dead_one_after_the_other(stage, clouds):
    """A wrong key is not tried again: the second transfer asks the next voice at once."""
    clouds.voice.fail(Fault.UNAUTHORIZED)
    await talking(stage, clouds)
    await briefed(stage)
    await stage.supervisor.hears(SECOND_VOICE)
    await turned_down(stage)
    assert await left_alone(stage) == ["elevenlabs tts"]
    assert len(clouds.voice.said) == 1

    clouds.second_voice.fail(Fault.SERVER_ERROR)
    await briefed(stage, count=2, reason="quite another matter")
    await hears_speech(stage)
    assert len(clouds.voice.said) == 1
    await taken(stage, count=2)


async def test_a_voice_breaks_off_and_the_next_says_the_sentence_again(stage, clouds):
    words = "Both payments were made in March."
    clouds.model.answers(words, to="When was it paid?")
    clouds.voice.hums(ANSWER, to="in March", seconds=3.0)
    clouds.second_voice.seconds = 1.0
    await talking(stage, clouds)
    await briefed(stage, summary="An invoice was paid twice.")
    await stage.supervisor.hears(QUESTION, within=4.0)
    clouds.voice.fail(Fault.CUT)
    clouds.ears.hears("When was it paid?")
    await stage.supervisor.hears(SECOND_VOICE, within=4.0)
    await heard(stage, "sentence", lambda sound: sound == f"tone {SECOND_VOICE}", 0.9)
    assert clouds.voice.said[-1] == clouds.second_voice.said[0] == words
    cut = [span for span in stage.supervisor.heard.spans() if span.label == f"tone {ANSWER}"]
    assert sum(span.end - span.start for span in cut) < 0.4
    await taken(stage)


async def test_the_ears_are_dead(stage, clouds):
    """The keys are announced in place of the question; what is said is sent up to 5 s ahead, hence the long summary."""
    clouds.ears.fail(Fault.REFUSE)
    clouds.voice.hums(SUMMARY, to="paid twice", seconds=5.0)
    clouds.voice.hums(REMARK, to="Please use the keys.")
    await talking(stage, clouds)
    await briefed(stage, summary="An invoice was paid twice.")
    await stage.supervisor.hears(REMARK, within=10.0)
    stage.supervisor.heard.assert_never_heard(QUESTION)
    await taken(stage)


@pytest.mark.parametrize("fault", [Fault.REFUSE, Fault.SILENCE], ids=str)
async def test_everything_is_dead(stage, clouds, fault):
    """Recorded prompts and keys are left."""
    for cloud in (clouds.ears, clouds.model, clouds.voice, clouds.second_voice):
        cloud.fail(fault)
    await talking(stage, clouds, **NO_PROGRAMS)
    delay = await briefed(stage, chat_history=CONVERSATION)
    await hears_speech(stage)
    pressed = await taken(stage)
    assert delay < NORMAL + 2.0
    stage.nothing_leaked(accepted=pressed)
