"""The whole briefing over a real socket: fake engines, fake chan_websocket, no waiting."""

import asyncio

import pytest

from ari_app.briefing import dialogue as dialogue_module
from ari_app.briefing import session as session_module
from ari_app.briefing import telling as telling_module
from ari_app.briefing import voice as voice_module
from ari_app.briefing.manners import Manners
from ari_app.briefing.prompts import RECORDED, Texts
from ari_app.briefing.session import VoiceBriefer
from ari_app.briefing.speech import Speech, Writing
from ari_app.media.audio import SLIN16, tone
from ari_app.runtime.ports import Fate, Reply
from ari_app.testing.fake_media import FakeMediaAsterisk
from ari_app.testing.fake_model import ScriptedModel
from ari_app.testing.fake_speech import HUM, FakeActivity, FakeEars, FakeVoice
from ari_app.transfer.events import (
    BriefingAccepted,
    BriefingDeclined,
    BriefingExhausted,
    BriefingFailed,
    BriefingStarted,
    MediaOut,
    SummaryReady,
)
from ari_app.transfer.model import Attempt, Call, Request, Route, Transfer, Turn

ROUTE = Route("rule", "PJSIP/2001", "2001", "2000")
ATTEMPT = Attempt(1, ROUTE, "supervisor", "room", 0.0)
LOUD, QUIET = tone(440, 0.1), SLIN16.silence(0.2)
TEXTS = Texts()


class Broken:
    """LanguageModel with a bug."""

    async def complete(self, messages):
        raise RuntimeError("bug")
        yield ""


class Desk:
    """A briefing with everything around it within reach."""

    def __init__(self, asterisk, **transfer):
        self.asterisk = asterisk
        self.voice, self.ears, self.activity = FakeVoice(), FakeEars(), FakeActivity()
        self.tts, self.stt, self.make_activity = self.voice, self.ears, lambda: self.activity
        self.waits_for_hello = False
        self.model = None
        self.told = []
        self.changed = asyncio.Condition()
        self.request = {"reason": "They want a refund", "summary": "They bought a boat. It sank."} | transfer
        self.known_summary = None
        self.turns = (Turn("user", "My boat has sunk and I want my money back."),)

    def open(self):
        manners = Manners(TEXTS, waits_for_hello=self.waits_for_hello)
        writing = Writing(within=0.1)
        speech = Speech(self.tts, self.stt, self.make_activity, manners, llm=self.model, writing=writing)
        briefer = VoiceBriefer(self.asterisk, self.asterisk.base_url, lambda request: speech, app="app")
        request = Request((ROUTE,), **self.request)
        transfer = Transfer("t", request, 0.0, 0.0, "room", summary=self.known_summary)
        self.briefing = briefer.open(Call("c", caller_name="Ann", conversation=self.turns), transfer, self.tell)
        return self.briefing

    def tell(self, event):
        self.told.append(event)

    def was_told(self, *kinds):
        return [type(event) for event in self.told] == list(kinds)

    async def until(self, true):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0)

    async def talking(self):
        """A prepared briefing, from its first audio."""
        await self.open().prepare()
        self.task = asyncio.create_task(self.briefing.brief(ATTEMPT, "room", "bot"))
        await self.until(lambda: BriefingStarted("bot") in self.told)
        return await self.asterisk.leg("bot")


@pytest.fixture
async def asterisk():
    before = asyncio.all_tasks()
    async with FakeMediaAsterisk() as fake:
        yield fake
        assert fake.legs == {}, "a media channel is left"
    for _ in range(10):
        await asyncio.sleep(0)
    assert asyncio.all_tasks() - {asyncio.current_task()} <= before, "a task is left"


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    """Words decide from the first moment; when they do not is a matter of test_dialogue."""
    monkeypatch.setattr(dialogue_module, "HELLO_UNTIL", 0.0)
    monkeypatch.setattr(dialogue_module, "NEW_TURN_AFTER", 0.0)


@pytest.fixture
def desk(asterisk):
    return Desk(asterisk)


# While it rings


