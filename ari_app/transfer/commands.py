"""What to do: imperatives the runtime carries out in order. Each names every id it touches.

All but `RingAgent`, `RingSupervisor` and `SendDigits` are repeatable: done twice they leave what done once leaves.
"""

from __future__ import annotations

from dataclasses import dataclass

from ari_app.transfer.model import Agent, Attempt, Owned, Whispering


@dataclass(frozen=True)
class Command:
    """Base of all commands."""


@dataclass(frozen=True)
class ByAssistant(Command):
    """Done by the assistant's voice, or by its line to the supervisor."""


@dataclass(frozen=True)
class MarkCaller(Command):
    """Writes WT_APP and WT_CALL_ID on the caller's channel (contract, section 1)."""

    caller: str
    call_id: str


@dataclass(frozen=True)
class RingCaller(Command):
    """Ringback for a caller who is not answered yet."""

    caller: str


@dataclass(frozen=True)
class RingAgent(Command):
    """One INVITE. → AgentAnswered, AgentFailed"""

    caller: str
    agent: Agent
    call_id: str
    caller_id: str
    "Number of the caller, shown to the agent."
    recall: str = ""
    "The transfer after which the caller comes back."


@dataclass(frozen=True)
class ConnectAgent(Command):
    """Answer the caller, then caller and agent into their bridge. → Seated, AgentFailed"""

    caller: str
    agent_channel: str
    bridge_id: str


@dataclass(frozen=True)
class HoldCaller(Command):
    """Out of the agent's bridge, music on. → CallerHeld, HoldFailed"""

    caller: str
    bridge_id: str
    moh_class: str
    answer: bool = False
    "Answer the caller first."


@dataclass(frozen=True)
class OpenRoom(Command):
    """→ RoomOpened, RoomFailed"""

    room_id: str


@dataclass(frozen=True)
class RingSupervisor(Command):
    """One INVITE. → SupervisorDialed, SupervisorFailed"""

    attempt: Attempt
    call_id: str
    transfer_id: str
    timeout: float
    "Seconds after which Asterisk itself gives up, a little more than our own deadline."
    reason: str | None = None
    form: tuple[tuple[str, str], ...] = ()
    "The summary in fields, if there is one already: the INVITE does not wait for it (P2)."


@dataclass(frozen=True)
class SendDigits(Command):
    """One key after the other to a line that has answered. → DigitsSent, SupervisorFailed"""

    channel_id: str
    digits: str


@dataclass(frozen=True)
class FindGroup(Command):
    """Whom the group would ring now. → GroupFound, GroupNotFound"""

    group: str
    tried: tuple[str, ...]
    "Groups that were rung or asked for before."


@dataclass(frozen=True)
class SeatSupervisor(Command):
    """→ Seated, SupervisorFailed"""

    channel_id: str
    room_id: str
    keys_pass: bool = False
    "Whether others in the room hear this leg's keys."


@dataclass(frozen=True)
class PrepareBriefing(ByAssistant):
    """Summary and first speech, beside the ringing. → SummaryReady"""


@dataclass(frozen=True)
class WarmBriefing(ByAssistant):
    """The assistant's line is opened before anybody answers. → MediaOut when it can't be"""

    media_id: str


@dataclass(frozen=True)
class StartBriefing(ByAssistant):
    """→ BriefingStarted and one decision, or MediaOut when the line breaks"""

    attempt: Attempt
    room_id: str
    media_id: str
    again: bool = False
    "The line broke: wait for the connection before another one is tried."


@dataclass(frozen=True)
class PassKey(ByAssistant):
    """A key the dialogue answers to: repeat, or a re-prompt."""

    digit: str
    media_id: str
    "The line of whoever pressed it."


@dataclass(frozen=True)
class StopBriefing(ByAssistant):
    """Silence, media out. → MediaOut"""

    media_id: str


@dataclass(frozen=True)
class JoinCaller(Command):
    """Music off, caller into the room. → Seated, JoinFailed"""

    caller: str
    room_id: str


@dataclass(frozen=True)
class InterruptMusic(Command):
    """Music off, caller into the bridge where the words are said. → WordsOver when it fails"""

    caller: str
    bridge_id: str
    media_id: str


@dataclass(frozen=True)
class Aside(Command):
    """Base of words to one party alone, beside everything else."""


@dataclass(frozen=True)
class PrepareWords(Aside):
    """The words become sound, their line enters the bridge. → WordsReady, WordsOver"""

    bridge_id: str
    media_id: str
    text: str
    key: str | None = None
    "The key back to the agent, told with it."


@dataclass(frozen=True)
class SayWords(Aside):
    """→ WordsOver"""

    media_id: str
    text: str
    key: str | None = None


@dataclass(frozen=True)
class Whisper(Aside):
    """Words into the supervisor's ear, over what the caller says. → WhisperOver"""

    supervisor: str
    by: Whispering
    text: str


@dataclass(frozen=True)
class ReturnCaller(Command):
    """Music off, caller back to the agent. → Seated, ReturnFailed"""

    caller: str
    bridge_id: str


@dataclass(frozen=True)
class Dismiss(ByAssistant):
    """A last sentence to a supervisor who is in the room, then hang up. → MediaOut, Released"""

    text: str
    "Name of the text in the briefing's prompts."
    channel_id: str
    room_id: str
    media_id: str


@dataclass(frozen=True)
class Introduce(ByAssistant):
    """One line to caller and supervisor, who talk already; then the media is out. → MediaOut"""

    room_id: str
    media_id: str


@dataclass(frozen=True)
class ShowCaller(Command):
    """The supervisor's phone shows whom it is connected to, if the caller allows that. Nothing depends on it."""

    channel_id: str
    caller: str
    number: str
    name: str


@dataclass(frozen=True)
class TellReferrer(Command):
    """NOTIFY to a leg that sent a REFER; it may be gone."""

    channel_id: str
    state: str
    "As Asterisk spells it; see referral.py."


@dataclass(frozen=True)
class SendToFallback(Command):
    """The caller goes on in the dialplan. → CallerLeft, CallerStranded"""

    caller: str
    context: str


@dataclass(frozen=True)
class ContinueElsewhere(Command):
    """The caller goes on in a context of the dialplan that is there. → CallerLeft, CallerStranded"""

    caller: str
    context: str
    extension: str
    variables: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class HandBack(Command):
    """The caller goes back to the ARI application that handed it over. → CallerLeft, CallerStranded"""

    caller: str
    app: str
    args: str


@dataclass(frozen=True)
class Release(Command):
    """Out of Asterisk with it, whatever it is. → Released"""

    owned: Owned
    elsewhere: bool = False
    "A phone that still rings is told that somebody else took the call, and shows no missed one."
