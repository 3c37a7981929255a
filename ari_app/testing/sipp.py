"""SIPp as a telephone's signalling: started, steered, and its messages read back. No audio, no behaviour here.

One process carries any number of calls. SIPp listens on a 3PCC socket; each command and each report is a short text
with a Call-ID, ended by ESC. Closing that socket ends SIPp: a test that is killed takes its phones along in seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

SCENARIOS = Path(__file__).parent / "scenarios"
REJECTIONS = (
    *(486, 603, 404, 480, 503, 488, 403, 408, 500, 600, 302, 400, 401, 407, 410, 415, 484, 487, 501, 502, 504, 580),
    *(604, 606, 607),
)
"What a listener can reject with, the usual first: SIPp looks for the code at 1 ms a step."
_SDP = "\n".join(
    (
        "v=0",
        "o=phone [pid] 1 IN IP4 [local_ip]",
        "s=-",
        "c=IN IP4 [local_ip]",
        "t=0 0",
        "m=audio [$port] RTP/AVP 0 101",
        "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:101 telephone-event/8000",
        "a=fmtp:101 0-16",
        "a=ptime:20",
        "a=sendrecv",
        "",
    )
)
_LOOP = re.compile(r" *<!-- for each CODE -->\n(.*?) *<!-- end for -->\n", re.DOTALL)
_STAMP = re.compile(r"^-{40,} (\d{4}-\d\d-\d\dT[\d:.]+\S*)$", re.MULTILINE)
_ESC = b"\x1b"


@dataclass(frozen=True)
class SipMessage:
    """One message on the wire, as SIPp traced it."""

    at: float
    "Monotonic seconds."
    sent: bool
    "By this phone."
    first_line: str
    headers: dict[str, str]
    "Names in lower case; the first of several."
    body: str = ""

    @property
    def call_id(self) -> str:
        return self.headers.get("call-id", "")

    @property
    def status(self) -> int | None:
        """The code of a response."""
        return int(self.first_line.split()[1]) if self.first_line.startswith("SIP/2.0 ") else None

    @property
    def media(self) -> tuple[str, int] | None:
        """Where the sender of this message wants its audio."""
        host = re.search(r"^c=IN IP4 (\S+)", self.body, re.MULTILINE)
        port = re.search(r"^m=audio (\d+)", self.body, re.MULTILINE)
        return (host[1], int(port[1])) if host and port else None

    def __str__(self) -> str:
        return f"{'->' if self.sent else '<-'} {self.first_line}  [{self.headers.get('cseq', '')}]"


def parse_message(text: str, *, at: float = 0.0, sent: bool = False) -> SipMessage:
    head, _, body = text.replace("\r\n", "\n").strip("\n").partition("\n\n")
    first, *lines = head.split("\n")
    headers: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers.setdefault(name.strip().lower(), value.strip())
    return SipMessage(at, sent, first.strip(), headers, body)


def parse_trace(text: str, *, monotonic_minus_wall: float) -> list[SipMessage]:
    """The SIP messages of a SIPp message file; the steering connection is left out."""
    messages = []
    pieces = _STAMP.split(text)[1:]
    for stamp, entry in zip(pieces[::2], pieces[1::2], strict=True):
        title, _, message = entry.lstrip("\n").partition("\n")
        if " control " in title or not title.startswith(("UDP message sent", "UDP message received")):
            continue
        at = datetime.fromisoformat(stamp).timestamp() + monotonic_minus_wall
        messages.append(parse_message(message, at=at, sent=" sent " in title))
    return messages


def find_sipp() -> str:
    """The project's wrapper, or SIPp on the PATH. Raises FileNotFoundError."""
    wrapper = Path(__file__).parents[2] / "asterisk" / "sipp"
    found = str(wrapper) if wrapper.is_file() else shutil.which("sipp")
    if not found:
        raise FileNotFoundError("SIPp: neither asterisk/sipp nor sipp on the PATH")
    return found


_command: list[str] = []
"What the wrapper turned into: it is asked once, later phones start in a fifth of the time."


def _remember(pid: int, arguments: list[str]) -> None:
    with contextlib.suppress(OSError):
        line = Path(f"/proc/{pid}/cmdline").read_bytes().decode().rstrip("\0").split("\0")
        if line[-len(arguments) :] == arguments:
            _command[:] = line[: -len(arguments)]


def write_scenario(role: str, directory: Path) -> Path:
    text = (SCENARIOS / f"{role}.xml").read_text().replace("@SDP@\n", _SDP)
    text = _LOOP.sub(lambda loop: "".join(loop[1].replace("@CODE@", str(code)) for code in REJECTIONS), text)
    path = directory / f"{role}.xml"
    path.write_text(text)
    return path


