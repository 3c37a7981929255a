"""Hearing with Deepgram: `DeepgramFlux`, which knows when a turn ends, and `DeepgramNova`, which is told by pauses.

The SDK's own sockets are those of the deprecated `websockets.legacy`: they compress audio, wait 10 s for a parting and
can't be given deadlines. It is given `Socket` instead, which it installs for the whole process.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from deepgram import AsyncDeepgramClient
from deepgram.environment import DeepgramClientEnvironment
from websockets.asyncio.client import ClientConnection, connect

from ari_app.briefing.ports import Heard, Listening
from ari_app.briefing.providers.border import Options, border, garbage, quiet
from ari_app.briefing.providers.hearing import CLOSE_WITHIN, Line, hearing, share
from ari_app.errors import ProviderError

RATE = 16_000
SILENCE = bytes(RATE // 10 * 2)
"100 ms; Flux has no keep-alive but audio."
END_OF_TURN_WITHIN = 1000
"Milliseconds of silence after which Flux ends a turn it would rather leave open."
PAUSE = 300
"Milliseconds of silence after which Nova takes what was said for final."
CLOUD = "https://api.deepgram.com"
PING = 5.0
"Seconds between pings, and for their answer."


class DeepgramFlux:
    """SpeechToText over listen.v2: words and ends of turn from one model."""

    rate = RATE

    def __init__(self, options: Options) -> None:
        self._options = options
        self._client = client_of(options)
        language = (options.language or "en").lower().split("-")[0]
        self._model = options.model or ("flux-general-en" if language == "en" else "flux-general-multi")
        self._hint = [language] if self._model.endswith("-multi") else None

    def listen(self) -> AbstractAsyncContextManager[Listening]:
        return hearing("deepgram", self._dial, self.rate, self._options.deadlines)

    async def aclose(self) -> None:
        """Nothing is kept open between two recognitions."""

    @asynccontextmanager
    async def _dial(self) -> AsyncIterator[Line]:
        async with self._client.listen.v2.connect(
            model=self._model,
            encoding="linear16",
            sample_rate=self.rate,
            eot_timeout_ms=END_OF_TURN_WITHIN,
            language_hint=self._hint,
        ) as socket:
            line = _FluxLine(socket)
            await line.receive()  # Connected; what comes instead is a refusal
            async with _parting(socket):
                yield line


class DeepgramNova:
    """SpeechToText over listen.v1: a turn ends with a pause, or when our voice activity says so."""

    rate = RATE

    def __init__(self, options: Options) -> None:
        self._options = options
        self._client = client_of(options)

    def listen(self) -> AbstractAsyncContextManager[Listening]:
        return hearing("deepgram", self._dial, self.rate, self._options.deadlines)

    async def aclose(self) -> None:
        """Nothing is kept open between two recognitions."""

    @asynccontextmanager
    async def _dial(self) -> AsyncIterator[Line]:
        # The query is text: the SDK would write a boolean as "True", which Deepgram does not understand.
        async with self._client.listen.v1.connect(
            model=self._options.model or "nova-3",
            language=self._options.language or "en",
            encoding="linear16",
            sample_rate=str(self.rate),
            channels="1",
            interim_results="true",
            endpointing=str(PAUSE),
            utterance_end_ms="1000",
        ) as socket:
            line = _NovaLine(socket)
            await line.keep_alive()  # the first message connects
            async with _parting(socket):
                yield line


class _FluxLine:
    reports_silence = True

    def __init__(self, socket: Any) -> None:
        self.is_owing = False
        self._socket = socket
        self._ended = -1
        "Index of the last turn that was told; it can't end twice."

    async def send(self, pcm: bytes) -> None:
        await self._socket.send_media(pcm)

    async def end_turn(self) -> None:
        """Flux knows better: a pause in "yes … put them through" is no end."""

    async def keep_alive(self) -> None:
        await self._socket.send_media(SILENCE)

    async def receive(self) -> Sequence[Heard]:
        message = await self._socket.recv()
        if _kind(message) != "TurnInfo":
            return ()
        text = _words(message)
        is_end = message.event == "EndOfTurn"
        self.is_owing = bool(text) and not is_end
        if not text or message.turn_index == self._ended:
            return ()
        self._ended = message.turn_index if is_end else self._ended
        return (Heard(text, is_end, _mean([word.confidence for word in message.words or ()])),)


class _NovaLine:
    reports_silence = True

    def __init__(self, socket: Any) -> None:
        self.is_owing = False
        self._socket = socket
        self._said: list[Heard] = []
        "Settled words of the turn that goes on."
        self._settled_until = 0.0
        "Seconds of audio; a repeated result settles nothing new."

    async def send(self, pcm: bytes) -> None:
        await self._socket.send_media(pcm)

    async def end_turn(self) -> None:
        await self._socket.send_finalize()

    async def keep_alive(self) -> None:
        await self._socket.send_keep_alive()

    async def receive(self) -> Sequence[Heard]:
        message = await self._socket.recv()
        match _kind(message):
            case "UtteranceEnd":
                return self._turn()
            case "Results":
                return self._results(message)
        return ()

    def _results(self, message: Any) -> Sequence[Heard]:
        alternative = message.channel.alternatives[0]
        heard = Heard(_words(alternative), False, share(alternative.confidence))
        if not message.is_final:
            self.is_owing = self.is_owing or bool(heard.text)
            return (_joined([*self._said, heard]),) if heard.text else ()
        self._settle(heard, message.start + message.duration)
        return self._turn() if message.speech_final or message.from_finalize else ()

    def _settle(self, heard: Heard, until: float) -> None:
        if heard.text and until > self._settled_until:
            self._said.append(heard)
            self._settled_until = until

    def _turn(self) -> Sequence[Heard]:
        """The turn is over."""
        said, self._said, self.is_owing = self._said, [], False
        return (_joined(said, final=True),) if said else ()


class Socket:
    """A websocket as the SDK wants it made: at once, without waiting. It connects when it is first used."""

    def __init__(self, url: str, headers: dict[str, str]) -> None:
        self._url = url
        self._headers = headers
        self._connection: ClientConnection | None = None

    async def send(self, data: str | bytes) -> None:
        await (await self._connected()).send(data)

    async def recv(self) -> str | bytes:
        return await (await self._connected()).recv()

    async def __aiter__(self) -> AsyncIterator[str | bytes]:
        async for message in await self._connected():
            yield message

    async def close(self) -> None:
        if self._connection is not None:
            await self._connection.close()

    async def _connected(self) -> ClientConnection:
        if self._connection is None:
            self._connection = await connect(
                self._url,
                additional_headers=self._headers,
                compression=None,
                open_timeout=None,
                close_timeout=CLOSE_WITHIN,
                ping_interval=PING,
                ping_timeout=PING,
            )
        return self._connection


def client_of(options: Options) -> AsyncDeepgramClient:
    """Raises ProviderError if the options can't be used."""
    quiet(("deepgram", "websockets", "httpx", "httpcore"))
    web = (options.base_url or CLOUD).rstrip("/")
    parts = urlsplit(web)
    sockets = urlunsplit(parts._replace(scheme={"http": "ws", "https": "wss"}.get(parts.scheme, parts.scheme)))
    environment = DeepgramClientEnvironment(base=web, production=sockets, agent=sockets, agent_rest=web)
    with border("deepgram"):
        try:
            return AsyncDeepgramClient(api_key=options.api_key, environment=environment, transport_factory=Socket)
        except RuntimeError:  # somebody else in this process has given the SDK a transport: it serves us as well
            return AsyncDeepgramClient(api_key=options.api_key, environment=environment)


@asynccontextmanager
async def _parting(socket: Any) -> AsyncIterator[None]:
    """Takes leave, so that nothing more is transcribed and charged for."""
    try:
        yield
    finally:
        with suppress(Exception):
            async with asyncio.timeout(CLOSE_WITHIN):
                await socket.send_close_stream()


def _kind(message: Any) -> str:
    """The type of a message; the SDK leaves one it does not know a dictionary."""
    kind = message.get("type") if isinstance(message, dict) else getattr(message, "type", None)
    if kind == "Error":
        raise ProviderError("deepgram reports an error")
    if not isinstance(kind, str):
        raise garbage("deepgram", "without a type")
    return kind


def _words(holder: Any) -> str:
    """The SDK checks nothing, so a transcript may be anything."""
    text = holder.transcript
    if not isinstance(text, str):
        raise garbage("deepgram", "a transcript that is no text")
    return text.strip()


def _joined(said: Sequence[Heard], *, final: bool = False) -> Heard:
    return Heard(" ".join(part.text for part in said), final, min(part.confidence for part in said))


def _mean(confidences: Sequence[object]) -> float:
    return sum(map(share, confidences)) / len(confidences) if confidences else 1.0
