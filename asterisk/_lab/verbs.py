"""The verbs of `asterisk/lab`, each for one lab folder. What is up is written in the folder's `lab.json`."""

import fcntl
import json
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from . import debian, distribution, ports, process, site
from .errors import LabError

USER = "warm-transfer"
State = dict[str, object]


def up(folder: Path, http: int | None, sip: int | None, rtp_start: int | None) -> State:
    """What to connect to. A lab that is up is left as it is; one that crashed comes back on its ports."""
    with _alone(folder):
        state = _read(folder)
        if _is_up(state, folder):
            return _public(state)
        return _start(folder, *_wanted(folder, state, http, sip, rtp_start))


def restart(folder: Path) -> State:
    """As after a power cut, on the same ports with the same password."""
    with _alone(folder), ports.claiming(_slots()):
        state = _known(folder)
        process.kill(state["pid"], folder)
        had = ports.Ports(**state["ports"])
        _wait_until_free(had)
        return _start(folder, *ports.claim(_slots(), had.http, had.sip, had.rtp_start), state["password"])


def _wait_until_free(had: ports.Ports) -> None:
    """The kernel takes a moment to clear away what a killed process had open."""
    for _ in range(100):
        if ports.are_free(had):
            return
        time.sleep(0.05)
    raise LabError(f"port {had.http} or {had.sip} did not become free")


def down(folder: Path) -> None:
    """Nothing of the lab runs afterwards; the folder stays for its logs."""
    if not _file(folder).exists():
        return
    with _alone(folder):
        process.stop(_known(folder)["pid"], folder)


def cli(folder: Path, command: str) -> None:
    """Becomes Asterisk's own remote console for one command."""
    if not _is_up(_known(folder), folder):
        raise LabError(f"the lab in {folder} is down")
    launcher = str(folder / "asterisk")
    os.execv(launcher, [launcher, "-C", str(folder / "asterisk.conf"), "-rx", command])


def prepare() -> None:
    """Fills the cache, so that the first `up` is as quick as any, and SIPp is there."""
    distribution.asterisk()
    distribution.sipp()


def _start(folder: Path, chosen: ports.Ports, lock, password: str) -> State:
    found = distribution.asterisk()
    site.write(folder, found, chosen, password)
    child = process.start(folder, lock)
    lock.close()
    state: State = {
        "ari_url": f"http://127.0.0.1:{chosen.http}", "username": USER, "password": password,
        "sip": f"127.0.0.1:{chosen.sip}", "dir": str(folder), "pid": child.pid, "version": "",
        "rtp_start": chosen.rtp_start, "rtp_end": chosen.rtp_end, "ports": chosen.described(),
    }  # fmt: skip
    _write(folder, state)  # before the wait: an interrupted `up` can still be taken down
    try:
        state["version"] = process.wait_until_ready(child, folder, state["ari_url"], USER, password)
    except BaseException:
        process.stop(child.pid, folder)
        raise
    _write(folder, state)
    return _public(state)


def _wanted(folder: Path, state: State, http: int | None, sip: int | None, rtp_start: int | None):
    """Ports as given, else the ones the lab had, else any."""
    had = state.get("ports", {})
    password = state.get("password") or secrets.token_urlsafe(16)
    with ports.claiming(_slots()):
        if had and not (http or sip or rtp_start) and ports.are_free(ports.Ports(**had)):
            return *ports.claim(_slots(), had["http"], had["sip"], had["rtp_start"]), password
        return *ports.claim(_slots(), http, sip, rtp_start), password


def _slots() -> Path:
    return debian.cache_dir() / "slots"


def _is_up(state: State, folder: Path) -> bool:
    return bool(state) and process.is_alive(state["pid"], folder)


def _known(folder: Path) -> State:
    state = _read(folder)
    if not state:
        raise LabError(f"there is no lab in {folder}: start one with `asterisk/lab up --dir {folder}`")
    return state


def _public(state: State) -> State:
    return {name: value for name, value in state.items() if name != "ports"}


def _file(folder: Path) -> Path:
    return folder / "lab.json"


def _read(folder: Path) -> State:
    try:
        return json.loads(_file(folder).read_text())
    except (FileNotFoundError, ValueError):
        return {}


def _write(folder: Path, state: State) -> None:
    fresh = _file(folder).with_suffix(".new")
    fresh.write_text(json.dumps(state))
    fresh.chmod(0o600)
    fresh.rename(_file(folder))


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One verb at a time per folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
