"""One call of a telephone: what it is told, what it waits for, what it hears."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ari_app.testing import tones
from ari_app.testing.heard import Recorder
from ari_app.testing.rtp import RtpPort
from ari_app.testing.sipp import SipMessage
from ari_app.testing.tones import Pcm

if TYPE_CHECKING:
    from ari_app.testing.phone import Phone

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

    async def refer(self, to: str, subject: str = "please") -> int:
        """A blind REFER within the call, which goes on. Returns the code of the response; for a call that came in."""
        await self._do("refer", "referred", **{"Refer-To": f"<{to}>", "Subject": subject})
        return [report.message.status or 0 for report in self.reports if report.event == "referred"][-1]

    @property
    def progress(self) -> list[str]:
        """What NOTIFYs have told of the REFER, e.g. `SIP/2.0 180 Ringing`."""
        told: dict[str, str] = {}
        for message in self.phone.messages:
            if message.call_id == self.call_id and not message.sent and message.first_line.startswith("NOTIFY"):
                told.setdefault(message.headers["cseq"], message.body.strip().partition("\n")[0])
        return list(told.values())

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
