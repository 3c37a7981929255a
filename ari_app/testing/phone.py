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
import uuid
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, TypeVar

from ari_app.testing.call import OVER, Call, Report
from ari_app.testing.heard import Recorder
from ari_app.testing.sipp import SipMessage, Sipp, ladder

__all__ = ["OVER", "Answer", "Behaviour", "Call", "Phone", "Reject", "Report", "Ring", "ignore"]

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
    refer = _current(Call.refer)
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
