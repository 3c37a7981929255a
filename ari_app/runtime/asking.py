"""How Asterisk is asked by the hands of one call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from ari_app.runtime.ports import Ari, Fate, Reply

AGAIN = 0.2
"Seconds between two looks whether the connection is back."


class Asking:
    def __init__(self, ari: Ari, is_connected: Callable[[], bool]) -> None:
        self._ari, self._is_connected = ari, is_connected

    async def repeatable(self, operation: str, **parameters: Any) -> Reply:
        """Once more when nobody knows what became of it."""
        reply = await self._ari.call(operation, **parameters)
        if reply.fate is Fate.UNKNOWN:
            reply = await self._ari.call(operation, **parameters)
        return reply

    async def set(self, channel_id: str, name: str, value: str) -> None:
        await self._ari.call("channels.setChannelVar", channelId=channel_id, variable=name, value=value)

    async def set_lease(self, caller: str, seconds: float) -> None:
        """Asterisk itself takes the caller to extension `T` when nobody renews this (ASTERISK 22: exact to 20 ms)."""
        await self.set(caller, "TIMEOUT(absolute)", str(int(seconds)))

    async def until_connected(self) -> None:
        """While our events are not connected, a new channel finds no application and is gone at once."""
        while True:
            if self._is_connected():
                return
            await asyncio.sleep(AGAIN)


def why(what: str, reply: Reply) -> str:
    return f"{what}: {reply.message or 'no answer'}" + (f" ({reply.status})" if reply.status else "")
