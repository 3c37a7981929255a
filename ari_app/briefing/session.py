"""The briefing by voice: summary and sound while it rings, then one talk with the supervisor, then out.

`VoiceBriefer` implements the runtime's Briefer. What is said when is decided in `dialogue.py`; `talk.py` carries it
out; the sound itself is made in `voice.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from json import loads
from typing import Any

import structlog

from ari_app.briefing.dialogue import Dialogue
from ari_app.briefing.ports import VoiceActivity
from ari_app.briefing.speech import MUTE, Ears, Speech, new_voice_activity
from ari_app.briefing.summary import extract
from ari_app.briefing.talk import Talk, beside, say_once
from ari_app.briefing.turns import Line, Script
from ari_app.briefing.voice import Speechless, Voice
from ari_app.briefing.wording import Wording, is_name
from ari_app.errors import ProviderError
from ari_app.media.channel import MediaChannel, Opener
from ari_app.media.session import MediaLost
from ari_app.runtime.ports import Ari, Tell
from ari_app.transfer.events import BriefingFailed, MediaOut, SummaryReady
from ari_app.transfer.model import Attempt, Call, Request, Transfer, Turn

log = structlog.get_logger(__name__)

SUMMARY_WITHIN = 4.0
"Seconds a model gets for the summary; then the extractive one is taken."
OPEN_WITHIN = 1.5
"Seconds from the order to brief until the media channel is in the room."
FAREWELL_WITHIN = 3.95
"Seconds for a farewell from opening to the last word; with the hang-up that makes the promised 4."

Summarise = Callable[[Request, Sequence[Turn]], Awaitable[str]]
"Writes a summary of the conversation with a model; raises ProviderError."


class VoiceBriefer:
    """Opens voice briefings on one Asterisk."""

    def __init__(
        self,
        ari: Ari,
        media_base_url: str,
        speech: Callable[[str], Speech],
        *,
        app: str = "warm-transfer",
        summarise: Summarise | None = None,
        opener: Opener | None = None,
    ) -> None:
        """`media_base_url` is Asterisk's HTTP server as ``ws://host:port``; `speech` gives a profile's engines."""
        self._ari = ari
        self._base_url = media_base_url
        self._speech = speech
        self._app = app
        self._summarise = summarise
        self._opener = opener

    def open(self, call: Call, transfer: Transfer, tell: Tell) -> VoiceBriefing:
        def channel(media_id: str) -> MediaChannel:
            return MediaChannel(self._ari, media_id, self._base_url, self._app, opener=self._opener)

        speech = self._engines(transfer.request.briefing_profile)
        return VoiceBriefing(call, transfer, tell, speech, channel, self._summarise)

    def _engines(self, profile: str) -> Speech:
        """A briefing without engines is still one."""
        try:
            return self._speech(profile)
        except Exception:
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
        summarise: Summarise | None = None,
    ) -> None:
        self._call = call
        self._transfer = transfer
        self._tell = tell
        self._speech = speech
        self._manners = speech.manners
        self._wording = Wording(speech.manners.texts, transfer.request.reason, call.caller_name or call.caller_number)
        self._new_channel = channel
        self._summarise = summarise
        self._voice = Voice(speech.tts)
        self._vad: VoiceActivity | None = None
        "Made beforehand for the next talk."
        self._summary: asyncio.Future[tuple[Line, ...]] | None = None
        self._channels: dict[str, MediaChannel] = {}
        self._talk: Talk | None = None
        self._stopped: set[str] = set()

    async def prepare(self) -> None:
        """Summary and greeting are made side by side; the rest of the sound follows in the order of saying."""
        if self._summary is not None:
            return
        self._summary = asyncio.get_running_loop().create_future()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._voice.make(line.text for line in self._wording.greeting))
            tasks.create_task(self._make_ears())
            summary = await self._make_summary(self._summary)
        await self._voice.make(line.text for line in (*summary, self._wording.question, self._wording.reprompt))
        texts = self._manners.texts
        await self._voice.make((texts.farewell_declined, texts.farewell_timeout, texts.caller_gone))
        await self._voice.make(line.text for line in (*self._wording.repeat_intro, self._wording.keys_only))

    async def warm(self, media_id: str) -> None:
        """Opens the media channel before the answer, so that `brief` finds it open. Optional; a failure is kept for
        `brief`. Whoever warms must `brief` or `stop` the same id."""
        with suppress(MediaLost):
            await self._channel(media_id).open()

    async def brief(self, attempt: Attempt, room_id: str, media_id: str) -> None:
        if media_id in self._stopped:
            return
        talk = self._talk = self._new_talk(media_id)
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

    def press(self, digit: str) -> None:
        if self._talk is not None:
            self._talk.press(digit)

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

    # The talk

    def _new_talk(self, media_id: str) -> Talk:
        ears = Ears(self._speech, self._vad)
        self._vad = None
        return Talk(media_id, self._dialogue(), self._voice, ears, self._wording.keys_only, self._tell)

    async def _make_ears(self) -> None:
        self._vad = await new_voice_activity(self._speech)

    def _dialogue(self) -> Dialogue:
        script = Script(
            greeting=self._wording.greeting,
            question=self._wording.question,
            reprompt=self._wording.reprompt,
            confirm=self._wording.confirm,
            repeat_intro=self._wording.repeat_intro,
            summary=self._summary.result() if self._summary is not None and self._summary.done() else None,
        )
        manners = self._manners
        return Dialogue(
            script,
            waits_for_hello=manners.waits_for_hello,
            hello_within=manners.hello_within,
            answer_within=manners.answer_within,
            reprompts=manners.reprompts,
        )

    async def _bring_summary(self, talk: Talk) -> None:
        """Gives the talk a summary that was not ready when it began; makes one if nobody has prepared."""
        if self._summary is None:
            self._summary = asyncio.get_running_loop().create_future()
            await self._make_summary(self._summary)
        talk.bring_summary(await asyncio.shield(self._summary))

    def _end_talk(self, media_id: str, *, hand_over: bool = False) -> Talk | None:
        talk = self._talk
        if talk is None or talk.media_id != media_id or talk.has_left.is_set():
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

    async def _make_summary(self, ready: asyncio.Future[tuple[Line, ...]]) -> tuple[Line, ...]:
        started = asyncio.get_running_loop().time()
        try:
            text, source = await self._summary_text()
        except asyncio.CancelledError:
            ready.set_result(self._wording.summary(""))
            raise
        except Exception:
            log.exception("no summary can be made, the supervisor is told so")
            text, source = "", "extractive"
        if source != _KNOWN:
            self._tell(SummaryReady(text, source, asyncio.get_running_loop().time() - started))
        lines = self._wording.summary(text)
        ready.set_result(lines)
        return lines

    async def _summary_text(self) -> tuple[str, str]:
        request, turns = self._transfer.request, self._call.conversation
        if self._transfer.summary is not None:
            return self._transfer.summary, _KNOWN
        if request.summary:
            return request.summary, "request"
        written = await self._written_summary(request, turns)
        if written:
            return written, "llm"
        # Without the reason, which the greeting has said.
        return extract(None, [_message(turn) for turn in turns]), "extractive"

    async def _written_summary(self, request: Request, turns: Sequence[Turn]) -> str:
        if self._summarise is None:
            return ""
        try:
            async with asyncio.timeout(SUMMARY_WITHIN):
                return (await self._summarise(request, turns)).strip()
        except (ProviderError, TimeoutError) as error:
            log.warning("no summary from the model, the extractive one is taken", reason=type(error).__name__)
        except Exception:
            log.exception("summary failed, the extractive one is taken")
        return ""


_KNOWN = "known"
"The journal has the summary already: an earlier life of the app told it."


def _message(turn: Turn) -> dict[str, Any]:
    """The turn in the usual chat form; tool calls that are no JSON are left out."""
    message = {key: value for key, value in asdict(turn).items() if value is not None}
    with suppress(ValueError):
        if turn.tool_calls is not None:
            return {**message, "tool_calls": loads(turn.tool_calls)}
    message.pop("tool_calls", None)
    return message
