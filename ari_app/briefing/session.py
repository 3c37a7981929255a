"""The briefing by voice: summary and sound while it rings, then one talk with the supervisor, then out.

`VoiceBriefer` implements the runtime's Briefer. What is said when is decided in `dialogue.py`; `talk.py` carries it
out; the sound itself is made in `voice.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial

import structlog

from ari_app.briefing.asides import Asides
from ari_app.briefing.dialogue import Dialogue
from ari_app.briefing.intent import read_intent, sounds_like_machine
from ari_app.briefing.ports import VoiceActivity
from ari_app.briefing.speech import MUTE, Ears, Speech, new_voice_activity
from ari_app.briefing.talk import Talk, beside, say_once
from ari_app.briefing.telling import KNOWN, Telling, Told
from ari_app.briefing.turns import Script
from ari_app.briefing.voice import Speechless, Voice
from ari_app.briefing.wording import Wording, is_name
from ari_app.media.channel import MediaChannel, Opener
from ari_app.media.session import MediaLost
from ari_app.runtime.ports import Ari, Tell
from ari_app.transfer.events import BriefingFailed, MediaOut, SummaryReady
from ari_app.transfer.model import Attempt, Call, Request, Transfer

log = structlog.get_logger(__name__)

OPEN_WITHIN = 1.5
"Seconds from the order to brief until the media channel is in the room."
FAREWELL_WITHIN = 3.95
"Seconds for a farewell from opening to the last word; with the hang-up that makes the promised 4."
INTRODUCED_WITHIN = 4.5
"Seconds for the line said to both after the join."


class VoiceBriefer:
    """Opens voice briefings on one Asterisk."""

    def __init__(
        self,
        ari: Ari,
        media_base_url: str,
        speech: Callable[[Request], Speech],
        *,
        app: str = "warm-transfer",
        opener: Opener | None = None,
    ) -> None:
        """`media_base_url` is Asterisk's HTTP server as ``ws://host:port``; `speech` gives a transfer its engines."""
        self._ari = ari
        self._base_url = media_base_url
        self._speech = speech
        self._app = app
        self._opener = opener

    def open(self, call: Call, transfer: Transfer, tell: Tell) -> VoiceBriefing:
        def channel(media_id: str) -> MediaChannel:
            return MediaChannel(self._ari, media_id, self._base_url, self._app, opener=self._opener)

        return VoiceBriefing(call, transfer, tell, self._engines(transfer.request), channel)

    def _engines(self, request: Request) -> Speech:
        """A briefing without engines is still one."""
        try:
            return self._speech(request)
        except Exception:
            profile = request.briefing_profile
            log.exception("speech engines can't be had, recorded prompts stand in", profile=profile)
            return MUTE


