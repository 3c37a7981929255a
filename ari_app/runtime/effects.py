"""Does what the table asks: one short method for each command, its result told as an event.

Choices live in the table; here is only how Asterisk and the briefing are asked. A repeatable request of unknown fate
is asked once more; an originate never is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from functools import singledispatchmethod
from typing import Any

import structlog

from ari_app.runtime.asides import Asides
from ari_app.runtime.ports import Ari, Briefer, Briefing, Fate, Reply, Tell
from ari_app.transfer import commands as cmd
from ari_app.transfer import context, digits
from ari_app.transfer import events as ev
from ari_app.transfer.model import Call, OwnedKind, Route

log = structlog.get_logger(__name__)

REFER_HANDLING = "PJSIP_TRANSFER_HANDLING()"
"""Channel variable. With `ari-only` a REFER moves nobody in Asterisk; it becomes an event, and the app tells how it
went on."""
LOOKS = {"bridges.destroy": ("bridges.get", "bridgeId"), "channels.hangup": ("channels.get", "channelId")}
"What was asked to go, and how to see whether it is gone."
LOOK_PAUSES = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
"Seconds between looks; what is still there then is swept after the next connection."
NOT_FORWARDED = {"FORWARD_CONTEXT": "warm-transfer-forwards-nobody"}
"""Channel variable, and a context that is in no dialplan: where Asterisk looks for whom a 302 names. Else it looks
where the endpoint's callers come in, and the app would have one more caller."""
LEAVING = (400, 422)
"Asterisk 22 on adding a channel that is gone, or no longer ours: its own end is told by an event."
RELEASE_PAUSES = (0.1, 0.3, 1.0, 2.0)
"Seconds between tries to release what Asterisk does not answer for."
AGAIN = 0.2
"Seconds between two looks whether the connection is back."
STOP = 1.0
"Seconds the briefing has to fall silent before its channel is hung up under it."
FAREWELL = 5.0
"Seconds a last sentence may take before the supervisor is hung up anyway."
ELSEWHERE = "26"
"""Q.850, "non-selected user clearing": Asterisk 22 gives its CANCEL the header `Reason: SIP;cause=200;text="Call
completed elsewhere"` (RFC 3326), and phones list no missed call."""
KEY = {"duration": 100, "between": 50}
"Milliseconds; Asterisk 22 takes 250 in all for one key."
INTRODUCTION = 5.0
"Seconds the line to caller and supervisor may take before the assistant is out anyway."


