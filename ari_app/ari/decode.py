"""PURE. One ARI event, as Asterisk's JSON spells it, to a small frozen value; None for what the app does not need.

Ids are channel and bridge ids. Asterisk reports some facts twice (183 as a dial *and* a state), and late ones: the
reader takes a repetition calmly. What does not look as Asterisk 22 describes it becomes `Malformed`; nothing is raised.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class AriEvent:
    """Base of all events."""


@dataclass(frozen=True)
class Entered(AriEvent):
    """A channel entered the application: a caller, a leg that answered, or a media channel that was connected."""

    channel: str
    args: tuple[str, ...] = ()
    number: str = ""
    name: str = ""
    state: str = ""
    "Asterisk's channel state; `Up` when somebody has answered."
    variables: Mapping[str, str] = field(default_factory=dict)
    "Those that ari.conf (`channelvars`) or `report_events` puts into events."
    replaces: str | None = None
    "The channel whose place in our bridge this one takes (a SIP transfer of a leg)."


@dataclass(frozen=True)
class LeftApp(AriEvent):
    """A channel left the application: moved, continued or hung up. Why is not said."""

    channel: str


@dataclass(frozen=True)
class Ringing(AriEvent):
    """180 or 183 from the far end. Comes once or several times."""

    channel: str


@dataclass(frozen=True)
class HangupRequested(AriEvent):
    """Somebody wants the channel to end: the far end (with its SIP code, if any), or we."""

    channel: str
    cause: int | None = None
    "Q.850; None when Asterisk was told to end it, by us or by a time limit."
    sip_code: int | None = None


@dataclass(frozen=True)
class Destroyed(AriEvent):
    """The channel is gone.

    Asterisk's own ring time-out also has sip_code 480; then no `HangupRequested` came before."""

    channel: str
    cause: int | None = None
    "Q.850."
    sip_code: int | None = None
    "The final response of the far end (`tech_cause`, Asterisk 22.7+); None for a BYE and for our own hang-up."


@dataclass(frozen=True)
class Pressed(AriEvent):
    channel: str
    digit: str


@dataclass(frozen=True)
class EnteredBridge(AriEvent):
    bridge: str
    channel: str


@dataclass(frozen=True)
class LeftBridge(AriEvent):
    bridge: str
    channel: str


@dataclass(frozen=True)
class BridgeGone(AriEvent):
    bridge: str


@dataclass(frozen=True)
class UserEvent(AriEvent):
    """Somebody's message to the application: an agent over ARI, or the dialplan's `UserEvent()`."""

    name: str
    variables: Mapping[str, Any] = field(default_factory=dict)
    channel: str | None = None
    "Set when the sender named a channel as its source."


@dataclass(frozen=True)
class Referred(AriEvent):
    """REFER of a leg under PJSIP_TRANSFER_HANDLING()=ari-only: Asterisk has moved nobody."""

    channel: str
    target: str = ""
    "User part of the Refer-To; empty for an attended transfer, which names a dialog."


@dataclass(frozen=True)
class MoveFailed(AriEvent):
    """`channels.move` was answered 204, but the destination is not there: the channel stays."""

    channel: str
    destination: str


@dataclass(frozen=True)
class Replaced(AriEvent):
    """Another connection took the application's name; this one stays open and mute."""


@dataclass(frozen=True)
class Malformed(AriEvent):
    """Not an event as Asterisk describes it. `reason` is safe to log: it quotes types and keys, never values."""

    type: str
    reason: str


Json = Mapping[str, Any]


def decode_text(text: str) -> AriEvent | None:
    """One frame of the events WebSocket."""
    try:
        frame = json.loads(text)
    except (ValueError, RecursionError) as error:
        return Malformed("?", f"not JSON: {type(error).__name__}")
    return decode(frame)


def decode(event: Any) -> AriEvent | None:
    """One ARI event. None: valid, and none of our business."""
    kind = event.get("type") if isinstance(event, dict) else None
    if not isinstance(kind, str):
        return Malformed("?", "no type")
    reader = READERS.get(kind)
    try:
        return reader(event) if reader else None
    except KeyError as error:
        return Malformed(kind, f"no {error}")
    except _WrongType as error:
        return Malformed(kind, str(error))


