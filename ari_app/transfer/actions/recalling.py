"""A supervisor who hangs up right after the join: the caller is not left with a dial tone, where the rule says so."""

from __future__ import annotations

from dataclasses import replace

from ari_app.transfer import events as ev
from ari_app.transfer import ids
from ari_app.transfer.actions import arriving, joining, moves
from ari_app.transfer.commands import HandBack, HoldCaller
from ari_app.transfer.model import Agent, Entry, LegState, Phase, State, Transfer
from ari_app.transfer.turn import Turn


def supervisor_left(turn: Turn, event: ev.SupervisorLeft) -> None:
    if _is_too_soon(turn.transfer, turn.now):
        _recall(turn)
    else:
        joining.supervisor_hung_up(turn, event)


def _is_too_soon(transfer: Transfer, now: float) -> bool:
    joined = dict(transfer.marks).get(str(Phase.CALL_SWITCHED))
    within = transfer.attempt.route.recall_within if transfer.attempt else 0.0
    return joined is not None and within > 0 and now - transfer.started_at - joined <= within


def _recall(turn: Turn) -> None:
    call = turn.call
    moves.end_introduction(turn)
    if call.entry is Entry.AGENT and call.agent:
        _ring_agent_again(turn, call.agent)
    elif call.return_app:
        turn.set(leaving_to=call.return_app)
        turn.do(HandBack(call.caller, call.return_app, f"recalled,{turn.transfer.transfer_id}"))
        turn.go(State.LEAVING, deadline=turn.now + moves.CONFIRM)
    else:
        moves.to_fallback(turn)


def _ring_agent_again(turn: Turn, agent: Agent) -> None:
    """As at the arrival, with the caller on music. Leg and bridge are new: the old ones may be on their way out yet."""
    call, transfer = turn.call, turn.transfer
    count, left = call.recalls + 1, call.ledger
    again = replace(agent, channel_id=ids.agent_leg(call.call_id, count), leg=LegState.RINGING, rule=None)
    turn.set(agent=again, bridge_id=ids.talk_bridge(call.call_id, count), recalls=count)
    turn.do(HoldCaller(call.caller, transfer.room_id, transfer.request.moh_class))
    arriving.ring_agent(turn, again, recall=transfer.transfer_id)
    for owned in left:
        turn.release(owned)
