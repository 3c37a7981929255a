"""The assistant's voice in one call: the briefing of the transfer in flight, and its line to the supervisor."""

from __future__ import annotations

import asyncio
from functools import singledispatchmethod

import structlog

from ari_app.runtime.asking import Asking
from ari_app.runtime.clearing import Clearing
from ari_app.runtime.ports import Briefer, Briefing, Fate, Tell
from ari_app.transfer import commands as cmd
from ari_app.transfer import events as ev
from ari_app.transfer.model import Call

log = structlog.get_logger(__name__)

STOP = 1.0
"Seconds the briefing has to fall silent before its channel is hung up under it."
FAREWELL = 5.0
"Seconds a last sentence may take before the supervisor is hung up anyway."
INTRODUCTION = 5.0
"Seconds the line to caller and supervisor may take before the assistant is out anyway."


class Assistant:
    def __init__(self, briefer: Briefer, tell: Tell, asking: Asking, clearing: Clearing) -> None:
        self._briefer, self._tell, self._asking, self._clearing = briefer, tell, asking, clearing
        self._briefing: Briefing | None = None
        self._briefing_of = ""

    def open(self, call: Call) -> None:
        """The briefing of the transfer that these commands are for."""
        transfer = call.transfer if call.whispering else call.transfer_in_flight
        if transfer and transfer.transfer_id != self._briefing_of:
            self._briefing = self._briefer.open(call, transfer, self._tell)
            self._briefing_of = transfer.transfer_id

    def forget(self) -> None:
        """The transfer is over: seconds of sound go with it, and not with the call or the next collection of cycles."""
        self._briefing, self._briefing_of = None, ""

    @property
    def briefing(self) -> Briefing:
        if self._briefing is None:
            raise AssertionError("a briefing command without a transfer in flight")
        return self._briefing

    @singledispatchmethod
    async def do(self, command: cmd.ByAssistant) -> None:
        raise NotImplementedError(type(command).__name__)

    @do.register
    async def _(self, do: cmd.PrepareBriefing) -> None:
        await self.briefing.prepare()

    @do.register
    async def _(self, do: cmd.WarmBriefing) -> None:
        await self.briefing.warm(do.media_id)

    @do.register
    async def _(self, do: cmd.StartBriefing) -> None:
        if do.again:
            await self._asking.until_connected()
        await self.briefing.brief(do.attempt, do.room_id, do.media_id)

    @do.register
    async def _(self, do: cmd.PassKey) -> None:
        self.briefing.press(do.digit, do.media_id)

    @do.register
    async def _(self, do: cmd.StopBriefing) -> None:
        await self.silence(do.media_id)
        await self._confirm_out(do.media_id)

    @do.register
    async def _(self, do: cmd.Dismiss) -> None:
        try:
            async with asyncio.timeout(FAREWELL):
                await self.briefing.farewell(do.text, do.room_id, do.media_id)
        except TimeoutError:
            await self.silence(do.media_id)
        await self._confirm_out(do.media_id)
        await self._clearing.release("channels.hangup", do.channel_id, channelId=do.channel_id)

    @do.register
    async def _(self, do: cmd.Introduce) -> None:
        """The two talk whatever becomes of it; only the assistant must be out in the end."""
        try:
            async with asyncio.timeout(INTRODUCTION):
                await self.briefing.introduce(do.room_id, do.media_id)
        except Exception as error:
            log.warning("no introduction", media_id=do.media_id, reason=type(error).__name__)
            await self.silence(do.media_id)
        await self._confirm_out(do.media_id)

    async def silence(self, media_id: str) -> None:
        """The briefing's own stop is the quick way; the channel is hung up whatever becomes of that."""
        if self._briefing is None:
            return
        try:
            async with asyncio.timeout(STOP):
                await self._briefing.stop(media_id)
        except Exception:
            log.exception("the briefing did not stop by itself", media_id=media_id)

    async def _confirm_out(self, media_id: str) -> None:
        """Told only when Asterisk has answered for it: what the caller may hear depends on it (G4)."""
        reply = await self._asking.repeatable("channels.hangup", channelId=media_id)
        if reply.fate is Fate.UNKNOWN:
            self._clearing.later("channels.hangup", media_id, channelId=media_id)
        else:
            self._tell(ev.MediaOut(media_id))
