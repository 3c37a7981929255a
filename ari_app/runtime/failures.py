"""What a command that went wrong comes back as: the event the table has a row for."""

from __future__ import annotations

from ari_app.transfer import commands as cmd
from ari_app.transfer import events as ev


def failure_of(command: cmd.Command, reason: str) -> tuple[ev.Event, ...]:
    match command:
        case cmd.HoldCaller():
            return (ev.HoldFailed(reason),)
        case cmd.OpenRoom(room_id):
            return (ev.RoomFailed(room_id, reason),)
        case cmd.RingAgent() | cmd.ConnectAgent():
            return (ev.AgentFailed(reason),)
        case cmd.RingSupervisor(attempt=attempt):
            return (ev.SupervisorFailed(attempt.channel_id, reason),)
        case cmd.FindGroup(group=group):
            return (ev.GroupNotFound(group, reason),)
        case cmd.SeatSupervisor(channel_id=channel_id) | cmd.SendDigits(channel_id=channel_id):
            return (ev.SupervisorFailed(channel_id, reason),)
        case cmd.StartBriefing(media_id=media_id):
            return (ev.BriefingFailed(media_id, reason),)
        case cmd.JoinCaller():
            return (ev.JoinFailed(reason),)
        case cmd.ReturnCaller():
            return (ev.ReturnFailed(reason),)
        case cmd.ContinueElsewhere():
            return (ev.CallerStranded(reason),)
        case cmd.PrepareWords(media_id=media_id) | cmd.SayWords(media_id=media_id):
            return (ev.WordsOver(media_id, heard=False),)
        case cmd.InterruptMusic(media_id=media_id):
            return (ev.WordsOver(media_id, heard=False),)
        case cmd.Whisper(by=by):
            return (ev.WhisperOver(by.media_id),)
        case cmd.StopBriefing(media_id=media_id) | cmd.Introduce(media_id=media_id):
            return (ev.MediaOut(media_id),)
        case cmd.Dismiss(channel_id=channel_id, media_id=media_id):
            return (ev.MediaOut(media_id), ev.Released(channel_id))
        case cmd.Release(owned):
            return (ev.Released(owned.id),)
    return ()
