"""The wire between the app and Asterisk's HTTP port, as a proxy that a test can cut, hold and mend.

    async with WireCutter(lab.ari_url) as wire:
        app.environment["WARM_TRANSFER_ASTERISK__URL"] = wire.url
        wire.cut()                  # every connection is reset, and every new one
        wire.mend()
        wire.hold()                 # nothing passes, nothing is closed: half-open to both ends
        wire.mend()                 # what was held arrives

Events, REST and the briefing's audio share the port; `cut("/ari")` leaves the audio alone.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

EVERYTHING = "/"
_RESET = struct.pack("ii", 1, 0)
"SO_LINGER without a second to linger: closing sends RST, not FIN."


@dataclass(eq=False)
class _Connection:
    writers: list[asyncio.StreamWriter]
    path: str = ""

    def reset(self) -> None:
        for writer in self.writers:
            _reset(writer)


class WireCutter:
    """Use it as a context; leaving it closes all that is open."""

    def __init__(self, target: str) -> None:
        there = urlsplit(target)
        self._target = there.hostname or "127.0.0.1", there.port or 80
        self._cut: str | None = None
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._open: set[_Connection] = set()
        self._serving: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.url = ""
        "What the app is to use instead of the target."

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        host, port = self._server.sockets[0].getsockname()
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server:
            self._server.close()
        self.mend()
        while self._serving:
            for connection in self._open:
                connection.reset()
            await asyncio.wait(self._serving, timeout=0.1)

    def cut(self, path: str = EVERYTHING) -> None:
        """Resets what is open under this path, and whatever is opened until `mend`."""
        self._cut = path
        for connection in list(self._open):
            if connection.path.startswith(path):
                connection.reset()

    def hold(self) -> None:
        """Bytes stay where they are, in both directions and on new connections too."""
        self._flowing.clear()

    def mend(self) -> None:
        self._cut = None
        self._flowing.set()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None:
            raise AssertionError("asyncio serves connections in tasks")
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        connection = _Connection([writer])
        self._open.add(connection)
        try:
            await self._serve(connection, reader)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self._open.discard(connection)
            connection.reset()

    async def _serve(self, connection: _Connection, reader: asyncio.StreamReader) -> None:
        if self._cut == EVERYTHING:
            return
        request_line = await reader.readuntil(b"\n")
        connection.path = request_line.split(b" ")[1].decode()
        if self._cut is not None and connection.path.startswith(self._cut):
            return
        there, onward = await asyncio.open_connection(*self._target)
        connection.writers.append(onward)
        await self._forward(request_line, onward)
        await asyncio.gather(self._pump(reader, onward), self._pump(there, connection.writers[0]))

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(65_536):
            await self._forward(data, sink)
        sink.write_eof()

    async def _forward(self, data: bytes, sink: asyncio.StreamWriter) -> None:
        await self._flowing.wait()
        sink.write(data)
        await sink.drain()


def _reset(writer: asyncio.StreamWriter) -> None:
    opened = writer.get_extra_info("socket")
    if opened is not None:
        with suppress(OSError):
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()
