"""Telephones for tests, demo and benchmarks: signalling by SIPp, audio by a socket of our own, steered from asyncio.

    async with (
        Phone.listener(tone=2000, behaviour=Answer(after=0.5)) as supervisor,
        Phone.caller(lab_sip="127.0.0.1:5060", dial="hold", tone=1000) as caller,
    ):
        await caller.answered()
        await supervisor.invited()
        await supervisor.press("1")
        await caller.hears(2000)

A phone may have several calls, one after the other or at once: ``phone.calls``. What is asked of the phone is asked of
its current call: the one ``invited()`` gave last, else the latest. Every wait that fails says what happened instead.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Concatenate, NamedTuple, ParamSpec, TypeVar

from ari_app.testing import tones
from ari_app.testing.rtp import Recorder, RtpPort
from ari_app.testing.sipp import SipMessage, Sipp, ladder
from ari_app.testing.tones import Pcm

OVER = frozenset({"bye", "left", "cancelled", "rejected", "refused"})
"Reports after which a call is no more: hung up by them, by us; given up by them; turned down by us, by them."
_REASONS = {404: "Not Found", 480: "Temporarily Unavailable", 486: "Busy Here", 488: "Not Acceptable Here"}
_LINGER = 0.25


class Report(NamedTuple):
    at: float
    "Monotonic; the wire's own times are in ``phone.messages``."
    event: str
    message: SipMessage


class Call:
    """One call of a phone."""

    def __init__(self, phone: Phone, call_id: str, invite: SipMessage | None = None) -> None:
        self.phone = phone
        self.call_id = call_id
        self.invite = invite
        "As received; None for a call of our own."
        self.reports: list[Report] = []
        self.rtp = RtpPort()
        self.rtp.send_tone(phone.tone)
        self._waiting: list[tuple[frozenset[str], asyncio.Future[Report]]] = []
        self._one_at_a_time = asyncio.Lock()

    @property
    def heard(self) -> Recorder:
        return self.rtp.heard

    @property
    def over(self) -> bool:
        return any(report.event in OVER for report in self.reports)

    @property
    def up(self) -> bool:
        return self.saw("established") is not None and not self.over

    @property
    def status(self) -> int | None:
        """The code of the last response to a call of our own."""
        codes = [report.message.status for report in self.reports if report.message.status]
        return codes[-1] if codes else None

    def saw(self, *events: str) -> Report | None:
        return next((report for report in self.reports if report.event in events), None)

    # -- waiting

    async def rings(self, within: float = 5.0) -> Report:
        return await self._expect({"ringing"}, within)

    async def answered(self, within: float = 10.0) -> Report:
        return await self._expect({"established"}, within)

    async def refused(self, within: float = 10.0) -> int:
        """The SIP code the call was turned down with."""
        return (await self._expect({"refused"}, within)).message.status or 0

    async def cancelled(self, within: float = 10.0) -> Report:
        return await self._expect({"cancelled"}, within)

    async def ended(self, within: float = 10.0) -> Report:
        """However it ended: see OVER."""
        return await self._expect(OVER, within)

    async def hears(self, tone: int, within: float = 2.0, *, window: float = 0.06) -> float:
        """Waits until this tone dominates. Returns since when it has been heard."""
        await self._listen(f"{tone} Hz", within, lambda: self._hears_now(tone, window))
        return self.heard.onset(tone) or time.monotonic()

    async def hears_music(self, within: float = 2.0, *, window: float = 0.4) -> None:
        """Waits for sound that is neither silence nor one tone."""
        await self._listen("music", within, lambda: _is_music(self.heard.recent(window)))

    async def hears_silence(self, within: float = 2.0, *, lasting: float = 0.3) -> None:
        """Waits until nothing, or only silence, came for ``lasting`` seconds."""
        await self._listen("silence", within, lambda: self._silent_for(lasting))

    def _hears_now(self, tone: int, window: float) -> bool:
        return tones.contains(self.heard.recent(window), tone, at_least=tones.DOMINANT)

    def _silent_for(self, lasting: float) -> bool:
        since = time.monotonic() - lasting
        began = self.saw("established", "ringing", "invited")
        quiet = all(str(self.heard.sound(p)) == "silence" for p in self.heard.audio(since))
        return quiet and began is not None and began.at < since

    async def _listen(self, what: str, within: float, found: Callable[[], bool]) -> None:
        since = time.monotonic()
        while not found():
            if time.monotonic() > since + within:
                heard = "; ".join(map(str, self.heard.spans(since))) or "nothing"
                raise AssertionError(f"{self.phone.name} did not hear {what} within {within} s, but {heard}")
            await asyncio.sleep(0.01)

    async def _expect(self, events: set[str] | frozenset[str], within: float) -> Report:
        report = await self._next(frozenset(events) | OVER, within)
        if report.event not in events:
            raise AssertionError(f"{self.phone.name} waited for {_either(events)}, but: {report.event}")
        return report

    async def _next(self, events: frozenset[str], within: float) -> Report:
        seen = self.saw(*(events - OVER)) or self.saw(*events)
        if seen:
            return seen
        future: asyncio.Future[Report] = asyncio.get_running_loop().create_future()
        self._waiting.append((events, future))
        try:
            return await asyncio.wait_for(future, within)
        except TimeoutError:
            fate = "; SIPp is gone" if self.phone.sipp.lost else ""
            raise AssertionError(f"{self.phone.name} waited {within} s for {_either(events)}{fate}") from None

    def happened(self, event: str, message: SipMessage) -> None:
        """The phone passes SIPp's reports on."""
        report = Report(time.monotonic(), event, message)
        self.reports.append(report)
        if self.invite is None and message.media:
            self.rtp.remote = message.media
        if event in OVER:
            self.rtp.remote = None
            asyncio.get_running_loop().call_later(_LINGER, self.rtp.close)
        waiting, self._waiting = self._waiting, []
        for events, future in waiting:
            if event not in events:
                self._waiting.append((events, future))
            elif not future.done():
                future.set_result(report)

    # -- doing

    async def ring(self, *, early_media: bool = False) -> None:
        """180, or 183 with our audio."""
        if self.saw("established"):
            return
        if early_media:
            self._speak()
        await self._do("progress" if early_media else "ring", "progressed" if early_media else "rang")

    async def answer(self) -> None:
        """Returns at the ACK; at once when it has been answered before."""
        if self.saw("established"):
            return
        self._speak()
        await self._do("answer", "established")

    async def reject(self, code: int = 486, reason: str | None = None) -> None:
        await self._do("reject", "rejected", Code=code, Reason=reason or _REASONS.get(code, "No"))

    async def hang_up(self) -> None:
        """BYE; before the answer CANCEL, or 480 to a call that rings here. Returns at the other side's response."""
        if self.saw("established"):
            await self._do("bye", "left")
        elif self.invite is None:
            # a CANCEL has to wait for a provisional response (RFC 3261 section 9.1)
            await self._next(frozenset({"trying", "ringing"}) | OVER, 5.0)
            await self._do("cancel", "refused")
        else:
            await self.reject(480)

    async def press(self, digit: str, duration: float = 0.12) -> float:
        """Holds a key down in real time. Returns the moment its end left."""
        return await self.rtp.press(digit, duration)

    async def play(self, speech: Pcm | Path | str) -> float:
        """Says it, then goes back to its tone or to silence. Returns the moment the last frame left."""
        return await self.rtp.play(tones.read_wav(speech) if isinstance(speech, (str, Path)) else speech)

    def _speak(self) -> None:
        if self.invite is not None and not self.over:
            self.rtp.remote = self.invite.media

    async def _do(self, verb: str, done: str, **fields: object) -> None:
        """Tells SIPp one thing and waits until it has done it. Nothing happens to a call that is over.

        A call that was answered meanwhile takes any verb for "bye": who wanted to give up or turn it down leaves it.
        """
        async with self._one_at_a_time:
            if not self.over:
                self.phone.sipp.tell(self.call_id, verb, Port=self.rtp.port, **fields)
                await self._next(frozenset({done}) | OVER, 5.0)

    def story(self) -> str:
        """The reports and what was heard."""
        began = self.reports[0].at if self.reports else 0.0
        lines = [f"  {report.at - began:8.3f}  {report.event}" for report in self.reports]
        heard = [f"  {span.start - began:8.3f}  {span}" for span in self.heard.spans()]
        return "\n".join([f"call {self.call_id}", *lines, "heard", *(heard or ["  nothing"])])


