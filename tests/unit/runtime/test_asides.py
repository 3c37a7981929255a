"""Words to one party alone, on an Asterisk in memory."""

import pytest

from ari_app.runtime import signatures
from ari_app.runtime.signatures import Signer, signed
from ari_app.testing.fake_ari import FakeAri
from ari_app.transfer import ids
from ari_app.transfer.routing import Rule
from tests.unit.runtime.conftest import CALLER, World, no_sleep

RULES = {"rr": Rule("rr", "PJSIP/{to}@trunk", destinations=("2???",), moh_class="quiet")}


@pytest.fixture
async def held():
    """The caller is on music and is told something every ten seconds."""
    async with World(reassure_every=10.0, return_key="9", routing=RULES).running() as world:
        await world.talking()
        world.ask()
        await world.settle()
        yield world


async def told(world):
    world.clock.advance(10.0)
    await world.settle()
    return ids.words_bridge(world.call.transfer.transfer_id)


async def test_the_caller_leaves_the_music_for_the_words_and_comes_back_to_it(held):
    bridge, caller = await told(held), held.ari.channels[CALLER]
    assert (caller.bridge, caller.moh) == (bridge, None)
    held.briefer.last.words_heard.put_nowait(True)
    await held.settle()
    assert (caller.bridge, caller.moh) == (None, "quiet")
    assert [line.split()[0] for line in held.briefer.last.done if "words" in line] == ["ready", "say", "stop"]


@pytest.mark.parametrize("operation", ["bridges.createWithId", "bridges.addChannel"])
async def test_words_that_have_no_place_leave_the_caller_on_music(held, operation):
    held.ari.refuse(operation, 500)
    held.ari.refuse(operation, 500)
    await told(held)
    caller = held.ari.channels[CALLER]
    assert (caller.bridge, caller.moh) == (None, "quiet")


async def test_a_voice_that_fails_leaves_the_caller_on_music(held):
    held.briefer.last.fails_to_speak = True
    await told(held)
    assert held.ari.channels[CALLER].moh == "quiet"


async def test_the_key_back_in_the_middle_of_the_words(held):
    bridge = await told(held)
    held.ari.press(CALLER, "9")
    await held.settle()
    assert held.ari.channels[CALLER].bridge == held.call.bridge_id
    assert bridge not in held.ari.bridges
    assert held.result()["error"] == "the caller went back to the agent"


async def test_music_by_request_by_rule_and_else_the_house_s():
    async with World(ari=FakeAri(apps=("agent-app",), sleep=no_sleep), routing=RULES).running() as world:
        await world.talking()
        world.ask(moh_class="loud")
        await world.settle()
        assert world.ari.channels[CALLER].moh == "loud"


def whisper(world, variables):
    world.desk.user_event("WarmTransferWhisper", variables, CALLER)


async def test_a_whisper_is_signed_like_every_other_event():
    secret, now = b"0123456789abcdef0123456789abcdef", signatures.time()
    signers = {"front-desk": Signer("required", (secret,))}
    async with World(signers=signers, coached=frozenset({"default"})).running() as world:
        await world.talking()
        asked = {"destination": {"routing_rule_id": "rr", "sip_call_to": "2001"}}
        world.desk.user_event("WarmTransferRequest", signed("WarmTransferRequest", CALLER, asked, secret, now), CALLER)
        await world.settle()
        world.ari.answers(world.supervisor_leg)
        await world.settle()
        world.ari.press(world.supervisor_leg, "1")
        await world.settle()
        whisper(world, {"text": "In March."})
        await world.settle()
        assert world.call.whispers == 0
        whisper(world, signed("WarmTransferWhisper", CALLER, {"text": "In March."}, secret, now))
        await world.settle()
        assert world.call.whispers == 1


@pytest.mark.parametrize(("mode", "whispers"), [("warm", 1), ("blind", 0)])
async def test_nobody_is_coached_in_a_blind_transfer(mode, whispers):
    async with World(coached=frozenset({"default"})).running() as world:
        await world.briefing(mode=mode)
        world.ari.press(world.supervisor_leg, "1")
        await world.settle()
        assert world.phases[-1] == "transfer_complete"
        whisper(world, {"text": "In March."})
        await world.settle()
        assert world.call.whispers == whispers
