"""Words to the caller between two stretches of music: made first, then heard, broken off at once when need be."""

from __future__ import annotations

from dataclasses import replace

from ari_app.transfer import events as ev
from ari_app.transfer import ids
from ari_app.transfer.commands import InterruptMusic, PrepareWords, SayWords
from ari_app.transfer.model import Call, OwnedKind, State, Words
from ari_app.transfer.turn import Turn

HELD = frozenset({State.DIALING, State.SEEKING, State.BRIEFING})
PARTING = "hangup"
"Where a caller is leaving to who is told a last line."


def speak(turn: Turn, text: str, key: str | None = None) -> None:
    """The music goes on until the words are made."""
    break_off(turn)
    transfer = turn.transfer
    count, bridge_id = transfer.words_count + 1, ids.words_bridge(transfer.transfer_id)
    words = Words(ids.words_media(transfer.transfer_id, count), bridge_id, text, key)
    if all(owned.id != bridge_id for owned in transfer.ledger):
        turn.own(OwnedKind.BRIDGE, bridge_id)
    turn.own(OwnedKind.MEDIA, words.media_id)
    turn.set_transfer(words=words, words_count=count, reassure_at=None)
    turn.do(PrepareWords(bridge_id, words.media_id, text, key))


def ready(turn: Turn, _: ev.WordsReady) -> None:
    words = spoken(turn)
    turn.set_transfer(words=replace(words, is_listening=True))
    turn.do(InterruptMusic(turn.call.caller, words.bridge_id, words.media_id))
    turn.do(SayWords(words.media_id, words.text, words.key))


def spoken(turn: Turn) -> Words:
    if turn.transfer.words is None:
        raise AssertionError("words are heard of while there are some")
    return turn.transfer.words


def break_off(turn: Turn) -> None:
    words = turn.transfer.words
    if words:
        turn.set_transfer(words=None)
        for owned in turn.transfer.ledger:
            if owned.id == words.media_id:
                turn.release(owned)


def settle(turn: Turn) -> None:
    """After every step: words go on as long as somebody is held for them."""
    if turn.call.transfer_in_flight and not _has_a_listener(turn.call):
        break_off(turn)


def _has_a_listener(call: Call) -> bool:
    return call.state in HELD or (call.state is State.LEAVING and call.leaving_to == PARTING)
