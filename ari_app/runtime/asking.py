"""How Asterisk is asked: what may be repeated is, and what has to wait for a channel waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from ari_app.runtime.ports import Ari, Fate, Reply

AGAIN = 0.2
"Seconds between two looks whether the connection is back."


SEAT_AGAIN = (0.001, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128)
"""Seconds between tries to bring a channel into a bridge. A media channel enters Stasis some 2 ms after its socket is
connected, a snoop a moment after it was made, and until then Asterisk 22 answers 422."""


async def repeatable(ari: Ari, operation: str, **parameters: Any) -> Reply:
    """Once more when nobody knows what became of it."""
    reply = await ari.call(operation, **parameters)
    if reply.fate is Fate.UNKNOWN:
        reply = await ari.call(operation, **parameters)
    return reply


async def seat_new(ari: Ari, bridge_id: str, channel_id: str) -> Reply:
    """A channel that was just made into the bridge."""
    for pause in (*SEAT_AGAIN, None):
        reply = await ari.call("bridges.addChannel", bridgeId=bridge_id, channel=channel_id)
        if reply.status != 422 or pause is None:
            break
        await asyncio.sleep(pause)
    return reply


class Asking:
    """By the hands of one call."""

    def __init__(self, ari: Ari, is_connected: Callable[[], bool]) -> None:
        self._ari, self._is_connected = ari, is_connected

    async def repeatable(self, operation: str, **parameters: Any) -> Reply:
        return await repeatable(self._ari, operation, **parameters)

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
