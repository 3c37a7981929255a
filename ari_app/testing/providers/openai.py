"""OpenAI on loopback: chat completions, speech, and realtime transcription.

async with OpenAIServer() as cloud:
    cloud.answers("The caller wants a refund.", to="refund", delay=0.2)     # prompts that contain "refund"
    cloud.hears("yes put them through", at=1.2)                             # once 1.2 s of audio have come
    llm = OpenAIChat(Options(api_key="k", base_url=cloud.url))
"""

from __future__ import annotations

import asyncio
import json
import math
import time
from base64 import b64decode
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from ari_app.testing.providers.server import HUGE, Fault, Handler, Line, LocalProvider

RATE = 24_000
HUM = (0x1234).to_bytes(2, "little")
"Every sample that is spoken."


@dataclass(frozen=True)
class Answer:
    text: str
    to: str
    "Part of the prompt it answers."
    delay: float
    "Seconds before the first word."
    tool: str = ""
    "Calls this tool, with `text` for its arguments, and says nothing."


class PromptServer(LocalProvider):
    """What the language models have in common: answers by prompt, given word by word."""

    def __init__(self) -> None:
        super().__init__()
        self._answers: list[Answer] = []
        self.calls_a_tool = False
        "Answers with a tool call instead of words."

    def answers(self, text: str, *, to: str = "", delay: float = 0.0) -> None:
        """The answer given last wins; without any it is "All is well."."""
        self._answers.insert(0, Answer(text, to, delay))

    def calls(self, tool: str, arguments: dict[str, Any], *, to: str = "") -> None:
        """Answers with a call of this tool; else as `answers`."""
        self._answers.insert(0, Answer(json.dumps(arguments), to, 0.0, tool))

    def answer_to(self, body: Any) -> Answer:
        prompt = json.dumps(body, ensure_ascii=False)
        return next((answer for answer in self._answers if answer.to in prompt), Answer("All is well.", "", 0.0))

    async def words(self, answer: Answer) -> AsyncIterator[Any]:
        """The pieces of an answer, with the faults of its content."""
        await asyncio.sleep(answer.delay)
        self.wrote_at = time.perf_counter()  # what went before has no words
        if self.commits(Fault.EMPTY):
            return
        if self.commits(Fault.NAN):
            yield math.nan
        if self.commits(Fault.HUGE_JSON):
            yield "x" * HUGE
        while True:
            for number, word in enumerate(answer.text.split(" ")):
                yield word if number == 0 else f" {word}"
            if not self.commits(Fault.ENDLESS):
                return
            await asyncio.sleep(0)


class OpenAIServer(PromptServer):
    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.2
        "Length of what is spoken, whatever the text."
        self.audio = bytearray()
        "All audio that came to be transcribed."
        self._script: list[tuple[float, str, float]] = []

    @property
    def url(self) -> str:
        return f"{super().url}/v1"

    def hears(self, text: str, *, at: float = 0.0, delay: float = 0.0) -> None:
        """Heard once `at` seconds of audio have come, or at a commit, `delay` seconds later."""
        self._script.append((at, text, delay))
        self._script.sort(key=lambda utterance: utterance[0])

    def refusal(self, status: int) -> dict[str, Any]:
        return {"error": {"message": f"refused with {status}", "type": "invalid_request_error", "code": None}}

    def routes(self) -> Iterable[tuple[str, str, Handler]]:
        yield "POST", "/v1/chat/completions", self._chat
        yield "POST", "/v1/audio/speech", self._speak
        yield "GET", "/v1/realtime", self._transcribe

    # Chat

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        if refusal := await self.admitted(request):
            return refusal
        body = self.seen[-1].body
        answer = self.answer_to(body)
        if not body.get("stream"):
            return web.json_response(_completion(answer))
        return await self.stream(request, self._chunks(answer), "text/event-stream")

    async def _chunks(self, answer: Answer) -> AsyncIterator[bytes]:
        yield _chunk({"role": "assistant", "content": ""})
        if self.calls_a_tool:
            answer = Answer("{}", "", 0.0, tool="connect")
        if answer.tool:
            yield _chunk({"tool_calls": [{"index": 0, **_call(answer)}]}, "tool_calls")
        else:
            async for word in self.words(answer):
                yield _chunk({"content": word})
            yield _chunk({}, "stop")
        yield b"data: [DONE]\n\n"

    # Speech

    async def _speak(self, request: web.Request) -> web.StreamResponse:
        if refusal := await self.admitted(request):
            return refusal
        return await self.stream(request, self._audio(), "audio/pcm")

    async def _audio(self) -> AsyncIterator[bytes]:
        whole = HUM * int(self.seconds * RATE)
        if self.commits(Fault.EMPTY):
            return
        step = 960
        if self.commits(Fault.ODD_LENGTH):
            whole, step = whole[:-1], 333
        for at in range(0, len(whole), step):
            yield whole[at : at + step]
        while self.commits(Fault.ENDLESS):
            yield whole

    # Realtime transcription

    async def _transcribe(self, request: web.Request) -> web.StreamResponse:
        if refusal := await self.admitted(request):
            return refusal
        line = Line(self, request)
        await line.open()
        try:
            await _Session(self, line).serve()
        except ConnectionError:  # a cut that a fault asked for
            pass
        return line.socket

    def due(self, seconds: float) -> tuple[float, str, float] | None:
        """The next utterance, taken from the script."""
        return self._script.pop(0) if self._script and self._script[0][0] <= seconds else None


