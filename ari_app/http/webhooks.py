"""Phases on their way to webhooks: into the spool first, then signed and posted until the receiver has taken them.

Nothing here is awaited by a call, and no receiver by another one: each has its own queue, its own few tasks and its own
connections. What was delivered just before a crash is delivered again, with the same id; nothing is left out.

The addresses come from the settings alone.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import structlog

from ari_app.config import Webhook
from ari_app.errors import RequestRefused
from ari_app.http.metrics import WebhookCounts
from ari_app.http.outbox import Outbox
from ari_app.http.signing import keys_of
from ari_app.http.spool import Line, Spool
from ari_app.http.waiting import Message, Verdict, Waiting, verdict
from ari_app.runtime.ports import Clock
from ari_app.transfer.model import Phase

if TYPE_CHECKING:
    from ari_app.http.posting import Answer, Poster

log = structlog.get_logger(__name__)

AT_ONCE = 8
"Transfers of which one receiver is told at the same time."

Payload = Mapping[str, Any]
History = Callable[[str], Awaitable[Sequence[Payload]]]


@dataclass(eq=False)
class Receiver:
    """One webhook of the settings, with what waits for it."""

    name: str
    phases: frozenset[str]
    waiting: Waiting
    poster: Poster
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    is_gone: bool = False
    "It answered 410: nothing is sent until the app starts again."
    is_away: bool = False
    is_full: bool = False
    delivered: int = 0
    failed: int = 0

    @classmethod
    def of(cls, name: str, webhook: Webhook, environ: Mapping[str, str]) -> Receiver:
        """Raises SettingsError for a secret that can't be used."""
        from ari_app.http.posting import Poster  # whoever has no webhook needs no HTTP client

        return cls(
            name=name,
            phases=frozenset(phase.value for phase in webhook.phases or Phase),
            waiting=Waiting(webhook.most_waiting),
            poster=Poster(webhook.url, keys_of(name, webhook, environ), deadline=webhook.timeout, connections=AT_ONCE),
        )


@asynccontextmanager
async def opened(receivers: Sequence[Receiver], journal_url: str, clock: Clock) -> AsyncIterator[Webhooks]:
    """With what an earlier life left in the spool. Raises JournalError."""
    async with AsyncExitStack() as stack:
        spool = Spool.at(journal_url)
        stack.push_async_callback(spool.close)
        webhooks = Webhooks(receivers, spool, clock)
        for receiver in receivers:
            stack.push_async_callback(receiver.poster.aclose)
        if receivers:
            await spool.prepare()
            await webhooks.load()
        stack.push_async_callback(webhooks.save)
        yield webhooks


