"""`asterisk/lab` as other teams use it, on a real Asterisk: its verbs, and what the shipped dialplan does."""

import json
import math
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import ProxyHandler, Request, build_opener

import pytest
from websockets.sync.client import connect

pytestmark = pytest.mark.sipp

CHECKOUT = Path(__file__).resolve().parents[2]
FALLBACK, LAB_MUSIC = 440, 300
"""Hertz."""


def run_lab(*words: object) -> subprocess.CompletedProcess[str]:
    command = [str(CHECKOUT / "asterisk/lab"), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=110)


def up(folder: Path, *words: object) -> dict:
    done = run_lab("up", "--dir", folder, *words)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1, "one line of JSON and nothing else"
    return json.loads(done.stdout)


@pytest.fixture
def folder(tmp_path) -> Iterator[Path]:
    yield tmp_path / "lab"
    run_lab("down", "--dir", tmp_path / "lab")


@pytest.fixture(scope="module")
def lab(tmp_path_factory) -> Iterator[dict]:
    folder = tmp_path_factory.mktemp("lab")
    yield up(folder)
    run_lab("down", "--dir", folder)


def cli(lab: dict, command: str) -> str:
    return run_lab("cli", "--dir", lab["dir"], command).stdout


def ari(lab: dict, method: str, path: str, **query: str) -> dict:
    query["api_key"] = f"{lab['username']}:{lab['password']}"
    request = Request(f"{lab['ari_url']}/ari/{path}?{urlencode(query)}", method=method)
    with build_opener(ProxyHandler({})).open(request, timeout=5) as answer:
        return json.loads(answer.read() or "{}")


@contextmanager
def application(lab: dict, name: str) -> Iterator[Callable[[], dict]]:
    """Connected under that name; what it yields returns the next StasisStart."""
    query = urlencode({"app": name, "api_key": f"{lab['username']}:{lab['password']}"})
    with connect(f"{lab['ari_url'].replace('http', 'ws')}/ari/events?{query}", proxy=None) as events:

        def arrival() -> dict:
            while (event := json.loads(events.recv(timeout=5)))["type"] != "StasisStart":
                pass
            return event

        yield arrival


class Caller:
    """A phone that dials, listens, and hangs up."""

    def __init__(self, lab: dict, dialed: str) -> None:
        host, port = lab["sip"].split(":")
        self._asterisk = (host, int(port))
        self._dialed = dialed
        self._signalling, self._audio = self._socket(), self._socket()
        self._tag = f"tag{self._signalling.getsockname()[1]}"

    def _socket(self) -> socket.socket:
        opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        opened.bind(("127.0.0.1", 0))
        opened.settimeout(5)
        return opened

    def __enter__(self) -> "Caller":
        self._send("INVITE", 1, self._offer())
        return self

    def __exit__(self, *_: object) -> None:
        self._send("BYE", 2)
        self._signalling.close()
        self._audio.close()

    def _offer(self) -> str:
        port = self._audio.getsockname()[1]
        return f"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {port} RTP/AVP 0\r\n"

    def _send(self, method: str, sequence: int, body: str = "", to_tag: str = "") -> None:
        port = self._signalling.getsockname()[1]
        lines = [
            f"{method} sip:{self._dialed}@127.0.0.1:{self._asterisk[1]} SIP/2.0",
            f"Via: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK{self._tag}{method}",
            f"From: <sip:+15551234@127.0.0.1>;tag={self._tag}",
            f"To: <sip:{self._dialed}@127.0.0.1>{to_tag or self._to_tag}",
            f"Call-ID: {self._tag}@test",
            f"CSeq: {sequence} {method}",
            f"Contact: <sip:caller@127.0.0.1:{port}>",
            "Max-Forwards: 70",
            "Content-Type: application/sdp",
            f"Content-Length: {len(body)}",
        ]
        self._signalling.sendto(("\r\n".join(lines) + "\r\n\r\n" + body).encode(), self._asterisk)

    _to_tag = ""

    def wait_for_answer(self) -> None:
        while not (reply := self._signalling.recv(4096).decode()).startswith("SIP/2.0 2"):
            assert int(reply.split()[1]) < 300, reply
        to = next(line for line in reply.split("\r\n") if line.startswith("To:"))
        self._to_tag = ";tag=" + to.partition(";tag=")[2]
        self._send("ACK", 1)

    def hears(self, hertz: int) -> bool:
        """Half a second of what arrives, from now, is that tone and little else."""
        samples: list[int] = []
        deadline = time.monotonic() + 5
        while len(samples) < 4000 and time.monotonic() < deadline:
            packet = self._audio.recv(2048)
            if packet[1] & 0x7F == 0:  # comfort noise is payload type 13
                samples += [linear(byte) for byte in packet[12:]]
        return share(samples, hertz) > 0.9

    def comes_to_hear(self, hertz: int) -> bool:
        """Within the next three seconds of audio; what arrived in the meantime is heard first."""
        return any(self.hears(hertz) for _ in range(6))