class _Session:
    """One realtime transcription."""

    def __init__(self, cloud: OpenAIServer, line: Line) -> None:
        self._cloud = cloud
        self._line = line
        self._fed = 0
        self._item = 0
        self._ends_turns = True

    async def serve(self) -> None:
        await self._line.greet(_event("session.created", session={"type": "transcription", "id": "local"}))
        async for message in self._line.heard():
            await self._take(json.loads(message.data))

    async def _take(self, event: dict[str, Any]) -> None:
        match event["type"]:
            case "session.update":
                self._ends_turns = event["session"]["audio"]["input"].get("turn_detection") is not None
                await self._line.greet(_event("session.updated", session=event["session"]))
            case "input_audio_buffer.append":
                pcm = b64decode(event["audio"])
                self._fed += len(pcm)
                self._cloud.audio += pcm
                await self._hear_until(self._fed / 2 / RATE if self._ends_turns else -1.0)
            case "input_audio_buffer.commit":
                await self._hear_until(math.inf)

    async def _hear_until(self, seconds: float) -> None:
        while utterance := self._cloud.due(seconds):
            self._item += 1
            item = f"item_{self._item}"
            if self._ends_turns:
                await self._line.greet(_event("input_audio_buffer.speech_started", item_id=item, audio_start_ms=0))
                await self._line.greet(_event("input_audio_buffer.speech_stopped", item_id=item, audio_end_ms=0))
            await self._line.greet(_event("input_audio_buffer.committed", item_id=item, previous_item_id=None))
            await asyncio.sleep(utterance[2])
            await self._utter(utterance[1], item)

    async def _utter(self, text: str, item: str) -> None:
        commits = self._cloud.commits
        transcript: Any = math.nan if commits(Fault.NAN) else "" if commits(Fault.EMPTY) else text
        first = f"{text.split()[0]} "
        await self._line.say(_transcription("delta", item, delta=first))
        while commits(Fault.ENDLESS):
            await self._line.say(_transcription("delta", item, delta=first))
            await asyncio.sleep(0.001)
        for _ in range(2 if commits(Fault.DUPLICATE_FINALS) else 1):
            await self._line.say(_transcription("completed", item, transcript=transcript))


def _chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 0, "model": "local", "choices": [choice]}
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


def _completion(answer: Answer) -> dict[str, Any]:
    """The whole answer at once, for who does not stream."""
    said = {"content": None, "tool_calls": [_call(answer)]} if answer.tool else {"content": answer.text}
    finish = "tool_calls" if answer.tool else "stop"
    choice = {"index": 0, "message": {"role": "assistant", **said}, "finish_reason": finish}
    return {"id": "c", "object": "chat.completion", "created": 0, "model": "local", "choices": [choice]}


def _call(answer: Answer) -> dict[str, Any]:
    return {"id": "c1", "type": "function", "function": {"name": answer.tool, "arguments": answer.text}}


def _event(kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": kind, "event_id": "event_local", **fields}


def _transcription(kind: str, item: str, **fields: Any) -> dict[str, Any]:
    return _event(f"conversation.item.input_audio_transcription.{kind}", item_id=item, content_index=0, **fields)