async def test_a_ready_summary_is_told_and_everything_is_made_once_greeting_first(desk):
    await desk.open().prepare()
    (ready,) = desk.told
    assert (ready.text, ready.source) == ("They bought a boat. It sank.", "request")
    assert desk.voice.made[:2] == ["Hello, this is the assistant with a call to hand over.", "They want a refund."]
    said = [TEXTS.summary_intro, "They bought a boat.", "It sank.", TEXTS.question, TEXTS.reprompt]
    assert [text for text in desk.voice.made if text in said] == said
    assert len(set(desk.voice.made)) == len(desk.voice.made)
    await desk.briefing.prepare()
    assert len(desk.told) == 1


async def test_without_a_ready_summary_it_is_extracted(asterisk):
    desk = Desk(asterisk, summary=None)
    await desk.open().prepare()
    assert desk.told[0].source == "extractive"
    assert "boat" in desk.told[0].text


async def test_a_model_may_write_the_summary_and_its_form_and_is_asked_questions(asterisk):
    desk = Desk(asterisk, summary=None)
    answer = "It sank on Monday."
    desk.model = ScriptedModel(["A boat sank and Ann wants her money back.\n---\nwho: Ann", answer])
    leg = await desk.talking()
    assert (desk.told[0].source, desk.told[0].text) == ("llm", "A boat sank and Ann wants her money back.")
    assert desk.told[0].form == (("who", "Ann"),) and desk.briefing.context() == {"who": "Ann"}
    await leg.say(LOUD)
    desk.ears.say("when did it sink")
    await leg.say(QUIET)
    await desk.until(lambda: answer in desk.voice.made)
    assert "when did it sink" in str(desk.model.asked[-1]) and "My boat has sunk" in str(desk.model.asked[-1])
    desk.ears.say("yes put them through")
    await desk.task
    assert BriefingAccepted("bot") in desk.told


@pytest.mark.parametrize("fault", ["error", "bug", "hangs"])
async def test_a_model_that_fails_is_replaced_by_extraction(asterisk, fault):
    desk = Desk(asterisk, summary=None)
    desk.model = {
        "error": ScriptedModel(["x"], breaks_at=0),
        "bug": Broken(),
        "hangs": ScriptedModel(["x"], hangs=True),
    }[fault]
    await desk.open().prepare()
    assert [event.source for event in desk.told] == ["extractive"]


async def test_a_conversation_that_can_not_be_read_costs_only_the_summary(asterisk, monkeypatch):
    monkeypatch.setattr(telling_module, "extract", lambda *_: 1 / 0)
    desk = Desk(asterisk, summary=None)
    await desk.open().prepare()
    assert [(event.text, event.source) for event in desk.told] == [("", "extractive")]
    assert TEXTS.no_summary in desk.voice.made


async def test_a_summary_the_journal_knows_is_not_told_again(desk):
    desk.known_summary = "They bought a kite."
    await desk.open().prepare()
    assert desk.told == []
    assert "They bought a kite." in desk.voice.made


# The talk


async def test_it_greets_and_says_everything_and_a_spoken_yes_accepts(desk):
    leg = await desk.talking()
    await leg.until(lambda leg: len(leg.commands) >= 3)
    assert leg.received[:640] == HUM.to_bytes(2, "little") * 320
    await leg.say(LOUD)
    await leg.until(lambda leg: leg.flushes)
    desk.ears.say("yes put them", final=False)
    await leg.say(QUIET)
    await desk.until(lambda: desk.ears.listening.ends_of_speech)
    desk.ears.say("yes, put them through")
    await desk.task
    assert desk.was_told(SummaryReady, BriefingStarted, BriefingAccepted)
    assert desk.told[-1] == BriefingAccepted("bot", "speech")


async def test_a_spoken_no_declines_with_its_reason(desk):
    desk.make_activity = None
    await desk.talking()
    desk.ears.say("No, I can't, I am in a meeting")
    await desk.task
    assert isinstance(desk.told[-1], BriefingDeclined)
    assert "meeting" in desk.told[-1].reason


async def test_nothing_is_made_twice_for_a_repeat(desk):
    desk.asterisk.plays_at_once = True
    leg = await desk.talking()
    marks = len([line for line in desk.voice.made if line])
    desk.briefing.press("3", "bot")
    await leg.until(lambda leg: leg.flushes or len(leg.commands) > 9)
    await leg.until(lambda leg: len(leg.commands) > 9)
    assert len(desk.voice.made) == marks
    await desk.briefing.stop("bot")