def linear(ulaw: int) -> int:
    """G.711 µ-law, one sample."""
    ulaw = ~ulaw & 0xFF
    magnitude = ((((ulaw & 0x0F) << 3) + 132) << (ulaw >> 4 & 7)) - 132
    return -magnitude if ulaw & 0x80 else magnitude


def share(samples: list[int], hertz: int) -> float:
    """How much of the energy is that tone, 0 to 1."""
    angle = 2 * math.pi * hertz / 8000
    real = sum(sample * math.cos(angle * n) for n, sample in enumerate(samples))
    imaginary = sum(sample * math.sin(angle * n) for n, sample in enumerate(samples))
    energy = sum(sample * sample for sample in samples)
    return 2 * (real**2 + imaginary**2) / (len(samples) * energy) if energy else 0.0


# ------------------------------------------------------------------------------------------------------- the verbs


def test_up_says_how_to_connect(lab):
    assert {"ari_url", "username", "password", "sip", "dir", "pid", "version"} <= lab.keys()
    assert lab["username"] == "warm-transfer"
    assert tuple(map(int, lab["version"].split("+")[0].split("."))) >= (22, 10, 1)
    assert Path(f"/proc/{lab['pid']}").exists()


def test_ari_answers_as_soon_as_up_returns(lab):
    assert ari(lab, "GET", "asterisk/info")["system"]["version"] == lab["version"]


def test_up_again_says_the_same(lab):
    assert up(Path(lab["dir"])) == lab


def test_cli_runs_a_console_command(lab):
    assert "0 active channels" in cli(lab, "core show channels")


def test_nothing_listens_beyond_loopback(lab):
    assert f"127.0.0.1:{lab['sip'].split(':')[1]}" in cli(lab, "pjsip show transports")
    assert "Server Enabled and Bound to 127.0.0.1:" in cli(lab, "http show status")


@pytest.mark.parametrize(
    "module", ["chan_websocket", "app_stasis", "app_stasis_broadcast", "bridge_softmix", "bridge_holding", "chan_pjsip"]
)
def test_the_modules_the_app_needs_run(lab, module):
    assert "Running" in cli(lab, f"module show like {module}.so")


def test_asterisk_starts_without_a_complaint(lab):
    log = (Path(lab["dir"]) / "log/console").read_text()
    assert "ERROR" not in log and "WARNING" not in log


def test_there_is_music(lab):
    music = cli(lab, "moh show files")
    assert "Class: default" in music and "/moh/" in music
    assert "Class: lab-music" in music and "300hz" in music


def test_two_labs_live_side_by_side(lab, folder):
    other = up(folder)
    assert all(lab[where] != other[where] for where in ("ari_url", "sip", "rtp_start"))
    run_lab("down", "--dir", folder)
    assert "Asterisk 22" in cli(lab, "core show version")


def test_given_ports_are_used(folder):
    with socket.socket() as http, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sip:
        http.bind(("127.0.0.1", 0))
        sip.bind(("127.0.0.1", 0))
        ports = http.getsockname()[1], sip.getsockname()[1]
    state = up(folder, "--http-port", ports[0], "--sip-port", ports[1], "--rtp-start", 40000)
    assert (state["ari_url"], state["sip"]) == (f"http://127.0.0.1:{ports[0]}", f"127.0.0.1:{ports[1]}")
    assert "Port start:      40000" in cli(state, "rtp show settings")


def test_a_taken_port_is_one_clear_line(folder):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = run_lab("up", "--dir", folder, "--http-port", port)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"lab: HTTP port {port} on 127.0.0.1 is taken\n"


def test_down_is_certain_and_may_be_repeated(folder):
    state = up(folder)
    for _ in range(2):
        assert run_lab("down", "--dir", folder).returncode == 0
    assert not is_running(state)
    assert "down" in run_lab("cli", "--dir", folder, "core show uptime").stderr


def test_down_of_a_lab_that_never_was_is_fine(folder):
    assert run_lab("down", "--dir", folder).returncode == 0


def test_a_restart_is_another_asterisk_in_the_same_place(folder):
    before = up(folder)
    after = json.loads(run_lab("restart", "--dir", folder).stdout)
    assert after.pop("pid") != before.pop("pid")
    assert after == before


