"""The wiring: Settings in, one task group out. The only file that knows every adapter."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import structlog

from ari_app.ari.client import AriClient
from ari_app.ari.link import AriLink
from ari_app.ari.translate import Translator
from ari_app.briefing.engines import Engines, Loan
from ari_app.briefing.pipeline import PipelineFactory
from ari_app.briefing.ports import LanguageModel
from ari_app.briefing.providers.breaker import Breakers, Condition
from ari_app.briefing.session import VoiceBriefer
from ari_app.briefing.talk import beside
from ari_app.config import AgentSettings, Settings
from ari_app.database import check_url
from ari_app.errors import SettingsError
from ari_app.http.api import build
from ari_app.http.finding import Finder
from ari_app.http.metrics import Metrics
from ari_app.http.server import listen, serve
from ari_app.http.webhooks import Receiver, Webhooks, opened
from ari_app.journal import SqlJournal
from ari_app.listening.overhearing import Overhearing, Wish
from ari_app.listening.tap import Tap
from ari_app.runtime.clock import SystemClock
from ari_app.runtime.control import DeskControl
from ari_app.runtime.cool_downs import CoolDowns
from ari_app.runtime.desk import Desk, Policy
from ari_app.runtime.groups import Group, hours_of
from ari_app.runtime.intake import Intake, Rules
from ari_app.runtime.ports import Ari, Reply
from ari_app.runtime.publish import Publisher
from ari_app.runtime.reachability import Reachability
from ari_app.runtime.referring import Referring
from ari_app.runtime.views import payload_of
from ari_app.signers import signers_of
from ari_app.transfer.model import Agent, Call
from ari_app.transfer.routing import Rule
from ari_app.transfer.turn import Told

log = structlog.get_logger(__name__)

DRAIN = 30.0
"Seconds that transfers in flight get to end after SIGTERM; the journal keeps what does not."
FLUSH = 2.0
"Seconds that phases already published get to arrive."


class App(DeskControl):
    """A running app, as agents in the same process ask it: `AgentSession(app=…)`."""

    def __init__(self, engines: Engines, desk: Desk, *others: Any) -> None:
        super().__init__(desk, *others)
        self._engines = engines
        self.desk = desk

    def lend(
        self,
        request_id: str,
        *,
        summary_llm: LanguageModel | None = None,
        briefing_pipeline_factory: PipelineFactory | None = None,
    ) -> None:
        """Engines for the briefing of the request with this id, which comes next."""
        self._engines.lend(request_id, Loan(briefing_pipeline_factory, summary_llm))

    def take_back(self, request_id: str) -> None:
        """That request did not become a transfer."""
        self._engines.take_back(request_id)


async def run(settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT. Raises SettingsError, JournalError before anything is touched."""
    async with running(settings) as app:
        await _until_told_to_stop(app.desk)


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[App]:
    """The app beside the body, in this process; with the body's end it ends. Raises as `run` does."""
    check_url(settings.journal.url)
    engines = Engines(settings.briefing)
    engines.make()
    wishes = wishes_of(settings, engines)
    rules = rules_of(settings)
    finder = Finder(settings.destination_webhooks, os.environ)
    receivers = [Receiver.of(name, webhook, os.environ) for name, webhook in settings.webhooks.items()]
    asterisk = settings.asterisk
    client = AriClient(asterisk.url, asterisk.username, asterisk.password.get_secret_value(), asterisk.app)
    async with AsyncExitStack() as stack:
        listener = stack.enter_context(listen(settings.http.host, settings.http.port))
        journal = await SqlJournal.open(settings.journal.url)
        stack.push_async_callback(journal.close)
        stack.push_async_callback(engines.aclose)
        stack.push_async_callback(finder.aclose)
        webhooks = await stack.enter_async_context(opened(receivers, settings.journal.url, SystemClock()))
        await stack.enter_async_context(beside(engines.warm()))
        await journal.purge(time.time() - settings.journal.keep_days * 86_400)
        await stack.enter_async_context(client)
        async with _connected(settings, journal, client, listener, engines, webhooks, wishes, rules, finder) as app:
            yield app


