"""Transfers by ARI user events: asked for, lost, broken off, refused."""

from __future__ import annotations

import asyncio

import pytest
from fake_asterisk import CHANNEL, LOGIN, ending, phase, story

from ari_app import AgentSession, SIPDestination, WarmTransferConfig, WarmTransferError, WarmTransferPhase
from ari_app.runtime.signatures import Seals, Signer

DESTINATION = SIPDestination("rr_x", "+14155550123", "+14155550100")


class Heard:
    """A handler that can be waited for."""

    def __init__(self):
        self.phases = []
        self.news = asyncio.Condition()

    async def __call__(self, payload):
        async with self.news:
            self.phases.append(payload)
            self.news.notify_all()

    @property
    def numbers(self):
        return [payload["sequence"] for payload in self.phases]

    async def until(self, true):
        async with asyncio.timeout(5), self.news:
            await self.news.wait_for(lambda: true(self))


async def test_a_transfer_and_its_phases(asterisk, session):
    heard, ended = Heard(), Heard()
    session.on_warm_transfer()(heard)
    session.on_warm_transfer("transfer_complete", WarmTransferPhase.TRANSFER_FAILED)(ended)
    config = WarmTransferConfig(destination=DESTINATION, reason="wants a human", metadata={"order": 4711})

    result = await session.warm_transfer(config)
    await heard.until(lambda h: len(h.phases) == 5)
    await ended.until(lambda h: h.phases)

    [asked] = asterisk.asked()
    reply_to, request_id = asked.pop("reply_to"), asked.pop("request_id")
    assert asked == {
        "destination": {"routing_rule_id": "rr_x", "sip_call_to": "+14155550123", "sip_call_from": "+14155550100"},
        "reason": "wants a human",
        "metadata": {"order": 4711},
    }
    assert reply_to in asterisk.sockets
    assert (result.success, result.outcome, result.phase) == (True, "completed", "transfer_complete")
    assert (result.transfer_id, result.request_id) == ("tr_1", request_id)
    assert heard.numbers == [1, 2, 3, 4, 5]
    assert all(isinstance(payload["phase"], WarmTransferPhase) for payload in heard.phases)
    assert [payload["phase"] for payload in ended.phases] == ["transfer_complete"]


async def test_a_refusal_is_a_result(asterisk, session, config):
    reason = "destination.sip_call_to: not allowed"
    refused = ending("refused", error=reason)
    asterisk.answer = lambda asked: [phase(1, "transfer_failed", asked["request_id"], data=refused)]

    result = await session.warm_transfer(config)

    assert (result.success, result.outcome, result.error) == (False, "refused", reason)
    assert (result.retryable, len(asterisk.posted)) == (False, 1)


async def test_the_same_request_again_is_the_same_transfer(asterisk, session, config):
    first, second = await asyncio.gather(session.warm_transfer(config), session.warm_transfer(config))

    assert first == second
    assert len(asterisk.posted) == 1


async def test_a_request_that_nobody_took_is_reported(asterisk, session, config):
    asterisk.there = False

    result = await session.warm_transfer(config)

    assert (result.success, result.outcome, result.retryable) == (False, "internal_error", True)
    assert "did not take the request" in result.error and "did not answer" in result.error
    assert [variables["request_id"] for _, variables in asterisk.posted] == ["case-1", "case-1"]


async def test_a_request_that_was_lost_once_is_sent_again_with_all_that_was_said(asterisk, session):
    asterisk.there = False
    posts = iter(range(100))

    def comes_back(name):
        asterisk.there = next(posts) >= 4

    asterisk.on_post = comes_back
    await session.add_messages([{"role": "user", "content": "I was charged twice."}])
    long = [{"role": "assistant", "content": "word " * 9_000}]
    result = await session.warm_transfer(WarmTransferConfig(destination=DESTINATION, chat_history=long))

    assert result.success
    transcripts = [variables for name, variables in asterisk.taken if name == "WarmTransferTranscript"]
    assert [piece.get("replace", False) for piece in transcripts] == [True, False, False]
    turns = [turn for piece in transcripts for turn in piece["turns"]]
    assert turns[0] == {"role": "user", "content": "I was charged twice."}
    assert "".join(turn["content"] for turn in turns[1:]) == long[0]["content"]
    assert asterisk.taken[-1][0] == "WarmTransferRequest"


