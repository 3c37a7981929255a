"""Starts the Asterisk of a lab, knows whether it lives, and ends it for certain."""

import base64
import json
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TextIO

from .errors import LabError

START_TIMEOUT = 30.0
STOP_TIMEOUT = 8.0
"""Seconds for an orderly end; after that it is killed."""


def is_alive(pid: int, folder: Path) -> bool:
    """True for the Asterisk of this folder; a pid that was given to somebody else is not it."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        if status == "Z":  # ended, but while threads are left its ports are not free
            return len(os.listdir(f"/proc/{pid}/task")) > 1
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (OSError, IndexError):
        return False
    return str(folder / "asterisk.conf").encode() in words


def start(folder: Path, lock: TextIO) -> subprocess.Popen[bytes]:
    """Detached: it outlives this command, and hears no Ctrl-C meant for a test run."""
    # Asterisk looks up the machine's name at its start; a name server that is not there costs a second, not twenty.
    environment = {"PATH": os.defpath, "LANG": "C.UTF-8", "HOME": str(folder), "RES_OPTIONS": "timeout:1 attempts:1"}
    with open(console_log(folder), "wb") as console:
        return subprocess.Popen(
            [str(folder / "asterisk"), "-f", "-C", str(folder / "asterisk.conf")],
            cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=console, stderr=console,
            start_new_session=True, pass_fds=(lock.fileno(),),
        )  # fmt: skip


def wait_until_ready(child: subprocess.Popen[bytes], folder: Path, url: str, user: str, password: str) -> str:
    """The version, once ARI answers and the endpoint `lab` is there. Raises LabError when Asterisk ends before that."""
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline:
        if child.poll() is not None:
            raise LabError(f"Asterisk ended while starting: {_first_error(folder)} (log: {console_log(folder)})")
        try:
            _get(f"{url}/ari/endpoints/PJSIP/lab", user, password)
            return _get(f"{url}/ari/asterisk/info?only=system", user, password)["system"]["version"]
        except (OSError, urllib.error.URLError, ValueError):
            time.sleep(0.03)
    raise LabError(f"ARI did not answer within {START_TIMEOUT:.0f} s (log: {console_log(folder)})")


def stop(pid: int, folder: Path) -> None:
    """Returns when it is gone. A stopped (SIGSTOP) or stuck Asterisk goes too."""
    for number, patience in ((signal.SIGTERM, STOP_TIMEOUT), (signal.SIGKILL, STOP_TIMEOUT)):
        _signal(pid, folder, number)
        _signal(pid, folder, signal.SIGCONT)
        if _gone_within(patience, pid, folder):
            return
    raise LabError(f"Asterisk, process {pid}, does not end")


def kill(pid: int, folder: Path) -> None:
    """As a crash: no BYE, no goodbye to ARI."""
    _signal(pid, folder, signal.SIGKILL)
    if not _gone_within(STOP_TIMEOUT, pid, folder):
        raise LabError(f"Asterisk, process {pid}, does not end")


def console_log(folder: Path) -> Path:
    return folder / "log/console"


def _signal(pid: int, folder: Path, number: int) -> None:
    if is_alive(pid, folder):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass


def _gone_within(seconds: float, pid: int, folder: Path) -> bool:
    deadline = time.monotonic() + seconds
    while is_alive(pid, folder):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _get(url: str, user: str, password: str) -> dict:
    token = base64.b64encode(f"{user}:{password}".encode()).decode()
    request = urllib.request.Request(url, headers={"Authorization": f"Basic {token}"})
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # loopback is never behind the proxy
    with direct.open(request, timeout=5) as answer:
        return json.load(answer)


def _first_error(folder: Path) -> str:
    """The cause; the errors after it are its consequences."""
    lines = console_log(folder).read_text(errors="replace").splitlines()
    errors = [line for line in lines if "ERROR" in line] or lines or ["it said nothing"]
    return errors[0].strip()
