"""What the other tests trust the test phones to do: with each other, and through a real Asterisk."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from ari_app.testing import tones
from ari_app.testing.phone import Answer, Behaviour, Call, Phone, Reject, Ring, ignore

pytestmark = pytest.mark.sipp
LAB = Path(__file__).parents[2] / "asterisk" / "lab"


@asynccontextmanager
async def a_call(behaviour: Behaviour | None = None) -> AsyncIterator[tuple[Phone, Phone]]:
    """A caller at 1000 Hz straight to a supervisor at 2000 Hz."""
    async with Phone.listener(tone=2000, behaviour=behaviour, name="supervisor") as supervisor:
        there = f"127.0.0.1:{supervisor.sipp.port}"
        async with Phone.caller(lab_sip=there, dial="2001", tone=1000) as caller:
            yield caller, supervisor


def times(phone: Phone, method: str) -> list[float]:
    return [message.at for message in phone.messages if message.first_line.startswith(method) and message.sent]


async def test_they_hear_each_other_and_nothing_else():
    async with a_call() as (caller, supervisor):
        await caller.rings()
        await caller.answered()
        await asyncio.gather(caller.hears(2000), supervisor.hears(1000))
        caller.heard.assert_never_heard(1000)
        await asyncio.sleep(0.3)
        assert caller.heard.missing() == 0
        assert {span.label for span in caller.heard.spans()} == {"tone 2000"}


async def test_the_invite_is_there_to_be_read():
    async with a_call(Ring()) as (_, supervisor):
        call = await supervisor.invited()
        assert call.invite is not None
        assert "+14155550123" in call.invite.headers["from"]
        assert call.invite.first_line == f"INVITE {supervisor.sip_uri} SIP/2.0"


async def test_a_key_arrives_as_events_and_the_tone_goes_on():
    async with a_call() as (caller, supervisor):
        await caller.answered()
        await supervisor.hears(1000)
        began = time.monotonic()
        ended = await supervisor.press("1", duration=0.12)
        assert 0.11 < ended - began < 0.19
        await supervisor.press("#")
        await caller.hears(2000)
        assert caller.heard.digits() == "1#"
        assert not supervisor.heard.events()


async def test_speech_is_heard_and_then_silence():
    async with a_call() as (caller, supervisor):
        await caller.hears(2000)
        supervisor.tone = None
        await caller.hears_silence()
        speech = asyncio.ensure_future(supervisor.play(tones.tone(700, 0.3)))
        await caller.hears(700)
        await speech
        await caller.hears_silence()
        supervisor.tone = 1500
        await caller.hears(1500)


async def test_what_is_not_heard_is_told():
    async with a_call() as (caller, _):
        await caller.hears(2000)
        with pytest.raises(AssertionError, match=r"caller did not hear 500 Hz within 0.2 s, but tone 2000"):
            await caller.hears(500, within=0.2)
        with pytest.raises(AssertionError, match="did not hear music"):
            await caller.hears_music(within=0.5)


@pytest.mark.parametrize("who", ["caller", "supervisor"])
async def test_either_side_hangs_up(who: str):
    async with a_call() as (caller, supervisor):
        await caller.answered()
        await supervisor.answered()
        first, other = (caller, supervisor) if who == "caller" else (supervisor, caller)
        began = time.monotonic()
        await first.hang_up()
        assert (await other.ended()).event == "bye"
        assert (await first.ended()).event == "left"
        assert times(first, "BYE")[0] - began < 0.03
        with pytest.raises(AssertionError, match="not up"):
            await first.press("1")


async def test_both_hang_up_in_the_same_moment():
    async with a_call() as (caller, supervisor):
        await caller.answered()
        await supervisor.answered()
        await asyncio.gather(caller.hang_up(), supervisor.hang_up())
        await asyncio.gather(caller.ended(), supervisor.ended())


async def test_answered_on_command_after_early_media():
    async with a_call(Ring(early_media=True)) as (caller, supervisor):
        assert (await caller.rings()).message.status == 183
        await caller.hears(2000)
        began = time.monotonic()
        await supervisor.answer()
        await caller.answered()
        answers = [m.at for m in supervisor.messages if m.sent and m.status == 200]
        assert answers[0] - began < 0.03
        await supervisor.hears(1000)


async def test_answered_after_ringing_and_hung_up_after_talking():
    async with a_call(Answer(after=0.3, hang_up_after=0.2)) as (caller, _):
        ringing = await caller.rings()
        answered = await caller.answered()
        ended = await caller.ended()
        assert answered.at - ringing.at == pytest.approx(0.3, abs=0.1)
        assert ended.at - answered.at == pytest.approx(0.2, abs=0.1)


@pytest.mark.parametrize("code", [404, 480, 486, 488, 503, 603])
async def test_rejected_at_once(code: int):
    async with a_call(Reject(code)) as (caller, supervisor):
        assert await caller.refused() == code
        assert (await supervisor.ended()).event == "rejected"
        assert caller.call.saw("ringing") is None


async def test_rejected_after_ringing():
    async with a_call(Reject(603, after=0.2)) as (caller, _):
        await caller.rings()
        assert await caller.refused() == 603
        with pytest.raises(AssertionError, match="waited for established, but: refused"):
            await caller.answered()


async def test_given_up_while_ringing():
    async with a_call(Ring()) as (caller, supervisor):
        await caller.rings()
        await caller.hang_up()
        await supervisor.cancelled()
        assert caller.call.status == 487


async def test_an_answer_that_never_comes():
    async with a_call(ignore) as (caller, supervisor):
        await supervisor.invited()
        with pytest.raises(AssertionError, match=r"caller waited 0.2 s for"):
            await caller.answered(within=0.2)


@pytest.mark.parametrize("who", ["caller", "supervisor"])
async def test_a_renegotiation_is_answered_and_the_call_goes_on(who: str):
    """As Asterisk does when the connected party changes: INVITE with an offer, UPDATE with or without one."""
    async with a_call() as (caller, supervisor):
        await caller.answered()
        await supervisor.answered()
        phone = caller if who == "caller" else supervisor
        offer = "v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 4000 RTP/AVP 0 101\r\n"
        for method, body in (("UPDATE", ""), ("INVITE", offer), ("UPDATE", offer), ("UPDATE", ""), ("INFO", "")):
            send_within(phone.call, method, body)
            await asyncio.sleep(0.05)
        answers = [m for m in phone.messages if m.sent and m.status == 200][-5:]
        assert [m.headers["cseq"].split()[1] for m in answers] == ["UPDATE", "INVITE", "UPDATE", "UPDATE", "INFO"]
        port = phone.call.rtp.port
        assert [m.media and m.media[1] for m in answers] == [None, port, port, None, None]
        await asyncio.gather(caller.hears(2000), supervisor.hears(1000))
        await caller.hang_up()
        await supervisor.ended()


def send_within(call: Call, method: str, body: str) -> None:
    """A request of the dialog, from a socket beside it: SIPp goes by the Call-ID."""
    port = call.phone.sipp.port
    lines = [
        f"{method} sip:x@127.0.0.1:{port} SIP/2.0",
        f"Via: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK{time.monotonic_ns()}",
        "From: <sip:a@127.0.0.1>;tag=1",
        "To: <sip:b@127.0.0.1>;tag=2",
        f"Call-ID: {call.call_id}",
        f"CSeq: 77 {method}",
        "Content-Type: application/sdp",
        f"Content-Length: {len(body)}",
    ]
    request = "\r\n".join([*lines, "", body])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as beside:
        beside.sendto(request.encode(), ("127.0.0.1", port))


async def test_a_qualifying_server_is_answered():
    async with Phone.listener() as supervisor:
        reader = asyncio.get_running_loop().create_future()
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: Datagram(reader), remote_addr=("127.0.0.1", supervisor.sipp.port)
        )
        here = transport.get_extra_info("sockname")[1]
        transport.sendto(
            f"OPTIONS {supervisor.sip_uri} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{here};branch=z9hG4bK1\r\n"
            f"From: <sip:a@127.0.0.1>;tag=1\r\nTo: <{supervisor.sip_uri}>\r\nCall-ID: ping\r\nCSeq: 1 OPTIONS\r\n"
            "Content-Length: 0\r\n\r\n".encode()
        )
        assert (await asyncio.wait_for(reader, 2)).startswith(b"SIP/2.0 200 OK")
        transport.close()
        assert not supervisor.calls


class Datagram(asyncio.DatagramProtocol):
    def __init__(self, first: asyncio.Future[bytes]) -> None:
        self.first = first

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.first.set_result(data)


async def test_one_behaviour_after_the_other():
    async with Phone.listener(tone=2000, behaviour=[Reject(486), Answer()]) as supervisor:
        there = f"127.0.0.1:{supervisor.sipp.port}"
        async with Phone.caller(lab_sip=there, dial=None, tone=1000) as caller:
            assert await caller.place("2001").refused() == 486
            first = await supervisor.invited()
            for number in range(3):
                mine = caller.place("2001", number=f"+1415555010{number}")
                theirs = await supervisor.invited()
                await mine.hears(2000)
                await (mine if number % 2 else theirs).hang_up()
                await asyncio.gather(mine.ended(), theirs.ended())
    assert first.saw("rejected")
    assert len({call.rtp.port for call in supervisor.calls}) == 4


async def test_sixty_calls_at_once_are_all_heard():
    async with Phone.listener(tone=2000) as supervisor:
        there = f"127.0.0.1:{supervisor.sipp.port}"
        async with Phone.caller(lab_sip=there, dial=None, tone=1000) as caller:
            calls = [caller.place("2001") for _ in range(60)]
            await asyncio.gather(*(call.answered() for call in calls))
            await asyncio.gather(*(call.hears(2000, within=5) for call in calls))
            await asyncio.gather(*(call.hang_up() for call in calls))


async def test_a_failing_test_leaves_nothing_and_tells_the_story():
    with pytest.raises(ZeroDivisionError) as failure:
        async with a_call() as (caller, supervisor):
            await caller.hears(2000)
            1 / 0  # noqa: B018
    story = "\n".join(failure.value.__notes__)
    assert "-> INVITE sip:2001" in story and "tone 2000 for" in story
    assert supervisor.call.over and caller.call.over
    assert supervisor.sipp.lost and caller.sipp.lost


# -- through Asterisk


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    folder = str(tmp_path_factory.mktemp("lab"))
    up = subprocess.run([LAB, "up", "--dir", folder], stdout=subprocess.PIPE, check=True, timeout=100)
    yield json.loads(up.stdout)
    subprocess.run([LAB, "down", "--dir", folder], check=True, timeout=30)


class Switchboard:
    """Raw ARI, no app of ours: what comes in waits here, what goes out ends here."""

    def __init__(self, http: aiohttp.ClientSession, events: aiohttp.ClientWebSocketResponse) -> None:
        self.http, self.events = http, events

    async def ask(self, method: str, path: str, **query: str) -> Any:
        async with self.http.request(method, f"/ari/{path}", params=query) as reply:
            assert reply.status < 300, f"{method} {path}: {reply.status} {await reply.text()}"
            return await reply.json() if reply.status == 200 else None

    async def until(self, kind: str, channel: str | None = None) -> dict[str, Any]:
        while True:
            event = await asyncio.wait_for(self.events.receive_json(), 5)
            if event["type"] == kind and channel in (None, event.get("channel", {}).get("id")):
                return event

    async def originate(self, phone: Phone, channel: str, **query: str) -> None:
        await self.ask("POST", "channels", endpoint=phone.endpoint(), app="warm-transfer", channelId=channel, **query)


@pytest.fixture
async def board(lab: dict[str, Any]) -> AsyncIterator[Switchboard]:
    headers = {"Authorization": aiohttp.encode_basic_auth(lab["username"], lab["password"])}
    async with aiohttp.ClientSession(lab["ari_url"], headers=headers) as http:
        async with http.ws_connect("/ari/events?app=warm-transfer") as events:
            yield Switchboard(http, events)


async def test_two_phones_talk_through_a_bridge(lab: dict[str, Any], board: Switchboard):
    async with (
        Phone.listener(tone=2000, name="supervisor") as supervisor,
        Phone.caller(lab_sip=lab["sip"], dial="hold", tone=1000) as caller,
    ):
        inbound = (await board.until("StasisStart"))["channel"]["id"]
        await board.ask("POST", f"channels/{inbound}/answer")
        await caller.answered()
        await board.ask("POST", f"channels/{inbound}/moh")
        await caller.hears_music(within=3)

        await board.originate(supervisor, "sup-1", callerId="Ann <+14155550123>")
        call = await supervisor.invited()
        assert call.invite and "+14155550123" in call.invite.headers["from"]
        await board.until("StasisStart", "sup-1")
        supervisor.heard.assert_never_heard(1000)
        await board.ask("POST", "bridges/b-1", type="mixing,dtmf_events")
        await board.ask("DELETE", f"channels/{inbound}/moh")
        await board.ask("POST", "bridges/b-1/addChannel", channel=f"sup-1,{inbound}")
        await asyncio.gather(caller.hears(2000), supervisor.hears(1000))

        await supervisor.press("1")
        assert (await board.until("ChannelDtmfReceived", "sup-1"))["digit"] == "1"
        await caller.hang_up()
        await board.until("StasisEnd", inbound)
        await board.ask("DELETE", "channels/sup-1")
        assert (await supervisor.ended()).event == "bye"


@pytest.mark.parametrize(("code", "cause"), [(486, 17), (603, 21), (404, 1), (503, 34), (488, 58)])
async def test_asterisk_sees_the_rejection(board: Switchboard, code: int, cause: int):
    async with Phone.listener(behaviour=Reject(code, after=0.05)) as supervisor:
        await board.originate(supervisor, f"sup-{code}")
        destroyed = await board.until("ChannelDestroyed", f"sup-{code}")
        assert (destroyed["cause"], destroyed["tech_cause"]) == (cause, code)


async def test_asterisk_gives_up_a_ringing_phone(board: Switchboard):
    async with Phone.listener(behaviour=Ring()) as supervisor:
        await board.originate(supervisor, "sup-ring")
        await supervisor.invited()
        await board.until("ChannelStateChange", "sup-ring")
        await board.ask("DELETE", "channels/sup-ring")
        await supervisor.cancelled()
        assert [m.status for m in supervisor.messages if m.sent] == [180, 200, 487]


async def test_a_supervisor_who_hangs_up_is_seen_at_once(board: Switchboard):
    async def answer_and_leave(call: Call) -> None:
        await call.answer()
        await call.hang_up()

    async with Phone.listener(behaviour=answer_and_leave) as supervisor:
        await board.originate(supervisor, "sup-gone")
        await board.until("ChannelDestroyed", "sup-gone")
        assert (await supervisor.ended()).event == "left"
