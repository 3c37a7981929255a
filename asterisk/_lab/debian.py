"""Unpacks Debian's Asterisk and SIPp into the cache. Nothing is installed and no maintainer script runs."""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import LabError

SUITE = "forky"
"""The first Debian release with Asterisk 22.10.1."""
PACKAGES = ("asterisk", "asterisk-modules", "asterisk-moh-opsound-wav", "sip-tester")
PUBLIC_MIRROR = "http://deb.debian.org/debian"
KEPT = ("./usr/bin/sipp", "./usr/sbin/asterisk", "./usr/lib/*-linux-*", "./usr/share/asterisk*")
"""The part of the packages that running Asterisk and SIPp takes, as tar's wildcards."""


def cache_dir() -> Path:
    """`$WARM_TRANSFER_CACHE`, or `.cache` of the checkout."""
    chosen = os.environ.get("WARM_TRANSFER_CACHE")
    return Path(chosen).resolve() if chosen else Path(__file__).resolve().parents[2] / ".cache"


def unpacked(is_sound) -> Path:
    """The root of the unpacked packages; fetched when it is missing or `is_sound(root)` denies it."""
    root = cache_dir() / f"{SUITE}-{_recipe()}"
    if is_sound(root):
        return root
    with _alone(root.parent):
        if not is_sound(root):
            _fill(root)
    if not is_sound(root):
        raise LabError(f"Asterisk was unpacked into {root} but does not run on this machine")
    return root


def _recipe() -> str:
    """Names the cache by what is in it, so that a change of the list makes a new one."""
    return hashlib.sha256(" ".join((SUITE, *PACKAGES, *KEPT)).encode()).hexdigest()[:8]


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Several first starts at once: one downloads, the others wait for it."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _fill(root: Path) -> None:
    """Unpacks beside `root` and renames, so that a half-filled cache never has its name."""
    program = _mmdebstrap()
    for left_behind in root.parent.glob(f"{root.name}.*"):
        shutil.rmtree(left_behind)
    fresh = Path(tempfile.mkdtemp(prefix=f"{root.name}.", dir=root.parent))
    try:
        _unpack(program, fresh)
        _link_sounds(fresh)
        fresh.chmod(0o755)
        shutil.rmtree(root, ignore_errors=True)
        fresh.rename(root)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _unpack(program: str, into: Path) -> None:
    """From the first mirror that has the suite; through tar, so that the files belong to whoever asked."""
    log = into.parent / "unpack.log"
    unpacking = ["tar", "-x", "-C", str(into), "--no-same-owner", "--wildcards", *KEPT]
    for mirror in mirrors():
        if _piped(_packing(program, mirror), unpacking, log):
            return
    raise LabError(f"could not unpack {SUITE} from {mirror}: {_reason(log)} (log: {log})")


def _packing(program: str, mirror: str) -> list[str]:
    """mmdebstrap writing a tar. `chrootless` is its mode without root, subordinate ids or fakechroot."""
    mode = "root" if os.geteuid() == 0 else "chrootless"
    command = [program, "--quiet", f"--mode={mode}", "--variant=extract", "--format=tar"]
    options = [f"--include={','.join(PACKAGES)}", '--aptopt=Acquire::Check-Valid-Until "false"']
    return [*command, *options, SUITE, "-", mirror]


def _piped(writing: list[str], reading: list[str], log: Path) -> bool:
    """`writing | reading`; true when both did well."""
    with open(log, "w") as errors:
        with subprocess.Popen(writing, stdout=subprocess.PIPE, stderr=errors, stdin=subprocess.DEVNULL) as writer:
            reader = subprocess.run(reading, stdin=writer.stdout, stderr=errors)
    return writer.returncode == 0 and reader.returncode == 0


def _reason(log: Path) -> str:
    """The first error; tar's complaints that nothing came are its consequence."""
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return next((line for line in lines if line.startswith("E:")), lines[-1] if lines else "no reason was given")


def _link_sounds(root: Path) -> None:
    """Debian's `sounds/en` is made by a maintainer script."""
    sounds = root / "usr/share/asterisk/sounds"
    if not (sounds / "en").exists():
        (sounds / "en").symlink_to(next(sounds.glob("en_*")).name)


def mirrors() -> list[str]:
    """This machine's Debian mirrors in its own order, then the public one."""
    found = _configured_mirrors() if _is_debian() else []
    return list(dict.fromkeys([*found, PUBLIC_MIRROR]))


def _is_debian() -> bool:
    release = Path("/etc/os-release")
    return release.exists() and "ID=debian" in release.read_text().splitlines()


def _configured_mirrors(etc: Path = Path("/etc/apt")) -> list[str]:
    files = [etc / "sources.list", *sorted((etc / "sources.list.d").glob("*"))]
    return [uri for file in files if file.is_file() for uri in mirrors_in(file.read_text(errors="replace"))]


def mirrors_in(sources: str) -> list[str]:
    """Archives with a `debian` path in either form of sources file; other vendors and debian-security are not it."""
    lines = [line for line in sources.splitlines() if not line.lstrip().startswith("#")]
    wanted = [line for line in lines if re.match(r"\s*(deb\s|URIs:)", line)]
    uris = [word.rstrip("/") for line in wanted for word in line.split() if re.match(r"(https?|file):", word)]
    return [uri for uri in uris if re.search(r"/debian$", uri)]


def _mmdebstrap() -> str:
    """The program that unpacks; installed on the way when that needs no question."""
    if found := shutil.which("mmdebstrap"):
        return found
    if os.geteuid() == 0 and shutil.which("apt-get"):
        _apt_get("update")
        _apt_get("install", "--yes", "--no-install-recommends", "mmdebstrap")
        if found := shutil.which("mmdebstrap"):
            return found
    raise LabError("Asterisk >= 22.10.1 is not here and unpacking it needs mmdebstrap: apt-get install mmdebstrap")


def _apt_get(*words: str) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "-qq", *words], env=environment, capture_output=True)