class _WrongType(Exception):
    """A field is there, with a type that Asterisk never gives it."""


def _text(holder: Json, key: str) -> str:
    value = holder[key]
    if not isinstance(value, str):
        raise _WrongType(f"{key} is {type(value).__name__}")
    return value


def _object(holder: Json, key: str) -> Json:
    value = holder[key]
    if not isinstance(value, dict):
        raise _WrongType(f"{key} is {type(value).__name__}")
    return value


def _texts(holder: Json, key: str) -> tuple[str, ...]:
    value = holder.get(key, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise _WrongType(f"{key} is no list of texts")
    return tuple(value)


def _number(holder: Json, key: str) -> int | None:
    value = holder.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _sip_code(event: Json) -> int | None:
    """`tech_cause` of a media channel is a WebSocket close code."""
    code = _number(event, "tech_cause")
    return code if code is not None and 100 <= code <= 699 else None


def _channel(event: Json, key: str = "channel") -> str:
    return _text(_object(event, key), "id")


def _bridge(event: Json) -> str:
    return _text(_object(event, "bridge"), "id")


def _entered(event: Json) -> Entered:
    channel = _object(event, "channel")
    caller = channel.get("caller")
    caller = caller if isinstance(caller, dict) else {}
    variables = channel.get("channelvars")
    return Entered(
        channel=_text(channel, "id"),
        args=_texts(event, "args"),
        number=str(caller.get("number") or ""),
        name=str(caller.get("name") or ""),
        state=_text(channel, "state"),
        variables={k: str(v) for k, v in variables.items()} if isinstance(variables, dict) else {},
        replaces=_channel(event, "replace_channel") if event.get("replace_channel") else None,
    )


def _state_changed(event: Json) -> Ringing | None:
    channel = _object(event, "channel")
    return Ringing(_text(channel, "id")) if _text(channel, "state") == "Ringing" else None


def _dialed(event: Json) -> Ringing | None:
    return Ringing(_channel(event, "peer")) if _text(event, "dialstatus") in ("RINGING", "PROGRESS") else None


def _hangup_requested(event: Json) -> HangupRequested:
    # of a soft hang-up Asterisk gives its own flag there (32 for a DELETE), which is no Q.850 cause
    cause = None if event.get("soft") else _number(event, "cause")
    return HangupRequested(_channel(event), cause, _sip_code(event))


def _user_event(event: Json) -> UserEvent:
    # Asterisk adds the name to the sender's variables
    variables = {k: v for k, v in _object(event, "userevent").items() if k != "eventname"}
    source = _channel(event) if event.get("channel") else None
    return UserEvent(_text(event, "eventname"), variables, source)


def _referred(event: Json) -> Referred | None:
    # what we tell of its progress comes back as the same event, with the state we have told
    if event.get("state"):
        return None
    wanted = _object(_object(event, "refer_to"), "requested_destination")
    return Referred(_channel(_object(event, "referred_by"), "source_channel"), str(wanted.get("destination") or ""))


READERS: dict[str, Callable[[Json], AriEvent | None]] = {
    "StasisStart": _entered,
    "StasisEnd": lambda e: LeftApp(_channel(e)),
    "ChannelStateChange": _state_changed,
    "Dial": _dialed,
    "ChannelHangupRequest": _hangup_requested,
    "ChannelDestroyed": lambda e: Destroyed(_channel(e), _number(e, "cause"), _sip_code(e)),
    "ChannelDtmfReceived": lambda e: Pressed(_channel(e), _text(e, "digit")),
    "ChannelEnteredBridge": lambda e: EnteredBridge(_bridge(e), _channel(e)),
    "ChannelLeftBridge": lambda e: LeftBridge(_bridge(e), _channel(e)),
    "BridgeDestroyed": lambda e: BridgeGone(_bridge(e)),
    "ChannelTransfer": _referred,
    "ChannelUserevent": _user_event,
    "ApplicationMoveFailed": lambda e: MoveFailed(_channel(e), _text(e, "destination")),
    "ApplicationReplaced": lambda e: Replaced(),
}
"""Asterisk's event types that the app reads; the link asks Asterisk to send no others."""
