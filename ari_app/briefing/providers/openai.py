"""OpenAI, and what is compatible with it: `OpenAIChat`, `OpenAISpeech`, `OpenAITranscription`.

Left to its defaults the SDK would wait ten minutes and try three times. Here it tries once, within the deadlines. Each
engine keeps one client with its warm connections; `aclose` it when it is not needed any more. Make engines at start:
the SDK loads each part when it is first touched, which the constructors do, lest it stalls everybody's sound in a call.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from typing import Any, cast

from openai import AsyncOpenAI, Timeout

from ari_app.briefing.ports import Heard, Listening
from ari_app.briefing.providers.border import Options, garbage, quiet, within_first
from ari_app.briefing.providers.hearing import CLOSE_WITHIN, Line, hearing
from ari_app.errors import ProviderError

LONGEST_ANSWER = 4_000
"Characters; a summary has a thousand."
LONGEST_SPEECH = 180
"Seconds; a summary takes sixty."
RATE = 24_000
"The only one OpenAI speaks and hears PCM at."
PIECE = RATE // 50 * 2
"Bytes of 20 ms."
PAUSE_MS = 300
"Milliseconds of silence that end a turn."
WITHOUT_TURNS = ("gpt-live-transcribe", "gpt-realtime-whisper")
"Transcribers that notice no end of turn: our voice activity tells it."
LONGEST_MESSAGE = 1_048_576


class OpenAIChat:
    """LanguageModel over chat completions; `base_url` may be any compatible server."""

    def __init__(self, options: Options) -> None:
        self._deadlines = options.deadlines
        self._client = client_of(options)
        self._completions = self._client.chat.completions
        # Thinking costs seconds. Only our own choice is told not to: other models and servers may not know the word.
        unthinking = {"model": "gpt-6-luna", "reasoning_effort": "none"}
        self._choice: Any = {"model": options.model} if options.model else unthinking

    async def complete(self, messages: Sequence[dict[str, str]]) -> AsyncGenerator[str, None]:
        """Raises ProviderError for an answer without words, without an end or without measure, too."""
        pieces, deadlines = self._pieces(messages), self._deadlines
        timely = within_first(pieces, provider="openai", first=deadlines.first_token, stall=deadlines.stall)
        async with aclosing(timely):
            async for piece in timely:
                yield piece

    async def aclose(self) -> None:
        await self._client.close()

    async def _pieces(self, messages: Sequence[dict[str, str]]) -> AsyncGenerator[str, None]:
        length, has_words, finish = 0, False, None
        stream = await self._completions.create(messages=cast(Any, list(messages)), stream=True, **self._choice)
        async with stream:
            async for chunk in stream:
                if not chunk.choices:
                    continue
                finish = chunk.choices[0].finish_reason or finish
                if piece := _words(chunk.choices[0].delta):
                    length, has_words = length + len(piece), has_words or not piece.isspace()
                    if length > LONGEST_ANSWER:
                        raise garbage("openai", "without end")
                    yield piece
        if not has_words:
            raise garbage("openai", "nothing")
        if finish is None:
            raise ProviderError("openai: the answer breaks off")
        if finish == "content_filter":
            raise garbage("openai", "words that its own filter stopped")


class OpenAISpeech:
    """TextToSpeech over the speech endpoint. OpenAI itself serves no model there after 6 January 2027 and names a
    realtime model instead, which may reword what it reads; compatible servers are unaffected."""

    rate = RATE

    def __init__(self, options: Options) -> None:
        self._deadlines = options.deadlines
        self._client = client_of(options)
        self._speech = self._client.audio.speech.with_streaming_response
        self._model = options.model or "gpt-4o-mini-tts"
        self._voice = options.voice or "alloy"

    async def synthesize(self, text: str) -> AsyncGenerator[bytes, None]:
        pieces, deadlines = self._pieces(text), self._deadlines
        timely = within_first(pieces, provider="openai", first=deadlines.first_audio, stall=deadlines.stall)
        async with aclosing(timely):
            async for piece in timely:
                yield piece

    async def aclose(self) -> None:
        await self._client.close()

    async def _pieces(self, text: str) -> AsyncGenerator[bytes, None]:
        """Pieces of 20 ms: audio that comes slower than the stall allows is none for a phone."""
        length = 0
        request = self._speech.create(model=self._model, voice=self._voice, input=text, response_format="pcm")
        async with request as response:
            if response.headers.get("content-type", "").partition("/")[0] in ("text", "image"):
                raise garbage("openai", "something else than audio")
            async for piece in response.iter_bytes(PIECE):
                if whole := piece[: len(piece) & ~1]:
                    length += len(whole)
                    yield whole
                if length > LONGEST_SPEECH * RATE * 2:
                    raise garbage("openai", "without end")
        if not length:
            raise garbage("openai", "nothing")


class OpenAITranscription:
    """SpeechToText over a realtime session that only transcribes. The server ends turns; for a model that does not,
    our voice activity does."""

    rate = RATE

    def __init__(self, options: Options) -> None:
        self._deadlines = options.deadlines
        self._client = client_of(options)
        self._realtime = self._client.realtime
        self._model = options.model or "gpt-transcribe"
        self._language = (options.language or "").split("-")[0]
        self._is_asked = self._model.startswith(WITHOUT_TURNS)

    def listen(self) -> AbstractAsyncContextManager[Listening]:
        return hearing("openai", self._dial, self.rate, self._deadlines)

    async def aclose(self) -> None:
        await self._client.close()

    @asynccontextmanager
    async def _dial(self) -> AsyncIterator[Line]:
        # Without `on_reconnecting` the SDK does not connect again by itself; its messages have no limit by default.
        limits: Any = {"max_size": LONGEST_MESSAGE, "compression": None, "close_timeout": CLOSE_WITHIN}
        async with self._realtime.connect(
            extra_query={"intent": "transcription"}, websocket_connection_options=limits
        ) as connection:
            await connection.session.update(session=self._session())
            line = _RealtimeLine(connection, self._is_asked)
            while not line.is_ready:
                await line.receive()
            yield line

    def _session(self) -> Any:
        transcription = {"model": self._model, **({"language": self._language} if self._language else {})}
        turns = None if self._is_asked else {"type": "server_vad", "silence_duration_ms": PAUSE_MS}
        heard = {
            "format": {"type": "audio/pcm", "rate": self.rate},
            "noise_reduction": {"type": "near_field"},
            "transcription": transcription,
            "turn_detection": turns,
        }
        return {"type": "transcription", "audio": {"input": heard}}


class _RealtimeLine:
    reports_silence = False

    def __init__(self, connection: Any, is_asked: bool) -> None:
        self.is_owing = False
        self.is_ready = False
        "The session is as we want it."
        self._connection = connection
        self._is_asked = is_asked
        self._begun: dict[str, str] = {}
        "Words so far of the turns that are not final, by item."
        self._ended: set[str] = set()
        "Items that were told; they can't end twice."

    async def send(self, pcm: bytes) -> None:
        await self._connection.input_audio_buffer.append(audio=b64encode(pcm).decode())

    async def end_turn(self) -> None:
        if self._is_asked:
            await self._connection.input_audio_buffer.commit()

    async def keep_alive(self) -> None:
        """A session lasts an hour by itself."""

    async def receive(self) -> Sequence[Heard]:
        event = await self._connection.recv()
        match event.type:
            case "session.updated" | "transcription_session.updated":
                self.is_ready = True
            case "input_audio_buffer.speech_started" | "input_audio_buffer.committed":
                self.is_owing = True
            case "conversation.item.input_audio_transcription.delta":
                return self._more(event.item_id, event.delta)
            case "conversation.item.input_audio_transcription.completed":
                return self._all(event.item_id, event.transcript)
            case "conversation.item.input_audio_transcription.failed":
                raise ProviderError("openai could not transcribe a turn")
            case "error" if event.error.code != "input_audio_buffer_commit_empty":
                raise ProviderError("openai reports an error", only_this_request=event.error.type != "server_error")
            case kind if not isinstance(kind, str):
                raise garbage("openai", "without a type")
        return ()

    def _more(self, item: str, words: Any) -> Sequence[Heard]:
        so_far = self._begun.get(item, "") + _text(words)
        if item in self._ended or len(so_far) > LONGEST_ANSWER:
            return ()
        self._begun[item] = so_far
        return (Heard(so_far.strip(), final=False),) if so_far.strip() else ()

    def _all(self, item: str, words: Any) -> Sequence[Heard]:
        text, self.is_owing = _text(words).strip(), False
        self._begun.pop(item, None)
        if item in self._ended or not text:
            return ()
        self._ended.add(item)
        return (Heard(text, final=True),)


def client_of(options: Options) -> AsyncOpenAI:
    """A client that tries once. A compatible server may need no key, the SDK needs one."""
    quiet(("openai", "httpx", "httpx2", "httpcore", "httpcore2", "websockets"))
    return AsyncOpenAI(
        api_key=options.api_key or "none",
        base_url=options.base_url,
        timeout=Timeout(options.deadlines.first_token, connect=options.deadlines.connect),
        max_retries=0,
    )


def _words(delta: Any) -> str:
    if delta.tool_calls or delta.function_call or getattr(delta, "refusal", None):
        raise garbage("openai", "with something else than words")
    return _text(delta.content) if delta.content is not None else ""


def _text(value: Any) -> str:
    """The SDK checks nothing, so words may be anything."""
    if not isinstance(value, str):
        raise garbage("openai", "words that are no text")
    return value
