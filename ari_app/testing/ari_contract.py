"""What every implementation of the port `Ari` promises, told as stories. Runs against `FakeAri` and a real Asterisk.

Subclass `AriContract` in a test file and provide a fixture `world`; pytest (asyncio mode auto) finds the stories.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from ari_app.ari.decode import (
    AriEvent,
    Destroyed,
    Entered,
    EnteredBridge,
    HangupRequested,
    LeftApp,
    LeftBridge,
    MoveFailed,
    UserEvent,
)
from ari_app.runtime.ports import Ari, Fate

MEDIA: dict[str, Any] = {
    "format": "slin16",
    "transport": "websocket",
    "encapsulation": "none",
    "connection_type": "server",
}


class World(Protocol):
    """An Asterisk to try things on, shared by stories: ids are new for each."""

    ari: Ari
    app: str
    events: list[AriEvent]
    "Everything that was told."

    def new_id(self, role: str) -> str: ...

    async def leg(self) -> str:
        """A channel that was originated into the app, and answered: its `Entered` was told."""

    async def until(self, check: Callable[[], bool]) -> None:
        """Returns when it is true. It becomes so by an event, or the story fails."""


class AriContract:
    async def test_a_bridge_is_created_once_and_destroyed_once(self, world: World) -> None:
        room = world.new_id("room")
        assert (await world.ari.call("bridges.createWithId", bridgeId=room, type="mixing", name="a")).ok
        assert (await world.ari.call("bridges.createWithId", bridgeId=room, type="mixing", name="a")).exists
        assert (await world.ari.snapshot()).bridges[room] == frozenset()
        assert (await world.ari.call("bridges.destroy", bridgeId=room)).status == 204
        assert (await world.ari.call("bridges.destroy", bridgeId=room)).gone
        assert (await world.ari.call("bridges.get", bridgeId=room)).gone
        assert room not in (await world.ari.snapshot()).bridges

    async def test_an_id_is_taken_once(self, world: World) -> None:
        leg, media = await world.leg(), world.new_id("media")
        again = await world.ari.call(
            "channels.originateWithId", channelId=leg, endpoint="Local/s@fallback/n", app=world.app
        )
        assert again.fate is Fate.REFUSED and again.exists
        assert (await world.ari.call("channels.externalMedia", channelId=media, app=world.app, **MEDIA)).ok
        assert (await world.ari.call("channels.externalMedia", channelId=media, app=world.app, **MEDIA)).exists

    async def test_an_endpoint_that_does_not_exist_leaves_no_channel(self, world: World) -> None:
        leg = world.new_id("leg")
        reply = await world.ari.call(
            "channels.originateWithId", channelId=leg, endpoint="PJSIP/no-such-endpoint", app=world.app, timeout=5
        )
        assert (reply.fate, reply.status) == (Fate.UNKNOWN, 500)
        assert "Allocation failed" in reply.message
        assert (await world.ari.call("channels.get", channelId=leg)).gone

    async def test_a_media_channel_tells_where_to_connect(self, world: World) -> None:
        media = world.new_id("media")
        reply = await world.ari.call(
            "channels.externalMedia",
            channelId=media,
            app=world.app,
            transport_data="f(json)",
            body={"variables": {"CONV": {"value": "42", "report_events": True}}},
            **MEDIA,
        )
        assert reply.body["id"] == media
        assert reply.body["channelvars"]["MEDIA_WEBSOCKET_CONNECTION_ID"]
        assert reply.body["channelvars"]["MEDIA_WEBSOCKET_OPTIMAL_FRAME_SIZE"] == "640"

    async def test_a_channel_is_ours_when_it_has_entered(self, world: World) -> None:
        leg, media = await world.leg(), world.new_id("media")
        await world.ari.call("channels.externalMedia", channelId=media, app=world.app, **MEDIA)
        snapshot = await world.ari.snapshot()
        assert {leg, media} <= set(snapshot.channels)
        assert leg in snapshot.ours and media not in snapshot.ours
        assert (snapshot.channels[leg].state, snapshot.channels[media].state) == ("Up", "Down")

    async def test_a_key_is_sent_to_a_leg_that_is_there(self, world: World) -> None:
        leg = await world.leg()
        key: dict[str, Any] = {"dtmf": "7", "duration": 100, "between": 50}
        assert (await world.ari.call("channels.sendDTMF", channelId=leg, **key)).status == 204
        assert (await world.ari.call("channels.sendDTMF", channelId=world.new_id("nobody"), **key)).gone

    async def test_a_channel_moves_from_bridge_to_bridge_in_one_request(self, world: World) -> None:
        leg, one, two = await world.leg(), await _room(world), await _room(world)
        assert (await world.ari.call("bridges.addChannel", bridgeId=one, channel=leg)).status == 204
        await _seen(world, EnteredBridge(one, leg))
        assert (await world.ari.call("bridges.addChannel", bridgeId=two, channel=leg)).status == 204
        await _seen(world, EnteredBridge(two, leg))
        bridges = (await world.ari.snapshot()).bridges
        assert (bridges[one], bridges[two]) == (frozenset(), frozenset({leg}))
        moves = [event for event in _story(world, leg) if isinstance(event, EnteredBridge | LeftBridge)]
        assert moves == [EnteredBridge(one, leg), LeftBridge(one, leg), EnteredBridge(two, leg)]

    async def test_added_again_it_leaves_and_enters(self, world: World) -> None:
        leg, room = await world.leg(), await _room(world)
        await world.ari.call("bridges.addChannel", bridgeId=room, channel=leg)
        assert (await world.ari.call("bridges.addChannel", bridgeId=room, channel=leg)).ok
        await _seen(world, LeftBridge(room, leg))
        assert (await world.ari.snapshot()).bridges[room] == {leg}

    async def test_only_a_channel_in_the_app_can_be_added(self, world: World) -> None:
        leg, media, room = await world.leg(), world.new_id("media"), await _room(world)
        await world.ari.call("channels.externalMedia", channelId=media, app=world.app, **MEDIA)
        add = "bridges.addChannel"
        assert (await world.ari.call(add, bridgeId=room, channel=world.new_id("leg"))).status == 400
        assert (await world.ari.call(add, bridgeId=room, channel=media)).status == 422
        assert (await world.ari.call(add, bridgeId=world.new_id("room"), channel=leg)).gone

    async def test_only_a_channel_in_the_bridge_can_be_removed(self, world: World) -> None:
        leg, room = await world.leg(), await _room(world)
        assert (await world.ari.call("bridges.removeChannel", bridgeId=room, channel=leg)).status == 422
        await world.ari.call("bridges.addChannel", bridgeId=room, channel=leg)
        assert (await world.ari.call("bridges.removeChannel", bridgeId=room, channel=leg)).status == 204
        await _seen(world, LeftBridge(room, leg))
        assert (await world.ari.snapshot()).bridges[room] == frozenset()

    async def test_a_bridge_that_goes_leaves_its_channels(self, world: World) -> None:
        leg, room = await world.leg(), await _room(world)
        await world.ari.call("bridges.addChannel", bridgeId=room, channel=leg)
        await world.ari.call("bridges.destroy", bridgeId=room)
        await _seen(world, LeftBridge(room, leg))
        assert leg in (await world.ari.snapshot()).ours

    async def test_what_a_channel_hears_can_be_set_and_set_again(self, world: World) -> None:
        leg = await world.leg()
        for verb in "answer ring ringStop startSilence stopSilence startMoh stopMoh".split():
            assert (await world.ari.call(f"channels.{verb}", channelId=leg)).status == 204, verb
            assert (await world.ari.call(f"channels.{verb}", channelId=leg)).status == 204, verb
        assert (await world.ari.call("channels.startMoh", channelId=leg, mohClass="no-such-class")).ok

    async def test_a_channel_that_does_not_exist_is_gone(self, world: World) -> None:
        nobody = world.new_id("leg")
        for (
            verb
        ) in "answer ring ringStop startSilence stopSilence startMoh stopMoh get hangup continueInDialplan".split():
            assert (await world.ari.call(f"channels.{verb}", channelId=nobody)).gone, verb
        assert (await world.ari.call("channels.move", channelId=nobody, app=world.app)).gone
        assert (await world.ari.call("channels.setChannelVar", channelId=nobody, variable="V", value="1")).gone

    async def test_a_channel_outside_the_app_is_not_to_be_touched(self, world: World) -> None:
        media = world.new_id("media")
        await world.ari.call("channels.externalMedia", channelId=media, app=world.app, **MEDIA)
        for verb in "answer ring startMoh stopMoh startSilence continueInDialplan".split():
            assert (await world.ari.call(f"channels.{verb}", channelId=media)).status == 409, verb
        assert (await world.ari.call("channels.setChannelVar", channelId=media, variable="V", value="1")).status == 409

    async def test_a_variable_keeps_any_text(self, world: World) -> None:
        leg, long = await world.leg(), "é日\U0001f600 & + % , ; = ? #" * 700
        assert (await world.ari.call("channels.setChannelVar", channelId=leg, variable="V", value=long)).ok
        read = await world.ari.call("channels.getChannelVar", channelId=leg, variable="V")
        assert read.body == {"value": long}
        assert (await world.ari.call("channels.getChannelVar", channelId=leg, variable="NEVER_SET")).gone

    async def test_hung_up_it_leaves_everything_in_order(self, world: World) -> None:
        leg, room = await world.leg(), await _room(world)
        await world.ari.call("bridges.addChannel", bridgeId=room, channel=leg)
        assert (await world.ari.call("channels.hangup", channelId=leg, reason_code=26)).status == 204
        await _seen(world, Destroyed(leg, 26))
        *_, wanted, unseated, left, destroyed = _story(world, leg)
        assert [wanted, unseated] == [HangupRequested(leg), LeftBridge(room, leg)]
        assert [left, destroyed] == [LeftApp(leg), Destroyed(leg, 26)]
        assert (await world.ari.call("channels.hangup", channelId=leg)).gone

    async def test_moved_to_an_app_it_enters_again(self, world: World) -> None:
        leg = await world.leg()
        assert (await world.ari.call("channels.move", channelId=leg, app=world.app, appArgs="x,y=1")).status == 204
        await _seen(world, LeftApp(leg))
        entries = [("x", "y=1")]
        await world.until(lambda: [e.args for e in _story(world, leg) if isinstance(e, Entered)][1:] == entries)
        assert leg in (await world.ari.snapshot()).ours

    async def test_moved_to_nowhere_it_stays(self, world: World) -> None:
        leg = await world.leg()
        assert (await world.ari.call("channels.move", channelId=leg, app="no-such-app")).status == 204
        await _seen(world, MoveFailed(leg, "no-such-app"))
        assert leg in (await world.ari.snapshot()).ours

    async def test_continued_it_is_the_dialplans(self, world: World) -> None:
        leg = await world.leg()
        going: dict[str, Any] = {"channelId": leg, "context": "fallback", "extension": "s", "priority": 1}
        assert (await world.ari.call("channels.continueInDialplan", **going)).status == 204
        await _seen(world, LeftApp(leg))
        assert (await world.ari.call("channels.continueInDialplan", **going)).status == 409
        snapshot = await world.ari.snapshot()
        assert leg in snapshot.channels and leg not in snapshot.ours

    async def test_a_user_event_comes_as_it_was_sent(self, world: World) -> None:
        name, variables = world.new_id("event"), {"a": {"b": [1, None, "é日\U0001f600"]}, "c": True}
        sent: dict[str, Any] = {"eventName": name, "body": {"variables": variables}}
        assert (await world.ari.call("events.userEvent", application=world.app, **sent)).status == 204
        await _seen(world, UserEvent(name, variables))
        leg = await world.leg()
        await world.ari.call("events.userEvent", application=world.app, source=f"channel:{leg}", **sent)
        await _seen(world, UserEvent(name, variables, leg))
        assert (await world.ari.call("events.userEvent", application="no-such-app", **sent)).gone
        nobody = f"channel:{world.new_id('leg')}"
        assert (await world.ari.call("events.userEvent", application=world.app, source=nobody, **sent)).status == 422

    async def test_the_application_and_asterisk_can_be_asked(self, world: World) -> None:
        leg = await world.leg()
        application = await world.ari.call("applications.get", applicationName=world.app)
        assert leg in application.body["channel_ids"]
        info = await world.ari.call("asterisk.getInfo", only="status")
        assert info.body["status"]["startup_time"] == (await world.ari.snapshot()).started
        listed = await world.ari.call("channels.list")
        assert leg in [channel["id"] for channel in listed.body]
        assert (await world.ari.call("bridges.list")).status == 200


async def _room(world: World) -> str:
    room = world.new_id("room")
    assert (await world.ari.call("bridges.createWithId", bridgeId=room, type="mixing")).ok
    return room


async def _seen(world: World, event: AriEvent) -> None:
    await world.until(lambda: event in world.events)


def _story(world: World, channel: str) -> list[AriEvent]:
    return [event for event in world.events if getattr(event, "channel", None) == channel]
