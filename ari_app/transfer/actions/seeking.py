"""Nobody of those who were rung took the call: the transfer goes on with another group, or ends."""

from __future__ import annotations

from dataclasses import replace

from ari_app.transfer import events as ev
from ari_app.transfer.actions import failing, moves
from ari_app.transfer.turn import Turn


def found(turn: Turn, event: ev.GroupFound) -> None:
    """Its destinations follow those that were rung; attempts go on counting, the music goes on playing."""
    transfer = turn.transfer
    rung = len(transfer.attempts)
    turn.set_transfer(
        request=replace(
            transfer.request, routes=(*transfer.request.routes[:rung], *event.routes), strategy=event.strategy
        ),
        groups=tuple(dict.fromkeys((*transfer.groups, event.group))),
        rung_before=rung,
    )
    moves.ring(turn)


def not_found(turn: Turn, _: ev.GroupNotFound | ev.DeadlinePassed) -> None:
    failing.nobody_left(turn)
