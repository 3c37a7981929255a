"""Words to one party alone, carried out: the bridge they are said in, and what is told of them."""

from __future__ import annotations

from functools import singledispatchmethod

import structlog

from ari_app.runtime.ports import Ari, Briefing, Fate, Reply, Tell
from ari_app.transfer import commands as cmd
from ari_app.transfer import events as ev

log = structlog.get_logger(__name__)


class Asides:
    """The voice beside the briefing of one call."""

    def __init__(self, ari: Ari, tell: Tell) -> None:
        self._ari, self._tell = ari, tell

    @singledispatchmethod
    async def say(self, command: cmd.Aside, briefing: Briefing) -> None:
        """Carries the command out with the voice of the transfer's briefing."""
        raise NotImplementedError(type(command).__name__)

    @say.register
    async def _(self, do: cmd.PrepareWords, briefing: Briefing) -> None:
        is_ready = await self._open(do.bridge_id) and await briefing.ready_words(
            do.text, do.bridge_id, do.media_id, key=do.key
        )
        self._tell(ev.WordsReady(do.media_id) if is_ready else ev.WordsOver(do.media_id, heard=False))

    @say.register
    async def _(self, do: cmd.SayWords, briefing: Briefing) -> None:
        heard = await briefing.say_words(do.text, do.media_id, key=do.key)
        self._tell(ev.WordsOver(do.media_id, heard))

    async def _open(self, bridge_id: str) -> bool:
        reply = await self._create(bridge_id)
        if reply.fate is Fate.UNKNOWN:
            reply = await self._create(bridge_id)
        if not (reply.ok or reply.exists):
            log.warning("no bridge for words to the caller", bridge=bridge_id, why=reply.message)
        return reply.ok or reply.exists

    async def _create(self, bridge_id: str) -> Reply:
        return await self._ari.call(
            "bridges.createWithId", bridgeId=bridge_id, type="mixing,dtmf_events", name="warm-transfer words"
        )
