"""The whole feature on one screen: what each event does in each state.

A row names the states it may lead to and the action that tells the story (`actions/`). One machine follows one
call; its transfer is a fact of the call, not a second machine. What no row names is *noted*: late, early and
duplicate events are the weather of a phone network, never an error. An event of a leg, a media channel or a deadline
that is not the current one is noted before the table is asked (`machine.py`).

With `ring_all` there are several supervisors at once. Each has a state of their own, DIALING until they answer and
BRIEFING from then on, and what they do is looked up there; the call is where the furthest of them is.

A supervisor who has the caller, and sends them on by REFER, has the agent's place from then on: the same rows give the
caller back to them.

Ties break by order of arrival in the call's mailbox, with one rule: from JOINING on, the join is committed; a cancel
comes too late, and so does another supervisor's yes; a hang-up does not. No row moves the caller to a supervisor but
`SupervisorPressed` and `BriefingAccepted` in BRIEFING; and `SupervisorAnswered` in DIALING, where the request is blind,
or `DigitsSent`, where an attendant has answered: until the digits are out, nobody has.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ari_app.transfer import events as ev
from ari_app.transfer.actions import (
    arriving,
    briefing,
    closing,
    coaching,
    disposing,
    failing,
    holding,
    joining,
    moves,
    recalling,
    requesting,
    resuming,
    ringing,
    seeking,
    words,
)
from ari_app.transfer.model import State as S
from ari_app.transfer.turn import Turn


@dataclass(frozen=True)
class Row:
    action: Callable[[Turn, Any], None]
    to: tuple[S, ...] = ()
    "States the action may enter; none: the call stays where it is."


GIVEN_BACK = TAKEN_BACK = (S.RETURNING, S.LEAVING, S.WAITING)
OTHERS_OR_BACK = (S.DIALING, S.SEEKING, S.BRIEFING, *GIVEN_BACK)

ANYWHERE: dict[type[ev.Event], Row] = {
    ev.CallerLeft: Row(closing.caller_left, (S.CLOSING,)),
    ev.CallerAnswered: Row(arriving.caller_answered),
    ev.AgentLeft: Row(arriving.note_agent_gone),
    ev.TranscriptAdded: Row(requesting.add_turns),
    ev.TransferRequested: Row(requesting.refuse),
    ev.Released: Row(closing.released),
    ev.MediaOut: Row(closing.media_out),
    ev.AsteriskLost: Row(closing.asterisk_lost, (S.CLOSING,)),
    ev.Resumed: Row(resuming.resume),
    ev.WhisperOver: Row(coaching.whispered),
}

ON_HOLD: dict[type[ev.Event], Row] = {
    ev.ReassuranceDue: Row(holding.reassure),
    ev.WordsReady: Row(words.ready),
    ev.WordsOver: Row(holding.reassured),
    ev.CallerPressed: Row(holding.caller_pressed, GIVEN_BACK),
}

TABLE: dict[S, dict[type[ev.Event], Row]] = {
    S.NEW: {
        ev.CallArrived: Row(arriving.admit, (S.CONNECTING, S.WAITING, S.LEAVING)),
    },
    S.CONNECTING: ANYWHERE
    | {
        ev.AgentAnswered: Row(arriving.connect_agent, (S.CONNECTING,)),
        ev.Seated: Row(arriving.agent_connected, (S.TALKING,)),
        ev.AgentFailed: Row(arriving.agent_unreachable, (S.LEAVING,)),
        ev.HoldFailed: Row(arriving.agent_unreachable, (S.LEAVING,)),
        ev.AgentLeft: Row(arriving.agent_unreachable, (S.LEAVING,)),
        ev.DeadlinePassed: Row(arriving.agent_unreachable, (S.LEAVING,)),
    },
    S.TALKING: ANYWHERE
    | {
        ev.TransferRequested: Row(requesting.begin, (S.DIALING,)),
        ev.AgentLeft: Row(arriving.agent_hung_up, (S.CLOSING, S.LEAVING)),
        ev.AgentFailed: Row(moves.to_fallback, (S.LEAVING,)),
    },
    S.WAITING: ANYWHERE
    | {
        ev.TransferRequested: Row(requesting.begin, (S.DIALING,)),
        ev.HoldFailed: Row(moves.to_fallback, (S.LEAVING,)),
        ev.DeadlinePassed: Row(moves.to_fallback, (S.LEAVING,)),
    },
    S.DIALING: ANYWHERE
    | ON_HOLD
    | {
        ev.CallerHeld: Row(requesting.caller_held),
        ev.HoldFailed: Row(requesting.no_place_to_hold, GIVEN_BACK),
        ev.RoomOpened: Row(requesting.room_opened),
        ev.RoomFailed: Row(requesting.no_room, OTHERS_OR_BACK),
        ev.SummaryReady: Row(requesting.summary_ready),
        ev.SupervisorDialed: Row(moves.dialed),
        ev.SupervisorRinging: Row(ringing.ringing),
        ev.SupervisorAnswered: Row(ringing.answered, (S.BRIEFING, S.JOINING)),
        ev.DigitsSent: Row(ringing.supervisor_there, (S.BRIEFING, S.JOINING)),
        ev.SupervisorFailed: Row(ringing.not_dialed, OTHERS_OR_BACK),
        ev.SupervisorLeft: Row(ringing.not_answered, OTHERS_OR_BACK),
        ev.DeadlinePassed: Row(ringing.rang_out, OTHERS_OR_BACK),
        ev.TransferOverdue: Row(holding.took_too_long, GIVEN_BACK),
        ev.CancelRequested: Row(failing.cancel, GIVEN_BACK),
    },
    S.SEEKING: ANYWHERE
    | ON_HOLD
    | {
        ev.CallerHeld: Row(requesting.caller_held),
        ev.HoldFailed: Row(requesting.no_place_to_hold, GIVEN_BACK),
        ev.SummaryReady: Row(requesting.summary_ready),
        ev.GroupFound: Row(seeking.found, (S.DIALING,)),
        ev.GroupNotFound: Row(seeking.not_found, (S.SEEKING, *GIVEN_BACK)),
        ev.DeadlinePassed: Row(seeking.not_found, (S.SEEKING, *GIVEN_BACK)),
        ev.TransferOverdue: Row(holding.took_too_long, GIVEN_BACK),
        ev.CancelRequested: Row(failing.cancel, GIVEN_BACK),
    },
    S.BRIEFING: ANYWHERE
    | ON_HOLD
    | {
        ev.CallerHeld: Row(requesting.caller_held),
        ev.RoomOpened: Row(requesting.room_opened),
        ev.SummaryReady: Row(requesting.summary_ready),
        ev.Seated: Row(briefing.supervisor_seated),
        ev.BriefingStarted: Row(briefing.briefing_started),
        ev.SupervisorPressed: Row(briefing.key_pressed, (S.JOINING, *OTHERS_OR_BACK)),
        ev.BriefingAccepted: Row(briefing.accepted, (S.JOINING,)),
        ev.BriefingDeclined: Row(briefing.declined, OTHERS_OR_BACK),
        ev.VoicemailDetected: Row(briefing.voicemail, OTHERS_OR_BACK),
        ev.BriefingExhausted: Row(briefing.no_decision, OTHERS_OR_BACK),
        ev.DeadlinePassed: Row(briefing.no_decision, OTHERS_OR_BACK),
        ev.TransferOverdue: Row(holding.took_too_long, GIVEN_BACK),
        ev.BriefingFailed: Row(briefing.not_briefed, OTHERS_OR_BACK),
        ev.SupervisorFailed: Row(briefing.not_briefed, OTHERS_OR_BACK),
        ev.SupervisorLeft: Row(briefing.left_briefing, OTHERS_OR_BACK),
        ev.MediaOut: Row(briefing.media_lost, OTHERS_OR_BACK),
        ev.Released: Row(briefing.media_lost, OTHERS_OR_BACK),
        ev.CancelRequested: Row(failing.cancel, GIVEN_BACK),
    },
    S.JOINING: ANYWHERE
    | {
        ev.Seated: Row(joining.join_progress, (S.CONNECTED,)),
        ev.Unseated: Row(joining.join_progress),
        ev.MediaOut: Row(joining.join_progress, (S.CONNECTED,)),
        ev.Released: Row(joining.join_progress, (S.CONNECTED,)),
        ev.JoinFailed: Row(joining.join_failed, GIVEN_BACK),
        ev.DeadlinePassed: Row(joining.join_failed, GIVEN_BACK),
        ev.SupervisorLeft: Row(joining.left_at_join, GIVEN_BACK),
    },
    S.CONNECTED: ANYWHERE
    | {
        ev.WhisperRequested: Row(coaching.whisper),
        ev.TransferRequested: Row(requesting.send_on, (S.DIALING,)),
        ev.AgentLeft: Row(joining.agent_left, (S.CLOSING,)),
        ev.SupervisorLeft: Row(recalling.supervisor_left, (S.CLOSING, S.CONNECTING, S.LEAVING)),
    },
    S.RETURNING: ANYWHERE
    | {
        ev.Seated: Row(failing.returned, (S.TALKING, S.CONNECTED)),
        ev.ReturnFailed: Row(moves.to_fallback, (S.LEAVING,)),
        ev.AgentLeft: Row(moves.to_fallback, (S.LEAVING,)),
        ev.DeadlinePassed: Row(moves.to_fallback, (S.LEAVING,)),
    },
    S.LEAVING: ANYWHERE
    | {
        ev.CallerLeft: Row(failing.left_for_good, (S.CLOSING,)),
        ev.WordsReady: Row(words.ready),
        ev.WordsOver: Row(disposing.parted, (S.CLOSING, *TAKEN_BACK)),
        ev.CallerStranded: Row(disposing.stranded, TAKEN_BACK),
        ev.DeadlinePassed: Row(disposing.stranded, TAKEN_BACK),
    },
    S.CLOSING: ANYWHERE
    | {
        ev.CallerLeft: Row(closing.note_caller_gone),
    },
    S.CLOSED: {},
}
