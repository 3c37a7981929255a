"""Clearing away what was made in Asterisk; told when it was seen to be gone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from ari_app.runtime.ports import Ari, Fate, Tell
from ari_app.transfer import events as ev

log = structlog.get_logger(__name__)

LOOKS = {"bridges.destroy": ("bridges.get", "bridgeId"), "channels.hangup": ("channels.get", "channelId")}
"What was asked to go, and how to see whether it is gone."
LOOK_PAUSES = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
"Seconds between looks; what is still there then is swept after the next connection."
RELEASE_PAUSES = (0.1, 0.3, 1.0, 2.0)
"Seconds between tries to release what Asterisk does not answer for."

Beside = Callable[[Coroutine[Any, Any, None]], object]
"Runs something beside the commands, for as long as the call lives."


class Clearing:
    def __init__(self, ari: Ari, tell: Tell, beside: Beside) -> None:
        self._ari, self._tell, self._beside = ari, tell, beside

    async def release(self, operation: str, id: str, **parameters: Any) -> None:
        """Once in its turn; when Asterisk does not answer, again beside the other commands: a caller who is waiting
        to be moved does not wait for what is being cleared away."""
        reply = await self._ari.call(operation, **parameters)
        if reply.ok:
            self._beside(self._see_out(operation, id))
        elif reply.fate is Fate.UNKNOWN:
            self.later(operation, id, **parameters)
        else:
            self._tell(ev.Released(id))

    async def _see_out(self, operation: str, id: str) -> None:
        """Asterisk answers before the thing is gone, and does not always say when it is: an empty bridge has nobody who
        is told, and a phone that is being called has none yet."""
        question, name = LOOKS[operation]
        wanted: dict[str, Any] = {name: id}
        for pause in LOOK_PAUSES:
            await asyncio.sleep(pause)
            if not (await self._ari.call(question, **wanted)).ok:
                break
        self._tell(ev.Released(id))

    def later(self, operation: str, id: str, **parameters: Any) -> None:
        self._beside(self._again(operation, id, **parameters))

    async def _again(self, operation: str, id: str, **parameters: Any) -> None:
        """What Asterisk never answers for is swept after the next connection."""
        for pause in RELEASE_PAUSES:
            await asyncio.sleep(pause)
            reply = await self._ari.call(operation, **parameters)
            if reply.fate is not Fate.UNKNOWN:
                break
        else:
            log.warning("not released", id=id, why=reply.message)
        self._tell(ev.Released(id))
