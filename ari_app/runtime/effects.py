"""Does what the table asks: one short method for each command, its result told as an event.

Choices live in the table; here is only how Asterisk and the briefing are asked. A repeatable request of unknown fate
is asked once more; an originate never is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import singledispatchmethod

import structlog

from ari_app.runtime import originating
from ari_app.runtime.asides import Asides
from ari_app.runtime.asking import Asking, why
from ari_app.runtime.assistant import Assistant
from ari_app.runtime.clearing import Beside, Clearing
from ari_app.runtime.failures import failure_of
from ari_app.runtime.ports import Ari, Briefer, Fate, Reply, Tell
from ari_app.transfer import commands as cmd
from ari_app.transfer import digits
from ari_app.transfer import events as ev
from ari_app.transfer.model import Call, OwnedKind

log = structlog.get_logger(__name__)

LEAVING = (400, 422)
"Asterisk 22 on adding a channel that is gone, or no longer ours: its own end is told by an event."
ELSEWHERE = "26"
"""Q.850, "non-selected user clearing": Asterisk 22 gives its CANCEL the header `Reason: SIP;cause=200;text="Call
completed elsewhere"` (RFC 3326), and phones list no missed call."""
KEY = {"duration": 100, "between": 50}
"Milliseconds; Asterisk 22 takes 250 in all for one key."


class Effects:
    """The hands of one call."""

    def __init__(
        self,
        ari: Ari,
        briefer: Briefer,
        tell: Tell,
        *,
        beside: Beside,
        is_connected: Callable[[], bool],
        app: str,
        lease: float,
        talk_lease: float,
        find_group: Callable[[cmd.FindGroup], ev.GroupFound | ev.GroupNotFound],
    ) -> None:
        """`beside` runs something beside the commands, for as long as the call lives."""
        self._ari, self._tell, self._app = ari, tell, app
        self._lease, self._talk_lease = lease, talk_lease
        self._find_group = find_group
        self._asking = Asking(ari, is_connected)
        self._clearing = Clearing(ari, tell, beside)
        self._assistant = Assistant(briefer, tell, self._asking, self._clearing)
        self._asides = Asides(ari, tell, app)

    async def run(self, command: cmd.Command, call: Call) -> None:
        """Carries the command out; whatever goes wrong comes back as the event the table has a row for."""
        try:
            self._assistant.open(call)
            await self._do(command)
        except Exception as error:
            log.exception("command failed", command=type(command).__name__, call_id=call.call_id)
            for event in failure_of(command, f"{type(error).__name__} in {type(command).__name__}"):
                self._tell(event)

    def forget_briefing(self) -> None:
        """The transfer is over."""
        self._assistant.forget()

    @singledispatchmethod
    async def _do(self, command: cmd.Command) -> None:
        raise NotImplementedError(type(command).__name__)

    # The caller

    @_do.register
    async def _(self, do: cmd.MarkCaller) -> None:
        await self._asking.set(do.caller, "WT_APP", self._app)
        await self._asking.set(do.caller, "WT_CALL_ID", do.call_id)
        await self._asking.set_lease(do.caller, self._lease)

    @_do.register
    async def _(self, do: cmd.RingCaller) -> None:
        await self._ari.call("channels.ring", channelId=do.caller)

    @_do.register
    async def _(self, do: cmd.HoldCaller) -> None:
        if do.answer:
            await self._answer(do.caller)
        if do.bridge_id:
            await self._ari.call("bridges.removeChannel", bridgeId=do.bridge_id, channel=do.caller)
        else:
            await self._leave_any_bridge(do.caller)
        music = await self._asking.repeatable("channels.startMoh", channelId=do.caller, mohClass=do.moh_class)
        if not music.ok:
            music = await self._asking.repeatable("channels.startSilence", channelId=do.caller)
        if not music.ok:
            self._tell(ev.HoldFailed(why("hold", music)))
            return
        self._tell(ev.CallerHeld(do.moh_class))
        await self._asking.set_lease(do.caller, self._lease)

    async def _leave_any_bridge(self, caller: str) -> None:
        """A caller who was handed over may still sit in the other application's bridge."""
        bridges = await self._ari.call("bridges.list")
        for bridge in bridges.body or () if bridges.ok else ():
            if caller in bridge.get("channels", ()):
                await self._ari.call("bridges.removeChannel", bridgeId=bridge["id"], channel=caller)

    @_do.register
    async def _(self, do: cmd.JoinCaller) -> None:
        reply = await self._move(do.caller, do.room_id)
        if not reply.ok:
            self._tell(ev.JoinFailed(why("join", reply)))
        await self._asking.set_lease(do.caller, self._talk_lease)

    @_do.register
    async def _(self, do: cmd.ReturnCaller) -> None:
        reply = await self._move(do.caller, do.bridge_id)
        if not reply.ok:
            self._tell(ev.ReturnFailed(why("return", reply)))
        await self._asking.set_lease(do.caller, self._talk_lease)

    @_do.register
    async def _(self, do: cmd.InterruptMusic) -> None:
        reply = await self._move(do.caller, do.bridge_id)
        if not reply.ok:
            log.warning("the caller can't be told anything", why=why("speak to the caller", reply))
            self._tell(ev.WordsOver(do.media_id, heard=False))

    @_do.register
    async def _(self, do: cmd.Aside) -> None:
        await self._asides.say(do, self._assistant.briefing)

    async def _move(self, caller: str, bridge_id: str) -> Reply:
        """Music off first: channel music and a mixing bridge interleave (Asterisk 22: 100 packets a second)."""
        await self._ari.call("channels.stopMoh", channelId=caller)
        return await self._asking.repeatable("bridges.addChannel", bridgeId=bridge_id, channel=caller)

    @_do.register
    async def _(self, do: cmd.SendToFallback) -> None:
        await self._ari.call("channels.stopMoh", channelId=do.caller)
        reply = await self._ari.call(
            "channels.continueInDialplan", channelId=do.caller, context=do.context, extension="s", priority=1
        )
        if reply.fate is Fate.REFUSED:
            log.warning("the caller can't be sent to the fallback", channel=do.caller, why=reply.message)
            self._tell(ev.CallerLeft())

    @_do.register
    async def _(self, do: cmd.ContinueElsewhere) -> None:
        """Asterisk hangs up whoever is sent to a context that is not there, so it is asked first."""
        place = f"{do.context},{do.extension},1"
        found = await self._ari.call(
            "channels.getChannelVar", channelId=do.caller, variable=f"DIALPLAN_EXISTS({place})"
        )
        if not found.ok or found.body.get("value") != "1":
            log.warning("not in the dialplan; the caller goes back", place=place)
            self._tell(ev.CallerStranded(f"the dialplan has no {place}"))
            return
        for name, value in do.variables:
            await self._asking.set(do.caller, name, value)
        await self._asking.set_lease(do.caller, 0)
        await self._ari.call("channels.stopMoh", channelId=do.caller)
        reply = await self._ari.call(
            "channels.continueInDialplan",
            channelId=do.caller,
            context=do.context,
            extension=do.extension,
            priority=1,
        )
        if reply.gone:
            self._tell(ev.CallerLeft())
        elif reply.fate is Fate.REFUSED:
            self._tell(ev.CallerStranded(why("continue in the dialplan", reply)))

    @_do.register
    async def _(self, do: cmd.HandBack) -> None:
        await self._ari.call("channels.stopMoh", channelId=do.caller)
        await self._asking.set_lease(do.caller, 0)
        reply = await self._ari.call("channels.move", channelId=do.caller, app=do.app, appArgs=do.args)
        if reply.gone:
            self._tell(ev.CallerLeft())
        elif not reply.ok:
            self._tell(ev.CallerStranded(why("hand back", reply)))

    # The agent

    @_do.register
    async def _(self, do: cmd.RingAgent) -> None:
        reply = await self._ari.call("channels.originateWithId", **originating.agent(do, self._app))
        if not reply.ok:
            self._tell(ev.AgentFailed(why("ring the agent", reply)))

    @_do.register
    async def _(self, do: cmd.TellReferrer) -> None:
        await self._ari.call("channels.transfer_progress", channelId=do.channel_id, states=do.state)

    @_do.register
    async def _(self, do: cmd.ConnectAgent) -> None:
        await self._answer(do.caller)
        await self._asking.repeatable(
            "bridges.createWithId", bridgeId=do.bridge_id, type="mixing", name="warm-transfer talk"
        )
        reply = await self._asking.repeatable("bridges.addChannel", bridgeId=do.bridge_id, channel=do.agent_channel)
        if reply.ok:
            reply = await self._move(do.caller, do.bridge_id)
        if not reply.ok:
            self._tell(ev.AgentFailed(why("connect the agent", reply)))
        await self._asking.set_lease(do.caller, self._talk_lease)

    # The supervisor

    @_do.register
    async def _(self, do: cmd.OpenRoom) -> None:
        reply = await self._asking.repeatable(
            "bridges.createWithId", bridgeId=do.room_id, type="mixing,dtmf_events", name="warm-transfer room"
        )
        if reply.ok or reply.exists:
            self._tell(ev.RoomOpened(do.room_id))
        else:
            self._tell(ev.RoomFailed(do.room_id, why("open the room", reply)))

    @_do.register
    async def _(self, do: cmd.RingSupervisor) -> None:
        wanted = originating.supervisor(do, self._facts(do), self._app)
        reply = await self._ari.call("channels.originateWithId", **wanted)
        if reply.ok:
            self._tell(ev.SupervisorDialed(do.attempt.channel_id))
        else:
            self._tell(ev.SupervisorFailed(do.attempt.channel_id, why("dial", reply)))

    def _facts(self, do: cmd.RingSupervisor) -> Mapping[str, str]:
        """What is known at this moment; nobody rings later for a header's sake."""
        if do.form or do.attempt.route.context == "none":
            return dict(do.form)
        try:
            return self._assistant.briefing.context()
        except Exception:
            log.exception("the INVITE says nothing about the call", call_id=do.call_id)
            return {}

    @_do.register
    async def _(self, do: cmd.SendDigits) -> None:
        """One request for each key: a leg that is hung up meanwhile goes at once, and not after the last of them."""
        for key in do.digits:
            if key == digits.PAUSE:
                await asyncio.sleep(digits.PAUSE_SECONDS)
                continue
            reply = await self._ari.call("channels.sendDTMF", channelId=do.channel_id, dtmf=key, **KEY)
            if reply.gone or reply.exists:
                return  # gone, or no longer ours: its own end is told by an event
            if not reply.ok:
                self._tell(ev.SupervisorFailed(do.channel_id, why("send a digit", reply)))
                return
            await asyncio.sleep(digits.KEY_SECONDS)
        self._tell(ev.DigitsSent(do.channel_id))

    @_do.register
    async def _(self, do: cmd.FindGroup) -> None:
        found = self._find_group(do)
        if isinstance(found, ev.GroupNotFound):
            log.info("the next group is not rung", group=do.group, why=found.reason)
        self._tell(found)

    @_do.register
    async def _(self, do: cmd.SeatSupervisor) -> None:
        """A key that is pressed twice, or after the yes, would be heard by the caller."""
        seat = {"bridgeId": do.room_id, "channel": do.channel_id, "absorbDTMF": not do.keys_pass}
        reply = await self._asking.repeatable("bridges.addChannel", **seat)
        if not reply.ok and reply.status not in LEAVING:
            self._tell(ev.SupervisorFailed(do.channel_id, why("bring the supervisor into the room", reply)))

    @_do.register
    async def _(self, do: cmd.ByAssistant) -> None:
        await self._assistant.do(do)

    @_do.register
    async def _(self, do: cmd.ShowCaller) -> None:
        """Quietly (`i`): the one message that tells it is the UPDATE, so it works where the trunk has
        `send_connected_line=no`, which keeps the supervisor's number from the caller."""
        allowed = await self._ari.call("channels.getChannelVar", channelId=do.caller, variable="CALLERID(pres)")
        if allowed.ok and str(allowed.body["value"]).startswith("allowed"):
            await self._asking.set(
                do.channel_id,
                "CONNECTEDLINE(all,i)",
                f'"{originating.quotable(do.name)}" <{originating.quotable(do.number)}>',
            )
            await self._asking.set(do.channel_id, "PJSIP_SEND_SESSION_REFRESH()", "update")

    # Clearing away

    @_do.register
    async def _(self, do: cmd.Release) -> None:
        owned = do.owned
        if owned.kind is OwnedKind.BRIDGE:
            await self._clearing.release("bridges.destroy", owned.id, bridgeId=owned.id)
            return
        if owned.kind is OwnedKind.MEDIA:
            await self._assistant.silence(owned.id)
        reason = {"reason_code": ELSEWHERE} if do.elsewhere else {}
        await self._clearing.release("channels.hangup", owned.id, channelId=owned.id, **reason)

    # Asking

    async def _answer(self, caller: str) -> None:
        reply = await self._asking.repeatable("channels.answer", channelId=caller)
        if reply.ok:
            self._tell(ev.CallerAnswered())


SIDE_BY_SIDE = (
    *(cmd.PrepareBriefing, cmd.WarmBriefing, cmd.StartBriefing, cmd.Dismiss, cmd.Introduce),
    *(cmd.ShowCaller, cmd.Aside, cmd.FindGroup, cmd.SendDigits),
)
"Commands that take as long as people talk, or do not need Asterisk: they run beside the others, not in their order."
