"""What HTTP and the command line ask of the desk: the `Control` port over live calls and the journal."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from ari_app.errors import RequestRefused
from ari_app.runtime import views
from ari_app.runtime.desk import Desk
from ari_app.runtime.intake import Intake, new_transfer_id
from ari_app.runtime.ports import Clock, Journal
from ari_app.runtime.runner import Runner
from ari_app.transfer.events import CancelRequested, WhisperRequested
from ari_app.transfer.machine import Story, fold
from ari_app.wire import WarmTransferCancel, WarmTransferWhisper, parse

WAITS_FOR_CALLS = 0.5
"Seconds; whoever asks over HTTP gets the answer that there is no such call at once, or nearly."


class Followers(Protocol):
    def follow(self, transfer_id: str) -> AbstractContextManager[asyncio.Queue[dict[str, Any]]]: ...


class Archive(Journal, Protocol):
    """The journal as a reader sees it."""

    async def recent_calls(self, limit: int) -> Sequence[views.Entry]: ...

    async def recent_transfers(self, limit: int) -> list[str]: ...

    async def find_transfer(self, transfer_id: str) -> str | None: ...

    async def writable(self) -> bool: ...


class DeskControl:
    def __init__(self, desk: Desk, intake: Intake, archive: Archive, followers: Followers, clock: Clock) -> None:
        self._desk, self._intake, self._archive = desk, intake, archive
        self._followers, self._clock = followers, clock

    async def request_transfer(self, call_ref: str, variables: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
        await self._desk.arrived(call_ref, WAITS_FOR_CALLS)
        runner = self._live(call_ref)
        variables = await self._intake.found(runner, variables)
        event, known = self._intake.admit(runner, variables, new_transfer_id())
        if event is None:
            self._intake.retell_end(runner, known or "", variables.get("reply_to"))
            return await self.transfer(known or ""), False
        await runner.ask(event)
        if event.transfer_id in runner.transfers:
            return await self.transfer(event.transfer_id), True
        twin = dict(runner.call.requests).get(event.request.request_id or "")
        if twin is None:
            raise RequestRefused("the call changed in that moment; it can't be transferred now", status=409)
        return await self.transfer(twin), False

    async def cancel(self, transfer_id: str, reason: str | None) -> dict[str, Any]:
        asked = parse(WarmTransferCancel, {"reason": reason})
        story = await self._story_of(transfer_id)
        runner = self._desk.live.get(story.call.call_id)
        if runner is None or story.transfers[transfer_id].is_over:
            raise RequestRefused("the transfer has ended", status=409)
        if (await runner.ask(CancelRequested(asked.reason))).noted:
            raise RequestRefused("the join has been committed, or the transfer is ending already", status=409)
        return views.transfer_view(runner.call, runner.transfers[transfer_id])

    async def whisper(self, transfer_id: str, text: str) -> dict[str, Any]:
        asked = parse(WarmTransferWhisper, {"text": text})
        story = await self._story_of(transfer_id)
        runner = self._desk.live.get(story.call.call_id)
        latest = runner.call.transfer if runner else None
        if runner is None or latest is None or latest.transfer_id != transfer_id:
            raise RequestRefused("the call has ended, or has another transfer", status=409)
        if not latest.request.coach:
            raise RequestRefused(
                "the transfer is blind, or its briefing profile does not let the assistant coach", status=409
            )
        if (await runner.ask(WhisperRequested(asked.text))).noted:
            raise RequestRefused("nobody can be whispered to now, or a whisper is being said", status=409)
        return views.transfer_view(runner.call, runner.transfers[transfer_id])

    async def add_transcript(self, call_ref: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        await self._desk.arrived(call_ref, WAITS_FOR_CALLS)
        runner = self._live(call_ref)
        await runner.ask(self._intake.transcript(runner, variables))
        return views.call_view(runner.call)

    def _live(self, call_ref: str) -> Runner:
        runner = self._desk.find(call_ref)
        if runner is None:
            raise RequestRefused("no live call with this call_id or channel", status=404)
        return runner

    async def calls(self, limit: int) -> list[dict[str, Any]]:
        return [self._entry_view(entry) for entry in await self._archive.recent_calls(limit)]

    def _entry_view(self, entry: views.Entry) -> dict[str, Any]:
        """A live call as it is now, an ended one as the journal's index has it."""
        runner = self._desk.live.get(entry.call_id)
        return views.call_view(runner.call) if runner else views.entry_view(entry)

    async def call(self, call_id: str) -> dict[str, Any]:
        return views.call_view((await self._story(call_id)).call)

    async def transfers(self, limit: int) -> list[dict[str, Any]]:
        return [await self.transfer(transfer_id) for transfer_id in await self._archive.recent_transfers(limit)]

    async def transfer(self, transfer_id: str) -> dict[str, Any]:
        story = await self._story_of(transfer_id)
        return views.transfer_view(story.call, story.transfers[transfer_id])

    async def phases(self, transfer_id: str) -> list[dict[str, Any]]:
        story = await self._story_of(transfer_id)
        return [views.payload_of(told) for told in story.told if told.transfer_id == transfer_id]

    def follow(self, transfer_id: str) -> AbstractContextManager[asyncio.Queue[dict[str, Any]]]:
        return self._followers.follow(transfer_id)

    async def ready(self) -> dict[str, bool]:
        return {
            "ari": self._desk.connected,
            "journal": await self._archive.writable(),
            "draining": self._desk.draining,
        }

    async def _story_of(self, transfer_id: str) -> Story:
        for runner in self._desk.live.values():
            if transfer_id in runner.transfers:
                return Story(runner.call, runner.transfers, runner.told)
        call_id = await self._archive.find_transfer(transfer_id)
        if call_id is None:
            raise RequestRefused("no such transfer", status=404)
        return await self._story(call_id)

    async def _story(self, call_id: str) -> Story:
        runner = self._desk.live.get(call_id)
        if runner:
            return Story(runner.call, runner.transfers, runner.told)
        steps = await self._archive.steps(call_id)
        if not steps:
            raise RequestRefused("no such call", status=404)
        return fold(call_id, ((written.at, written.event) for written in steps))
