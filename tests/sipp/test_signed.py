"""An agent whose user events must be signed: what is forged, unsigned or heard before rings nobody."""

import time

from ari_app import AgentSession, SIPDestination, WarmTransferConfig
from ari_app.runtime.signatures import signed
from tests.sipp.conftest import AGENT, MUSIC

SECRET = "correct-horse-battery-staple-0123456789"


async def signing_desk(stage):
    await stage.set(start=False)
    wanted = f'[agents.front-desk]\nsignature = "required"\nsecret = "{SECRET}"'
    stage.app.extra = stage.app.extra.replace("[agents.front-desk]", wanted)
    await stage.app.start()
    await stage.talking()


def request(stage, **more):
    destination = {"routing_rule_id": "rr_one", "sip_call_to": "2001"}
    return {"destination": destination, "reply_to": "agent-app", "briefing_timeout": 30.25, **more}


def seal(stage, event, variables, secret=SECRET, channel=None, at=None):
    return signed(event, channel or stage.channel, variables, secret.encode(), at or time.time())


async def test_what_is_not_the_agents_own_word_rings_nobody(stage):
    await signing_desk(stage)
    good = seal(stage, "WarmTransferRequest", request(stage))
    wrong = {
        "is missing": request(stage),
        "is not that of": seal(stage, "WarmTransferRequest", request(stage), "another-secret-" * 3),
        "agent": good | {"briefing_timeout": 3600},
        "this channel": seal(stage, "WarmTransferRequest", request(stage), channel="1699.42"),
        "is not of now": seal(stage, "WarmTransferRequest", request(stage), at=time.time() - 60),
    }
    for number, (why, variables) in enumerate(wrong.items(), 1):
        await stage.ari.tell("WarmTransferRequest", stage.channel, variables)
        refusal = await stage.ari.phase("transfer_failed", count=number)
        assert refusal["data"]["outcome"] == "refused"
        assert "signature" in refusal["data"]["reason"] and why in refusal["data"]["reason"]
    assert stage.invites() == []
    stage.caller.heard.assert_never_heard(MUSIC)

    await stage.ari.tell("WarmTransferRequest", stage.channel, good)
    await stage.ari.phase("briefing_started")
    await stage.cancel()
    await stage.pause(0.3)
    assert "transfer_cancelled" not in stage.ari.names(), "an unsigned cancel was taken"
    await stage.ari.tell("WarmTransferCancel", stage.channel, seal(stage, "WarmTransferCancel", {}))
    await stage.are_back()
    await stage.ari.phase("transfer_cancelled")

    await stage.ari.tell("WarmTransferRequest", stage.channel, good)
    refusal = await stage.ari.phase("transfer_failed", count=len(wrong) + 1)
    assert "has been used" in refusal["data"]["reason"]
    assert len(stage.invites()) == 1
    assert SECRET not in stage.app.log


async def test_the_sdk_signs_and_asterisk_changes_nothing_of_it(stage):
    await signing_desk(stage)
    login = {"ari_url": stage.lab.ari_url, "username": stage.lab.username, "password": stage.lab.password}
    async with AgentSession(**login, channel_id=stage.channel, secret=SECRET) as session:
        await session.add_messages([{"role": "user", "content": 'Zwölf € zu viel, \n"sagt" er \U0001f600 \x7f'}])
        history = [{"role": "assistant", "content": "Ich sehe nach. " * 300} for _ in range(12)]
        result = await session.warm_transfer(
            WarmTransferConfig(
                destination=SIPDestination(routing_rule_id="rr_one", sip_call_to="2001"),
                chat_history=history,
                supervisor_join_timeout=0.3,
                briefing_timeout=0.1 + 0.2,
                metadata={"numbers": [1e-7, 1e21, 0.1, 2**53, -0.0, 1.5e300], "\ufb33": 1, "\U0001f600": 2},
            )
        )
    assert (result.outcome, result.error and "signature" in result.error) == ("ack_timeout", False)
    await stage.caller.hears(AGENT)
    assert "refused" not in stage.app.log