class Effects:
    """The hands of one call."""

    def __init__(
        self,
        ari: Ari,
        briefer: Briefer,
        tell: Tell,
        *,
        beside: Callable[[Coroutine[Any, Any, None]], None],
        is_connected: Callable[[], bool],
        app: str,
        lease: float,
        talk_lease: float,
        find_group: Callable[[cmd.FindGroup], ev.GroupFound | ev.GroupNotFound],
    ) -> None:
        """`beside` runs something beside the commands, for as long as the call lives."""
        self._ari = ari
        self._beside = beside
        self._is_connected = is_connected
        self._briefer = briefer
        self._tell = tell
        self._app = app
        self._lease, self._talk_lease = lease, talk_lease
        self._find_group = find_group
        self._asides = Asides(ari, tell, app)
        self._briefing: Briefing | None = None
        self._briefing_of = ""

    async def run(self, command: cmd.Command, call: Call) -> None:
        """Carries the command out; whatever goes wrong comes back as the event the table has a row for."""
        try:
            self._open_briefing(call)
            await self._do(command)
        except Exception as error:
            log.exception("command failed", command=type(command).__name__, call_id=call.call_id)
            for event in _failure(command, f"{type(error).__name__} in {type(command).__name__}"):
                self._tell(event)

    def _open_briefing(self, call: Call) -> None:
        transfer = call.transfer if call.whispering else call.transfer_in_flight
        if transfer and transfer.transfer_id != self._briefing_of:
            self._briefing = self._briefer.open(call, transfer, self._tell)
            self._briefing_of = transfer.transfer_id

    def forget_briefing(self) -> None:
        """The transfer is over: seconds of sound go with it, and not with the call or the next collection of cycles."""
        self._briefing, self._briefing_of = None, ""

    @singledispatchmethod
    async def _do(self, command: cmd.Command) -> None:
        raise NotImplementedError(type(command).__name__)

    # The caller

    @_do.register
    async def _(self, do: cmd.MarkCaller) -> None:
        await self._set(do.caller, "WT_APP", self._app)
        await self._set(do.caller, "WT_CALL_ID", do.call_id)
        await self._set_lease(do.caller, self._lease)

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
        music = await self._repeatable("channels.startMoh", channelId=do.caller, mohClass=do.moh_class)
        if not music.ok:
            music = await self._repeatable("channels.startSilence", channelId=do.caller)
        if not music.ok:
            self._tell(ev.HoldFailed(_why("hold", music)))
            return
        self._tell(ev.CallerHeld(do.moh_class))
        await self._set_lease(do.caller, self._lease)

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
            self._tell(ev.JoinFailed(_why("join", reply)))
        await self._set_lease(do.caller, self._talk_lease)

    @_do.register
    async def _(self, do: cmd.ReturnCaller) -> None:
        reply = await self._move(do.caller, do.bridge_id)
        if not reply.ok:
            self._tell(ev.ReturnFailed(_why("return", reply)))
        await self._set_lease(do.caller, self._talk_lease)

    @_do.register
    async def _(self, do: cmd.InterruptMusic) -> None:
        reply = await self._move(do.caller, do.bridge_id)
        if not reply.ok:
            log.warning("the caller can't be told anything", why=_why("speak to the caller", reply))
            self._tell(ev.WordsOver(do.media_id, heard=False))

    @_do.register
    async def _(self, do: cmd.Aside) -> None:
        await self._asides.say(do, self._require_briefing())

    async def _move(self, caller: str, bridge_id: str) -> Reply:
        """Music off first: channel music and a mixing bridge interleave (Asterisk 22: 100 packets a second)."""
        await self._ari.call("channels.stopMoh", channelId=caller)
        return await self._repeatable("bridges.addChannel", bridgeId=bridge_id, channel=caller)

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
            await self._set(do.caller, name, value)
        await self._set_lease(do.caller, 0)
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
            self._tell(ev.CallerStranded(_why("continue in the dialplan", reply)))

    @_do.register
    async def _(self, do: cmd.HandBack) -> None:
        await self._ari.call("channels.stopMoh", channelId=do.caller)
        await self._set_lease(do.caller, 0)
        reply = await self._ari.call("channels.move", channelId=do.caller, app=do.app, appArgs=do.args)
        if reply.gone:
            self._tell(ev.CallerLeft())
        elif not reply.ok:
            self._tell(ev.CallerStranded(_why("hand back", reply)))

    # The agent

    @_do.register
    async def _(self, do: cmd.RingAgent) -> None:
        headers = {"X-WT-App": self._app, "X-WT-Call-ID": do.call_id, "X-WT-Channel": do.caller}
        names = {"WT_APP": self._app, "WT_CALL_ID": do.call_id, "WT_CHANNEL": do.caller}
        if do.recall:
            headers["X-WT-Recall"] = names["WT_RECALL"] = do.recall
        reply = await self._ari.call(
            "channels.originateWithId",
            channelId=do.agent.channel_id,
            endpoint=do.agent.endpoint,
            app=self._app,
            callerId=do.caller_id,
            timeout=int(do.agent.ring_timeout) + 5,
            body={
                "variables": {
                    **({REFER_HANDLING: "ari-only"} if do.agent.refers else {}),
                    **NOT_FORWARDED,
                    **names,
                    **_headers(do.agent.endpoint, headers),
                }
            },
        )
        if not reply.ok:
            self._tell(ev.AgentFailed(_why("ring the agent", reply)))

    @_do.register
    async def _(self, do: cmd.TellReferrer) -> None:
        await self._ari.call("channels.transfer_progress", channelId=do.channel_id, states=do.state)

    @_do.register
    async def _(self, do: cmd.ConnectAgent) -> None:
        await self._answer(do.caller)
        await self._repeatable("bridges.createWithId", bridgeId=do.bridge_id, type="mixing", name="warm-transfer talk")
        reply = await self._repeatable("bridges.addChannel", bridgeId=do.bridge_id, channel=do.agent_channel)
        if reply.ok:
            reply = await self._move(do.caller, do.bridge_id)
        if not reply.ok:
            self._tell(ev.AgentFailed(_why("connect the agent", reply)))
        await self._set_lease(do.caller, self._talk_lease)

    # The supervisor

    @_do.register
    async def _(self, do: cmd.OpenRoom) -> None:
        reply = await self._repeatable(
            "bridges.createWithId", bridgeId=do.room_id, type="mixing,dtmf_events", name="warm-transfer room"
        )
        if reply.ok or reply.exists:
            self._tell(ev.RoomOpened(do.room_id))
        else:
            self._tell(ev.RoomFailed(do.room_id, _why("open the room", reply)))

    @_do.register
    async def _(self, do: cmd.RingSupervisor) -> None:
        attempt = do.attempt
        headers = context.headers(
            attempt.route, self._facts(do), reason=do.reason, call_id=do.call_id, transfer_id=do.transfer_id
        )
        reply = await self._ari.call(
            "channels.originateWithId",
            channelId=attempt.channel_id,
            endpoint=attempt.route.endpoint,
            app=self._app,
            callerId=_caller_id(attempt.route),
            timeout=int(do.timeout) + 1,
            body={
                "variables": {
                    **({REFER_HANDLING: "ari-only"} if attempt.route.refers else {}),
                    **NOT_FORWARDED,
                    "WT_CALL_ID": do.call_id,
                    **_headers(attempt.route.endpoint, headers),
                }
            },
        )
        if reply.ok:
            self._tell(ev.SupervisorDialed(attempt.channel_id))
        else:
            self._tell(ev.SupervisorFailed(attempt.channel_id, _why("dial", reply)))

    def _facts(self, do: cmd.RingSupervisor) -> Mapping[str, str]:
        """What is known at this moment; nobody rings later for a header's sake."""
        if do.form or do.attempt.route.context == "none":
            return dict(do.form)
        try:
            return self._require_briefing().context()
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
                self._tell(ev.SupervisorFailed(do.channel_id, _why("send a digit", reply)))
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
        reply = await self._repeatable("bridges.addChannel", **seat)
        if not reply.ok and reply.status not in LEAVING:
            self._tell(ev.SupervisorFailed(do.channel_id, _why("bring the supervisor into the room", reply)))

    # The briefing

    @_do.register
    async def _(self, do: cmd.PrepareBriefing) -> None:
        await self._require_briefing().prepare()

    @_do.register
    async def _(self, do: cmd.WarmBriefing) -> None:
        await self._require_briefing().warm(do.media_id)

    @_do.register
    async def _(self, do: cmd.StartBriefing) -> None:
        if do.again:
            await self._until_connected()
        await self._require_briefing().brief(do.attempt, do.room_id, do.media_id)

    @_do.register
    async def _(self, do: cmd.PassKey) -> None:
        self._require_briefing().press(do.digit, do.media_id)

    @_do.register
    async def _(self, do: cmd.StopBriefing) -> None:
        await self._silence(do.media_id)
        await self._confirm_out(do.media_id)

    async def _confirm_out(self, media_id: str) -> None:
        """Told only when Asterisk has answered for it: what the caller may hear depends on it (G4)."""
        reply = await self._repeatable("channels.hangup", channelId=media_id)
        if reply.fate is Fate.UNKNOWN:
            self._beside(self._release_later("channels.hangup", media_id, channelId=media_id))
        else:
            self._tell(ev.MediaOut(media_id))

    async def _silence(self, media_id: str) -> None:
        """The briefing's own stop is the quick way; the channel is hung up whatever becomes of that."""
        if self._briefing is None:
            return
        try:
            async with asyncio.timeout(STOP):
                await self._briefing.stop(media_id)
        except Exception:
            log.exception("the briefing did not stop by itself", media_id=media_id)

    @_do.register
    async def _(self, do: cmd.Dismiss) -> None:
        try:
            async with asyncio.timeout(FAREWELL):
                await self._require_briefing().farewell(do.text, do.room_id, do.media_id)
        except TimeoutError:
            await self._silence(do.media_id)
        await self._confirm_out(do.media_id)
        await self._release("channels.hangup", do.channel_id, channelId=do.channel_id)

    @_do.register
    async def _(self, do: cmd.Introduce) -> None:
        """The two talk whatever becomes of it; only the assistant must be out in the end."""
        try:
            async with asyncio.timeout(INTRODUCTION):
                await self._require_briefing().introduce(do.room_id, do.media_id)
        except Exception as error:
            log.warning("no introduction", media_id=do.media_id, reason=type(error).__name__)
            await self._silence(do.media_id)
        await self._confirm_out(do.media_id)

    @_do.register
    async def _(self, do: cmd.ShowCaller) -> None:
        """Quietly (`i`): the one message that tells it is the UPDATE, so it works where the trunk has
        `send_connected_line=no`, which keeps the supervisor's number from the caller."""
        allowed = await self._ari.call("channels.getChannelVar", channelId=do.caller, variable="CALLERID(pres)")
        if allowed.ok and str(allowed.body["value"]).startswith("allowed"):
            await self._set(do.channel_id, "CONNECTEDLINE(all,i)", f'"{_quotable(do.name)}" <{_quotable(do.number)}>')
            await self._set(do.channel_id, "PJSIP_SEND_SESSION_REFRESH()", "update")

    def _require_briefing(self) -> Briefing:
        if self._briefing is None:
            raise AssertionError("a briefing command without a transfer in flight")
        return self._briefing

    async def _until_connected(self) -> None:
        """While our events are not connected, a new channel finds no application and is gone at once."""
        while True:
            if self._is_connected():
                return
            await asyncio.sleep(AGAIN)

    # Clearing away

    @_do.register
    async def _(self, do: cmd.Release) -> None:
        owned = do.owned
        if owned.kind is OwnedKind.BRIDGE:
            await self._release("bridges.destroy", owned.id, bridgeId=owned.id)
            return
        if owned.kind is OwnedKind.MEDIA:
            await self._silence(owned.id)
        reason = {"reason_code": ELSEWHERE} if do.elsewhere else {}
        await self._release("channels.hangup", owned.id, channelId=owned.id, **reason)

    async def _release(self, operation: str, id: str, **parameters: Any) -> None:
        """Once in its turn; when Asterisk does not answer, again beside the other commands: a caller who is waiting
        to be moved does not wait for what is being cleared away."""
        reply = await self._ari.call(operation, **parameters)
        if reply.ok:
            self._beside(self._see_out(operation, id))
        elif reply.fate is Fate.UNKNOWN:
            self._beside(self._release_later(operation, id, **parameters))
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

    async def _release_later(self, operation: str, id: str, **parameters: Any) -> None:
        """What Asterisk never answers for is swept after the next connection."""
        for pause in RELEASE_PAUSES:
            await asyncio.sleep(pause)
            reply = await self._ari.call(operation, **parameters)
            if reply.fate is not Fate.UNKNOWN:
                break
        else:
            log.warning("not released", id=id, why=reply.message)
        self._tell(ev.Released(id))

    # Asking

    async def _answer(self, caller: str) -> None:
        reply = await self._repeatable("channels.answer", channelId=caller)
        if reply.ok:
            self._tell(ev.CallerAnswered())

    async def _set(self, channel_id: str, name: str, value: str) -> None:
        await self._ari.call("channels.setChannelVar", channelId=channel_id, variable=name, value=value)

    async def _set_lease(self, caller: str, seconds: float) -> None:
        """Asterisk itself takes the caller to extension `T` when nobody renews this (ASTERISK 22: exact to 20 ms)."""
        await self._set(caller, "TIMEOUT(absolute)", str(int(seconds)))

    async def _repeatable(self, operation: str, **parameters: Any) -> Reply:
        reply = await self._ari.call(operation, **parameters)
        if reply.fate is Fate.UNKNOWN:
            reply = await self._ari.call(operation, **parameters)
        return reply


