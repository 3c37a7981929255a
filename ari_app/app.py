"""The wiring: Settings in, one task group out. The only file that knows every adapter."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import structlog

from ari_app.ari.client import AriClient
from ari_app.ari.link import AriLink
from ari_app.ari.translate import Translator
from ari_app.briefing.engines import Engines
from ari_app.briefing.providers.breaker import Breakers, Condition
from ari_app.briefing.session import VoiceBriefer
from ari_app.config import AgentSettings, Settings
from ari_app.http.api import build
from ari_app.http.metrics import Metrics
from ari_app.http.server import listen, serve
from ari_app.http.webhooks import Receiver, Webhooks, opened
from ari_app.journal import SqlJournal, check_url
from ari_app.runtime.clock import SystemClock
from ari_app.runtime.control import DeskControl
from ari_app.runtime.desk import Desk, Policy
from ari_app.runtime.intake import Intake, Rules
from ari_app.runtime.ports import Ari, Reply
from ari_app.runtime.publish import Publisher
from ari_app.runtime.views import payload_of
from ari_app.transfer.model import Agent, Call
from ari_app.transfer.routing import Rule
from ari_app.transfer.turn import Told

log = structlog.get_logger(__name__)

DRAIN = 30.0
"Seconds that transfers in flight get to end after SIGTERM; the journal keeps what does not."
FLUSH = 2.0
"Seconds that phases already published get to arrive."


async def run(settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT. Raises SettingsError, JournalError before anything is touched."""
    check_url(settings.journal.url)
    engines = Engines(settings.briefing)
    engines.make()
    receivers = [Receiver.of(name, webhook, os.environ) for name, webhook in settings.webhooks.items()]
    with listen(settings.http.host, settings.http.port) as listener:
        journal = await SqlJournal.open(settings.journal.url)
        try:
            async with opened(receivers, settings.journal.url, SystemClock()) as webhooks:
                await _serve(settings, journal, listener, engines, webhooks)
        finally:
            await journal.close()
            await engines.aclose()


async def _serve(
    settings: Settings, journal: SqlJournal, listener: socket.socket, engines: Engines, webhooks: Webhooks
) -> None:
    await engines.warm()
    await journal.purge(time.time() - settings.journal.keep_days * 86_400)
    asterisk = settings.asterisk
    async with AriClient(asterisk.url, asterisk.username, asterisk.password.get_secret_value(), asterisk.app) as client:
        await _run(settings, journal, client, listener, engines, webhooks)


async def _run(
    settings: Settings,
    journal: SqlJournal,
    client: AriClient,
    listener: socket.socket,
    engines: Engines,
    webhooks: Webhooks,
) -> None:
    clock, metrics = SystemClock(), Metrics()
    ari = CountedAri(client, metrics, settings.asterisk.request_timeout)
    metrics.webhooks(webhooks.counts)
    publisher = Publisher(ari, metrics.phase, webhooks.publish)
    briefer = VoiceBriefer(
        ari,
        settings.asterisk.url.replace("http", "ws", 1),
        engines,
        app=settings.asterisk.app,
    )
    desk = Desk(
        policy_of(settings),
        ari=ari,
        journal=journal,
        briefer=briefer,
        clock=clock,
        on_step=partial(_publish_step, publisher),
    )
    intake = Intake(rules_of(settings), desk, publisher, clock)
    desk.on_user_event = intake.on_user_event
    link = AriLink(
        client,
        on_event=Translator(desk).deliver,
        on_connected=desk.on_connected,
        on_disconnected=desk.disconnected,
    )
    control = DeskControl(desk, intake, journal, publisher, clock)
    http = build(control, settings, metrics.registry)
    recalled = await desk.recall()
    if settings.webhooks:
        await webhooks.catch_up(control.phases, await _latest_transfers(control, await journal.unfinished()))
    log.info("starting", app=settings.asterisk.app, recalled=recalled, http=settings.http.listen)
    async with asyncio.TaskGroup() as tasks:
        running = [
            tasks.create_task(serve(http, settings.http.host, settings.http.port, listener=listener), name="http"),
            tasks.create_task(publisher.run(), name="publisher"),
            tasks.create_task(webhooks.run(), name="webhooks"),
            tasks.create_task(desk.run(), name="desk"),
            tasks.create_task(link.run(), name="link"),
            tasks.create_task(_gauge(desk, metrics, engines.breakers), name="gauges"),
        ]
        await _until_told_to_stop(desk)
        await _within(FLUSH, asyncio.gather(publisher.flushed(), webhooks.flushed()))
        for task in running:
            task.cancel()


