"""A fake of Asterisk's chan_websocket: a real WebSocket server that speaks the wire language, and the ARI beside it.

It behaves as Asterisk was measured to: the connection id is the only key, a channel enters Stasis when its socket is
connected, audio before the room is lost, a flush drops marks, hanging up ends the socket and the other way round. Time
stands still: nothing is played until `play`, unless the leg `plays_at_once` or the fake is made with `real_time`.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections import deque
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Self

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from ari_app.media.audio import FORMATS, FRAME_SECONDS
from ari_app.runtime.ports import Fate, Reply, Snapshot

XOFF, XON, FULL = 900, 800, 1000
"Frames."


class FakeMediaLeg:
    """One externalMedia channel, seen from Asterisk's side."""

    def __init__(self, channel_id: str, format: str, changed: asyncio.Condition) -> None:
        self.channel_id = channel_id
        self.connection_id = str(uuid.uuid4())
        self.room_id: str | None = None
        self.plays_at_once = False
        self.received = bytearray()
        "All audio the app has sent."
        self.heard = bytearray()
        "What was played while in a room."
        self.commands: list[dict[str, Any]] = []
        self.queued_frames = 0
        self.socket: ServerConnection | None = None
        self._format = FORMATS[format]
        self._queue: deque[bytes | str] = deque()
        "Frames, and correlation ids of marks."
        self._changed = changed
        self._is_paused = False

    @property
    def flushes(self) -> int:
        return sum(command["command"] == "FLUSH_MEDIA" for command in self.commands)

    async def until(self, true: Callable[[FakeMediaLeg], Any]) -> None:
        """Waits until something is true of the leg; looked at after everything the app sends."""
        async with self._changed:
            await self._changed.wait_for(lambda: true(self))

    async def say(self, pcm: bytes) -> None:
        """Sends the supervisor's audio to the app, one message a frame."""
        assert self.socket is not None
        for start in range(0, len(pcm), self._format.frame_bytes):
            await self.socket.send(pcm[start : start + self._format.frame_bytes])

    async def play(self, seconds: float | None = None) -> None:
        """Lets time pass: plays queued audio, all by default, and tells the marks that are reached."""
        frames = len(self._queue) if seconds is None else round(seconds / FRAME_SECONDS)
        while self._queue and (frames > 0 or isinstance(self._queue[0], str)):
            item = self._queue.popleft()
            if isinstance(item, str):
                await self.tell("MEDIA_MARK_PROCESSED", correlation_id=item)
                continue
            frames -= 1
            self.queued_frames -= 1
            if self.room_id is not None:
                self.heard += item
        if self._is_paused and self.queued_frames < XON:
            self._is_paused = False
            await self.tell("MEDIA_XON")

    async def tell(self, event: str, **fields: Any) -> None:
        assert self.socket is not None
        await self.socket.send(json.dumps({"event": event, "channel_id": self.channel_id, **fields}))

    async def serve(self, socket: ServerConnection) -> None:
        """Runs until the socket is closed."""
        self.socket = socket
        await self.tell("MEDIA_START", format=self._format.name, optimal_frame_size=self._format.frame_bytes)
        try:
            while True:
                await self._take(await socket.recv())
                async with self._changed:
                    self._changed.notify_all()
        except ConnectionClosed:
            pass

    async def _take(self, message: bytes | str) -> None:
        if isinstance(message, bytes):
            await self._take_audio(message)
        elif len(message.encode()) <= 128:
            await self._take_command(json.loads(message))
        if self.plays_at_once:
            await self.play()

    async def _take_audio(self, pcm: bytes) -> None:
        self.received += pcm
        if self.queued_frames >= FULL:
            return
        size = self._format.frame_bytes
        self._queue += [pcm[at : at + size] for at in range(0, len(pcm) // size * size, size)]
        self.queued_frames += len(pcm) // size
        if self.queued_frames >= XOFF and not self._is_paused:
            self._is_paused = True
            await self.tell("MEDIA_XOFF")

    async def _take_command(self, command: dict[str, Any]) -> None:
        self.commands.append(command)
        match command["command"]:
            case "MARK_MEDIA":
                self._queue.append(command["correlation_id"])
            case "FLUSH_MEDIA":
                self._queue.clear()
                self.queued_frames = 0
            case "HANGUP" if self.socket is not None:
                await self.socket.close()


class FakeMediaAsterisk:
    """The WebSocket server and an Ari that knows media channels and rooms. Use it as a context."""

    def __init__(self, *, real_time: bool = False, plays_at_once: bool = False) -> None:
        self.legs: dict[str, FakeMediaLeg] = {}
        "Channels that exist, by id."
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.answers: dict[str, Reply] = {}
        "Operation → the reply it gets instead of being carried out."
        self.may_answer: dict[str, asyncio.Event] = {}
        "Operation → what its reply waits for."
        self.plays_at_once = plays_at_once
        self._changed = asyncio.Condition()
        self._real_time = real_time
        self._clock: asyncio.Task[None] | None = None
        self._server: Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await serve(self._connected, "127.0.0.1", 0, process_request=self._admit, compression=None)
        if self._real_time:
            self._clock = asyncio.create_task(self._tick())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        if self._clock is not None:
            self._clock.cancel()
        self._server.close()
        await self._server.wait_closed()

    @property
    def base_url(self) -> str:
        assert self._server is not None
        return f"ws://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def leg(self, channel_id: str) -> FakeMediaLeg:
        """The channel, as soon as it is in a room."""
        async with self._changed:
            await self._changed.wait_for(lambda: channel_id in self.legs and self.legs[channel_id].room_id)
        return self.legs[channel_id]

    async def call(self, operation: str, *, deadline: float = 2.0, **parameters: Any) -> Reply:
        """See the port Ari; operations that have nothing to do with media are refused."""
        self.calls.append((operation, parameters))
        if operation in self.may_answer:
            await self.may_answer[operation].wait()
        reply = self.answers.get(operation) or await self._carry_out(operation, parameters)
        async with self._changed:
            self._changed.notify_all()
        return reply

    async def snapshot(self) -> Snapshot:
        return Snapshot(started="fake", ours=frozenset(self.legs))

    async def _carry_out(self, operation: str, given: dict[str, Any]) -> Reply:
        match operation:
            case "channels.externalMedia":
                return self._create(given["channelId"], given["format"])
            case "bridges.addChannel":
                return self._seat(given["channel"], given["bridgeId"])
            case "channels.hangup":
                return await self._hang_up(given["channelId"])
        return Reply(Fate.REFUSED, 404, message="not faked")

    def _create(self, channel_id: str, format: str) -> Reply:
        if channel_id in self.legs:
            return Reply(Fate.REFUSED, 409, message="the channel exists")
        leg = self.legs[channel_id] = FakeMediaLeg(channel_id, format, self._changed)
        leg.plays_at_once = self.plays_at_once
        variables = {"MEDIA_WEBSOCKET_CONNECTION_ID": leg.connection_id}
        return Reply(Fate.OK, 200, {"id": channel_id, "state": "Down", "channelvars": variables})

    def _seat(self, channel_id: str, room_id: str) -> Reply:
        leg = self.legs.get(channel_id)
        if leg is None:
            return Reply(Fate.REFUSED, 400, message="Channel not found")
        if leg.socket is None:
            return Reply(Fate.REFUSED, 422, message="Channel not in Stasis application")
        leg.room_id = room_id
        return Reply(Fate.OK, 204)

    async def _hang_up(self, channel_id: str) -> Reply:
        leg = self.legs.pop(channel_id, None)
        if leg is None:
            return Reply(Fate.REFUSED, 404, message="Channel not found")
        if leg.socket is not None:
            await leg.socket.close()
        return Reply(Fate.OK, 204)

    def _admit(self, socket: ServerConnection, request: Request) -> Response | None:
        leg = self._by_connection(request.path)
        if leg is None:
            return socket.respond(HTTPStatus.NOT_FOUND, "unknown connection id\n")
        return None if leg.socket is None else socket.respond(HTTPStatus.CONFLICT, "already connected\n")

    async def _connected(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        leg = self._by_connection(socket.request.path)
        if leg is None:
            return
        await leg.serve(socket)
        if self.legs.get(leg.channel_id) is leg:
            del self.legs[leg.channel_id]

    def _by_connection(self, path: str) -> FakeMediaLeg | None:
        return next((leg for leg in self.legs.values() if path == f"/media/{leg.connection_id}"), None)

    async def _tick(self) -> None:
        """One clock for all legs, on absolute deadlines."""
        loop = asyncio.get_running_loop()
        at = loop.time()
        while True:
            at += FRAME_SECONDS
            await asyncio.sleep(at - loop.time())
            for leg in [leg for leg in self.legs.values() if leg.socket is not None]:
                await leg.play(FRAME_SECONDS)
