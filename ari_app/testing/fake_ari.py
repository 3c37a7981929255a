"""An Asterisk in memory that behaves: ids collide, bridges hold channels, a hang-up empties them, 404 means gone.

`FakeAri` is the port `Ari`, with the operations of `ari/client.py` in the same spelling (another one is a TypeError).
What happens is told to `on_event` at once, before the request's reply, as Asterisk mostly does. The conformance suite
`ari_contract.py` holds it and a real Asterisk to the same promises.

Turn the knobs `refuse`, `lose` and `delay` for what goes wrong; `caller_arrives`, `rings`, `answers`, `rejects`,
`rings_out`, `hangs_up`, `press`, `media_connects` and `restarts` are the world outside.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ari_app.ari import decode as e
from ari_app.errors import AriError
from ari_app.runtime.ports import ChannelFacts, Fate, Reply, Snapshot

CAUSES = {403: 21, 404: 1, 408: 18, 480: 19, 484: 28, 486: 17, 488: 58, 500: 38, 503: 34, 600: 17, 603: 21}
"SIP response → Q.850 cause, as Asterisk 22 reports it."
NO_CONTENT = Reply(Fate.OK, 204)


@dataclass(frozen=True)
class Made:
    """One request, in the order they came."""

    operation: str
    parameters: Mapping[str, Any]


@dataclass
class Channel:
    id: str
    state: str = "Down"
    name: str = ""
    app: str | None = None
    "The Stasis application it is in now."
    enters: tuple[str, tuple[str, ...]] = ("", ())
    "Application and arguments for when it is answered."
    originated: bool = False
    "Its events reach us wherever it is."
    number: str = ""
    caller_name: str = ""
    variables: dict[str, str] = field(default_factory=dict)
    bridge: str | None = None
    moh: str | None = None
    "The class of the music on the channel; it stays when the channel enters a bridge, and garbles what is said there."
    silence: bool = False
    keys: str = ""
    "What was sent to it."
    ringback: bool = False
    snoops_on: str | None = None
    "The channel it listens to, and ends with."
    went_to: tuple[str, str] | None = None
    "Context and extension it was continued in."


@dataclass
class Bridge:
    id: str
    type: str = "mixing"
    channels: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Knob:
    reply: Reply | None = None
    "Instead of the true one."
    done: bool = True
    wait: float = 0.0


class _Refused(Exception):
    def __init__(self, status: int, message: str) -> None:
        fate = Fate.REFUSED if status < 500 else Fate.UNKNOWN
        self.reply = Reply(fate, status, message=f"{status}: {message}")


class FakeAri:
    """See the module. `apps` are other Stasis applications that exist, for `channels.move` and user events."""

    def __init__(
        self,
        app: str = "warm-transfer",
        on_event: Callable[[e.AriEvent], None] = lambda event: None,
        *,
        apps: tuple[str, ...] = (),
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.app = app
        self.on_event = on_event
        self.apps = {app, *apps}
        self.calls: list[Made] = []
        self.channels: dict[str, Channel] = {}
        self.bridges: dict[str, Bridge] = {}
        self.user_events: list[tuple[str, e.UserEvent]] = []
        "What was sent, with the application it went to."
        self.no_such_endpoints: set[str] = set()
        "Originating one of these is answered 500, as by Asterisk."
        self.reachable = True
        self.started = "2026-01-01T00:00:00.000+0000"
        self._sleep = sleep
        self._lives = itertools.count(1)
        self._knobs: dict[str, deque[_Knob]] = defaultdict(deque)

    # The port

    async def call(self, operation: str, *, deadline: float = 2.0, **parameters: Any) -> Reply:
        perform = OPERATIONS.get(operation)
        if perform is None:
            raise AttributeError(f"ARI has no {operation}, or the fake does not know it")
        given = {name: value for name, value in parameters.items() if value is not None}
        self.calls.append(Made(operation, given))
        knob = self._knobs[operation].popleft() if self._knobs[operation] else _Knob()
        await self._sleep(min(knob.wait, deadline))
        if not self.reachable:
            return Reply(Fate.UNKNOWN, message="not reachable")
        if knob.wait > deadline:
            return Reply(Fate.UNKNOWN, message=f"no answer within {deadline:g} s")
        if not knob.done and knob.reply:
            return knob.reply
        try:
            reply = perform(self, **given)
        except _Refused as refused:
            reply = refused.reply
        return knob.reply or reply

    async def snapshot(self) -> Snapshot:
        if not self.reachable:
            raise AriError("not reachable")
        return Snapshot(
            started=self.started,
            channels={c.id: ChannelFacts(c.id, c.state, c.name) for c in self.channels.values()},
            bridges={b.id: frozenset(b.channels) for b in self.bridges.values()},
            ours=frozenset(c.id for c in self.channels.values() if c.app == self.app),
        )

    def made(self, operation: str) -> list[Mapping[str, Any]]:
        """The parameters of every request for this operation."""
        return [call.parameters for call in self.calls if call.operation == operation]

    # The knobs: each is for the next request of that operation; turn it several times for several

    def refuse(self, operation: str, status: int = 409, message: str = "refused by the test") -> None:
        self._knobs[operation].append(_Knob(_Refused(status, message).reply, done=False))

    def lose(self, operation: str, *, done: bool) -> None:
        """The reply never comes; `done` says whether Asterisk did it."""
        self._knobs[operation].append(_Knob(Reply(Fate.UNKNOWN, message="lost by the test"), done=done))

    def delay(self, operation: str, seconds: float) -> None:
        """Asterisk takes that long; past the deadline it is not done."""
        self._knobs[operation].append(_Knob(wait=seconds))

    # The world outside

    def caller_arrives(
        self, channel: str, *args: str, number: str = "", name: str = "", state: str = "Ring", **variables: str
    ) -> None:
        self.channels[channel] = Channel(channel, state, number=number, caller_name=name, variables=variables)
        self._enter(self.channels[channel], self.app, args)

    def rings(self, channel: str) -> None:
        self.channels[channel].state = "Ringing"
        self.on_event(e.Ringing(channel))

    def answers(self, channel: str) -> None:
        leg = self.channels[channel]
        leg.state = "Up"
        self._enter(leg, *leg.enters)

    def media_connects(self, channel: str) -> None:
        """Somebody opened the WebSocket of a media channel."""
        self.answers(channel)

    def rejects(self, channel: str, sip_code: int) -> None:
        cause = CAUSES.get(sip_code, 127)
        self.on_event(e.HangupRequested(channel, cause, sip_code))
        self._remove(channel, cause, sip_code)

    def rings_out(self, channel: str) -> None:
        """Nobody answered in time: Asterisk's own 480, without a request to hang up."""
        self._remove(channel, 19, 480)

    def hangs_up(self, channel: str) -> None:
        """BYE, or CANCEL from a caller."""
        self.on_event(e.HangupRequested(channel, 16))
        self._remove(channel, 16)

    def press(self, channel: str, digit: str) -> None:
        self.on_event(e.Pressed(channel, digit))

    def refers(self, channel: str, target: str) -> None:
        self.on_event(e.Referred(channel, target))

    def restarts(self) -> None:
        """Asterisk starts anew: nothing survives and nothing is told."""
        self.channels.clear()
        self.bridges.clear()
        self.started = f"2026-01-01T00:00:{next(self._lives):02}.000+0000"

    # What Asterisk does

    def _tell(self, channel: Channel, event: e.AriEvent) -> None:
        if channel.app == self.app or channel.originated:
            self.on_event(event)

    def _enter(self, channel: Channel, app: str, args: tuple[str, ...]) -> None:
        channel.app = app
        if app == self.app:
            about = (channel.number, channel.caller_name, channel.state, dict(channel.variables))
            self.on_event(e.Entered(channel.id, args, *about))

    def _unbridge(self, channel: Channel) -> None:
        if channel.bridge:
            left, channel.bridge = channel.bridge, None
            self.bridges[left].channels.remove(channel.id)
            self._tell(channel, e.LeftBridge(left, channel.id))

    def _leave(self, channel: Channel) -> None:
        if channel.app:
            self._tell(channel, e.LeftApp(channel.id))
            channel.app = None

    def _remove(self, channel: str, cause: int, sip_code: int | None = None) -> None:
        gone = self.channels[channel]
        told = gone.originated or gone.app == self.app
        self._unbridge(gone)
        self._leave(gone)
        del self.channels[channel]
        if told:
            self.on_event(e.Destroyed(channel, cause, sip_code))
        for snoop in [each.id for each in self.channels.values() if each.snoops_on == channel]:
            self._remove(snoop, cause)

    def _any(self, channel: str) -> Channel:
        if channel not in self.channels:
            raise _Refused(404, "Channel not found")
        return self.channels[channel]

    def _ours(self, channel: str) -> Channel:
        if self._any(channel).app is None:
            raise _Refused(409, "Channel not in Stasis application")
        return self.channels[channel]

    def _seatable(self, channels: str) -> list[Channel]:
        """A bridge's operations have statuses of their own."""
        for channel in (names := channels.split(",")):
            if channel not in self.channels:
                raise _Refused(400, "Channel not found")
            if self.channels[channel].app is None:
                raise _Refused(422, "Channel not in Stasis application")
        return [self.channels[name] for name in names]

    def _bridge(self, bridge: str) -> Bridge:
        if bridge not in self.bridges:
            raise _Refused(404, "Bridge not found")
        return self.bridges[bridge]

    def _new(self, channel: str, app: str, args: str = "") -> Channel:
        if channel in self.channels:
            raise _Refused(409, "Channel with given unique ID already exists")
        enters = (app, tuple(args.split(",")) if args else ())
        self.channels[channel] = Channel(channel, enters=enters, originated=True)
        return self.channels[channel]

    # The operations, by Asterisk's spelling

    def originate(
        self, *, channelId: str, endpoint: str, app: str = "", appArgs: str = "", callerId: str = "", timeout: int = 30,
        originator: str = "", formats: str = "", body: Mapping[str, Any] | None = None,
    ) -> Reply:  # fmt: skip
        if endpoint in self.no_such_endpoints:
            raise _Refused(500, "Allocation failed")
        if not app:
            raise _Refused(400, "Application or extension must be specified")
        channel = self._new(channelId, app, appArgs)
        channel.name = f"{endpoint}-{channelId}"
        channel.variables = _variables(body)
        return Reply(Fate.OK, 200, self._about(channel))

    def external_media(
        self, *, app: str, format: str, channelId: str, transport: str = "", encapsulation: str = "",
        connection_type: str = "", transport_data: str = "", external_host: str = "", direction: str = "",
        body: Mapping[str, Any] | None = None,
    ) -> Reply:  # fmt: skip
        channel = self._new(channelId, app)
        channel.name = f"WebSocket/INCOMING/{channelId}"
        channel.variables = _variables(body) | {
            "MEDIA_WEBSOCKET_CONNECTION_ID": f"ws-{channelId}",
            "MEDIA_WEBSOCKET_OPTIMAL_FRAME_SIZE": "640",
        }
        return Reply(Fate.OK, 200, self._about(channel) | {"channelvars": channel.variables})

    def snoop(self, *, channelId: str, snoopId: str, app: str, spy: str = "", whisper: str = "") -> Reply:
        self._ours(channelId)
        channel = self._new(snoopId, app)
        channel.name, channel.snoops_on = f"Snoop/{channelId}", channelId
        self.answers(snoopId)
        return Reply(Fate.OK, 200, self._about(channel))

    def transfer_progress(self, *, channelId: str, states: str) -> Reply:
        self._any(channelId)
        return NO_CONTENT

    def answer(self, *, channelId: str) -> Reply:
        self._ours(channelId).state = "Up"
        return NO_CONTENT

    def ring(self, *, channelId: str) -> Reply:
        self._ours(channelId).ringback = True
        return NO_CONTENT

    def ring_stop(self, *, channelId: str) -> Reply:
        self._ours(channelId).ringback = False
        return NO_CONTENT

    def start_moh(self, *, channelId: str, mohClass: str = "default") -> Reply:
        self._ours(channelId).moh = mohClass
        return NO_CONTENT

    def stop_moh(self, *, channelId: str) -> Reply:
        self._ours(channelId).moh = None
        return NO_CONTENT

    def start_silence(self, *, channelId: str) -> Reply:
        self._ours(channelId).silence = True
        return NO_CONTENT

    def stop_silence(self, *, channelId: str) -> Reply:
        self._ours(channelId).silence = False
        return NO_CONTENT

    def send_keys(
        self, *, channelId: str, dtmf: str, before: int = 0, between: int = 100, duration: int = 100, after: int = 0
    ) -> Reply:
        self._ours(channelId).keys += dtmf
        return NO_CONTENT

    def set_variable(self, *, channelId: str, variable: str, value: str = "") -> Reply:
        self._ours(channelId).variables[variable] = value
        return NO_CONTENT

    def get_variable(self, *, channelId: str, variable: str) -> Reply:
        variables = self._any(channelId).variables
        if variable not in variables:
            raise _Refused(404, "Provided variable was not found")
        return Reply(Fate.OK, 200, {"value": variables[variable]})

    def hangup(self, *, channelId: str, reason_code: int | None = None, reason: str = "") -> Reply:
        channel = self._any(channelId)
        self._tell(channel, e.HangupRequested(channelId))
        self._remove(channelId, int(reason_code or 16))
        return NO_CONTENT

    def continue_in_dialplan(
        self, *, channelId: str, context: str = "", extension: str = "s", priority: int = 1, label: str = ""
    ) -> Reply:
        channel = self._ours(channelId)
        channel.went_to = (context, extension)
        self._unbridge(channel)
        self._leave(channel)
        return NO_CONTENT

    def move(self, *, channelId: str, app: str, appArgs: str = "") -> Reply:
        channel = self._ours(channelId)
        if app not in self.apps:
            self._tell(channel, e.MoveFailed(channelId, app))
            return NO_CONTENT
        self._leave(channel)
        self._enter(channel, app, tuple(appArgs.split(",")) if appArgs else ())
        return NO_CONTENT

    def get_channel(self, *, channelId: str) -> Reply:
        return Reply(Fate.OK, 200, self._about(self._any(channelId)))

    def list_channels(self) -> Reply:
        return Reply(Fate.OK, 200, [self._about(channel) for channel in self.channels.values()])

    def create_bridge(self, *, bridgeId: str, type: str = "mixing", name: str = "") -> Reply:
        if bridgeId in self.bridges:
            raise _Refused(409, f"Bridge with id '{bridgeId}' already exists")
        self.bridges[bridgeId] = Bridge(bridgeId, type)
        return self.get_bridge(bridgeId=bridgeId)

    def destroy_bridge(self, *, bridgeId: str) -> Reply:
        for channel in list(self._bridge(bridgeId).channels):
            self._unbridge(self.channels[channel])
        del self.bridges[bridgeId]
        return NO_CONTENT

    def get_bridge(self, *, bridgeId: str) -> Reply:
        bridge = self._bridge(bridgeId)
        return Reply(Fate.OK, 200, {"id": bridge.id, "bridge_type": bridge.type, "channels": list(bridge.channels)})

    def list_bridges(self) -> Reply:
        return Reply(Fate.OK, 200, [self.get_bridge(bridgeId=bridge).body for bridge in self.bridges])

    def add_channel(
        self, *, bridgeId: str, channel: str, role: str = "", mute: bool = False, absorbDTMF: bool = False,
        inhibitConnectedLineUpdates: bool = False,
    ) -> Reply:  # fmt: skip
        bridge = self._bridge(bridgeId)
        for seated in self._seatable(channel):
            self._unbridge(seated)
            seated.bridge = bridgeId
            bridge.channels.append(seated.id)
            self._tell(seated, e.EnteredBridge(bridgeId, seated.id))
        return NO_CONTENT

    def remove_channel(self, *, bridgeId: str, channel: str) -> Reply:
        bridge, leaving = self._bridge(bridgeId), self._seatable(channel)
        if any(seated.id not in bridge.channels for seated in leaving):
            raise _Refused(422, "Channel not in this bridge")
        for seated in leaving:
            self._unbridge(seated)
        return NO_CONTENT

    def user_event(
        self, *, eventName: str, application: str, source: str = "", body: Mapping[str, Any] | None = None
    ) -> Reply:
        if application not in self.apps:
            raise _Refused(404, "Application not found")
        channel = source.removeprefix("channel:") or None
        if channel and channel not in self.channels:
            raise _Refused(422, "Event source was not found")
        event = e.UserEvent(eventName, (body or {}).get("variables", {}), channel)
        self.user_events.append((application, event))
        if application == self.app:
            self.on_event(event)
        return NO_CONTENT

    def application(self, *, applicationName: str) -> Reply:
        if applicationName not in self.apps:
            raise _Refused(404, "Application not found")
        ids = [c.id for c in self.channels.values() if c.app == applicationName or c.originated]
        return Reply(Fate.OK, 200, {"name": applicationName, "channel_ids": ids})

    def info(self, *, only: str = "") -> Reply:
        return Reply(Fate.OK, 200, {"status": {"startup_time": self.started}})

    def _about(self, channel: Channel) -> dict[str, Any]:
        caller = {"number": channel.number, "name": channel.caller_name}
        return {"id": channel.id, "name": channel.name, "state": channel.state, "caller": caller}