@asynccontextmanager
async def _connected(
    settings: Settings,
    journal: SqlJournal,
    client: AriClient,
    listener: socket.socket,
    engines: Engines,
    webhooks: Webhooks,
    wishes: Mapping[str, Wish],
    rules: Rules,
    finder: Finder,
) -> AsyncIterator[App]:
    clock, metrics = SystemClock(), Metrics()
    ari = CountedAri(client, metrics, settings.asterisk.request_timeout)
    metrics.webhooks(webhooks.counts)
    publisher = Publisher(ari, metrics.phase, webhooks.publish)
    media = settings.asterisk.url.replace("http", "ws", 1)
    briefer = VoiceBriefer(ari, media, engines, app=settings.asterisk.app)
    cool_downs = CoolDowns({name: rule.cool_down for name, rule in settings.routing_rules.items()})
    desk = Desk(
        policy_of(settings),
        ari=ari,
        journal=journal,
        briefer=briefer,
        clock=clock,
        on_step=lambda call, told: _take_step(publisher, overhearing, cool_downs, call, told),
    )
    tap = partial(Tap, ari, base_url=media, app=settings.asterisk.app)
    overhearing = Overhearing(wishes, desk, speech=engines.hearing, tap=tap)
    intake = Intake(rules, desk, publisher, clock, cool_downs)
    intake.finder = finder
    offline = frozenset(name for name, rule in settings.routing_rules.items() if rule.skip_offline)
    intake.reachability = reachability = Reachability(ari, offline)
    desk.on_user_event = intake.on_user_event
    desk.on_seek = intake.next_group
    desk.on_referred = Referring(rules.routing, desk, intake).on_referred
    link = AriLink(
        client,
        on_event=Translator(desk).deliver,
        on_connected=desk.on_connected,
        on_disconnected=desk.disconnected,
    )
    app = App(engines, desk, intake, journal, publisher, clock)
    http = build(app, settings, metrics.registry)
    recalled = await desk.recall()
    if settings.webhooks:
        await webhooks.catch_up(app.phases, await _latest_transfers(app, await journal.unfinished()))
    log.info("starting", app=settings.asterisk.app, recalled=recalled, http=settings.http.listen)
    async with beside(
        serve(http, settings.http.host, settings.http.port, listener=listener),
        publisher.run(),
        overhearing.run(),
        webhooks.run(),
        desk.run(),
        link.run(),
        reachability.run(),
        _gauge(desk, metrics, engines.breakers),
    ):
        yield app
        await _within(FLUSH, asyncio.gather(publisher.flushed(), webhooks.flushed()))


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


def _take_step(
    publisher: Publisher, overhearing: Overhearing, cool_downs: CoolDowns, call: Call, told: tuple[Told, ...]
) -> None:
    overhearing.on_step(call)
    cool_downs.note(call, told)
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
        presents_callers=any(rule.present == "caller" for rule in settings.routing_rules.values()),
    )


def _agent_maker(name: str, agent: AgentSettings) -> Callable[[str], Agent]:
    def make(channel_id: str) -> Agent:
        return Agent(
            name=name,
            endpoint=agent.endpoint,
            channel_id=channel_id,
            ring_timeout=agent.ring_timeout,
            hangs_up_caller=agent.on_hangup == "hangup",
            refers=agent.refer,
        )

    return make


def wishes_of(settings: Settings, engines: Engines) -> dict[str, Wish]:
    """Whom the app transcribes. Raises SettingsError for a profile that understands no free speech."""
    wishes = {}
    for name, agent in settings.agents.items():
        if agent.transcribe is None:
            continue
        if engines.hearing(agent.transcribe).stt is None:
            raise SettingsError(
                f"agents.{name}.transcribe: [briefing.{agent.transcribe}] understands decisions at most;"
                " name a profile whose stt is deepgram, openai or your own"
            )
        wishes[name] = Wish(agent.transcribe, 60 * agent.transcribe_minutes, settings.limits.transcript_bytes)
    return wishes


def rules_of(settings: Settings) -> Rules:
    return Rules(
        signers=signers_of(settings, os.environ),
        groups={
            name: Group(
                destinations=group.destinations,
                strategy=group.strategy,
                hours=tuple(map(hours_of, group.hours)),
                zone=ZoneInfo(group.time_zone),
                closed=group.closed,
                dispositions=group.dispositions,
            )
            for name, group in settings.groups.items()
        },
        routing={
            name: Rule(
                name=name,
                endpoint=rule.endpoint,
                callers=rule.callers,
                destinations=rule.destinations,
                ring_timeout=rule.ring_timeout,
                max_concurrent=rule.max_concurrent,
                context=rule.context,
                keys_reach_caller=rule.keys_reach_caller,
                connected_line=rule.connected_line,
                refer=rule.refer,
                present=rule.present,
                moh_class=rule.moh_class,
                dispositions=tuple(rule.dispositions.items()),
                recall_within=rule.recall_within,
                digits_after_answer=rule.digits_after_answer,
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