class VoiceBriefing:
    """One transfer's briefing; see the Briefing port for the duties of each verb."""

    def __init__(
        self,
        call: Call,
        transfer: Transfer,
        tell: Tell,
        speech: Speech,
        channel: Callable[[str], MediaChannel],
    ) -> None:
        self._call = call
        self._transfer = transfer
        self._tell = tell
        self._speech = speech
        self._manners = speech.manners
        self._telling = Telling(call, transfer, speech)
        language, reason = speech.manners.language, transfer.request.reason
        self._wording = Wording(speech.manners.texts, reason, self._telling.caller, language)
        self._new_channel = channel
        self._voice = Voice(speech.tts, language=language)
        self._vad: VoiceActivity | None = None
        "Made beforehand for the next talk."
        self._summary: asyncio.Future[Told] | None = None
        self._channels: dict[str, MediaChannel] = {}
        self._talks: dict[str, Talk] = {}
        "Media id → the talk on it; with `ring_all` several at once."
        self._stopped: set[str] = set()
        self._asides = Asides(speech.manners.texts, self._voice, self._channel)

    async def prepare(self) -> None:
        """Summary and greeting are made side by side; the rest of the sound follows in the order of saying."""
        if self._summary is not None:
            return
        self._summary = asyncio.get_running_loop().create_future()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._voice.make(line.text for line in self._wording.greeting))
            tasks.create_task(self._make_ears())
            summary = await self._make_summary(self._summary)
        wording, texts = self._wording, self._manners.texts
        await self._voice.make(line.text for line in (*wording.summary(summary.text), wording.question))
        await self._voice.make(line.text for line in (wording.reprompt, wording.wait_note, wording.message_prompt))
        await self._voice.make((texts.farewell_declined, texts.farewell_message, texts.farewell_redirect))
        await self._voice.make((texts.farewell_timeout, texts.caller_gone))
        if self._transfer.request.introduces:
            await self._voice.make((texts.introduction,))
        await self._voice.make(line.text for line in (*wording.repeat_intro, wording.keys_only))

    async def warm(self, media_id: str) -> None:
        """Opens the media channel before the answer, so that `brief` finds it open. Optional; a failure is kept for
        `brief`. Whoever warms must `brief` or `stop` the same id."""
        with suppress(MediaLost):
            await self._channel(media_id).open()

    async def brief(self, attempt: Attempt, room_id: str, media_id: str) -> None:
        if media_id in self._stopped:
            return
        talk = self._talks[media_id] = self._new_talk(media_id, attempt)
        channel = self._channel(media_id)
        try:
            async with asyncio.timeout(OPEN_WITHIN):
                session = await channel.open()
                await channel.seat(room_id)
            async with beside(self._bring_summary(talk)):
                await talk.run(session)
        except (MediaLost, TimeoutError) as lost:
            log.warning("briefing line lost", media_id=media_id, reason=str(lost) or "did not open in time")
            self._end(talk, MediaOut(media_id))
        except Exception:
            log.exception("briefing broke", media_id=media_id)
            self._end(talk, BriefingFailed(media_id, "internal error"))
        finally:
            talk.has_left.set()
            if not talk.is_handed_over:
                await self._close(channel)

    def press(self, digit: str, media_id: str) -> None:
        if media_id in self._talks:
            self._talks[media_id].press(digit)

    async def stop(self, media_id: str) -> None:
        self._stopped.add(media_id)
        self._end_talk(media_id)
        await self._close(self._channel(media_id))

    async def farewell(self, text: str, room_id: str, media_id: str) -> None:
        """`text` is the name of a field of Texts, or the words themselves. Takes over a talk's media channel, so that
        the supervisor is interrupted by the farewell and not by a hang-up."""
        talk = self._end_talk(media_id, hand_over=True)
        if talk is not None:
            await talk.has_left.wait()
        channel = await self._usable_channel(media_id)
        try:
            async with asyncio.timeout(FAREWELL_WITHIN):
                session = await channel.open()
                await channel.seat(room_id)
                await say_once(session, self._voice, self._wording.farewell(text))
        except (TimeoutError, MediaLost, Speechless) as error:
            log.info("farewell not heard", text=text if is_name(text) else None, reason=type(error).__name__)
        finally:
            await self._close(channel)

    async def introduce(self, room_id: str, media_id: str) -> None:
        if media_id in self._stopped:
            return
        channel = self._channel(media_id)
        try:
            async with asyncio.timeout(INTRODUCED_WITHIN):
                session = await channel.open()
                await channel.seat(room_id)
                await say_once(session, self._voice, self._wording.introduction)
        except (TimeoutError, MediaLost, Speechless) as error:
            log.info("introduction not heard", reason=type(error).__name__)
        finally:
            await self._close(channel)

    async def ready_words(self, text: str, room_id: str, media_id: str, *, key: str | None = None) -> bool:
        return await self._asides.ready(text, room_id, media_id, key)

    async def say_words(self, text: str, media_id: str, *, key: str | None = None) -> bool:
        return media_id not in self._stopped and await self._asides.say(text, media_id, key)

    def context(self) -> Mapping[str, str]:
        told = self._ready()
        return dict(told.form) if told else self._telling.facts()

    # The talk

    def _new_talk(self, media_id: str, attempt: Attempt) -> Talk:
        ears = Ears(self._speech, self._vad)
        self._vad = None
        answer = self._telling.answer if self._speech.llm else None
        dialogue = self._dialogue(0.0 if attempt.briefing_started else attempt.route.picks_up_within)
        return Talk(media_id, dialogue, self._voice, ears, self._wording.keys_only, self._tell, answer)

    async def _make_ears(self) -> None:
        self._vad = await new_voice_activity(self._speech)

    def _dialogue(self, picks_up_within: float) -> Dialogue:
        wording, told = self._wording, self._ready()
        script = Script(
            greeting=wording.greeting,
            public=wording.public,
            question=wording.question,
            reprompt=wording.reprompt,
            confirm=wording.confirm,
            repeat_intro=wording.repeat_intro,
            not_known=wording.not_known,
            wait_note=wording.wait_note,
            message_prompt=wording.message_prompt,
            voicemail_message=wording.voicemail_message if self._manners.voicemail == "message" else None,
            summary=wording.summary(told.text) if told else None,
            short=wording.short(told.text) if told else (),
            can_answer=self._speech.llm is not None,
        )
        manners = self._manners
        return Dialogue(
            script,
            waits_for_hello=manners.waits_for_hello,
            hello_within=manners.hello_within,
            read=partial(read_intent, language=manners.language),
            sounds_like_machine=partial(sounds_like_machine, language=manners.language),
            answer_within=manners.answer_within,
            wait_within=manners.wait_within,
            reprompts=manners.reprompts,
            picks_up_within=picks_up_within,
        )

    def _ready(self) -> Told | None:
        return self._summary.result() if self._summary is not None and self._summary.done() else None

    async def _bring_summary(self, talk: Talk) -> None:
        """Gives the talk a summary that was not ready when it began; makes one if nobody has prepared."""
        if self._summary is None:
            self._summary = asyncio.get_running_loop().create_future()
            await self._make_summary(self._summary)
        told = await asyncio.shield(self._summary)
        talk.bring_summary(self._wording.summary(told.text), self._wording.short(told.text))

    def _end_talk(self, media_id: str, *, hand_over: bool = False) -> Talk | None:
        talk = self._talks.get(media_id)
        if talk is None or talk.has_left.is_set():
            return None
        talk.leave(hand_over=hand_over)
        return talk

    def _end(self, talk: Talk, event: MediaOut | BriefingFailed) -> None:
        if not talk.is_over:
            self._tell(event)

    # Media channels

    def _channel(self, media_id: str) -> MediaChannel:
        """The channel of this id: open, on its way, or new."""
        channel = self._channels.get(media_id)
        if channel is None:
            channel = self._channels[media_id] = self._new_channel(media_id)
        return channel

    async def _usable_channel(self, media_id: str) -> MediaChannel:
        """Like `_channel`, after one that closes or has ended is out."""
        channel = self._channel(media_id)
        if channel.is_closing or channel.has_ended:
            await self._close(channel)
        return self._channel(media_id)

    async def _close(self, channel: MediaChannel) -> None:
        await channel.close()
        if self._channels.get(channel.id) is channel:
            del self._channels[channel.id]

    # What is said

    async def _make_summary(self, ready: asyncio.Future[Told]) -> Told:
        started = asyncio.get_running_loop().time()
        try:
            told = await self._telling.told()
        except asyncio.CancelledError:
            ready.set_result(Told("", KNOWN))
            raise
        except Exception:
            log.exception("no summary can be made, the supervisor is told so")
            told = Told("", "extractive")
        if told.source != KNOWN:
            seconds = asyncio.get_running_loop().time() - started
            self._tell(SummaryReady(told.text, told.source, seconds, told.form))
        ready.set_result(told)
        return told