def free_port(kind: socket.SocketKind) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class _Steering(asyncio.Protocol):
    def __init__(self, report: Callable[[str, str, SipMessage], None]) -> None:
        self.report = report
        self.closed = asyncio.get_running_loop().create_future()
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._socket = transport.get_extra_info("socket")
        self._acknowledge_at_once()

    def data_received(self, data: bytes) -> None:
        self._acknowledge_at_once()
        *texts, self._rest = (self._rest + data).split(_ESC)
        for text in texts:
            call_id, event, message = _read_report(text.decode(errors="replace"))
            self.report(call_id, event, message)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.closed.done():
            self.closed.set_result(None)

    def _acknowledge_at_once(self) -> None:
        """SIPp leaves Nagle's algorithm on: a delayed acknowledgement holds its next report back for 40 ms."""
        if hasattr(socket, "TCP_QUICKACK"):
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


def _read_report(text: str) -> tuple[str, str, SipMessage]:
    head, _, message = text.replace("\r\n", "\n").lstrip("\n").partition("\n\n")
    fields = dict(line.split(": ", 1) for line in head.split("\n") if ": " in line)
    return fields["Call-ID"], fields["Event"], parse_message(message, at=time.monotonic())


class Sipp:
    """One running SIPp. ``report`` is called in the event loop with (Call-ID, event, the message behind it)."""

    def __init__(self, role: str, *, remote: str | None, report: Callable[[str, str, SipMessage], None]) -> None:
        self.role = role
        self.remote = remote
        self.port = 0
        "The UDP port SIP is spoken on."
        self._report = report
        self._process: asyncio.subprocess.Process | None = None
        self._trace = ""

    async def start(self, port: int | None = None) -> None:
        """Returns when SIPp takes calls and commands. Raises RuntimeError with what SIPp said."""
        self._directory = Path(tempfile.mkdtemp(prefix=f"phone-{self.role}-"))
        self._monotonic_minus_wall = time.monotonic() - time.time()
        for tries_left in (2, 1, 0):
            # a port that was free may be taken a moment later
            self.port = port or free_port(socket.SOCK_DGRAM)
            try:
                return await self._start_once(free_port(socket.SOCK_STREAM))
            except BaseException as error:
                await self._reap()
                if not (tries_left and isinstance(error, RuntimeError)):
                    self._remove()
                    raise

    async def _start_once(self, steering_port: int) -> None:
        arguments = [
            *("-sf", str(write_scenario(self.role, self._directory)), "-i", "127.0.0.1", "-p", str(self.port)),
            *("-3pcc", f"127.0.0.1:{steering_port}", "-nostdin", "-default_behaviors", "none"),
            *("-trace_msg", "-message_file", str(self._directory / "messages"), "-message_overwrite", "true"),
            *("-f", "3600", "-deadcall_wait", "2000", *([self.remote] if self.remote else [])),
        ]
        with (self._directory / "stderr").open("wb") as errors:
            self._process = await asyncio.create_subprocess_exec(
                *(_command or [find_sipp()]),
                *arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=errors,
                cwd=self._directory,
                env={**os.environ, "TERM": "dumb"},
            )
        self._transport, self._steering = await self._connect(self._process, steering_port)
        _remember(self._process.pid, arguments)

    async def _connect(self, process: asyncio.subprocess.Process, port: int) -> tuple[asyncio.Transport, _Steering]:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + 10
        while process.returncode is None and loop.time() < deadline:
            with contextlib.suppress(OSError):
                return await loop.create_connection(lambda: _Steering(self._report), "127.0.0.1", port)
            await asyncio.sleep(0.005)
        raise RuntimeError(f"SIPp did not start: {(self._directory / 'stderr').read_text().strip()}")

    def tell(self, call_id: str, verb: str, **fields: object) -> None:
        """Steers one call. A caller's unknown Call-ID begins a call; a listener's is dropped by SIPp."""
        lines = [f"Call-ID: {call_id}", f"Do: {verb}", *(f"{name}: {value}" for name, value in fields.items())]
        self._transport.write("\r\n".join([*lines, "", ""]).encode() + _ESC)

    def messages(self) -> list[SipMessage]:
        """Everything on the wire so far, also after the end."""
        file = self._directory / "messages"
        if file.exists():
            self._trace = file.read_text(errors="replace")
        return parse_trace(self._trace, monotonic_minus_wall=self._monotonic_minus_wall)

    @property
    def lost(self) -> bool:
        """SIPp went away by itself."""
        return self._steering.closed.done()

    async def stop(self) -> None:
        """Ends SIPp whatever state it is in; end the calls first, SIPp says no farewell."""
        self._transport.abort()
        await self._reap()
        self.messages()
        self._remove()

    async def _reap(self) -> None:
        if self._process is None:
            return
        try:
            await asyncio.wait_for(self._process.wait(), 2.0)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    def _remove(self) -> None:
        shutil.rmtree(self._directory, ignore_errors=True)


def ladder(messages: Iterable[SipMessage], since: float) -> str:
    """The messages one a line, in seconds after ``since``."""
    return "\n".join(f"  {message.at - since:8.3f}  {message}" for message in messages)