async def _latest_transfers(control: DeskControl, call_ids: Sequence[str]) -> list[str]:
    calls = [await control.call(call_id) for call_id in call_ids]
    return [call["transfer_id"] for call in calls if call["transfer_id"]]


async def _until_told_to_stop(desk: Desk) -> None:
    """The first signal drains: transfers in flight may end, new ones are refused. The second stops at once."""
    signals: asyncio.Queue[int] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, signals.put_nowait, number)
    await signals.get()
    log.info("draining", transfers=desk.transfers_in_flight())
    again = asyncio.ensure_future(signals.get())
    drained = asyncio.ensure_future(desk.drained())
    await asyncio.wait({again, drained}, timeout=DRAIN, return_when=asyncio.FIRST_COMPLETED)
    again.cancel()
    drained.cancel()


async def _within(seconds: float, work: Any) -> None:
    try:
        async with asyncio.timeout(seconds):
            await work
    except TimeoutError:
        log.warning("not everything was delivered before the end")


async def _gauge(desk: Desk, metrics: Metrics, breakers: Breakers) -> None:
    while True:
        for provider, condition in breakers.conditions().items():
            metrics.provider_left_alone(provider, condition is Condition.OPEN)
        metrics.calls(Counter(runner.call.state.value for runner in desk.live.values()))
        metrics.ari_connected(desk.connected)
        await asyncio.sleep(1.0)


def _publish_step(publisher: Publisher, call: Call, told: tuple[Told, ...]) -> None:
    for phase in told:
        publisher.publish(payload_of(phase), reply_to=phase.reply_to)


class CountedAri:
    """The ARI port with the settings' deadline and every request counted."""

    def __init__(self, client: Ari, metrics: Metrics, deadline: float) -> None:
        self._client, self._metrics, self._deadline = client, metrics, deadline
        self.snapshot = client.snapshot

    async def call(self, operation: str, *, deadline: float | None = None, **parameters: Any) -> Reply:
        reply = await self._client.call(operation, deadline=deadline or self._deadline, **parameters)
        self._metrics.ari_reply(operation, reply.fate)
        return reply


def policy_of(settings: Settings) -> Policy:
    return Policy(
        app=settings.asterisk.app,
        agents={name: _agent_maker(name, agent) for name, agent in settings.agents.items()},
        default_agent=settings.default_agent,
        hold_class=settings.hold.moh_class,
        max_hold=settings.hold.max_seconds,
        fallback=settings.fallback.context,
        lease=settings.hold.lease,
        talk_lease=settings.hold.talk_lease,
    )


def _agent_maker(name: str, agent: AgentSettings) -> Callable[[str], Agent]:
    def make(channel_id: str) -> Agent:
        return Agent(
            name=name,
            endpoint=agent.endpoint,
            channel_id=channel_id,
            ring_timeout=agent.ring_timeout,
            hangs_up_caller=agent.on_hangup == "hangup",
        )

    return make


def rules_of(settings: Settings) -> Rules:
    return Rules(
        routing={
            name: Rule(
                name=name,
                endpoint=rule.endpoint,
                callers=rule.callers,
                destinations=rule.destinations,
                ring_timeout=rule.ring_timeout,
                max_concurrent=rule.max_concurrent,
                context=rule.context,
                moh_class=rule.moh_class,
                dispositions=tuple(rule.dispositions.items()),
                recall_within=rule.recall_within,
            )
            for name, rule in settings.routing_rules.items()
        },
        briefing_profiles=frozenset(settings.briefing),
        moh_class=settings.hold.moh_class,
        max_transfers=settings.limits.transfers,
        transcript_bytes=settings.limits.transcript_bytes,
        introductions=frozenset(name for name, profile in settings.briefing.items() if profile.introduction),
        coached=frozenset(name for name, profile in settings.briefing.items() if profile.coach),
        reassure_every=settings.hold.reassure_every,
        return_key=settings.hold.return_key,
        max_transfer_seconds=settings.hold.max_transfer_seconds,
        dispositions=settings.dispositions.by_outcome(),
        contexts=frozenset(settings.dispositions.contexts),
    )
