"""Agent and app in one process: the app's own control, without a wire between."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from ari_app.agents.ledger import Record
from ari_app.agents.messages import Message
from ari_app.agents.transport import NotTaken, Request
from ari_app.briefing.pipeline import PipelineFactory
from ari_app.errors import RequestRefused, WarmTransferError
from ari_app.runtime.ports import Control
from ari_app.transfer.model import Outcome


class App(Control, Protocol):
    """`Control`, and a place for engines that an agent brings along."""

    def lend(
        self, request_id: str, *, summary_llm: Any = None, briefing_pipeline_factory: PipelineFactory | None = None
    ) -> None:
        """For the briefing of the request with this id, which comes next."""

    def take_back(self, request_id: str) -> None:
        """That request did not become a transfer."""


class InProcess:
    """Implements `Transport`."""

    lends = True

    def __init__(self, app: App, channel: str, hear: Callable[[Mapping[str, Any]], None]) -> None:
        self._app = app
        self._channel = channel
        self._hear = hear

    async def open(self) -> None:
        """There is nothing to connect."""

    async def close(self) -> None:
        """There is nothing to close."""

    async def carry(self, request: Request, record: Record) -> None:
        view = await self._ask(request)
        record.transfer_id = view["transfer_id"]
        await self.follow(record, view["transfer_id"])

    async def _ask(self, request: Request) -> dict[str, Any]:
        variables = request.variables
        if conversation := request.history:
            variables["chat_history"] = conversation
        self._lend(request)
        try:
            view, is_new = await self._app.request_transfer(self._channel, variables)
        except RequestRefused as refused:
            self._take_back(request)
            raise NotTaken(Outcome(refused.outcome), str(refused)) from None
        if not is_new:
            self._take_back(request)
        return view

    def _lend(self, request: Request) -> None:
        config = request.config
        if config.brings_engines:
            factory = config.briefing_pipeline_factory
            self._app.lend(request.id, summary_llm=config.summary_llm, briefing_pipeline_factory=factory)

    def _take_back(self, request: Request) -> None:
        if request.config.brings_engines:
            self._app.take_back(request.id)

    async def add(self, messages: Sequence[Message]) -> None:
        try:
            await self._app.add_transcript(self._channel, {"turns": list(messages)})
        except RequestRefused as refused:
            raise NotTaken(Outcome.REFUSED, str(refused)) from None

    async def cancel(self, record: Record, reason: str | None) -> bool:
        if record.transfer_id is None:
            return False
        try:
            await self._app.cancel(record.transfer_id, reason)
        except RequestRefused:
            return False
        return True

    async def follow(self, record: Record, transfer_id: str) -> None:
        """Begins to listen before it reads what was told, so that nothing falls between; a number that is skipped
        means that the queue ran over, and the app is asked for all of it."""
        with self._app.follow(transfer_id) as queue:
            try:
                await self._hear_all(transfer_id)
            except RequestRefused as refused:
                raise WarmTransferError(f"transfer_id: {refused}") from None
            while not record.ended.done():
                payload = await queue.get()
                if payload["sequence"] > record.last_seen + 1:
                    await self._hear_all(transfer_id)
                self._hear(payload)

    async def _hear_all(self, transfer_id: str) -> None:
        for payload in await self._app.phases(transfer_id):
            self._hear(payload)


def is_app(given: Any) -> bool:
    return all(callable(getattr(given, verb, None)) for verb in ("request_transfer", "follow", "phases", "cancel"))
