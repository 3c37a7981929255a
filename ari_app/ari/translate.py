"""What Asterisk says, in the desk's words. One line for each kind of event; no decisions."""

from __future__ import annotations

import structlog

from ari_app.ari import decode as ari
from ari_app.runtime.ports import Switchboard

log = structlog.get_logger(__name__)


class Translator:
    """Hands decoded events to the desk; remembers only the cause that a hang-up was announced with."""

    def __init__(self, desk: Switchboard) -> None:
        self._desk = desk
        self._causes: dict[str, int | None] = {}

    def deliver(self, event: ari.AriEvent) -> None:
        desk = self._desk
        match event:
            case ari.Entered(channel=channel, args=args, number=number, name=name, state=state):
                desk.channel_entered(channel, args, number, name, answered=state == "Up")
            case ari.HangupRequested(channel=channel, cause=cause):
                self._causes[channel] = cause
            case ari.LeftApp(channel=channel):
                desk.channel_left(channel, cause=self._causes.pop(channel, None))
            case ari.Destroyed(channel=channel, cause=cause, sip_code=sip_code):
                self._causes.pop(channel, None)
                desk.channel_destroyed(channel, cause=cause, sip_code=sip_code)
            case ari.Ringing(channel=channel):
                desk.ringing(channel)
            case ari.Pressed(channel=channel, digit=digit):
                desk.pressed(channel, digit)
            case ari.EnteredBridge(bridge=bridge, channel=channel):
                desk.seated(bridge, channel)
            case ari.LeftBridge(bridge=bridge, channel=channel):
                desk.unseated(bridge, channel)
            case ari.BridgeGone(bridge=bridge):
                desk.bridge_gone(bridge)
            case ari.MoveFailed(channel=channel, destination=destination):
                desk.move_failed(channel, destination)
            case ari.Referred(channel=channel, target=target):
                desk.referred(channel, target)
            case ari.UserEvent(name=name, variables=variables, channel=source):
                desk.user_event(name, variables, source)
            case ari.Malformed(type=kind, reason=reason):
                log.warning("malformed event", type=kind, reason=reason)
