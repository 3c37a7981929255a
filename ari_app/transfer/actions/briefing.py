"""The supervisor is briefed and says yes, no or nothing."""

from __future__ import annotations

from ari_app.transfer import events as ev
from ari_app.transfer.actions import failing, joining, moves
from ari_app.transfer.commands import PassKey
from ari_app.transfer.model import Decline, Outcome, Phase
from ari_app.transfer.turn import Turn

FAREWELLS = {"message": "farewell_message", "redirect": "farewell_redirect"}
"Kind of a decline → what the supervisor hears then."


def supervisor_seated(turn: Turn, event: ev.Seated) -> None:
    if (event.bridge_id, event.channel_id) == (turn.attempt.room_id, turn.attempt.channel_id):
        moves.supervisor_joined(turn)


def briefing_started(turn: Turn, _: ev.BriefingStarted) -> None:
    moves.supervisor_joined(turn)
    turn.set_attempt(media_speaks=True)
    if not turn.attempt.briefing_started:
        turn.set_attempt(briefing_started=True)
        turn.tell(Phase.BRIEFING_STARTED, attempt=turn.attempt.number)


def key_pressed(turn: Turn, event: ev.SupervisorPressed) -> None:
    """1 and 2 decide here, so that they work whatever has become of speech; not before the first word."""
    if not turn.attempt.briefing_started:
        return
    if event.digit == "1":
        accept(turn, by="dtmf")
    elif event.digit == "2":
        decline(turn, Decline(), by="dtmf")
    else:
        turn.do(PassKey(event.digit, turn.attempt.media_id or ""))


def accepted(turn: Turn, event: ev.BriefingAccepted) -> None:
    if turn.attempt.briefing_started:
        accept(turn, by=event.by)


def accept(turn: Turn, *, by: str) -> None:
    _briefing_over(turn, "accepted", by=by)
    joining.commit(turn)


def declined(turn: Turn, event: ev.BriefingDeclined) -> None:
    decline(turn, Decline(event.kind, event.reason, event.suggestion), by=event.by)


def decline(turn: Turn, said: Decline, *, by: str) -> None:
    turn.set_transfer(decline_reason=said.reason)
    turn.set_attempt(decline=said)
    _briefing_over(turn, "declined", by=by, said=said)
    failing.attempt_failed(turn, Outcome.DECLINED, farewell=FAREWELLS.get(said.kind, "farewell_declined"))


def voicemail(turn: Turn, _: ev.VoicemailDetected) -> None:
    """Hung up without a farewell: what a machine may hear, the briefing itself has said."""
    _briefing_over(turn, "voicemail")
    failing.attempt_failed(turn, Outcome.VOICEMAIL)


def no_decision(turn: Turn, _: ev.BriefingExhausted | ev.DeadlinePassed) -> None:
    _briefing_over(turn, "timeout")
    failing.attempt_failed(turn, Outcome.ACK_TIMEOUT, farewell="farewell_timeout")


def not_briefed(turn: Turn, event: ev.BriefingFailed | ev.SupervisorFailed) -> None:
    turn.set_attempt(error=event.reason)
    _briefing_over(turn, "failed")
    failing.attempt_failed(turn, Outcome.BRIEFING_FAILED)


def left_briefing(turn: Turn, event: ev.SupervisorLeft) -> None:
    turn.set_attempt(sip_code=event.sip_code, cause=event.cause)
    _briefing_over(turn, "supervisor_hangup")
    failing.attempt_failed(turn, Outcome.SUPERVISOR_HANGUP)


def _briefing_over(turn: Turn, resolution: str, *, by: str | None = None, said: Decline | None = None) -> None:
    turn.tell(
        Phase.BRIEFING_COMPLETE,
        attempt=turn.attempt.number,
        resolution=resolution,
        by=by,
        decline_reason=said.reason if said else None,
        decline_kind=said.kind if said else None,
        suggestion=said.suggestion if said else None,
    )


def media_lost(turn: Turn, event: ev.MediaOut | ev.Released) -> None:
    """The briefing lost its line in mid-sentence: it starts again on a new one, twice at the most."""
    id = event.media_id if isinstance(event, ev.MediaOut) else event.id
    moves.out_of_asterisk(turn, id)
    if id not in {attempt.media_id for attempt in turn.transfer.current}:
        return
    if turn.transfer.media_count < len(turn.transfer.attempts) + 2:
        moves.start_briefing(turn, again=True)
    else:
        not_briefed(turn, ev.BriefingFailed(id, "the media connection broke repeatedly"))