def is_running(state: dict) -> bool:
    """A process of init's that is not collected yet is none."""
    status = Path(f"/proc/{state['pid']}/status")
    return status.exists() and "State:\tZ" not in status.read_text()


# ---------------------------------------------------------------------------------------------------- the dialplan


@pytest.mark.parametrize("dialed", ["hold", "agent-front-desk", "+14155550100", "7"])
def test_without_the_app_a_caller_is_in_the_fallback_at_once(lab, dialed):
    with Caller(lab, dialed) as caller:
        caller.wait_for_answer()
        assert caller.hears(FALLBACK)


@pytest.mark.parametrize(
    ("dialed", "arguments"),
    [
        ("hold", ["hold"]),
        ("agent-front-desk", ["agent=front-desk"]),
        ("agent-x.1_2,hold", ["agent=x.1_2hold"]),
        ("1000", []),
        ("+14155550100", []),
        ("support", []),
    ],
)
def test_what_is_dialed_decides_the_arguments(lab, dialed, arguments):
    with application(lab, "warm-transfer") as app, Caller(lab, dialed):
        start = app()
    assert start["args"] == arguments
    assert start["channel"]["state"] in ("Down", "Ring"), "nobody answered before the app"


def test_another_application_can_own_the_caller_first(lab):
    with application(lab, "my-agent") as agent, application(lab, "warm-transfer") as app, Caller(lab, "app-my-agent"):
        channel = agent()["channel"]["id"]
        ari(lab, "POST", f"channels/{channel}/move", app="warm-transfer", appArgs="handover,return=my-agent")
        assert app()["args"] == ["handover", "return=my-agent"]


def test_when_the_lease_runs_out_the_caller_is_in_the_fallback(lab):
    with application(lab, "warm-transfer") as app, Caller(lab, "hold") as caller:
        channel = app()["channel"]["id"]
        ari(lab, "POST", f"channels/{channel}/answer")
        caller.wait_for_answer()
        ari(lab, "POST", f"channels/{channel}/moh", mohClass="lab-music")
        assert caller.hears(LAB_MUSIC)
        ari(lab, "POST", f"channels/{channel}/variable", variable="TIMEOUT(absolute)", value="1")
        assert caller.comes_to_hear(FALLBACK)


def test_the_app_can_send_a_caller_to_the_fallback_for_good(lab):
    with application(lab, "warm-transfer") as app, Caller(lab, "hold") as caller:
        channel = app()["channel"]["id"]
        ari(lab, "POST", f"channels/{channel}/answer")
        caller.wait_for_answer()
        ari(lab, "POST", f"channels/{channel}/variable", variable="TIMEOUT(absolute)", value="1")
        ari(lab, "POST", f"channels/{channel}/moh", mohClass="lab-music")
        ari(lab, "POST", f"channels/{channel}/continue", context="fallback", extension="s", priority="1")
        assert caller.comes_to_hear(FALLBACK)
        time.sleep(1.2)
        assert caller.comes_to_hear(FALLBACK) and caller.comes_to_hear(FALLBACK), "the lease no longer counts"


def test_the_endpoint_lab_reaches_any_port_of_loopback(lab):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = ["127.0.0.1:1", "-sn", "uas", "-i", "127.0.0.1", "-p", port, "-m", "1", "-timeout", "10", "-nostdin"]
    supervisor = subprocess.Popen([str(CHECKOUT / "asterisk/sipp"), *map(str, words)], stdout=subprocess.DEVNULL)
    with application(lab, "warm-transfer") as app:
        wait_until_bound(port)
        leg = ari(lab, "POST", "channels", endpoint=f"PJSIP/lab/sip:2001@127.0.0.1:{port}", app="warm-transfer")
        assert app()["channel"]["id"] == leg["id"]
        ari(lab, "DELETE", f"channels/{leg['id']}")
    assert supervisor.wait(timeout=10) == 0


def wait_until_bound(port: int) -> None:
    deadline = time.monotonic() + 5
    while f"127.0.0.1:{port}" not in bound_sockets():
        assert time.monotonic() < deadline, "SIPp did not start"
        time.sleep(0.02)


def bound_sockets() -> set[str]:
    """UDP, read from the kernel's table: sending to find out would be a call for SIPp."""
    addresses = (line.split()[1].split(":") for line in Path("/proc/net/udp").read_text().splitlines()[1:])
    return {f"{socket.inet_ntoa(bytes.fromhex(ip)[::-1])}:{int(port, 16)}" for ip, port in addresses}
