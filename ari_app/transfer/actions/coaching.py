"""After the join the assistant may whisper to the supervisor; the caller hears nothing of it."""

from __future__ import annotations

from ari_app.transfer import events as ev
from ari_app.transfer import ids
from ari_app.transfer.commands import Whisper
from ari_app.transfer.model import OwnedKind, Whispering
from ari_app.transfer.turn import Turn


def whisper(turn: Turn, event: ev.WhisperRequested) -> None:
    """The call owns what is needed for it: the transfer is over."""
    transfer, count = turn.transfer, turn.call.whispers + 1
    made = Whispering(*(ids.whisper(transfer.transfer_id, count, part) for part in ("media", "snoop", "bridge")))
    turn.own_for_call(OwnedKind.BRIDGE, made.bridge_id)
    turn.own_for_call(OwnedKind.CHANNEL, made.snoop_id)
    turn.own_for_call(OwnedKind.MEDIA, made.media_id)
    turn.set(whispering=made, whispers=count)
    turn.do(Whisper(turn.attempt.channel_id, made, event.text))


def whispered(turn: Turn, _: ev.WhisperOver | ev.Resumed) -> None:
    end_whisper(turn)


def end_whisper(turn: Turn) -> None:
    made = turn.call.whispering
    turn.set(whispering=None)
    for owned in reversed(turn.call.ledger):
        if made and owned.id in made.parts:
            turn.release(owned)
