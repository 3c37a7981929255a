"""An agent sends the conversation and asks for a transfer: hold, room, ring and briefing start at once."""

from __future__ import annotations

from dataclasses import replace

from ari_app.transfer import conversation
from ari_app.transfer import events as ev
from ari_app.transfer.actions import coaching, failing, holding, moves
from ari_app.transfer.commands import HoldCaller, PrepareBriefing
from ari_app.transfer.model import Agent, LegState, Outcome, Phase, Transfer
from ari_app.transfer.referral import refusal
from ari_app.transfer.turn import Turn


def add_turns(turn: Turn, event: ev.TranscriptAdded) -> None:
    if event.overheard:
        turn.set(**conversation.overheard(turn.call, event.turns, event.at_most))
    else:
        turn.set(**conversation.sent(turn.call, event.turns, event.at_most, replace=event.replace))


def begin(turn: Turn, event: ev.TransferRequested) -> None:
    """Hold, room, ring and briefing are all under way before the first of them is confirmed."""
    if turn.call.transfer_in_flight:
        refuse(turn, event)
        return
    call, request = turn.call, event.request
    transfer = Transfer(
        transfer_id=event.transfer_id,
        request=request,
        started_at=turn.now,
        join_deadline=turn.now + request.supervisor_join_timeout,
        groups=(request.group,) if request.group else (),
    )
    turn.set(transfer=transfer, **conversation.sent(call, event.turns, event.at_most))
    if request.request_id:
        turn.set(requests=(*call.requests, (request.request_id, event.transfer_id)))
    holding.begin(turn)
    turn.tell(Phase.STARTED, reason=request.reason)
    turn.do(HoldCaller(call.caller, call.bridge_id, request.moh_class))
    moves.ring(turn)
    if not request.is_blind:
        turn.tell(Phase.SUMMARY_GENERATING)
        turn.do(PrepareBriefing())


def send_on(turn: Turn, event: ev.TransferRequested) -> None:
    """A supervisor's own REFER: from here on they have the agent's place, and the caller again if nobody answers."""
    if turn.call.transfer_in_flight or event.request.referrer != turn.call.referring_leg:
        refuse(turn, event)
        return
    coaching.end_whisper(turn)
    if not turn.call.has_supervisor_back:
        _take_the_agents_place(turn)
    begin(turn, event)


def _take_the_agents_place(turn: Turn) -> None:
    attempt, first_line = turn.attempt, turn.call.agent or Agent(name="", endpoint="", channel_id="")
    agent = replace(first_line, channel_id=attempt.channel_id, leg=LegState.UP, rule=attempt.route.rule)
    turn.set(agent=agent, bridge_id=attempt.room_id)


def refuse(turn: Turn, event: ev.TransferRequested) -> None:
    """The call changed between the check at the door and now; who asked is told, nothing is touched."""
    turn.tell_refusal(event.transfer_id, event.request, f"the call is {turn.call.state.value}; ask again later")
    turn.do(*refusal(event.request))


def caller_held(turn: Turn, event: ev.CallerHeld) -> None:
    if not turn.transfer.held:
        turn.set_transfer(held=True)
        turn.tell(Phase.CALLER_ON_HOLD, moh_class=event.moh_class)


def room_opened(turn: Turn, _: ev.RoomOpened) -> None:
    if not turn.attempt.room_open:
        turn.set_attempt(room_open=True)
        turn.tell(Phase.CONSULTATION_ROOM_CREATED, attempt=turn.attempt.number)


def summary_ready(turn: Turn, event: ev.SummaryReady) -> None:
    if turn.transfer.summary is None:
        turn.set_transfer(summary=event.text, summary_source=event.source, summary_form=event.form)
        turn.tell(
            Phase.SUMMARY_READY,
            summary=event.text,
            source=event.source,
            seconds=round(event.seconds, 6),
            form=dict(event.form),
        )


def no_room(turn: Turn, event: ev.RoomFailed) -> None:
    """One room of several is one supervisor less."""
    if len(turn.transfer.live) > 1:
        turn.set_attempt(error=event.reason)
        failing.attempt_failed(turn, Outcome.INTERNAL_ERROR)
    else:
        no_place_to_hold(turn, event)


def no_place_to_hold(turn: Turn, event: ev.HoldFailed | ev.RoomFailed) -> None:
    turn.set_transfer(error=event.reason)
    failing.all_over(turn, Outcome.INTERNAL_ERROR)
    failing.give_back(turn, Outcome.INTERNAL_ERROR)