class Webhooks:
    """`publish` may be called at any time; `run` sends and never returns by itself."""

    def __init__(
        self, receivers: Sequence[Receiver], spool: Spool, clock: Clock, today: Callable[[], float] = time.time
    ) -> None:
        """`today` is what receivers compare with their own clocks: after a machine has slept, ours is behind."""
        self._receivers = {receiver.name: receiver for receiver in receivers}
        self._spool, self._clock, self._today = spool, clock, today
        self._outbox = Outbox(spool, clock, self._add)
        self._taken_over: dict[Line, int] = {}
        "What the marks said when the app started."
        self._moved = self._outbox.written
        "Set after everything that may have been the last."

    def counts(self) -> dict[str, WebhookCounts]:
        return {
            name: WebhookCounts(receiver.delivered, receiver.failed, len(receiver.waiting))
            for name, receiver in self._receivers.items()
        }

    # In

    def publish(self, payload: Payload) -> None:
        """Never blocks, never raises; whoever sends it does so when it is in the spool."""
        if not self._receivers:
            return
        wanted = [r for r in self._receivers.values() if payload["phase"] in r.phases and not r.is_gone]
        body = encoded(payload) if wanted else b""
        self._outbox.put([self._message(receiver, payload, body) for receiver in wanted])
        self._remember(payload, wanted)

    def _message(self, receiver: Receiver, payload: Payload, body: bytes) -> Message:
        now = self._clock.now()
        names = payload["transfer_id"], payload["sequence"], payload["phase"]
        return Message(receiver.name, *names, body, created_at=now, due_at=now)

    def _remember(self, payload: Payload, wanted: Iterable[Receiver]) -> None:
        """How far the transfer was taken over; after its last phase nobody asks any more."""
        is_last = Phase(payload["phase"]).is_terminal
        for receiver in self._receivers.values() if is_last else wanted:
            self._outbox.mark((receiver.name, payload["transfer_id"]), None if is_last else payload["sequence"])

    async def load(self) -> None:
        """What an earlier life left; what is for nobody any more is thrown away. Raises JournalError."""
        kept = await self._spool.load()
        for message in kept:
            self._add(message)
        strays = sum(message.webhook not in self._receivers for message in kept)
        if strays:
            log.warning("phases for webhooks that are not in the settings are thrown away", phases=strays)
        for line, sequence in (await self._spool.marked()).items():
            if line[0] in self._receivers:
                self._taken_over[line] = sequence
            else:
                self._outbox.mark(line, None)

    def _add(self, message: Message) -> None:
        receiver = self._receivers.get(message.webhook)
        if receiver is None or receiver.is_gone:
            self._outbox.forget(message)
            return
        oldest = receiver.waiting.add(message)
        if oldest is not None:
            self._give_up(receiver, oldest)
            if not receiver.is_full:
                log.error("webhook has too much waiting; the oldest phases go", webhook=receiver.name)
            receiver.is_full = True
        receiver.wake.set()

    async def catch_up(self, history: History, latest: Iterable[str]) -> None:
        """Takes over what the journal has and the spool has not, because the app died between the two. To be called
        before anything is published; `latest` are the last transfers of the calls that go on."""
        unfinished = {transfer_id for _, transfer_id in self._taken_over} | set(latest)
        for transfer_id in sorted(unfinished) if self._receivers else ():
            try:
                told = await history(transfer_id)
            except RequestRefused:
                told = []
            for receiver in self._receivers.values():
                self._catch_up(receiver, transfer_id, told)
        self._taken_over.clear()

    def _catch_up(self, receiver: Receiver, transfer_id: str, told: Sequence[Payload]) -> None:
        line = receiver.name, transfer_id
        is_over = not told or Phase(told[-1]["phase"]).is_terminal
        if is_over and line not in self._taken_over:
            return
        seen = self._taken_over.get(line, 0)
        missed = [payload for payload in told if payload["sequence"] > seen and payload["phase"] in receiver.phases]
        self._outbox.put([self._message(receiver, payload, encoded(payload)) for payload in missed])
        if missed or is_over:
            self._outbox.mark(line, None if is_over else missed[-1]["sequence"])

    # Out

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._outbox.run(), name="webhooks-spool")
            for receiver in self._receivers.values():
                for number in range(AT_ONCE):
                    tasks.create_task(self._send_all(receiver), name=f"webhook-{receiver.name}-{number}")

    async def save(self) -> None:
        """Writes what the spool has not got yet; for the end."""
        await self._outbox.save()

    async def flushed(self) -> None:
        """Returns when everything is on disk and every receiver has got, or did not take, what was due."""
        while not self._outbox.is_empty or any(map(self._has_work, self._receivers.values())):
            self._moved.clear()
            await self._moved.wait()

    def _has_work(self, receiver: Receiver) -> bool:
        due = receiver.waiting.due()
        return not receiver.is_gone and (receiver.waiting.is_busy or (due is not None and due <= self._clock.now()))

    async def _send_all(self, receiver: Receiver) -> None:
        while not receiver.is_gone:
            message = receiver.waiting.take(self._clock.now())
            if message is None:
                await self._something_to_do(receiver)
            else:
                await self._send(receiver, message)
                self._moved.set()

    async def _something_to_do(self, receiver: Receiver) -> None:
        receiver.wake.clear()
        try:
            async with self._clock.until(receiver.waiting.due()):
                await receiver.wake.wait()
        except TimeoutError:
            return

    async def _send(self, receiver: Receiver, message: Message) -> None:
        from ari_app.http.posting import Answer

        try:
            answer = await receiver.poster.post(message, self._today())
        except Exception as error:
            log.exception("webhook could not be posted", webhook=receiver.name, error=type(error).__name__)
            answer = Answer(None, type(error).__name__)
        self._settle(receiver, message, answer)

    def _settle(self, receiver: Receiver, message: Message, answer: Answer) -> None:
        now, found = self._clock.now(), verdict(answer.status)
        if found is Verdict.DELIVERED:
            self._delivered(receiver, message, now)
        elif found in (Verdict.LATER, Verdict.UNREACHED):
            self._put_off(receiver, message, answer, unreached=found is Verdict.UNREACHED)
        else:
            self._refused(receiver, message, answer, gone=found is Verdict.GONE)

    def _delivered(self, receiver: Receiver, message: Message, now: float) -> None:
        receiver.waiting.done(message)
        receiver.delivered += 1
        self._outbox.forget(message)
        if receiver.is_away:
            log.info("webhook takes phases again", webhook=receiver.name, waiting=len(receiver.waiting))
        receiver.is_away = False
        receiver.is_full = receiver.is_full and receiver.waiting.is_crowded
        if receiver.waiting.reached(now):
            receiver.wake.set()

    def _put_off(self, receiver: Receiver, message: Message, answer: Answer, *, unreached: bool) -> None:
        if not receiver.is_away:
            log.warning("webhook did not take a phase; it is tried again", webhook=receiver.name, why=answer.why)
        receiver.is_away = True
        wish, now = answer.retry_after, self._clock.now()
        waiting = receiver.waiting.later(message, now, unreached=unreached, wish=wish)
        if waiting is not None:
            self._outbox.keep(waiting)
            return
        self._give_up(receiver, message)
        log.error("webhook phase given up", webhook=receiver.name, **_what(message), why=answer.why)

    def _refused(self, receiver: Receiver, message: Message, answer: Answer, *, gone: bool) -> None:
        receiver.waiting.done(message)
        self._give_up(receiver, message)
        log.error("webhook refused a phase", webhook=receiver.name, **_what(message), why=answer.why)
        if gone and not receiver.is_gone:
            receiver.is_gone = True
            dropped = receiver.waiting.clear()
            for waiting in dropped:
                self._give_up(receiver, waiting)
            log.error(
                "webhook is gone; nothing is sent until the next start", webhook=receiver.name, waited=len(dropped)
            )
            receiver.wake.set()

    def _give_up(self, receiver: Receiver, message: Message) -> None:
        receiver.failed += 1
        self._outbox.forget(message)


def encoded(payload: Payload) -> bytes:
    """The body: made once, signed and sent as it is in every try."""
    moment = datetime.fromtimestamp(payload["timestamp"], UTC).isoformat(timespec="milliseconds")
    body = {
        "type": f"warm_transfer.{payload['phase']}",
        "timestamp": moment.replace("+00:00", "Z"),
        "data": dict(payload),
    }
    return json.dumps(body, separators=(",", ":")).encode()


def _what(message: Message) -> dict[str, Any]:
    return {"transfer_id": message.transfer_id, "phase": message.phase, "tries": message.tries + 1}
