"""uvicorn as a coroutine of ours: no signal handlers, no access log (paths and queries may hold numbers)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

from ari_app.errors import SettingsError

GRACE = 1
"Seconds that open requests, event streams above all, get at the end."


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals belong to the app."""
        yield


async def serve(app: ASGIApp, host: str, port: int, *, listener: socket.socket | None = None) -> None:
    """Serves until it is cancelled; connections and the port are free when it ends.

    `listener` is what `listen` gave earlier, for who wants to know that the address is free before anything else
    starts. Raises SettingsError, one line, when the address can't be had."""
    listener = listener or listen(host, port)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="none",
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE,
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]), name="http-server")
    try:
        await asyncio.shield(serving)
    finally:
        server.should_exit = True
        await asyncio.wait({serving}, timeout=GRACE + 1)
        serving.cancel()
        listener.close()


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises SettingsError naming `http.listen`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(1024)
    except OSError as error:
        listener.close()
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
        raise SettingsError(f"http.listen: {host}:{port}: {reason}; choose another address or port") from None
    listener.setblocking(False)
    return listener