async def test_other_keys_end_in_exhaustion(desk):
    await desk.talking()
    for _ in range(3):
        desk.briefing.press("5", "bot")
    await desk.task
    assert isinstance(desk.told[-1], BriefingExhausted)


async def test_no_sound_before_the_hello_has_ended(desk):
    desk.waits_for_hello = True
    await desk.open().prepare()
    task = asyncio.create_task(desk.briefing.brief(ATTEMPT, "room", "bot"))
    leg = await desk.asterisk.leg("bot")
    await leg.say(LOUD)
    await desk.until(lambda: desk.activity.is_speech)
    assert not leg.received
    await leg.say(QUIET)
    await leg.until(lambda leg: leg.received)
    await desk.until(lambda: BriefingStarted("bot") in desk.told)
    await desk.briefing.stop("bot")
    await task


@pytest.mark.parametrize("hears_everything", [True, False])
async def test_ears_for_decisions_only_are_closed_before_the_briefing(desk, hears_everything):
    desk.waits_for_hello = True
    desk.ears.hears_everything = hears_everything
    await desk.open().prepare()
    task = asyncio.create_task(desk.briefing.brief(ATTEMPT, "room", "bot"))
    leg = await desk.asterisk.leg("bot")
    await leg.say(LOUD)
    await desk.until(lambda: desk.ears.listening and desk.activity.is_speech)
    assert bool(desk.ears.listening.fed) is hears_everything
    await desk.briefing.stop("bot")
    await task


async def test_an_unprepared_briefing_prepares_itself(desk):
    desk.open()
    task = asyncio.create_task(desk.briefing.brief(ATTEMPT, "room", "bot"))
    await desk.until(lambda: desk.was_told(SummaryReady, BriefingStarted))
    leg = await desk.asterisk.leg("bot")
    await leg.until(lambda leg: len(leg.commands) >= 7)
    assert "It sank." in desk.voice.made
    await desk.briefing.stop("bot")
    await task


# Failing soft


async def test_without_a_voice_recorded_prompts_are_heard(desk):
    desk.voice.is_broken = True
    leg = await desk.talking()
    await leg.until(lambda leg: len(leg.commands) >= 5)
    assert len(leg.received) > SLIN16.bytes_a_second * 2
    assert set(RECORDED) >= {"greeting", "question", "reprompt"}
    await desk.briefing.stop("bot")


async def test_a_voice_that_hangs_costs_one_deadline(desk, monkeypatch):
    monkeypatch.setattr(voice_module, "FIRST_AUDIO_WITHIN", 0.02)
    desk.voice.may_speak.clear()
    await desk.talking()
    assert len(desk.voice.made) == 1
    await desk.briefing.stop("bot")


async def test_with_neither_voice_nor_recording_the_briefing_fails(desk, monkeypatch):
    def no_recording(name, format):
        raise voice_module.Speechless("no voice")

    monkeypatch.setattr(voice_module, "recording", no_recording)
    desk.tts = None
    await desk.open().prepare()
    await desk.briefing.brief(ATTEMPT, "room", "bot")
    assert desk.was_told(SummaryReady, BriefingFailed)


@pytest.mark.parametrize("fault", ["none", "broken", "hangs up"])
async def test_without_ears_the_question_is_about_keys(desk, fault):
    if fault == "none":
        desk.stt = None
    desk.ears.is_broken = fault == "broken"
    desk.voice = desk.tts = FakeVoice(seconds=2.0)
    leg = await desk.talking()
    if fault == "hangs up":
        desk.ears.listening.end()
        await desk.until(lambda: not desk.ears.listening)
    await leg.until(lambda leg: leg.queued_frames > 150)
    desk.briefing.press("5", "bot")
    await leg.until(lambda leg: leg.flushes)
    assert TEXTS.keys_only in desk.voice.made
    await desk.briefing.stop("bot")
    await desk.task


async def test_without_voice_activity_nothing_interrupts_and_words_still_decide(desk):
    desk.activity.is_broken = True
    leg = await desk.talking()
    await leg.say(LOUD)
    await desk.until(lambda: desk.ears.listening.fed)
    assert leg.flushes == 0
    desk.ears.say("yes, put them through")
    await desk.task
    assert desk.told[-1] == BriefingAccepted("bot", "speech")


