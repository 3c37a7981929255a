"""Deepgram on loopback: `/v1/listen` (Nova) and `/v2/listen` (Flux), with a script of what it hears when.

    async with DeepgramServer() as cloud:
        cloud.hears("yes put them through", at=1.2)         # once 1.2 s of audio have come
        stt = DeepgramFlux(Options(api_key="k", base_url=cloud.url))

Time is the time of the audio. As the real one it reports on silence, too, four times a second.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from aiohttp import WSMsgType, web

from ari_app.media.audio import tone_share
from ari_app.testing.providers.server import Fault, Handler, Line, LocalProvider

REPORT_EVERY = 0.25
"Seconds of audio."
DOMINANT = 0.5
"Of a message's energy: who speaks in it."


@dataclass(frozen=True)
class Utterance:
    at: float
    "Seconds of audio after which it is over."
    text: str
    delay: float
    "Seconds the cloud thinks about it."
    waits_to_be_asked: bool
    "Nova alone: final only after Finalize."
    over: float | None
    "Hz: heard only by a recognition in whose ears this tone is."


class DeepgramServer(LocalProvider):
    def __init__(self) -> None:
        super().__init__()
        self.controls: list[str] = []
        "Types of the control messages that came, in order: KeepAlive, Finalize, CloseStream …"
        self.audio = bytearray()
        "All audio that came, over all connections."
        self.recognitions: list[bytearray] = []
        "The same audio by recognition, in the order they were opened."
        self._script: list[Utterance] = []
        self._calls: set[_Call] = set()

    def hears(
        self,
        text: str,
        *,
        at: float = 0.0,
        delay: float = 0.0,
        waits_to_be_asked: bool = False,
        over: float | None = None,
    ) -> None:
        """Each utterance is heard once, whichever connection brings the audio; with `over`, one that brings a tone."""
        self._script.append(Utterance(at, text, delay, waits_to_be_asked, over))
        self._script.sort(key=lambda utterance: utterance.at)

    @property
    def unheard(self) -> list[str]:
        """What the script still has."""
        return [utterance.text for utterance in self._script]

    async def hang_up(self) -> None:
        """Ends every recognition that is open, politely."""
        for call in list(self._calls):
            await call.line.close()

    def refusal(self, status: int) -> dict[str, Any]:
        return {"err_code": "REFUSED", "err_msg": f"refused with {status}", "request_id": "local"}

    def routes(self) -> Iterable[tuple[str, str, Handler]]:
        yield "GET", "/v1/listen", self._nova
        yield "GET", "/v2/listen", self._flux

    async def _nova(self, request: web.Request) -> web.StreamResponse:
        return await self._serve(request, _NovaCall)

    async def _flux(self, request: web.Request) -> web.StreamResponse:
        return await self._serve(request, _FluxCall)

    async def _serve(self, request: web.Request, kind: type[_Call]) -> web.StreamResponse:
        if refusal := await self.admitted(request):
            return refusal
        line = Line(self, request)
        await line.open()
        call = kind(self, line, int(request.query.get("sample_rate", "16000")))
        self._calls.add(call)
        try:
            await call.serve()
        except ConnectionError:  # a cut that a fault asked for
            pass
        finally:
            self._calls.discard(call)
        return line.socket

    def due(self, seconds: float, pcm: bytes, rate: int) -> Utterance | None:
        """The next utterance for who hears this, taken from the script."""
        for utterance in self._script:
            if utterance.at > seconds:
                return None
            if utterance.over is None or tone_share(pcm, utterance.over, rate) > DOMINANT:
                self._script.remove(utterance)
                return utterance
        return None


class _Call:
    """One recognition. Subclasses speak the dialect."""

    def __init__(self, cloud: DeepgramServer, line: Line, rate: int) -> None:
        self.line = line
        self._cloud = cloud
        self._rate = rate
        self._audio = bytearray()
        cloud.recognitions.append(self._audio)
        self._fed = 0
        self._reported = 0.0
        self._sequence = 0
        self._turn = 0
        self._held: Utterance | None = None

    @property
    def _seconds(self) -> float:
        return self._fed / 2 / self._rate

    async def serve(self) -> None:
        await self.greet()
        async for message in self.line.heard():
            if message.type is WSMsgType.BINARY:
                await self._hear(message.data)
            else:
                await self._control(str(json.loads(message.data).get("type")))

    async def greet(self) -> None: ...

    async def report_silence(self) -> None: ...

    async def utter(self, utterance: Utterance) -> None: ...

    async def finalize(self) -> None: ...

    async def _hear(self, pcm: bytes) -> None:
        self._fed += len(pcm)
        self._cloud.audio += pcm
        self._audio += pcm
        while utterance := self._cloud.due(self._seconds, pcm, self._rate):
            await asyncio.sleep(utterance.delay)
            await self.utter(utterance)
            self._turn += 1
        if self._seconds - self._reported >= REPORT_EVERY:
            self._reported = self._seconds
            if not self._cloud.commits(Fault.STALL):
                await self.report_silence()

    async def _control(self, kind: str) -> None:
        self._cloud.controls.append(kind)
        if kind == "CloseStream":
            await self.line.close()
        if kind in ("Finalize", "ForceEndTurn"):
            await self.finalize()

    def _text(self, text: str) -> Any:
        if self._cloud.commits(Fault.NAN):
            return math.nan
        return "" if self._cloud.commits(Fault.EMPTY) else text

    def _times(self) -> int:
        return 2 if self._cloud.commits(Fault.DUPLICATE_FINALS) else 1


class _FluxCall(_Call):
    async def greet(self) -> None:
        await self.line.greet(self._message("Connected"))

    async def report_silence(self) -> None:
        await self.line.say(self._turn_info("Update", ""))

    async def utter(self, utterance: Utterance) -> None:
        text = self._text(utterance.text)
        first = text.split()[0] if isinstance(text, str) and text else text
        await self.line.say(self._turn_info("StartOfTurn", first))
        while self._cloud.commits(Fault.ENDLESS):
            await self.line.say(self._turn_info("Update", text))
            await asyncio.sleep(0.001)
        for _ in range(self._times()):
            await self.line.say({**self._turn_info("EndOfTurn", text), "trigger": "model"})

    def _turn_info(self, event: str, text: Any) -> dict[str, Any]:
        words = [{"word": word, "confidence": 0.9} for word in (text.split() if isinstance(text, str) else ())]
        return self._message(
            "TurnInfo",
            event=event,
            turn_index=self._turn,
            audio_window_start=0.0,
            audio_window_end=self._seconds,
            transcript=text,
            words=words,
            end_of_turn_confidence=0.9 if event == "EndOfTurn" else 0.1,
        )

    def _message(self, kind: str, **fields: Any) -> dict[str, Any]:
        self._sequence += 1
        return {"type": kind, "request_id": "local", "sequence_id": self._sequence - 1, **fields}


class _NovaCall(_Call):
    async def report_silence(self) -> None:
        await self.line.say(self._results("", is_final=False))

    async def utter(self, utterance: Utterance) -> None:
        text = self._text(utterance.text)
        await self.line.say(self._results(text, is_final=False))
        while self._cloud.commits(Fault.ENDLESS):
            await self.line.say(self._results(text, is_final=False))
            await asyncio.sleep(0.001)
        if utterance.waits_to_be_asked:
            self._held = utterance
            return
        for _ in range(self._times()):
            await self.line.say(self._results(text, is_final=True, speech_final=True))

    async def finalize(self) -> None:
        if self._held is not None:
            text, self._held = self._held.text, None
            for _ in range(self._times()):
                await self.line.say(self._results(text, is_final=True, from_finalize=True))

    def _results(self, text: Any, **flags: bool) -> dict[str, Any]:
        confidence = math.nan if self._cloud.commits(Fault.NAN) else 0.9
        model = {"name": "nova-3", "version": "local", "arch": "nova-3"}
        return {
            "type": "Results",
            "channel_index": [0, 1],
            "duration": self._seconds,
            "start": 0.0,
            "is_final": False,
            "speech_final": False,
            **flags,
            "channel": {"alternatives": [{"transcript": text, "confidence": confidence, "words": []}]},
            "metadata": {"request_id": "local", "model_uuid": "local", "model_info": model},
        }
