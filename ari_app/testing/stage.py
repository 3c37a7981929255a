"""A stage for calls: a real Asterisk (`asterisk/lab`), the real app beside it, and an agent's ARI client.

Tests, the demo and the benchmarks use it. Everything is a process of its own, reached as a user reaches it.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import aiohttp

CHECKOUT = Path(__file__).resolve().parents[2]
LAB = CHECKOUT / "asterisk" / "lab"


@dataclass(frozen=True)
class Lab:
    """What `asterisk/lab up` printed."""

    ari_url: str
    username: str
    password: str
    sip: str
    dir: str
    pid: int
    version: str

    @classmethod
    async def up(cls, folder: Path) -> Lab:
        shown = json.loads(await lab_command("up", "--dir", str(folder)))
        return cls(**{name: shown[name] for name in cls.__dataclass_fields__})

    async def restart(self) -> None:
        """As after a power cut."""
        await lab_command("restart", "--dir", self.dir)

    async def down(self) -> None:
        await lab_command("down", "--dir", self.dir)

    async def cli(self, command: str) -> str:
        return await lab_command("cli", "--dir", self.dir, command)


async def lab_command(*arguments: str) -> str:
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(LAB), *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"asterisk/lab {arguments[0]}: {err.decode().strip()}")
    return out.decode()


class Ari:
    """An ARI user of the lab, as an agent or a test is one: plain HTTP, and events of its own application."""

    def __init__(self, lab: Lab, app: str) -> None:
        self.app = app
        self.events: list[dict[str, Any]] = []
        "Everything the application got, oldest first."
        self._lab = lab
        self._arrived = asyncio.Condition()
        self._http: aiohttp.ClientSession | None = None
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._reader: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        auth = aiohttp.encode_basic_auth(self._lab.username, self._lab.password)
        self._http = aiohttp.ClientSession(self._lab.ari_url, headers={"Authorization": auth})
        self._socket = await self._http.ws_connect("/ari/events", params={"app": self.app})
        self._reader = asyncio.create_task(self._read(self._socket))
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._reader:
            self._reader.cancel()
            await asyncio.wait({self._reader})
        if self._socket:
            await self._socket.close()
        if self._http:
            await self._http.close()

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for message in socket:
            event = json.loads(message.data)
            event["at"] = time.monotonic()
            self.events.append(event)
            async with self._arrived:
                self._arrived.notify_all()

    async def call(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """The decoded answer. Raises aiohttp.ClientResponseError on a refusal."""
        if self._http is None:
            raise AssertionError("use it as a context")
        async with self._http.request(method, f"/ari/{path}", params=query, json=body) as response:
            text = await response.text()
            if response.status >= 400:
                raise aiohttp.ClientResponseError(response.request_info, (), status=response.status, message=text)
            return json.loads(text) if text else None

    async def tell(self, name: str, channel: str, variables: Mapping[str, Any], app: str = "warm-transfer") -> None:
        """An ARI user event to the app."""
        await self.call(
            "POST",
            f"events/user/{name}",
            {"variables": dict(variables)},
            application=app,
            source=f"channel:{channel}",
        )

    @property
    def phases(self) -> list[dict[str, Any]]:
        """The phases that came to this application, each with the moment `at` of its arrival."""
        return [
            {**event["userevent"], "at": event["at"]}
            for event in self.events
            if event["type"] == "ChannelUserevent" and event["eventname"] == "WarmTransferPhase"
        ]

    def names(self, transfer_id: str | None = None) -> list[str]:
        return [p["phase"] for p in self.phases if transfer_id in (None, p["transfer_id"])]

    async def phase(self, name: str, within: float = 10.0, *, count: int = 1) -> dict[str, Any]:
        """The `count`-th phase of this name; waits for it."""

        def found() -> list[dict[str, Any]]:
            return [phase for phase in self.phases if phase["phase"] == name]

        await self._until(lambda: len(found()) >= count, within, f"phase {name} (got {self.names()})")
        return found()[count - 1]

    async def ended(self, within: float = 15.0, *, count: int = 1) -> dict[str, Any]:
        """The result of the `count`-th transfer that ended."""
        ends = ("transfer_complete", "transfer_cancelled", "transfer_failed")

        def found() -> list[dict[str, Any]]:
            return [phase for phase in self.phases if phase["phase"] in ends]

        await self._until(lambda: len(found()) >= count, within, f"the end of the transfer (got {self.names()})")
        result: dict[str, Any] = found()[count - 1]["data"]["result"]
        return result

    async def event(self, kind: str, within: float = 5.0) -> dict[str, Any]:
        await self._until(lambda: any(e["type"] == kind for e in self.events), within, kind)
        return next(e for e in self.events if e["type"] == kind)

    async def _until(self, true: Any, within: float, what: str) -> None:
        try:
            async with asyncio.timeout(within), self._arrived:
                await self._arrived.wait_for(true)
        except TimeoutError:
            raise AssertionError(f"within {within} s there was not {what}") from None


SETTINGS = """
default_agent = "front-desk"
[asterisk]
url = "{ari_url}"
username = "{username}"
password = "{password}"
[http]
listen = "127.0.0.1:{http_port}"
[journal]
url = "sqlite:///{folder}/journal.db"
"""


class Process:
    """A program that any event loop may wait for: an app outlives the loop that started it."""

    def __init__(self, popen: subprocess.Popen[bytes]) -> None:
        self._popen = popen
        self.pid = popen.pid

    @property
    def returncode(self) -> int | None:
        return self._popen.poll()

    def send_signal(self, number: signal.Signals) -> None:
        self._popen.send_signal(number)

    async def wait(self) -> int:
        return await asyncio.to_thread(self._popen.wait)


@dataclass
class App:
    """`warm-transfer serve` as a process."""

    lab: Lab
    folder: Path
    extra: str = ""
    "More TOML: agents, routing rules …"
    environment: dict[str, str] = field(default_factory=dict)
    http_port: int = 0
    process: Process | None = None
    log_begins: int = 0
    "Where in the file `log` begins."

    @property
    def config(self) -> Path:
        return self.folder / "settings.toml"

    @property
    def log(self) -> str:
        return self._log.read_bytes()[self.log_begins :].decode() if self._log.exists() else ""

    def forget_log(self) -> None:
        """What was logged so far is another story's."""
        self.log_begins = self._log.stat().st_size if self._log.exists() else 0

    @property
    def _log(self) -> Path:
        return self.folder / "app.log"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http_port}"

    async def start(self) -> None:
        """Returns when the app is ready."""
        self.write()
        self.process = await asyncio.to_thread(self._begun)
        await self.ready()

    def _begun(self) -> Process:
        command = [sys.executable, "-m", "ari_app", "serve", "--config", str(self.config)]
        environment = {**without_keys(os.environ), **self.environment}
        with self._log.open("ab") as log:
            return Process(subprocess.Popen(command, stdout=log, stderr=log, env=environment, cwd=CHECKOUT))

    def write(self) -> None:
        """The settings alone, for whoever runs the app otherwise."""
        self.http_port = self.http_port or free_port()
        self.folder.mkdir(parents=True, exist_ok=True)
        text = SETTINGS.format(
            ari_url=self.lab.ari_url,
            username=self.lab.username,
            password=self.lab.password,
            http_port=self.http_port,
            folder=self.folder,
        )
        self.config.write_text(text + self.extra)

    async def ready(self, within: float = 15.0) -> None:
        give_up = time.monotonic() + within
        while True:
            if self.process is None or self.process.returncode is not None:
                raise AssertionError(f"the app ended:\n{self.log[-3000:]}")
            if await self._answers("/readyz"):
                return
            if time.monotonic() > give_up:
                raise AssertionError(f"not ready within {within} s:\n{self.log[-3000:]}")
            await asyncio.sleep(0.05)

    async def is_well(self) -> bool:
        """It runs and would take a call."""
        return self.process is not None and self.process.returncode is None and await self._answers("/readyz")

    async def _answers(self, path: str) -> bool:
        try:
            async with aiohttp.ClientSession() as http, http.get(self.url + path) as response:
                return response.status == 200
        except aiohttp.ClientError:
            return False

    async def get(self, path: str) -> Any:
        return await self._ask("GET", path)

    async def post(self, path: str, body: Any) -> Any:
        return await self._ask("POST", path, body)

    async def follow(self, transfer_id: str, after: int | None = None) -> AsyncIterator[dict[str, Any]]:
        """The event stream of a transfer: `{"id", "event", "data"}` for each phase, until the server ends it."""
        headers = {} if after is None else {"Last-Event-ID": str(after)}
        url = f"{self.url}/v1/transfers/{transfer_id}/events"
        async with aiohttp.ClientSession() as http, http.get(url, headers=headers) as response:
            response.raise_for_status()
            told: dict[str, Any] = {}
            async for line in response.content:
                name, _, value = line.decode().rstrip("\n").partition(": ")
                if name:
                    told[name] = json.loads(value) if name == "data" else value
                elif told:
                    yield told
                    told = {}

    async def _ask(self, method: str, path: str, body: Any = None) -> Any:
        async with aiohttp.ClientSession() as http, http.request(method, self.url + path, json=body) as response:
            return {"status": response.status, "body": await response.json(content_type=None)}

    async def kill(self) -> None:
        """kill -9."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> None:
        await self._end(signal.SIGTERM)

    async def _end(self, number: signal.Signals) -> None:
        if self.process and self.process.returncode is None:
            self.process.send_signal(number)
            await self.process.wait()


@asynccontextmanager
async def staged(folder: Path, extra: str = "") -> AsyncIterator[tuple[Lab, App]]:
    """A lab and the app on it; both are gone afterwards."""
    lab = await Lab.up(folder / "lab")
    app = App(lab, folder / "app", extra)
    try:
        await app.start()
        yield lab, app
    finally:
        await app.stop()
        await lab.down()


def without_keys(environ: Mapping[str, str]) -> dict[str, str]:
    """A developer's own keys must not turn a story into calls of a cloud."""
    return {name: value for name, value in environ.items() if not name.endswith("_API_KEY")}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
