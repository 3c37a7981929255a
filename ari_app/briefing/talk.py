"""Carries out one dialogue over one media session: events in, sound and decisions out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any

import structlog

from ari_app.briefing.dialogue import Dialogue
from ari_app.briefing.speech import Ears
from ari_app.briefing.tones import ToneDetector
from ari_app.briefing.turns import (
    Accept,
    Action,
    AnswerEnded,
    AnswerSentence,
    Ask,
    Decline,
    GiveUp,
    Happening,
    Hush,
    Line,
    LineOpened,
    Part,
    Pressed,
    Say,
    SpeakingBegan,
    Spoken,
    SummaryArrived,
    TimePassed,
    ToneHeard,
    Voicemail,
)
from ari_app.briefing.voice import Speechless, Voice
from ari_app.errors import ProviderError
from ari_app.media.audio import SLIN16
from ari_app.media.session import MediaLost, MediaSession
from ari_app.runtime.ports import Tell
from ari_app.transfer.events import (
    BriefingAccepted,
    BriefingDeclined,
    BriefingExhausted,
    BriefingFailed,
    BriefingStarted,
    Event,
    MediaOut,
    VoicemailDetected,
)

log = structlog.get_logger(__name__)

MARK_GRACE = 2.0
"Seconds after the reckoned end of the sound when a mark that has not come is taken for reached."
GAP = 0.1
"Seconds without audio from the supervisor's side that count as so much silence."
SILENCE = bytes(int(SLIN16.rate * GAP) * 2)

Answer = Callable[[str, Sequence[str]], AsyncIterator[str]]
"Answers a question of the supervisor, who has heard so much of the briefing, sentence by sentence; raises anything."


class Talk:
    """Runs once; ends with a decision told, or without one when it was told to `leave`."""

    def __init__(
        self,
        media_id: str,
        dialogue: Dialogue,
        voice: Voice,
        ears: Ears,
        keys_only: Line,
        tell: Tell,
        answer: Answer | None = None,
    ) -> None:
        """`keys_only` asks instead of the question when words can't be understood."""
        self.media_id = media_id
        self.is_over = False
        "Decided, failed, or left."
        self.is_handed_over = False
        "The media channel is somebody else's to close."
        self.has_left = asyncio.Event()
        "Nothing of the talk touches the media any more."
        self._dialogue = dialogue
        self._voice = voice
        self._ears = ears
        self._keys_only = keys_only
        self._tell = tell
        self._answer = answer
        self._tones = ToneDetector(SLIN16.rate)
        self._happened: asyncio.Queue[Happening | None] = asyncio.Queue()
        self._to_say: asyncio.Queue[Say] = asyncio.Queue()
        self._speaker: asyncio.Task[None] | None = None
        self._answerer: asyncio.Task[None] | None = None
        self._has_begun = False
        self._is_sent = False
        "The supervisor's phone has sent audio since the last look."
        self._last_said: tuple[int, float] | None = None
        "Number of the last line sent, and when it should have been heard."

    def press(self, digit: str) -> None:
        self._happened.put_nowait(Pressed(digit))

    def bring_summary(self, lines: tuple[Line, ...], short: tuple[Line, ...] = ()) -> None:
        """`short` is the same in a sentence or two."""
        self._happened.put_nowait(SummaryArrived(lines, short))

    def leave(self, *, hand_over: bool = False) -> None:
        """Ends the talk without a decision: not one more frame is sent after this returns."""
        self.is_over = True
        self.is_handed_over = hand_over
        self._fall_silent()
        self._happened.put_nowait(None)

    async def run(self, session: MediaSession) -> None:
        """Talks until the end and leaves nothing running. Raises nothing that the dialogue could not tell."""
        if self.is_over:
            return
        ears, tell = self._ears, self._happened.put_nowait
        async with (
            beside(self._voice.work(), self._listen(session), self._fill(), ears.recognise(tell), ears.tune()),
            asyncio.TaskGroup() as tasks,
        ):
            await self._converse(session, tasks)
            self._fall_silent()

    async def _listen(self, session: MediaSession) -> None:
        async for pcm in session.audio():
            self._is_sent = True
            await self._hear(pcm)
        self._lose()

    async def _hear(self, pcm: bytes) -> None:
        if not self._dialogue.humanity.is_human and self._tones.feed(pcm):
            self._happened.put_nowait(ToneHeard())
        await self._ears.hear(pcm, self._happened.put_nowait)

    async def _fill(self) -> None:
        """What nobody sends is silence: phones with voice activity detection stop sending, and Asterisk (22.9 and
        later) adds nothing; without it no turn of theirs would end."""
        while True:
            await asyncio.sleep(GAP)
            if not self._is_sent:
                await self._hear(SILENCE)
            self._is_sent = False

    async def _converse(self, session: MediaSession, tasks: asyncio.TaskGroup) -> None:
        event: Happening | None = LineOpened()
        while event is not None and not self.is_over:
            for action in self._dialogue.step(event, _now()):
                await self._do(action, session, tasks)
            if not self.is_over:
                event = await self._next()

    async def _next(self) -> Happening | None:
        """What happens next: something told, the dialogue's deadline, or a mark that is overdue."""
        deadlines = [self._dialogue.deadline, self._last_said[1] if self._last_said else None]
        try:
            async with asyncio.timeout_at(min((at for at in deadlines if at is not None), default=None)):
                return await self._happened.get()
        except TimeoutError:
            return self._overdue()

    def _overdue(self) -> Happening:
        if self._last_said is None or self._last_said[1] > _now():
            return TimePassed()
        number, _ = self._last_said
        self._last_said = None
        return Spoken(number)

    async def _do(self, action: Action, session: MediaSession, tasks: asyncio.TaskGroup) -> None:
        match action:
            case Say():
                self._to_say.put_nowait(action)
                if self._speaker is None:
                    self._speaker = tasks.create_task(self._speak(session))
            case Hush():
                await self._hush(session)
            case Ask():
                self._stop_answering()
                self._answerer = tasks.create_task(self._find_answer(action))
            case Accept():
                self._decide(BriefingAccepted(self.media_id))
            case Decline(reason, kind, suggestion):
                self._decide(BriefingDeclined(self.media_id, reason=reason, kind=kind.value, suggestion=suggestion))
            case Voicemail():
                self._decide(VoicemailDetected(self.media_id))
            case GiveUp():
                self._decide(BriefingExhausted(self.media_id))

    def _lose(self) -> None:
        """The line broke: the briefing may begin again on another one."""
        self._decide(MediaOut(self.media_id))
        self._happened.put_nowait(None)

    def _decide(self, decision: Event) -> None:
        if not self.is_over:
            self.is_over = True
            log.info("briefing decided", media_id=self.media_id, decision=type(decision).__name__)
            self._tell(decision)

    def _fail(self, reason: str) -> None:
        self._decide(BriefingFailed(self.media_id, reason))
        self._happened.put_nowait(None)

    # Answering

    async def _find_answer(self, ask: Ask) -> None:
        """Tells each sentence as it comes. What goes wrong is an answer that has ended."""
        try:
            if self._answer is not None:
                async for sentence in self._answer(ask.question, ask.heard):
                    self._happened.put_nowait(AnswerSentence(ask.ask, sentence))
        except ProviderError as error:
            log.warning("no answer to a question", reason=type(error).__name__)
        except Exception:
            log.exception("answering failed")
        self._happened.put_nowait(AnswerEnded(ask.ask))

    def _stop_answering(self) -> None:
        if self._answerer is not None:
            self._answerer.cancel()
        self._answerer = None

    # Speaking

    def _fall_silent(self) -> None:
        self._stop_speaking()
        self._stop_answering()

    async def _hush(self, session: MediaSession) -> None:
        self._fall_silent()
        try:
            await session.flush()
        except MediaLost:
            self._lose()

    def _stop_speaking(self) -> None:
        if self._speaker is not None:
            self._speaker.cancel()
        self._speaker, self._last_said = None, None
        self._to_say = asyncio.Queue()

    async def _speak(self, session: MediaSession) -> None:
        """Says what is asked for until it is hushed."""
        lines = self._to_say
        try:
            while True:
                await self._say(await lines.get(), session)
        except Speechless as error:
            self._fail(str(error))
        except MediaLost:
            self._lose()

    async def _say(self, say: Say, session: MediaSession) -> None:
        async for pcm in self._voice.say(self._wording(say.line)):
            await session.send(pcm)
            if pcm:
                self._begin()
        mark = await session.mark()
        mark.played.add_done_callback(lambda played: self._was_played(say, played))
        self._last_said = say.number, _now() + session.lead + MARK_GRACE

    def _wording(self, line: Line) -> Line:
        asks = line.part in (Part.QUESTION, Part.REPROMPT)
        return self._keys_only if asks and not self._ears.understands_words else line

    def _begin(self) -> None:
        if self._has_begun or self.is_over:
            return
        self._has_begun = True
        self._ears.is_attentive = True
        self._tell(BriefingStarted(self.media_id))
        self._happened.put_nowait(SpeakingBegan())

    def _was_played(self, say: Say, played: asyncio.Future[bool]) -> None:
        if not played.cancelled() and played.result():
            self._happened.put_nowait(Spoken(say.number))
            if self._last_said is not None and self._last_said[0] == say.number:
                self._last_said = None


async def say_once(session: MediaSession, voice: Voice, line: Line) -> None:
    """Says one line instead of whatever is being said, and returns when it was heard. Raises MediaLost, Speechless."""
    await session.flush()
    async with beside(voice.work(), _drain(session)):
        async for pcm in voice.say(line):
            await session.send(pcm)
        await (await session.mark()).played


@asynccontextmanager
async def beside(*work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Runs work beside the body and ends it with the body, whose exception comes out as it is, in no group."""
    error: Exception | None = None
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(each) for each in work]
        try:
            yield
        except Exception as raised:
            error = raised
        finally:
            for task in running:
                task.cancel()
    if error is not None:
        raise error


async def _drain(session: MediaSession) -> None:
    """Marks are told on the stream of audio."""
    async for _ in session.audio():
        pass


def _now() -> float:
    return asyncio.get_running_loop().time()
