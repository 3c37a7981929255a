"""What a call missed while nobody was listening: the difference between its state and what Asterisk has, as events.

Asterisk replays nothing. Channels that are gone have left; a supervisor who is up has answered; one whose channel
never appeared has failed and is not rung again, since the fate of that originate is unknown. So has one to whom digits
were being sent: nobody knows which of them have arrived.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field

from ari_app.transfer import events as ev
from ari_app.transfer.model import Call, LegState, Owned, OwnedKind, State


@dataclass(frozen=True)
class Seen:
    """What Asterisk has right now."""

    asterisk: str
    "Its start time."
    channels: Mapping[str, str] = field(default_factory=dict)
    "Channel id → state as Asterisk spells it: Down, Ring, Ringing, Up."
    bridges: Mapping[str, Set[str]] = field(default_factory=dict)
    "Bridge id → the channels in it."
    ours: Set[str] = frozenset()
    "Channels our Stasis application follows."


def reconcile(call: Call, seen: Seen, *, resuming: bool) -> tuple[ev.Event, ...]:
    """The missed events, in an order that never rings anybody for a caller who is gone.

    `resuming` says that the app itself is new: what it had under way died with it. Otherwise only the event
    stream was away, and what is being created right now is left alone."""
    if call.state in (State.NEW, State.CLOSED):
        return ()
    if call.asterisk and seen.asterisk != call.asterisk:
        return (ev.AsteriskLost(),)
    return (
        *_caller_gone(call, seen),
        *_owned_gone(call, seen, resuming),
        *_legs_gone(call, seen, resuming),
        *_seats(call, seen),
        *_resumed(call, seen, resuming),
        *_legs_up(call, seen),
    )


def _caller_gone(call: Call, seen: Seen) -> list[ev.Event]:
    gone = call.caller not in seen.channels or call.caller not in seen.ours
    return [ev.CallerLeft()] if call.caller_here and gone else []


def _owned_gone(call: Call, seen: Seen, resuming: bool) -> list[ev.Event]:
    ledger: list[Owned] = [*call.ledger, *(call.transfer.ledger if call.transfer else ())]
    known = {*seen.channels, *seen.bridges, *_coming(call, resuming)}
    return [ev.Released(owned.id) for owned in ledger if owned.id not in known]


def _coming(call: Call, resuming: bool) -> Set[str]:
    """What is in the ledger and may not exist yet."""
    coming: set[str] = set()
    transfer = call.transfer
    if call.state is State.CONNECTING:
        coming |= {call.bridge_id} if resuming or not call.agent else {call.bridge_id, call.agent.channel_id}
    coming |= {attempt.room_id for attempt in (transfer.attempts if transfer else ()) if not attempt.room_open}
    for attempt in transfer.current if transfer else ():
        stage = call.stage(attempt)
        if stage is State.BRIEFING and (resuming or not attempt.media_speaks):
            coming.add(attempt.media_id or "")
        if stage is State.DIALING and not resuming:
            coming |= {attempt.media_id or ""} if attempt.dialed else {attempt.media_id or "", attempt.channel_id}
    if call.whispering and not resuming:
        coming |= call.whispering.parts
    if transfer and transfer.words and not resuming:
        coming |= {transfer.words.bridge_id, transfer.words.media_id}
    if transfer and call.state is State.CONNECTED and not resuming:
        # the introduction: whoever says it tells its end
        coming |= {owned.id for owned in transfer.ledger if owned.kind is OwnedKind.MEDIA and not owned.asked}
    return coming


def _legs_gone(call: Call, seen: Seen, resuming: bool) -> list[ev.Event]:
    missed: list[ev.Event] = []
    known = {*seen.channels, *_coming(call, resuming)}
    if call.agent and call.agent.leg is not LegState.GONE and call.agent.channel_id not in known:
        missed.append(ev.AgentLeft(call.agent.channel_id))
    for attempt in call.transfer.current if call.transfer else ():
        if attempt.channel_id not in known:
            missed.append(_supervisor_gone(attempt.channel_id, dialed=attempt.dialed))
        elif resuming and attempt.dials_on and call.stage(attempt) is State.DIALING:
            reason = "the app stopped while it sent digits; none is sent twice, and one less leads to somebody else"
            missed.append(ev.SupervisorFailed(attempt.channel_id, reason))
    return missed


def _supervisor_gone(channel_id: str, *, dialed: bool) -> ev.Event:
    if dialed:
        return ev.SupervisorLeft(channel_id)
    return ev.SupervisorFailed(channel_id, "the app stopped while it dialed; nobody is rung twice")


def _seats(call: Call, seen: Seen) -> list[ev.Event]:
    bridges, people = {call.bridge_id}, {call.caller}
    if call.transfer:
        bridges |= {attempt.room_id for attempt in call.transfer.attempts}
        people |= {attempt.channel_id for attempt in call.transfer.attempts}
    return [
        ev.Seated(bridge, person)
        for bridge in sorted(bridges)
        for person in sorted(people)
        if person in seen.bridges.get(bridge, frozenset())
    ]


def _resumed(call: Call, seen: Seen, resuming: bool) -> list[ev.Event]:
    if not resuming:
        return []
    inside = (bridge for bridge, people in seen.bridges.items() if call.caller in people)
    return [ev.Resumed(caller_in=next(inside, None))]


def _legs_up(call: Call, seen: Seen) -> list[ev.Event]:
    missed: list[ev.Event] = []
    if call.agent and call.agent.leg is LegState.RINGING and seen.channels.get(call.agent.channel_id) == "Up":
        missed.append(ev.AgentAnswered(call.agent.channel_id))
    for attempt in call.transfer.current if call.transfer else ():
        if call.stage(attempt) is State.DIALING and seen.channels.get(attempt.channel_id) == "Up":
            missed.append(ev.SupervisorAnswered(attempt.channel_id))
    return missed
