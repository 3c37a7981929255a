"""The talk carries out what the dialogue decides; the media session is a queue."""

import asyncio

import numpy as np
import pytest

from ari_app.briefing import dialogue as dialogue_module
from ari_app.briefing.dialogue import Dialogue
from ari_app.briefing.intent import DeclineKind, Intent, Reading
from ari_app.briefing.speech import Ears, Speech
from ari_app.briefing.talk import Talk
from ari_app.briefing.turns import Line, Part, Script
from ari_app.briefing.voice import Voice
from ari_app.errors import ProviderError
from ari_app.media.audio import SLIN16
from ari_app.media.session import Mark
from ari_app.testing.fake_speech import FakeActivity, FakeEars, FakeVoice
from ari_app.transfer.events import BriefingAccepted, BriefingDeclined, VoicemailDetected

SCRIPT = Script(
    greeting=(Line(Part.GREETING, "assistant"),),
    question=Line(Part.QUESTION, "question", "question"),
    reprompt=Line(Part.REPROMPT, "reprompt", "reprompt"),
    summary=(Line(Part.SUMMARY, "boat"),),
    can_answer=True,
    not_known=Line(Part.ANSWER, "not known"),
)
READINGS = {
    "yes": Reading(Intent.ACCEPT),
    "ask Bob": Reading(Intent.DECLINE, kind=DeclineKind.REDIRECT, suggestion="Bob"),
}


class FakeSession:
    """Everything sent is heard at once, unless it `hangs`."""

    lead = 0.0

    def __init__(self):
        self.frames = asyncio.Queue()
        self.hangs = False
        self.flushes = 0

    async def audio(self):
        while True:
            yield await self.frames.get()

    async def send(self, pcm):
        await asyncio.sleep(0)

    async def mark(self):
        played = asyncio.get_running_loop().create_future()
        if not self.hangs:
            played.set_result(True)
        return Mark(1, played)

    async def flush(self):
        self.flushes += 1


class Desk:
    def __init__(self, answer=None, script=SCRIPT, activity=None):
        self.session, self.ears, self.voice = FakeSession(), FakeEars(), FakeVoice(seconds=0.02)
        self.told = []
        dialogue = Dialogue(script, waits_for_hello=False, read=lambda text: READINGS.get(text, Reading(Intent.NONE)))
        ears = Ears(Speech(self.voice, self.ears, activity))
        self.talk = Talk("bot", dialogue, Voice(self.voice), ears, SCRIPT.reprompt, self.told.append, answer)

    async def until(self, true):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0)

    async def __aenter__(self):
        self.task = asyncio.create_task(self.talk.run(self.session))
        await self.until(lambda: "question" in self.voice.made and self.ears.listening)
        return self

    async def __aexit__(self, *_):
        self.talk.leave()
        async with asyncio.timeout(5):
            await self.task


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr(dialogue_module, "HELLO_UNTIL", 0.0)


async def test_sentences_are_said_as_they_come():
    asked, goes_on = [], asyncio.Event()

    async def answer(question, heard):
        asked.append((question, heard))
        yield "A man."
        await goes_on.wait()
        yield "In June."

    async with Desk(answer) as desk:
        desk.ears.say("who sold it?")
        await desk.until(lambda: "A man." in desk.voice.made)
        assert "In June." not in desk.voice.made
        goes_on.set()
        await desk.until(lambda: "In June." in desk.voice.made)
    ((question, heard),) = asked
    assert question == "who sold it?" and set(heard) <= {"assistant", "boat", "question"}


@pytest.mark.parametrize("fault", [ProviderError("no"), RuntimeError("bug"), None])
async def test_an_answer_that_fails_is_none(fault):
    async def answer(question, heard):
        if fault:
            raise fault
        return
        yield

    async with Desk(answer) as desk:
        desk.ears.say("who sold it?")
        await desk.until(lambda: "not known" in desk.voice.made)


async def test_an_answer_is_given_up_with_the_question():
    cancelled, begun = asyncio.Event(), asyncio.Event()

    async def answer(question, heard):
        begun.set()
        try:
            await asyncio.Event().wait()
            yield "never"
        finally:
            cancelled.set()

    async with Desk(answer) as desk:
        desk.ears.say("who sold it?")
        await begun.wait()
        desk.ears.say("yes")
        await cancelled.wait()
        assert desk.told[-1] == BriefingAccepted("bot", "speech")


async def test_a_suggestion_is_told():
    async with Desk() as desk:
        desk.ears.say("ask Bob")
        await desk.task
    assert desk.told[-1] == BriefingDeclined("bot", kind="redirect", suggestion="Bob")


async def test_a_beep_is_a_machine():
    beep = (8000 * np.sin(2 * np.pi * 1000 * np.arange(SLIN16.rate // 2) / SLIN16.rate)).astype("<i2").tobytes()
    sound = SLIN16.silence(0.3) + beep + SLIN16.silence(0.3)
    async with Desk(activity=FakeActivity) as desk:
        for at in range(0, len(sound), SLIN16.frame_bytes):
            desk.session.frames.put_nowait(sound[at : at + SLIN16.frame_bytes])
        await desk.task
    assert desk.told[-1] == VoicemailDetected("bot")
    assert desk.session.flushes