@pytest.mark.parametrize(
    ("what_is", "outcome", "words", "posts"),
    [
        ({"registered": False}, "internal_error", "does it run?", 2),
        ({"channel": "gone"}, "refused", "Asterisk has no channel gone", 1),
    ],
    ids=["no such app", "no such channel"],
)
async def test_what_asterisk_says_is_in_the_result(asterisk, config, what_is, outcome, words, posts):
    asterisk.registered = what_is.get("registered", True)
    login = dict(zip(("username", "password"), LOGIN, strict=True))
    channel = what_is.get("channel", CHANNEL)
    async with AgentSession(ari_url=asterisk.url, **login, channel_id=channel, started_within=0.3) as session:
        result = await session.warm_transfer(config)

    assert (result.outcome, words in result.error, len(asterisk.bodies)) == (outcome, True, posts)


async def test_with_a_secret_all_that_is_said_is_signed_and_nothing_twice(asterisk, config):
    secret = "correct-horse-battery-staple-0123456789"
    seals = Seals({None: Signer("required", (secret.encode(),))})
    lost = iter([True, False])
    asterisk.answer = lambda asked: [] if next(lost) else story(asked["request_id"])
    login = dict(zip(("username", "password"), LOGIN, strict=True))
    where = {"ari_url": asterisk.url, **login, "channel_id": CHANNEL}
    async with AgentSession(**where, secret=secret, started_within=0.5) as session:
        await session.add_messages([{"role": "user", "content": "Zwölf Prozent \ud800, " + "wörtlich " * 9_000}])
        result = await session.warm_transfer(config)
        await session.cancel("never mind")

    assert result.success
    names = [name for name, _ in asterisk.posted]
    assert names.count("WarmTransferRequest") == 2 and names.count("WarmTransferTranscript") > 2
    for name, variables in asterisk.posted:
        assert "signature" not in seals.opened(name, variables, agent=None, channel=CHANNEL)
    assert max(asterisk.bodies) <= 40_960


async def test_a_wrong_password_is_misuse(asterisk, config):
    session = AgentSession(ari_url=asterisk.url, username="agent", password="wrong", channel_id=CHANNEL)
    with pytest.raises(WarmTransferError, match="username, password"):
        await session.warm_transfer(config)
    await session.aclose()


async def test_an_asterisk_that_is_away_is_a_result(config, unused_tcp_port):
    session = AgentSession(
        ari_url=f"http://127.0.0.1:{unused_tcp_port}/ari",
        username="u",
        password="p",
        channel_id=CHANNEL,
        started_within=0.2,
    )
    result = await session.warm_transfer(config)
    await session.aclose()

    assert (result.outcome, result.retryable) == ("internal_error", True)
    assert "can't be reached" in result.error


async def test_the_events_connection_breaks_in_mid_transfer(asterisk, session, config):
    heard = Heard()
    session.on_warm_transfer(heard)
    session._ledger._hole = 0.05
    told = story("case-1")
    asterisk.answer = lambda asked: told[:2] if len(asterisk.asked()) == 1 else []
    transfer = asyncio.create_task(session.warm_transfer(config))
    await heard.until(lambda h: h.numbers == [1, 2])

    await asterisk.cut()
    await asterisk.until(lambda: len(asterisk.asked()) == 2)
    [name] = asterisk.sockets
    await asterisk.tell(name, *told[3:])
    result = await transfer

    assert (asterisk.connections, result.success) == (2, True)
    await heard.until(lambda h: h.numbers == [1, 2, 4, 5])


async def test_an_agent_that_was_restarted_asks_again_and_is_told_the_end_once(asterisk, session, config):
    """The app tells the last phase again, and twice here: the agent's new life has heard none of them."""
    heard = Heard()
    session.on_warm_transfer(heard)
    session._ledger._hole = 0.05
    asterisk.answer = lambda asked: [story("case-1")[-1]] * 2

    result = await session.warm_transfer(config)
    await heard.until(lambda h: h.numbers == [5])
    asterisk.answer = lambda asked: [story("case-1")[-1]]
    again = await session.warm_transfer(config)
    await asterisk.tell(*asterisk.sockets, story("case-1")[-1])
    await session.aclose()

    assert (result, result.success, result.transfer_id) == (again, True, "tr_1")
    assert heard.numbers == [5]


async def test_a_call_that_ended_unheard_is_not_waited_for(asterisk, session, config):
    session._ledger._grace = 0.0
    asterisk.answer = lambda asked: (
        story("case-1")[:1]
        if len(asterisk.asked()) == 1
        else [phase(1, "transfer_failed", "case-1", transfer_id="tr_2", data=ending("refused"))]
    )
    transfer = asyncio.create_task(session.warm_transfer(config))
    await asterisk.until(lambda: len(asterisk.asked()) == 1)
    await asterisk.cut()
    result = await transfer

    assert (result.success, result.outcome, result.retryable) == (False, "internal_error", False)
    assert (result.transfer_id, "may have succeeded" in result.error) == ("tr_1", True)