def _either(events: Iterable[str]) -> str:
    return " or ".join(sorted(events))


def _is_music(pcm: Pcm) -> bool:
    """Mostly audible, and not one tone most of the time."""
    sounds = [tones.classify(pcm[i : i + tones.FRAME]) for i in range(0, len(pcm), tones.FRAME)]
    audible = [sound for sound in sounds if sound.kind in ("tone", "other")]
    if not sounds or len(audible) < 0.8 * len(sounds):
        return False
    commonest = max(Counter(audible).items(), key=lambda item: item[1])
    return commonest[0].kind == "other" or commonest[1] < 0.7 * len(audible)


Behaviour = Callable[[Call], Awaitable[None]]
"What a listener does with a call; any coroutine function will do."


@dataclass(frozen=True)
class Answer:
    after: float = 0.0
    "Seconds of ringing."
    ringing: bool = True
    early_media: bool = False
    "183 with audio in place of 180."
    hang_up_after: float | None = None

    async def __call__(self, call: Call) -> None:
        if self.ringing or self.early_media:
            await call.ring(early_media=self.early_media)
        await asyncio.sleep(self.after)
        await call.answer()
        if self.hang_up_after is not None:
            await asyncio.sleep(self.hang_up_after)
            await call.hang_up()


@dataclass(frozen=True)
class Ring:
    """Rings until it is told something else, or given up."""

    early_media: bool = False

    async def __call__(self, call: Call) -> None:
        await call.ring(early_media=self.early_media)


