"""One conversation by voice: hears the caller, lets the model think, speaks, and stops when the caller speaks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from desk import FrontDesk
from models import Message, Model, calls, said

from ari_app import call_tools
from ari_app.ari.client import AriClient
from ari_app.briefing.prompts import sentences
from ari_app.briefing.speech import Ears, Speech, new_voice_activity
from ari_app.briefing.talk import beside
from ari_app.briefing.turns import Happening, Line, Part, Said, SpeechEnded, SpeechStarted, TimePassed
from ari_app.briefing.voice import Speechless, Voice
from ari_app.errors import ProviderError
from ari_app.media.audio import SLIN16
from ari_app.media.channel import MediaChannel, hang_up
from ari_app.media.session import MediaLost, MediaSession

GREETS_AFTER = 0.3
"Seconds the caller's phone gets to be answered, lest the first word is lost."
WORDS_WITHIN = 1.5
"Seconds a recogniser has after the end of speech."
MARK_GRACE = 2.0
"Seconds after the reckoned end of a line when a mark that has not come is taken for reached."
GAP = 0.1
"Seconds without audio that count as so much silence: phones with voice activity detection send none."
NOT_UNDERSTOOD = "Sorry, say that again?"
GIVING_UP = said("I am sorry, I can't help you right now. Please call again later.")
NOT_WELL = calls("get_a_human", {"reason": "The assistant can't go on"}, said("One moment, please."))

Show = Callable[[Message, float, float], None]
"A turn, and the wall clock when it began and ended."


@asynccontextmanager
async def on_the_line(ari: AriClient, leg: str, media_url: str) -> AsyncIterator[MediaSession]:
    """The leg answered, and in a bridge with a socket for sound; all of it is gone afterwards. Raises MediaLost."""
    name = f"voice-{leg.replace(';', '-')}"
    channel = MediaChannel(ari, f"{name}-media", media_url, ari.app)
    try:
        await ari.call("bridges.createWithId", bridgeId=name, type="mixing", name="voice agent")
        media = await channel.open()
        await channel.seat(name)
        await ari.call("bridges.addChannel", bridgeId=name, channel=leg)
        reply = await ari.call("channels.answer", channelId=leg)
        if not reply.ok:
            raise MediaLost(f"the leg can't be answered: {reply.message}")
        yield media
    finally:
        await channel.close()
        await hang_up(ari, leg)
        await ari.call("bridges.destroy", bridgeId=name)


class Conversation:
    """Runs once. Its tasks: the one that listens, and at most one that responds."""

    def __init__(self, media: MediaSession, speech: Speech, model: Model, desk: FrontDesk, show: Show) -> None:
        self._media = media
        self._speech = speech
        self._voice = Voice(speech.tts)
        self._model = model
        self._desk = desk
        self._show = show
        self._messages: list[Message] = []
        self._meanwhile: list[Message] = []
        "What the caller said while a tool was at work."
        self._is_acting = False
        self._response: asyncio.Task[None] | None = None
        self._happened: asyncio.Queue[Happening | None] = asyncio.Queue()
        self._words_by: float | None = None
        "When the words of a turn must be there; then the caller is asked to say it again."
        self._is_sent = False

    def leave(self) -> None:
        self._happened.put_nowait(None)

    async def run(self) -> None:
        """Greets and talks until the line is gone or it has to leave. Raises nothing."""
        ears = Ears(self._speech, await new_voice_activity(self._speech))
        hearing = (ears.recognise(self._happened.put_nowait), ears.tune())
        async with (
            beside(self._voice.work(), self._listen(ears), self._fill(ears), *hearing),
            asyncio.TaskGroup() as tasks,
        ):
            await asyncio.sleep(GREETS_AFTER)
            self._respond(tasks)
            while (event := await self._next()) is not None:
                await self._take(event, tasks)
            if self._response:
                self._response.cancel()

    async def _next(self) -> Happening | None:
        try:
            async with asyncio.timeout_at(self._words_by):
                return await self._happened.get()
        except TimeoutError:
            self._words_by = None
            return TimePassed()

    async def _take(self, event: Happening, tasks: asyncio.TaskGroup) -> None:
        if self._desk.is_away:
            return
        match event:
            case SpeechStarted():
                await self._hush()
            case SpeechEnded():
                self._words_by = _now() + WORDS_WITHIN
            case Said(text):
                await self._hush()
                await self._hear({"role": "user", "content": text})
                self._respond(tasks)
            case TimePassed() if not self._is_acting:
                self._response = tasks.create_task(self._until_lost(self._say(NOT_UNDERSTOOD)))

    # Hearing

    async def _listen(self, ears: Ears) -> None:
        async for pcm in self._media.audio():
            self._is_sent = True
            await ears.hear(pcm, self._happened.put_nowait)
        self.leave()

    async def _fill(self, ears: Ears) -> None:
        while True:
            await asyncio.sleep(GAP)
            if not self._is_sent:
                await ears.hear(SLIN16.silence(GAP), self._happened.put_nowait)
            self._is_sent = False

    async def _hear(self, message: Message) -> None:
        self._show(message, time.time(), time.time())
        if self._is_acting:
            self._meanwhile.append(message)
        else:
            await self._remember(message)

    # Thinking

    def _respond(self, tasks: asyncio.TaskGroup) -> None:
        if not self._is_acting:
            self._response = tasks.create_task(self._until_lost(self._think_and_speak()))

    async def _think_and_speak(self) -> None:
        """What the model says and does, until it leaves the floor to the caller or the caller to somebody else."""
        while not self._desk.is_away:
            message = await self._think()
            acts = bool(message.get("tool_calls"))
            if not acts:
                await self._remember(message)
            if text := message.get("content"):
                await self._say(text)
            if not acts:
                return
            await self._act(message)

    async def _think(self) -> Message:
        """A model that fails is a case for a human; after that there is nothing left to try."""
        try:
            return await self._model.answer(self._messages)
        except ProviderError:
            has_tried = any(message["role"] == "tool" for message in self._messages)
            return GIVING_UP if has_tried else NOT_WELL

    async def _act(self, message: Message) -> None:
        """Not interrupted by the caller: what was begun is carried through. A call of a tool is told with its result,
        what was said before it at once: the briefing may need it."""
        self._is_acting = True
        try:
            words = [said(message["content"])] if message.get("content") else []
            await self._desk.session.add_messages(words)
            self._show(message, time.time(), time.time())
            results = await call_tools(message, self._desk)
            await self._desk.session.add_messages([{**message, "content": None}, *results, *self._meanwhile])
            self._messages += [message, *results, *self._meanwhile]
        finally:
            self._is_acting = False
            self._meanwhile.clear()

    async def _remember(self, message: Message) -> None:
        """For the model, and for the briefing of whoever takes over."""
        self._messages.append(message)
        await self._desk.session.add_messages([message])

    # Speaking

    async def _say(self, text: str) -> None:
        """Returns when it was heard. Raises MediaLost, Speechless."""
        began = time.time()
        for sentence in sentences(text):
            async for pcm in self._voice.say(Line(Part.COURTESY, sentence)):
                await self._media.send(pcm)
        mark = await self._media.mark()
        try:
            async with asyncio.timeout(self._media.lead + MARK_GRACE):
                await asyncio.shield(mark.played)
        except TimeoutError:
            pass
        self._show(said(text), began, time.time())

    async def _hush(self) -> None:
        """Barge-in: silence at once, and what was about to be said is forgotten."""
        self._words_by = None
        if self._is_acting:
            return
        if self._response:
            self._response.cancel()
        try:
            await self._media.flush()
        except MediaLost:
            self.leave()

    async def _until_lost(self, speaking: Coroutine[Any, Any, None]) -> None:
        try:
            await speaking
        except (MediaLost, Speechless):
            self.leave()


def _now() -> float:
    return asyncio.get_running_loop().time()