async def test_engines_that_can_not_be_had_leave_recordings_and_keys(desk):
    def no_engines(profile):
        raise LookupError(profile)

    briefer = VoiceBriefer(desk.asterisk, desk.asterisk.base_url, no_engines, app="app")
    transfer = Transfer("t", Request((ROUTE,), summary="A boat."), 0.0, 0.0, "room")
    briefing = desk.briefing = briefer.open(Call("c"), transfer, desk.tell)
    await briefing.prepare()
    task = asyncio.create_task(briefing.brief(ATTEMPT, "room", "bot"))
    leg = await desk.asterisk.leg("bot")
    await leg.until(lambda leg: leg.received)
    await briefing.stop("bot")
    await task


async def test_a_lost_media_channel_is_told_so_that_another_is_opened(desk):
    leg = await desk.talking()
    leg.socket.transport.abort()
    await desk.task
    assert isinstance(desk.told[-1], MediaOut)


@pytest.mark.parametrize("operation", ["channels.externalMedia", "bridges.addChannel"])
async def test_a_media_channel_that_can_not_be_had_is_told(desk, operation):
    desk.asterisk.answers[operation] = Reply(Fate.REFUSED, 400, message="no")
    await desk.open().prepare()
    await desk.briefing.brief(ATTEMPT, "room", "bot")
    assert desk.was_told(SummaryReady, MediaOut)


async def test_a_media_channel_that_takes_too_long_is_told(desk, monkeypatch):
    monkeypatch.setattr(session_module, "OPEN_WITHIN", 0.02)
    gate = desk.asterisk.may_answer["channels.externalMedia"] = asyncio.Event()
    await desk.open().prepare()
    task = asyncio.create_task(desk.briefing.brief(ATTEMPT, "room", "bot"))
    await desk.until(lambda: desk.was_told(SummaryReady, MediaOut))
    gate.set()
    await task


# Stopping


async def test_stop_is_silence_and_the_channel_is_out(desk):
    leg = await desk.talking()
    await desk.briefing.stop("bot")
    assert "bot" not in desk.asterisk.legs
    assert leg.flushes == 1
    await desk.task
    assert desk.was_told(SummaryReady, BriefingStarted)


async def test_stop_before_brief_and_again_is_fine(desk):
    desk.open()
    await desk.briefing.stop("bot")
    await desk.briefing.stop("bot")
    await desk.briefing.brief(ATTEMPT, "room", "bot")
    assert desk.told == []
    assert {operation for operation, _ in desk.asterisk.calls} == {"channels.hangup"}


async def test_stop_while_the_channel_opens_waits_until_it_is_out(desk):
    gate = desk.asterisk.may_answer["channels.externalMedia"] = asyncio.Event()
    await desk.open().prepare()
    task = asyncio.create_task(desk.briefing.brief(ATTEMPT, "room", "bot"))
    await desk.until(lambda: desk.asterisk.calls)
    stopping = asyncio.create_task(desk.briefing.stop("bot"))
    await asyncio.sleep(0)
    gate.set()
    await stopping
    assert desk.asterisk.legs == {}
    await task
    assert desk.was_told(SummaryReady)


async def test_a_cancelled_briefing_leaves_nothing(desk):
    await desk.talking()
    desk.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await desk.task
    assert desk.asterisk.legs == {}


async def test_a_warm_channel_is_used(desk):
    await desk.open().prepare()
    await desk.briefing.warm("bot")
    desk.asterisk.calls.clear()
    task = asyncio.create_task(desk.briefing.brief(ATTEMPT, "room", "bot"))
    await desk.until(lambda: BriefingStarted("bot") in desk.told)
    assert [operation for operation, _ in desk.asterisk.calls] == ["bridges.addChannel"]
    await desk.briefing.stop("bot")
    await task


async def test_a_warm_channel_that_was_never_needed_is_stopped(desk):
    await desk.open().warm("bot")
    await desk.briefing.stop("bot")


