"""The runtime on an Asterisk in memory: every event and command as in life, nothing real."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from ari_app.ari.translate import Translator
from ari_app.runtime.cool_downs import CoolDowns
from ari_app.runtime.desk import Desk, Policy
from ari_app.runtime.intake import Intake, Rules
from ari_app.runtime.publish import Publisher
from ari_app.runtime.views import payload_of
from ari_app.testing.fake_ari import FakeAri
from ari_app.testing.fakes import ManualClock, MemoryJournal, StringBriefer
from ari_app.transfer.model import Agent
from ari_app.transfer.routing import Rule

CALLER = "caller-1"


def policy():
    return Policy(
        app="warm-transfer",
        agents={"front-desk": lambda leg: Agent("front-desk", "PJSIP/front-desk", leg)},
        default_agent="front-desk",
        hold_class="default",
        max_hold=600.0,
        fallback="fallback",
        lease=30.0,
        talk_lease=3600.0,
    )


def rules(**changes):
    given = {
        "routing": {
            "rr": Rule("rr", "PJSIP/{to}@trunk", callers=("+14155550100",), destinations=("2???",), max_concurrent=2),
            "rr_told": Rule("rr_told", "PJSIP/{to}@trunk", destinations=("2???",), context="x-headers"),
            "rr_shown": Rule("rr_shown", "PJSIP/{to}@trunk", destinations=("2???",), connected_line=True),
            "rr_local": Rule("rr_local", "Local/{to}@desks", destinations=("2???",), context="x-headers"),
        },
        "briefing_profiles": frozenset({"default", "polite"}),
        "introductions": frozenset({"polite"}),
        "moh_class": "default",
        "max_transfers": 3,
        "transcript_bytes": 10_000,
    }
    return Rules(**{**given, **changes})


class World:
    """One life of the app on one Asterisk."""

    def __init__(self, ari=None, journal=None, **changes):
        self.ari = ari or FakeAri(apps=("agent-app",), sleep=no_sleep)
        self.journal = journal or MemoryJournal()
        self.clock = ManualClock()
        self.briefer = StringBriefer()
        self.payloads = []
        self.cool_downs = CoolDowns({})
        self.publisher = Publisher(self.ari, self.payloads.append)
        self.desk = Desk(
            policy(),
            ari=self.ari,
            journal=self.journal,
            briefer=self.briefer,
            clock=self.clock,
            on_step=self._publish,
        )
        self.intake = Intake(rules(**changes), self.desk, self.publisher, self.clock, self.cool_downs)
        self.desk.on_user_event = self.intake.on_user_event
        self.ari.on_event = Translator(self.desk).deliver

    def _publish(self, call, told):
        self.cool_downs.note(call, told)
        for phase in told:
            self.publisher.publish(payload_of(phase), reply_to=phase.reply_to)

    @asynccontextmanager
    async def running(self):
        await self.desk.recall()
        tasks = [asyncio.create_task(self.desk.run()), asyncio.create_task(self.publisher.run())]
        await asyncio.sleep(0)
        self.desk.on_connected(await self.ari.snapshot())
        try:
            yield self
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    async def settle(self):
        """Until nothing moves any more."""
        for _ in range(60):
            await asyncio.sleep(0)

    async def talking(self):
        self.ari.caller_arrives(CALLER, number="+14155550123")
        await self.settle()
        self.ari.answers(self.agent_leg)
        await self.settle()
        return self.call

    def ask(self, **variables):
        request = {
            "reply_to": "agent-app",
            "destination": {"routing_rule_id": "rr", "sip_call_to": "2001"},
            **variables,
        }
        self.desk.user_event("WarmTransferRequest", request, CALLER)

    async def briefing(self, **variables):
        await self.talking()
        self.ask(**variables)
        await self.settle()
        self.ari.answers(self.supervisor_leg)
        await self.settle()
        return self.call

    async def introducing(self):
        """Caller and supervisor talk, and the assistant says its line to both."""
        await self.briefing(briefing_profile="polite")
        self.ari.press(self.supervisor_leg, "1")
        await self.settle()
        return self.briefer.last

    @property
    def call(self):
        return next(iter(self.desk.live.values())).call

    @property
    def agent_leg(self):
        return self.call.agent.channel_id

    @property
    def supervisor_leg(self):
        return self.call.transfer.attempt.channel_id

    @property
    def phases(self):
        return [payload["phase"] for payload in self.payloads]

    def result(self):
        return self.payloads[-1]["data"]["result"]


async def no_sleep(seconds):
    return None


@pytest.fixture
async def world():
    async with World().running() as world:
        yield world
