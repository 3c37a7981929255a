from datetime import datetime

from ari_app.testing import sipp

INVITE = (
    "INVITE sip:2001@127.0.0.1:5090 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5060\r\nCall-ID: abc\r\nCSeq: 7 INVITE\r\n"
    'P-Asserted-Identity: "Ann" <sip:+14155550123@127.0.0.1>\r\n\r\n'
    "v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 20802 RTP/AVP 0 101\r\n"
)
TRACE = f"""----------------------------------------------- 2026-03-01T12:00:00.250000+0100
UDP message received [400] bytes:

{INVITE}
----------------------------------------------- 2026-03-01T12:00:00.251000+0100
TCP control message sent [30] bytes:

Call-ID: abc
Event: invited
----------------------------------------------- 2026-03-01T12:00:00.300000+0100
UDP message sent (30 bytes):

SIP/2.0 486 Busy Here
CSeq: 7 INVITE

"""


def test_a_message_is_read_with_its_headers_and_media():
    message = sipp.parse_message(INVITE)
    assert message.headers["p-asserted-identity"] == '"Ann" <sip:+14155550123@127.0.0.1>'
    assert (message.call_id, message.status, message.media) == ("abc", None, ("127.0.0.1", 20802))
    assert str(message) == "<- INVITE sip:2001@127.0.0.1:5090 SIP/2.0  [7 INVITE]"


def test_a_trace_becomes_a_ladder_on_the_monotonic_clock():
    noon = datetime.fromisoformat("2026-03-01T11:00:00+00:00").timestamp()
    received, sent = sipp.parse_trace(TRACE, monotonic_minus_wall=100 - noon)
    assert (received.sent, sent.sent, sent.status) == (False, True, 486)
    assert (round(received.at, 3), round(sent.at, 3)) == (100.25, 100.3)
    assert sipp.ladder([sent], 100) == "     0.300  -> SIP/2.0 486 Busy Here  [7 INVITE]"


def test_a_scenario_is_written_out_with_every_rejection(tmp_path):
    text = sipp.write_scenario("listener", tmp_path).read_text()
    assert "@" not in text.replace("@127", "").replace("@[", "")
    assert all(f"SIP/2.0 {code} [$reason]" in text for code in (404, 480, 486, 488, 503, 603))
    assert "m=audio [$port]" in sipp.write_scenario("caller", tmp_path).read_text()