async def test_cancelling_who_waits_leaves_the_transfer_running(asterisk, session, config):
    asterisk.answer = lambda asked: story("case-1")[:1]
    transfer = asyncio.create_task(session.warm_transfer(config))
    await asterisk.until(lambda: len(asterisk.asked()) == 1)
    transfer.cancel()
    with pytest.raises(asyncio.CancelledError):
        await transfer
    with pytest.raises(TimeoutError):
        await session.result("case-1", timeout=0.01)

    await asterisk.tell(asterisk.asked()[0]["reply_to"], *story("case-1", "declined")[1:])
    by_request, by_transfer = await session.result("case-1"), await session.result("tr_1", timeout=1)

    assert by_request is by_transfer
    assert (by_request.outcome, by_request.phase) == ("declined", "transfer_cancelled")
    assert [name for name, _ in asterisk.posted] == ["WarmTransferRequest"]


async def test_cancel_takes_the_request_back(asterisk, session, config):
    assert not await session.cancel("nothing to cancel")
    asterisk.answer = lambda asked: story("case-1")[:1]
    transfer = asyncio.create_task(session.warm_transfer(config))
    await asterisk.until(lambda: len(asterisk.asked()) == 1)

    assert await session.cancel("thought better of it")
    await asterisk.tell(asterisk.asked()[0]["reply_to"], *story("case-1", "cancelled")[1:])

    assert (await transfer).outcome == "cancelled"
    assert asterisk.taken[-1] == ("WarmTransferCancel", {"reason": "thought better of it"})


async def test_closing_tells_who_waits_and_leaves_the_transfer_running(asterisk, session, config):
    asterisk.answer = lambda asked: story("case-1")[:1]
    transfer = asyncio.create_task(session.warm_transfer(config))
    await asterisk.until(lambda: len(asterisk.asked()) == 1)
    await session.aclose()

    with pytest.raises(WarmTransferError, match="closed"):
        await transfer
    with pytest.raises(WarmTransferError, match="closed"):
        await session.warm_transfer(config)
    assert [name for name, _ in asterisk.posted] == ["WarmTransferRequest"]


async def test_an_unknown_transfer_can_not_be_asked_for_by_ari(session):
    with pytest.raises(WarmTransferError, match="http_url"):
        await session.result("tr_unknown")


async def test_two_megabytes_of_history_go_ahead_in_pieces(asterisk, session):
    words = 'Überweisung "4711" – 好的 \\ \n'
    history = [{"role": "user" if n % 2 else "assistant", "content": f"{n} " + words * 40} for n in range(1_200)]
    history.append({"role": "user", "content": words * 8_000})
    arguments = {"function": {"name": "look_up", "arguments": "x" * 50_000}, "id": "c1", "type": "function"}
    history.append({"role": "assistant", "content": None, "tool_calls": [arguments]})
    assert sum(len(message["content"] or "") for message in history) > 1_500_000

    assert (await session.warm_transfer(WarmTransferConfig(destination=DESTINATION, chat_history=history))).success

    names = [name for name, _ in asterisk.taken]
    assert names[:-1] == ["WarmTransferTranscript"] * (len(names) - 1) and names[-1] == "WarmTransferRequest"
    assert max(asterisk.bodies) <= 40_960 and len(asterisk.bodies) < sum(asterisk.bodies) / 40_000 + 5
    turns = [turn for name, variables in asterisk.taken[:-1] for turn in variables["turns"]]
    assert turns[:1_200] == history[:1_200]
    said, called = turns[1_200:], "".join(turn["content"] for turn in turns if "look_up" in turn["content"])
    assert "".join(turn["content"] for turn in said if turn["role"] == "user") == words * 8_000
    assert called and "chat_history" not in asterisk.asked()[0]


async def test_a_request_that_no_piece_makes_smaller_is_misuse(session):
    texts = {"reason": "é" * 15_000, "summary": "é" * 15_000}
    with pytest.raises(WarmTransferError, match="shorten reason"):
        await session.warm_transfer(WarmTransferConfig(destination=DESTINATION, **texts))


async def test_engines_can_not_be_sent_to_another_process(session):
    with pytest.raises(WarmTransferError, match=r"AgentSession\(app=…\)"):
        await session.warm_transfer(WarmTransferConfig(destination=DESTINATION, summary_llm=object()))
