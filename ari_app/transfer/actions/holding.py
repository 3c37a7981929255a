"""The caller's wait: now and then the music stops for a true sentence, and there is a way back and an end to it.

The words have a bridge and a line of their own. The caller is taken off the music only when both are ready and the
sound is made, so that there is no silence; a join or a return takes the caller out of the words at once.
"""

from __future__ import annotations

from dataclasses import replace

from ari_app.transfer import events as ev
from ari_app.transfer import ids
from ari_app.transfer.actions import briefing, failing, ringing
from ari_app.transfer.commands import HoldCaller, InterruptMusic, PrepareWords, SayWords
from ari_app.transfer.model import OwnedKind, State, Words
from ari_app.transfer.turn import Turn

TEXTS = {State.DIALING: "caller_dialing", State.BRIEFING: "caller_briefing"}
"State → what the caller is told then."


def begin(turn: Turn) -> None:
    """The times of a new transfer."""
    request = turn.transfer.request
    turn.set_transfer(
        reassure_at=turn.now + request.reassure_every if request.reassure_every else None,
        give_up_at=turn.now + request.max_seconds if request.max_seconds else None,
    )


def reassure(turn: Turn, _: ev.ReassuranceDue) -> None:
    speak(turn, TEXTS[turn.call.state])


def speak(turn: Turn, text: str) -> None:
    """The words are made first, and the music goes on until they are."""
    _break_off(turn)
    transfer = turn.transfer
    count, bridge_id = transfer.words_count + 1, ids.words_bridge(transfer.transfer_id)
    words = Words(ids.words_media(transfer.transfer_id, count), bridge_id, text)
    if all(owned.id != bridge_id for owned in transfer.ledger):
        turn.own(OwnedKind.BRIDGE, bridge_id)
    turn.own(OwnedKind.MEDIA, words.media_id)
    turn.set_transfer(words=words, words_count=count, reassure_at=None)
    turn.do(PrepareWords(bridge_id, words.media_id, text, _key(turn)))


def words_ready(turn: Turn, _: ev.WordsReady) -> None:
    words = _words(turn)
    turn.set_transfer(words=replace(words, is_listening=True))
    turn.do(InterruptMusic(turn.call.caller, words.bridge_id, words.media_id))
    turn.do(SayWords(words.media_id, words.text, _key(turn)))


def words_over(turn: Turn, _: ev.WordsOver) -> None:
    """Music again, whatever became of the words."""
    words, request = _words(turn), turn.transfer.request
    if words.is_listening:
        turn.do(HoldCaller(turn.call.caller, words.bridge_id, request.moh_class))
    resume(turn)


def resume(turn: Turn) -> None:
    """Nobody speaks now; the time to the next words runs."""
    if turn.transfer.words:
        _break_off(turn)
        turn.set_transfer(reassure_at=turn.now + turn.transfer.request.reassure_every)


def settle(turn: Turn) -> None:
    """After every step: words go on as long as the caller is held for them."""
    if turn.call.transfer_in_flight and turn.call.state not in TEXTS:
        _break_off(turn)


def caller_pressed(turn: Turn, event: ev.CallerPressed) -> None:
    if event.digit == turn.transfer.request.return_key:
        failing.cancel(turn, ev.CancelRequested("the caller went back to the agent"))


def rang_too_long(turn: Turn, _: ev.TransferOverdue) -> None:
    _give_up(turn)
    ringing.rang_out(turn, ev.DeadlinePassed(turn.now))


def briefed_too_long(turn: Turn, _: ev.TransferOverdue) -> None:
    _give_up(turn)
    briefing.no_decision(turn, ev.DeadlinePassed(turn.now))


def _give_up(turn: Turn) -> None:
    """No further supervisor is rung."""
    limit = turn.transfer.request.max_seconds
    turn.set_transfer(join_deadline=turn.now, error=f"no supervisor took the caller within {limit:g} s")


def _break_off(turn: Turn) -> None:
    words = turn.transfer.words
    if words:
        turn.set_transfer(words=None)
        for owned in turn.transfer.ledger:
            if owned.id == words.media_id:
                turn.release(owned)


def _words(turn: Turn) -> Words:
    if turn.transfer.words is None:
        raise AssertionError("words are heard of while there are some")
    return turn.transfer.words


def _key(turn: Turn) -> str | None:
    return turn.transfer.request.return_key
