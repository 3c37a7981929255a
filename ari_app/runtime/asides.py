"""Words to one party alone, carried out: the bridge they are said in, and what is told of them."""

from __future__ import annotations

import asyncio
from functools import singledispatchmethod

import structlog

from ari_app.runtime.ports import Ari, Briefing, Fate, Reply, Tell
from ari_app.transfer import commands as cmd
from ari_app.transfer import events as ev

log = structlog.get_logger(__name__)


SEAT_AGAIN = (0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128)
"Seconds between tries to bring the snoop into its bridge: until it is in Stasis, Asterisk answers 422."


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
        for pause in (0.0, *SEAT_AGAIN) if reply.ok or reply.exists else ():
            await asyncio.sleep(pause)
            reply = await self._ari.call("bridges.addChannel", bridgeId=do.by.bridge_id, channel=do.by.snoop_id)
            if reply.status != 422:
                break
        if not reply.ok:
            log.warning("no whisper to the supervisor", channel=do.supervisor, why=reply.message)
        return reply.ok

    async def _open(self, bridge_id: str) -> bool:
        reply = await self._create(bridge_id)
        if reply.fate is Fate.UNKNOWN:
            reply = await self._create(bridge_id)
        if not (reply.ok or reply.exists):
            log.warning("no bridge for words to one party", bridge=bridge_id, why=reply.message)
        return reply.ok or reply.exists

    async def _create(self, bridge_id: str) -> Reply:
        return await self._ari.call(
            "bridges.createWithId", bridgeId=bridge_id, type="mixing,dtmf_events", name="warm-transfer words"
        )
