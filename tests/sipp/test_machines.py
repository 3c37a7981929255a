"""Not a human: what answers with a greeting, a menu or a beep hears nothing private, and the next one is rung."""

from dataclasses import dataclass

import numpy as np

from ari_app.testing import tones
from ari_app.testing.call import Call
from ari_app.testing.phone import Answer
from tests.sipp.clouds import OTHER, REMARK, SUMMARY
from tests.sipp.conftest import CALLER, MUSIC, SECOND, SUPERVISOR, speech

BOTH = [
    {"routing_rule_id": "rr_one", "sip_call_to": "2001"},
    {"routing_rule_id": "rr_two", "sip_call_to": "2002"},
]
ALONE = BOTH[:1]
GREETING = (
    "hello and welcome to the customer services of the northern water company where we look after everything that "
    "has to do with your meter and your bills and your supply at home or at work on all days of the week and the year"
)
BEEP = tones.tone(1000, 0.5)
"Comes after more than a human's hello: whoever says no more than that is briefed at its end, and hushed by the beep."
POLITE = "[briefing.embedded]\nreprompt_after = 1.0\nreprompts = 1\n"


@dataclass(frozen=True)
class Talks:
    """Answers and says this, whoever it is."""

    words: tones.Pcm

    async def __call__(self, call: Call) -> None:
        await Answer()(call)
        await call.play(self.words)


async def greeting(seconds):
    """Speech without a break of just so many seconds."""
    words = await speech(GREETING)
    return words[: round(seconds * tones.RATE)]


async def rung(stage, clouds, words, *, manners="", destinations=BOTH, profile="clouds"):
    """The first destination is this machine; a summary of the whole case is ready."""
    await stage.set(supervisor=Talks(words), more=clouds.settings(manners, greet="after_hello") + POLITE)
    stage.supervisor.tone = None
    await stage.talking()
    await stage.ask(
        destinations=destinations,
        briefing_profile=profile,
        reason="a refund of the double payment",
        summary="The double payment was in March.",
    )


def hum_what_is_private(clouds):
    clouds.voice.hums(SUMMARY, to="double payment")
    clouds.voice.hums(REMARK, to="automatic assistant", seconds=2.0)


def heard_nothing_private(stage):
    """Of the clouds' voice at most the first line, which tells nothing: each text is 0.3 s."""
    for private in (SUMMARY, CALLER):
        stage.supervisor.heard.assert_never_heard(private)


async def the_second_takes_the_call(stage):
    await stage.ari.phase("briefing_started", count=2, within=15.0)
    pressed = await stage.second.press("1")
    await stage.caller.hears(SECOND)
    await stage.second.hears(CALLER)
    result = await stage.ari.ended()
    assert [attempt["outcome"] for attempt in result["attempts"]] == ["voicemail", "completed"]
    held = stage.caller.heard.first(MUSIC).at
    stage.only_heard(stage.caller.heard, MUSIC, since=held, until=pressed)


async def test_a_long_greeting_is_a_machine_s(stage, clouds):
    """With the embedded engines, which do not know what it says."""
    await rung(stage, clouds, await greeting(8.0), profile="embedded")
    failed = await stage.ari.phase("attempt_failed", within=15.0)
    call = stage.supervisor.call
    assert failed["data"]["outcome"] == "voicemail"
    assert 5.0 < failed["at"] - call.saw("established").at < 8.0
    assert stage.spoken(call, call.saw("established").at) < 4.5, "more than the first line was said to it"
    await the_second_takes_the_call(stage)


async def test_a_machine_that_says_what_it_is(stage, clouds):
    hum_what_is_private(clouds)
    clouds.ears.hears("please leave a message after the tone", at=1.5)
    await rung(stage, clouds, await greeting(5.0), destinations=ALONE)
    result = await stage.ari.ended()
    await stage.are_back()
    assert (result["outcome"], result["phase"]) == ("voicemail", "transfer_cancelled")
    assert (await stage.ari.phase("briefing_complete"))["data"]["resolution"] == "voicemail"
    heard_nothing_private(stage)
    stage.nothing_leaked()


async def test_a_beep_is_a_machine_s(stage, clouds):
    hum_what_is_private(clouds)
    await rung(stage, clouds, np.concatenate((await greeting(3.5), BEEP)))
    await the_second_takes_the_call(stage)
    heard_nothing_private(stage)


async def test_a_machine_is_left_a_message_without_anything_private(stage, clouds):
    hum_what_is_private(clouds)
    words = np.concatenate((await greeting(3.5), BEEP))
    await rung(stage, clouds, words, manners='voicemail = "message"', destinations=ALONE)
    await stage.supervisor.hears(REMARK, within=10.0)
    call, began = stage.supervisor.call, stage.supervisor.heard.first(REMARK).at
    beeped = next(p.at for p in reversed(call.rtp.sent) if tones.contains(tones.ulaw_decode(p.payload), 1000))
    result = await stage.ari.ended()
    await stage.are_back()
    assert (result["outcome"], result["phase"]) == ("voicemail", "transfer_cancelled")
    assert began > beeped, "the message was begun before the machine recorded"
    assert 1.8 < 0.02 * sum(str(call.heard.sound(p)) == f"tone {REMARK}" for p in call.heard.audio(began)) < 2.2
    heard_nothing_private(stage)


async def test_a_human_with_a_long_greeting_is_briefed(stage, clouds):
    hum_what_is_private(clouds)
    await rung(stage, clouds, await greeting(4.0), destinations=ALONE)
    await stage.supervisor.hears(OTHER, within=4.0)
    assert stage.supervisor.heard.first(SUMMARY) is None, "private words over a voice that may be a machine's"
    await stage.supervisor.hears(SUMMARY, within=8.0)
    pressed = await stage.supervisor.press("1")
    stage.supervisor.tone = SUPERVISOR
    await stage.are_connected()
    assert (await stage.ari.ended())["outcome"] == "completed"
    stage.nothing_leaked(accepted=pressed)
