"""A caller arrives and is connected to the agent, or put on music."""

from __future__ import annotations

from ari_app.transfer import events as ev
from ari_app.transfer.actions import moves
from ari_app.transfer.commands import ConnectAgent, MarkCaller, RingAgent, RingCaller
from ari_app.transfer.model import Agent, Entry, LegState, OwnedKind, State
from ari_app.transfer.turn import Turn


def admit(turn: Turn, event: ev.CallArrived) -> None:
    turn.set(
        caller=event.caller,
        caller_number=event.number,
        caller_name=event.name,
        entry=event.entry,
        return_app=event.return_app,
        agent=event.agent,
        bridge_id=event.bridge_id,
        answered=event.answered,
        hold_class=event.hold_class,
        max_hold=event.max_hold,
        fallback=event.fallback,
        asterisk=event.asterisk,
        arrived_at=turn.now,
    )
    turn.do(MarkCaller(event.caller, turn.call.call_id))
    if event.entry is not Entry.AGENT:
        moves.wait_on_music(turn)
    elif event.agent is None:
        moves.to_fallback(turn)
    else:
        ring_agent(turn, event.agent)


def ring_agent(turn: Turn, agent: Agent, *, recall: str = "") -> None:
    turn.own_for_call(OwnedKind.CHANNEL, agent.channel_id)
    if not turn.call.answered:
        turn.do(RingCaller(turn.call.caller))
    turn.do(RingAgent(turn.call.caller, agent, turn.call.call_id, turn.call.caller_number, recall))
    turn.go(State.CONNECTING, deadline=turn.now + agent.ring_timeout)


def caller_answered(turn: Turn, _: ev.CallerAnswered) -> None:
    turn.set(answered=True)


def connect_agent(turn: Turn, event: ev.AgentAnswered) -> None:
    moves.agent_leg(turn, LegState.UP)
    turn.own_for_call(OwnedKind.BRIDGE, turn.call.bridge_id)
    turn.do(ConnectAgent(turn.call.caller, event.channel_id, turn.call.bridge_id))
    turn.go(State.CONNECTING, deadline=turn.now + moves.CONFIRM)


def agent_connected(turn: Turn, event: ev.Seated) -> None:
    if (event.bridge_id, event.channel_id) == (turn.call.bridge_id, turn.call.caller):
        turn.set(answered=True)
        turn.go(State.TALKING)


def agent_unreachable(turn: Turn, _: ev.Event) -> None:
    _release_agent(turn)
    moves.to_fallback(turn)


def _release_agent(turn: Turn) -> None:
    agent = turn.call.agent
    for owned in turn.call.ledger:
        if agent and owned.id == agent.channel_id:
            turn.release(owned)


def note_agent_gone(turn: Turn, _: ev.Event) -> None:
    moves.agent_leg(turn, LegState.GONE)


def agent_hung_up(turn: Turn, _: ev.AgentLeft) -> None:
    """The conversation is over, as when either party of a plain call hangs up; or the fallback, by the settings."""
    moves.agent_leg(turn, LegState.GONE)
    if turn.call.agent and turn.call.agent.hangs_up_caller:
        moves.hang_up_caller(turn)
    else:
        moves.to_fallback(turn)