SIDE_BY_SIDE = (
    *(cmd.PrepareBriefing, cmd.WarmBriefing, cmd.StartBriefing, cmd.Dismiss, cmd.Introduce),
    *(cmd.ShowCaller, cmd.Aside, cmd.FindGroup, cmd.SendDigits),
)
"Commands that take as long as people talk, or do not need Asterisk: they run beside the others, not in their order."


def _caller_id(route: Route) -> str:
    return f'"{route.display_name}" <{route.sip_call_from}>' if route.display_name else route.sip_call_from


def _quotable(text: str) -> str:
    """Without what would end a quoted name or begin an address."""
    return "".join(char for char in text if char.isprintable() and char not in '"<>\\')


def _headers(endpoint: str, headers: dict[str, str]) -> dict[str, str]:
    """SIP headers of the INVITE as channel variables; other technologies have none."""
    if not endpoint.upper().startswith("PJSIP/"):
        return {}
    return {f"PJSIP_HEADER(add,{name})": value for name, value in headers.items()}


def _why(what: str, reply: Reply) -> str:
    return f"{what}: {reply.message or 'no answer'}" + (f" ({reply.status})" if reply.status else "")


def _failure(command: cmd.Command, reason: str) -> tuple[ev.Event, ...]:
    match command:
        case cmd.HoldCaller():
            return (ev.HoldFailed(reason),)
        case cmd.OpenRoom(room_id):
            return (ev.RoomFailed(room_id, reason),)
        case cmd.RingAgent() | cmd.ConnectAgent():
            return (ev.AgentFailed(reason),)
        case cmd.RingSupervisor(attempt=attempt):
            return (ev.SupervisorFailed(attempt.channel_id, reason),)
        case cmd.FindGroup(group=group):
            return (ev.GroupNotFound(group, reason),)
        case cmd.SeatSupervisor(channel_id=channel_id) | cmd.SendDigits(channel_id=channel_id):
            return (ev.SupervisorFailed(channel_id, reason),)
        case cmd.StartBriefing(media_id=media_id):
            return (ev.BriefingFailed(media_id, reason),)
        case cmd.JoinCaller():
            return (ev.JoinFailed(reason),)
        case cmd.ReturnCaller():
            return (ev.ReturnFailed(reason),)
        case cmd.ContinueElsewhere():
            return (ev.CallerStranded(reason),)
        case cmd.PrepareWords(media_id=media_id) | cmd.SayWords(media_id=media_id):
            return (ev.WordsOver(media_id, heard=False),)
        case cmd.InterruptMusic(media_id=media_id):
            return (ev.WordsOver(media_id, heard=False),)
        case cmd.Whisper(by=by):
            return (ev.WhisperOver(by.media_id),)
        case cmd.StopBriefing(media_id=media_id) | cmd.Introduce(media_id=media_id):
            return (ev.MediaOut(media_id),)
        case cmd.Dismiss(channel_id=channel_id, media_id=media_id):
            return (ev.MediaOut(media_id), ev.Released(channel_id))
        case cmd.Release(owned):
            return (ev.Released(owned.id),)
    return ()
