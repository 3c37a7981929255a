"""How to run the Asterisk and the SIPp this project uses: the machine's own when new enough, else the unpacked ones.

Unpacked programs run through their own dynamic loader, with their own libraries: no chroot, no root, and every path on
the command line is a path of this machine.
"""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from . import debian

OLDEST = (22, 10, 1)
"""ARI's StasisBroadcast and bridge variables came with 22.10, twenty security fixes with 22.10.1."""
NEEDED = ("chan_websocket", "app_stasis_broadcast", "res_stasis_broadcast", "res_ari_channels", "chan_pjsip")


@dataclass(frozen=True)
class Distribution:
    """An Asterisk with its data."""

    command: tuple[str, ...]
    """Starts the program; arguments follow."""
    loaded: bool
    """Through the unpacked loader, which takes `--argv0`."""
    modules: Path
    data: Path

    def launcher(self, path: Path) -> str:
        """A shell script for `path`. Asterisk's own `core restart` runs argv[0] again: that must be the script."""
        loader, *rest = self.command
        words = [loader, "--argv0", str(path), *rest] if self.loaded else list(self.command)
        return "#!/bin/sh\nexec " + " ".join(f"'{word}'" for word in words) + ' "$@"\n'


def asterisk() -> Distribution:
    """Raises LabError when there is none and none can be had."""
    return _installed() or _from_cache()


def sipp() -> tuple[str, ...]:
    """The command that starts SIPp 3.6 or newer."""
    found = shutil.which("sipp")
    if found and _version_of([found, "-v"]) >= (3, 6):
        return (found,)
    return _through_loader(debian.unpacked(_is_sound), "usr/bin/sipp")


def version_in(text: str) -> tuple[int, ...]:
    """The first dotted number of what a program says about itself; () when there is none."""
    found = re.search(r"\d+(?:\.\d+)+", text)
    return tuple(int(part) for part in found.group().split(".")) if found else ()


def _installed() -> Distribution | None:
    found = shutil.which("asterisk")
    if not found or _version_of([found, "-V"]) < OLDEST:
        return None
    modules = _first_with("modules", "usr/lib/*/asterisk", "usr/lib*/asterisk", "usr/local/lib/asterisk")
    data = _first_with("rest-api", "usr/share/asterisk", "var/lib/asterisk", "usr/local/share/asterisk")
    if not modules or not data or not _has_needed(modules / "modules") or not list((data / "moh").glob("*")):
        return None
    return Distribution((found,), False, modules / "modules", data)


def _from_cache() -> Distribution:
    root = debian.unpacked(_is_sound)
    modules = _libraries(root) / "asterisk/modules"
    return Distribution(_through_loader(root, "usr/sbin/asterisk"), True, modules, root / "usr/share/asterisk")


def _is_sound(root: Path) -> bool:
    """Nothing is missing and the programs start; checked at each use, since a cache can be tampered with."""
    if not root.is_dir() or not list(root.glob("usr/share/asterisk/moh/*")):
        return False
    if not _has_needed(_libraries(root) / "asterisk/modules"):
        return False
    return _version_of([*_through_loader(root, "usr/sbin/asterisk"), "-V"]) >= OLDEST


def _has_needed(modules: Path) -> bool:
    return all((modules / f"{name}.so").exists() for name in NEEDED)


def _libraries(root: Path) -> Path:
    """`usr/lib/<architecture>`: the folder with the C library."""
    return next(root.glob("usr/lib/*/libc.so.6"), root / "usr/lib/unknown/libc.so.6").parent


def _through_loader(root: Path, program: str) -> tuple[str, ...]:
    libraries = _libraries(root)
    loader = next(libraries.glob("ld-linux*.so*"), libraries / "ld-linux.so")
    return (str(loader), "--library-path", str(libraries), str(root / program))


def _version_of(command: list[str]) -> tuple[int, ...]:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    except OSError:
        return ()
    return version_in(done.stdout + done.stderr)


def _first_with(part: str, *patterns: str) -> Path | None:
    candidates = [path for pattern in patterns for path in Path("/").glob(pattern)]
    return next((path for path in candidates if (path / part).exists()), None)