@dataclass(frozen=True)
class Reject:
    code: int = 486
    reason: str | None = None
    after: float | None = None
    "Seconds of ringing; None: at once, without."

    async def __call__(self, call: Call) -> None:
        if self.after is not None:
            await call.ring()
            await asyncio.sleep(self.after)
        await call.reject(self.code, self.reason)


async def ignore(call: Call) -> None:
    """Not even 100."""


P = ParamSpec("P")
T = TypeVar("T")


def _current(
    method: Callable[Concatenate[Call, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[Phone, P], Coroutine[Any, Any, T]]:
    """The same verb on a phone: its current call is asked; if there is none yet, the first is waited for."""

    async def ask(phone: Phone, /, *args: P.args, **kwargs: P.kwargs) -> T:
        await phone.called()
        return await method(phone.call, *args, **kwargs)

    ask.__doc__ = method.__doc__
    return ask


class Phone:
    """Use ``caller`` or ``listener``, and ``async with``: leaving it ends the calls and SIPp, whatever happened."""

    def __init__(self, role: str, name: str, tone: int | None, *, lab_sip: str | None = None) -> None:
        self.name = name
        self.calls: list[Call] = []
        self.sipp = Sipp(role, remote=lab_sip, report=self._report)
        self._tone = tone
        self._port: int | None = None
        self._invited = 0
        self._current: Call | None = None
        self._arrival = asyncio.Event()
        self._behaving: set[asyncio.Future[None]] = set()
        self._first: tuple[str, str] | None = None
        self.behaviour: Behaviour | Sequence[Behaviour] = Answer()
        "For each new call; of a sequence, the n-th for the n-th call and the last for all after it."

    @classmethod
    def caller(
        cls,
        *,
        lab_sip: str,
        dial: str | None,
        number: str = "+14155550123",
        tone: int | None = None,
        name: str = "caller",
    ) -> Phone:
        """Dials on entering; without ``dial`` it waits for ``place``."""
        phone = cls("caller", name, tone, lab_sip=lab_sip)
        phone._first = (dial, number) if dial else None
        return phone

    @classmethod
    def listener(
        cls,
        *,
        port: int | None = None,
        tone: int | None = None,
        behaviour: Behaviour | Sequence[Behaviour] | None = None,
        name: str = "listener",
    ) -> Phone:
        """Takes calls on a free port, or on ``port``. ``tone=None`` answers and is silent."""
        phone = cls("listener", name, tone)
        phone._port = port
        phone.behaviour = behaviour or Answer()
        return phone

    async def __aenter__(self) -> Phone:
        await self.sipp.start(self._port)
        if self._first:
            self.place(*self._first)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            error.add_note(self.story())
        for task in self._behaving:
            task.cancel()
        failed = await asyncio.gather(*self._behaving, return_exceptions=True)
        await asyncio.gather(*(self._let_go(call) for call in self.calls))
        await self.sipp.stop()
        for call in self.calls:
            call.rtp.close()
        for failure in failed:
            if error is None and isinstance(failure, Exception):
                raise failure

    async def _let_go(self, call: Call) -> None:
        with suppress(AssertionError, TimeoutError):
            await asyncio.wait_for(call.hang_up(), 1.0)

    def place(self, dial: str, number: str = "+14155550123", *, name: str = "Caller") -> Call:
        """One more call from this phone."""
        call = Call(self, f"{uuid.uuid4()}@127.0.0.1")
        self.calls.append(call)
        self.sipp.tell(call.call_id, "dial", Dial=dial, Number=number, Name=name, Port=call.rtp.port)
        return call

    async def invited(self, within: float = 10.0) -> Call:
        """The next call that came in; each is given once, and is the current one from then on."""
        await self.called(within, calls=self._invited + 1)
        self._current = self.calls[self._invited]
        self._invited += 1
        return self._current

    async def called(self, within: float = 10.0, *, calls: int = 1) -> None:
        """Waits until there have been this many calls."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                while len(self.calls) < calls:
                    self._arrival.clear()
                    await self._arrival.wait()
        if len(self.calls) < calls:
            raise AssertionError(f"{self.name} was not called within {within} s")

    def _report(self, call_id: str, event: str, message: SipMessage) -> None:
        call = next((call for call in reversed(self.calls) if call.call_id == call_id), None)
        if call is None and event == "invited":
            call = Call(self, call_id, message)
            self._take(call)
        if call is not None:
            call.happened(event, message)

    def _take(self, call: Call) -> None:
        choice = self.behaviour
        behaviour = choice[min(len(self.calls), len(choice) - 1)] if isinstance(choice, Sequence) else choice
        self.calls.append(call)
        self._arrival.set()
        task = asyncio.ensure_future(behaviour(call))
        self._behaving.add(task)
        task.add_done_callback(self._behaved)

    def _behaved(self, task: asyncio.Future[None]) -> None:
        """Failures are kept for the end, the rest forgotten."""
        if not task.cancelled() and task.exception() is None:
            self._behaving.discard(task)

    # -- the current call

    rings = _current(Call.rings)
    answered = _current(Call.answered)
    refused = _current(Call.refused)
    cancelled = _current(Call.cancelled)
    ended = _current(Call.ended)
    hears = _current(Call.hears)
    hears_music = _current(Call.hears_music)
    hears_silence = _current(Call.hears_silence)
    ring = _current(Call.ring)
    answer = _current(Call.answer)
    reject = _current(Call.reject)
    hang_up = _current(Call.hang_up)
    press = _current(Call.press)
    play = _current(Call.play)

    @property
    def call(self) -> Call:
        """Raises AssertionError when there has been none."""
        if self._current is None and not self.calls:
            raise AssertionError(f"{self.name} has no call")
        return self._current or self.calls[-1]

    @property
    def heard(self) -> Recorder:
        return self.call.heard

    @property
    def tone(self) -> int | None:
        """What it sends when it has nothing to say; None is silence."""
        return self._tone

    @tone.setter
    def tone(self, tone: int | None) -> None:
        self._tone = tone
        for call in self.calls:
            call.rtp.send_tone(tone)

    @property
    def sip_uri(self) -> str:
        return f"sip:2001@127.0.0.1:{self.sipp.port}"

    def endpoint(self, user: str = "2001") -> str:
        """For the lab's endpoint that reaches any loopback address."""
        return f"PJSIP/lab/sip:{user}@127.0.0.1:{self.sipp.port}"

    @property
    def messages(self) -> list[SipMessage]:
        """The SIP ladder of all calls."""
        return self.sipp.messages()

    def story(self) -> str:
        messages = self.messages
        steps = ladder(messages, messages[0].at if messages else 0.0)
        return "\n".join([f"--- {self.name}", steps, *(call.story() for call in self.calls)])