def _variables(body: Mapping[str, Any] | None) -> dict[str, str]:
    """A variable is a text, or `{"value": text, "report_events": bool}`."""
    given = (body or {}).get("variables", {})
    return {name: str(value["value"] if isinstance(value, dict) else value) for name, value in given.items()}


OPERATIONS: dict[str, Callable[..., Reply]] = {
    "applications.get": FakeAri.application,
    "asterisk.getInfo": FakeAri.info,
    "bridges.addChannel": FakeAri.add_channel,
    "bridges.createWithId": FakeAri.create_bridge,
    "bridges.destroy": FakeAri.destroy_bridge,
    "bridges.get": FakeAri.get_bridge,
    "bridges.list": FakeAri.list_bridges,
    "bridges.removeChannel": FakeAri.remove_channel,
    "channels.answer": FakeAri.answer,
    "channels.continueInDialplan": FakeAri.continue_in_dialplan,
    "channels.externalMedia": FakeAri.external_media,
    "channels.get": FakeAri.get_channel,
    "channels.getChannelVar": FakeAri.get_variable,
    "channels.hangup": FakeAri.hangup,
    "channels.list": FakeAri.list_channels,
    "channels.move": FakeAri.move,
    "channels.originateWithId": FakeAri.originate,
    "channels.ring": FakeAri.ring,
    "channels.ringStop": FakeAri.ring_stop,
    "channels.sendDTMF": FakeAri.send_keys,
    "channels.setChannelVar": FakeAri.set_variable,
    "channels.snoopChannelWithId": FakeAri.snoop,
    "channels.startMoh": FakeAri.start_moh,
    "channels.startSilence": FakeAri.start_silence,
    "channels.stopMoh": FakeAri.stop_moh,
    "channels.stopSilence": FakeAri.stop_silence,
    "channels.transfer_progress": FakeAri.transfer_progress,
    "events.userEvent": FakeAri.user_event,
}
