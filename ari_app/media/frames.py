"""The wire language of Asterisk's chan_websocket in its JSON form: commands, events, and how audio is cut. Pure.

Text messages are commands (ours) and events (Asterisk's); binary messages are audio. Measured on Asterisk 22.10:
a command over 128 bytes is ignored without a word, a message over 65,535 bytes ends the channel, a tail that is no
multiple of the frame is dropped.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

LONGEST_COMMAND = 128
"Bytes of a text message that Asterisk still reads."
LONGEST_MESSAGE = 60_000
"Bytes of audio in one message, safely under the 65,535 that include the header."


@dataclass(frozen=True)
class MediaEvent:
    """Base of what Asterisk tells on the media socket."""


@dataclass(frozen=True)
class MediaStarted(MediaEvent):
    """The channel is up. Usually the first message; audio may overtake it under load (asterisk issue 1712)."""

    channel_id: str
    format: str
    frame_bytes: int


@dataclass(frozen=True)
class MarkPlayed(MediaEvent):
    """The playout has reached a mark. Marks that a flush discarded are never told."""

    correlation_id: str


@dataclass(frozen=True)
class QueueDrained(MediaEvent):
    """Everything queued was played; told once for each request."""


@dataclass(frozen=True)
class SendingPaused(MediaEvent):
    """XOFF: 18 s are queued."""


@dataclass(frozen=True)
class SendingResumed(MediaEvent):
    """XON: less than 16 s are queued."""


@dataclass(frozen=True)
class KeyPressed(MediaEvent):
    digit: str


@dataclass(frozen=True)
class StatusTold(MediaEvent):
    queued_frames: int
    is_paused: bool


@dataclass(frozen=True)
class CommandRefused(MediaEvent):
    """Asterisk could not read a command."""

    message: str


@dataclass(frozen=True)
class Unread(MediaEvent):
    """An event this version does not know, or no JSON at all: harmless."""

    name: str


def decode(message: str) -> MediaEvent:
    """Reads one text message; never raises."""
    try:
        told = json.loads(message)
    except ValueError:
        return Unread("not JSON")
    if not isinstance(told, dict):
        return Unread("not an object")
    name = str(told.get("event", ""))
    try:
        return _decode_event(name, told)
    except (KeyError, TypeError, ValueError):
        return Unread(name)


def _decode_event(name: str, told: dict[str, Any]) -> MediaEvent:
    match name:
        case "MEDIA_START":
            size = int(told.get("optimal_frame_size", 0))
            return MediaStarted(str(told.get("channel_id", "")), str(told.get("format", "")), size)
        case "MEDIA_MARK_PROCESSED":
            return MarkPlayed(str(told["correlation_id"]))
        case "QUEUE_DRAINED":
            return QueueDrained()
        case "MEDIA_XOFF":
            return SendingPaused()
        case "MEDIA_XON":
            return SendingResumed()
        case "DTMF_END":
            return KeyPressed(str(told["digit"]))
        case "STATUS":
            return StatusTold(int(told["queue_length"]), bool(told.get("media_paused", False)))
        case "ERROR":
            return CommandRefused(str(told.get("error_text", "")))
        case _:
            return Unread(name)


def mark(correlation_id: str) -> str:
    """Asks to be told when the playout gets here."""
    return _command("MARK_MEDIA", correlation_id=correlation_id)


def flush() -> str:
    """Discards everything queued, marks included, and leaves a pause as it is."""
    return _command("FLUSH_MEDIA")


def report_drained() -> str:
    return _command("REPORT_QUEUE_DRAINED")


def get_status() -> str:
    return _command("GET_STATUS")


def hang_up() -> str:
    return _command("HANGUP")


def _command(name: str, **fields: str) -> str:
    text = json.dumps({"command": name, **fields}, separators=(",", ":"))
    if len(text.encode()) > LONGEST_COMMAND:
        raise ValueError(f"{name} is longer than the {LONGEST_COMMAND} bytes that Asterisk reads")
    return text


def padded(pcm: bytes, frame_bytes: int) -> bytes:
    """The audio filled up with silence to whole frames."""
    missing = -len(pcm) % frame_bytes
    return pcm + bytes(missing) if missing else pcm


def messages(pcm: bytes, frame_bytes: int, longest: int = LONGEST_MESSAGE) -> Iterator[bytes]:
    """Cuts whole frames into messages no longer than `longest`; the caller has padded the tail."""
    step = max(frame_bytes, min(longest, LONGEST_MESSAGE) // frame_bytes * frame_bytes)
    for start in range(0, len(pcm), step):
        yield pcm[start : start + step]
