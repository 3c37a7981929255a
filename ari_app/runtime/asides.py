"""Words to one party alone, carried out: the bridge they are said in, and what is told of them."""

from __future__ import annotations

from functools import singledispatchmethod

import structlog

from ari_app.runtime.asking import repeatable, seat_new
from ari_app.runtime.ports import Ari, Briefing, Tell
from ari_app.transfer import commands as cmd
from ari_app.transfer import events as ev

log = structlog.get_logger(__name__)


class Asides:
    """The voice beside the briefing of one call."""

    def __init__(self, ari: Ari, tell: Tell, app: str) -> None:
        self._ari, self._tell, self._app = ari, tell, app

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

    @say.register
    async def _(self, do: cmd.Whisper, briefing: Briefing) -> None:
        """The sound first, then the way into the ear: a snoop that is there for the words only."""
        by = do.by
        try:
            if await self._open(by.bridge_id) and await briefing.ready_words(do.text, by.bridge_id, by.media_id):
                if await self._snoop(do):
                    await briefing.say_words(do.text, by.media_id)
        finally:
            await briefing.stop(by.media_id)
            self._tell(ev.WhisperOver(by.media_id))

    async def _snoop(self, do: cmd.Whisper) -> bool:
        """`out` is what the snooped channel hears; nothing is spied."""
        reply = await self._ari.call(
            "channels.snoopChannelWithId",
            channelId=do.supervisor,
            snoopId=do.by.snoop_id,
            app=self._app,
            spy="none",
            whisper="out",
        )
        if reply.ok or reply.exists:
            reply = await seat_new(self._ari, do.by.bridge_id, do.by.snoop_id)
        if not reply.ok:
            log.warning("no whisper to the supervisor", channel=do.supervisor, why=reply.message)
        return reply.ok

    async def _open(self, bridge_id: str) -> bool:
        bridge = {"bridgeId": bridge_id, "type": "mixing,dtmf_events", "name": "warm-transfer words"}
        reply = await repeatable(self._ari, "bridges.createWithId", **bridge)
        if not (reply.ok or reply.exists):
            log.warning("no bridge for words to one party", bridge=bridge_id, why=reply.message)
        return reply.ok or reply.exists
