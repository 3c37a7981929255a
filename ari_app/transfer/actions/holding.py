"""The caller's wait: now and then the music stops for a true sentence, and there is a way back and an end to it.

The words have a bridge and a line of their own. The caller is taken off the music only when both are ready and the
sound is made, so that there is no silence; a join or a return takes the caller out of the words at once.
"""

from __future__ import annotations

from ari_app.transfer import events as ev
from ari_app.transfer.actions import briefing, failing, ringing, words
from ari_app.transfer.commands import HoldCaller
from ari_app.transfer.model import State
from ari_app.transfer.turn import Turn

TEXTS = {State.DIALING: "caller_dialing", State.SEEKING: "caller_dialing", State.BRIEFING: "caller_briefing"}
"State → what the caller is told then."


def begin(turn: Turn) -> None:
    """The times of a new transfer."""
    request = turn.transfer.request
    turn.set_transfer(
        reassure_at=turn.now + request.reassure_every if request.reassure_every else None,
        give_up_at=turn.now + request.max_seconds if request.max_seconds else None,
    )


def reassure(turn: Turn, _: ev.ReassuranceDue) -> None:
    words.speak(turn, TEXTS[turn.call.state], turn.transfer.request.return_key)


def reassured(turn: Turn, _: ev.WordsOver) -> None:
    """Music again, whatever became of the words."""
    said = words.spoken(turn)
    if said.is_listening:
        turn.do(HoldCaller(turn.call.caller, said.bridge_id, turn.transfer.request.moh_class))
    resume(turn)


def resume(turn: Turn) -> None:
    """Nobody speaks now; the time to the next words runs."""
    if turn.transfer.words:
        words.break_off(turn)
        turn.set_transfer(reassure_at=turn.now + turn.transfer.request.reassure_every)


def caller_pressed(turn: Turn, event: ev.CallerPressed) -> None:
    if event.digit == turn.transfer.request.return_key:
        failing.cancel(turn, ev.CancelRequested("the caller went back to the agent"))


def took_too_long(turn: Turn, _: ev.TransferOverdue) -> None:
    """Whoever is rung or briefed has had all the time there was; nobody else is rung."""
    limit = turn.transfer.request.max_seconds
    turn.set_transfer(join_deadline=turn.now, error=f"no supervisor took the caller within {limit:g} s")
    late = ev.DeadlinePassed(turn.now)
    if turn.call.state is State.SEEKING:
        failing.nobody_left(turn)
    for attempt in turn.each(turn.transfer.live):
        if turn.call.stage(attempt) is State.BRIEFING:
            briefing.no_decision(turn, late)
        else:
            ringing.rang_out(turn, late)
