"""Whom the app listens to, in an Asterisk in memory: only while the two talk, and nothing is left of it."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from ari_app.briefing.speech import Speech
from ari_app.listening import ear, overhearing
from ari_app.listening.overhearing import Overhearing, Wish
from ari_app.listening.tap import Tap
from ari_app.testing.fake_ari import FakeAri
from ari_app.testing.fake_speech import FakeEars
from ari_app.testing.jumping import at_once
from ari_app.transfer.model import Agent, Call, LegState, State

AGENT = Agent("front-desk", "PJSIP/front-desk", "wt-c-agent", leg=LegState.UP)
CALL = Call("c", State.TALKING, caller="caller", agent=AGENT)
WISH = Wish("scribe", seconds=60.0, at_most=1_000)


class Line:
    """A media session on which somebody speaks without end, or which is lost."""

    has_ended = False

    def __init__(self):
        self.lost = asyncio.Event()

    async def audio(self):
        while not self.lost.is_set():
            yield b"\1\0" * 320
            await asyncio.sleep(0.02)

    async def flush(self):
        pass

    async def wait_ended(self, seconds):
        self.lost.set()
        return True

    async def close(self):
        self.lost.set()


class World:
    def __init__(self, wish=WISH):
        self.ari = FakeAri()
        for leg in ("caller", AGENT.channel_id):
            self.ari.caller_arrives(leg, state="Up")
        self.set_apart = set()
        self.told = []
        self.ears = []
        self.lines = []
        self.is_broken = False
        self.overhearing = Overhearing({"front-desk": wish}, self, speech=self.speech, tap=self.tap)

    def overheard(self, call_id, event):
        self.told += [(turn.role, turn.content) for turn in event.turns]

    def speech(self, profile):
        assert profile == "scribe"
        self.ears.append(FakeEars())
        self.ears[-1].is_broken = self.is_broken
        return Speech(tts=None, stt=self.ears[-1], vad=None)

    def tap(self, name, channel):
        return Tap(self.ari, name, channel, base_url="ws://a", app="warm-transfer", opener=self.opens)

    async def opens(self, url, **options):
        self.ari.media_connects(url.rpartition("/ws-")[2])
        self.lines.append(Line())
        return self.lines[-1]

    @property
    def overheard_things(self):
        return sorted(id for id in (*self.ari.channels, *self.ari.bridges) if "overheard" in id)

    @asynccontextmanager
    async def running(self):
        task = asyncio.create_task(self.overhearing.run())
        await asyncio.sleep(0)
        try:
            yield self
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def listens(self):
        self.overhearing.on_step(CALL)
        await asyncio.sleep(0.1)
        assert [each.listening.fed > 0 for each in self.ears] == [True, True]


def now(state, **changes):
    return Call(**{**vars(CALL), "state": state, **changes})


@at_once
async def test_both_sides_are_listened_to_and_kept_from_the_sweep():
    async with World().running() as world:
        await world.listens()
        things = world.overheard_things
        assert len(things) == 6 and set(things) == world.set_apart
        snooped = {made["channelId"]: made["spy"] for made in world.ari.made("channels.snoopChannelWithId")}
        assert snooped == {"caller": "in", AGENT.channel_id: "in"}
        for each, words in zip(world.ears, ("help", "sure"), strict=True):
            each.say("half a", final=False)
            each.say(words)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert sorted(world.told) == [("assistant", "sure"), ("user", "help")]
    assert (world.overheard_things, world.set_apart) == ([], set())


@pytest.mark.parametrize(
    "then",
    [now(State.DIALING), now(State.CLOSING), now(State.LEAVING), now(State.TALKING, told_by="agent")],
    ids=lambda call: call.state + call.told_by,
)
def test_from_the_step_on_nothing_is_heard_but_the_last_words(then):
    @at_once
    async def story():
        async with World().running() as world:
            await world.listens()
            listening = [each.listening for each in world.ears]
            fed = [each.fed for each in listening]
            world.overhearing.on_step(then)
            assert [each.fed for each in listening] == fed
            await asyncio.sleep(0.3)
            assert world.overheard_things == [], "Asterisk is free long before the last words"
            listening[0].say("said before")
            await asyncio.sleep(ear.LAST_WORDS)
            assert world.told == [("user", "said before")]
            assert [each.listening for each in world.ears] == [None, None]

    story()


@at_once
async def test_who_does_not_ask_for_it_is_not_overheard():
    async with World().running() as world:
        world.overhearing.on_step(Call(**{**vars(CALL), "agent": Agent("other", "PJSIP/other", "x")}))
        world.overhearing.on_step(now(State.WAITING, agent=None))
        world.overhearing.on_step(now(State.CONNECTED))
        await asyncio.sleep(1.0)
        assert world.ears == [] and world.ari.calls == []


@at_once
async def test_so_many_minutes_of_a_call_are_heard_over_all_its_stretches():
    async with World(Wish("scribe", seconds=10.0, at_most=1)).running() as world:
        await world.listens()
        await asyncio.sleep(6.0)
        world.overhearing.on_step(now(State.DIALING))
        await asyncio.sleep(600.0)
        world.overhearing.on_step(CALL)
        await asyncio.sleep(3.0)
        assert len(world.overheard_things) == 6
        await asyncio.sleep(1.0)
        assert world.overheard_things == []
        world.overhearing.on_step(now(State.RETURNING))
        world.overhearing.on_step(CALL)
        await asyncio.sleep(10.0)
        assert len(world.ears) == 4


@at_once
async def test_a_lost_line_is_opened_again_and_a_lost_recogniser_only_so_often():
    async with World().running() as world:
        await world.listens()
        world.lines[0].lost.set()
        await asyncio.sleep(overhearing.PAUSES[0] + 0.5)
        assert len(world.ears) == 3 and len(world.overheard_things) == 6
        world.is_broken = True
        for each in list(world.ears):
            if each.listening:
                each.listening.end()
        await asyncio.sleep(sum(overhearing.PAUSES) + 100)
        assert len(world.ears) < 3 + 2 * (len(overhearing.PAUSES) + 1)
        assert (world.overheard_things, world.set_apart) == ([], set())


@pytest.mark.parametrize("step", ["channels.externalMedia", "bridges.createWithId", "channels.snoopChannelWithId"])
def test_what_asterisk_refuses_leaves_nothing(step):
    @at_once
    async def story():
        async with World().running() as world:
            for _ in range(20):
                world.ari.refuse(step)
            world.overhearing.on_step(CALL)
            await asyncio.sleep(100.0)
            assert (world.overheard_things, world.set_apart, world.told) == ([], set(), [])
            assert len(world.ears) == 2 * (1 + len(overhearing.PAUSES)), "so often it was tried"

    story()