async def test_a_second_attempt_says_the_same_again(desk):
    await desk.talking()
    await desk.briefing.stop("bot")
    await desk.task
    made = len(desk.voice.made)
    task = asyncio.create_task(desk.briefing.brief(ATTEMPT, "room", "bot-2"))
    await desk.until(lambda: BriefingStarted("bot-2") in desk.told)
    await desk.briefing.stop("bot-2")
    await task
    assert len(desk.voice.made) == made


# Farewell


async def test_a_farewell_interrupts_the_talk_and_is_heard_before_the_media_is_out(desk):
    leg = await desk.talking()
    saying = asyncio.create_task(desk.briefing.farewell("caller_gone", "room", "bot"))
    await leg.until(lambda leg: leg.flushes and leg.queued_frames == 10 and leg.commands[-1]["command"] == "MARK_MEDIA")
    assert not saying.done()
    await leg.play()
    await saying
    await desk.task
    assert len(leg.heard) == 0.2 * SLIN16.bytes_a_second
    assert desk.was_told(SummaryReady, BriefingStarted)
    assert [operation for operation, _ in desk.asterisk.calls].count("channels.externalMedia") == 1


async def test_a_farewell_after_the_talk_opens_its_own_channel(desk):
    desk.asterisk.plays_at_once = True
    await desk.talking()
    await desk.briefing.stop("bot")
    await desk.task
    await desk.briefing.farewell("See you.", "room", "bot")
    assert "See you." in desk.voice.made


async def test_a_farewell_never_takes_longer_than_its_time(desk, monkeypatch):
    monkeypatch.setattr(session_module, "FAREWELL_WITHIN", 0.05)
    await desk.open().farewell("farewell_timeout", "room", "bot")


async def test_a_farewell_without_a_room_is_left_out(desk):
    desk.asterisk.answers["bridges.addChannel"] = Reply(Fate.REFUSED, 404, message="Bridge not found")
    await desk.open().farewell("farewell_timeout", "room", "bot")


async def test_a_farewell_without_a_voice_is_recorded(desk):
    desk.asterisk.plays_at_once = True
    desk.tts = None
    await desk.open().farewell("farewell_declined", "room", "bot")
    assert desk.asterisk.calls[-1][0] == "channels.hangup"


# Several supervisors at once


async def test_two_are_briefed_at_once_and_a_key_goes_to_whoever_pressed_it(desk):
    """What is said is made once; one's goodbye is not the other one's end."""
    desk.asterisk.plays_at_once = True
    first = await desk.talking()
    second_talk = asyncio.create_task(desk.briefing.brief(ATTEMPT, "room-2", "bot-2"))
    await desk.until(lambda: BriefingStarted("bot-2") in desk.told)
    second = await desk.asterisk.leg("bot-2")
    await first.until(lambda leg: len(leg.commands) > 6)
    await second.until(lambda leg: len(leg.commands) > 6)
    before = len(first.commands), len(second.commands)
    desk.briefing.press("3", "bot-2")
    await second.until(lambda leg: len(leg.commands) > before[1])
    assert len(first.commands) == before[0]
    assert len(set(desk.voice.made)) == len(desk.voice.made)
    await desk.briefing.farewell("taken_elsewhere", "room", "bot")
    desk.briefing.press("3", "bot")
    for _ in range(3):
        desk.briefing.press("5", "bot-2")
    await second_talk
    assert desk.told[-1] == BriefingExhausted("bot-2")


async def test_what_a_talk_had_begun_to_make_when_it_ended_is_made_for_the_other():
    class Slow(FakeVoice):
        begun, go_on = 0, asyncio.Event()

        async def synthesize(self, text):
            Slow.begun += 1
            await self.go_on.wait()
            async for pcm in super().synthesize(text):
                yield pcm

    voice = voice_module.Voice(Slow())
    workers = [asyncio.create_task(voice.work()) for _ in range(2)]
    line = voice_module.Line("part", "Somebody else is there.")
    heard = asyncio.create_task(anext(voice.say(line)))
    while not Slow.begun:  # noqa: ASYNC110
        await asyncio.sleep(0)
    workers[0].cancel()
    await asyncio.wait({workers[0]})
    Slow.go_on.set()
    assert await heard
    assert Slow.begun == 2
    workers[1].cancel()
    await asyncio.wait({workers[1]})
