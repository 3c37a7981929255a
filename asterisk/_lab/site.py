"""Writes the folder of one lab: the shipped configuration, its own `site/`, and the script that starts Asterisk."""

import math
import shutil
import struct
import tempfile
import wave
import zlib
from pathlib import Path

from .distribution import Distribution
from .ports import Ports

HERE = Path(__file__).resolve().parents[1]
SHIPPED = HERE / "etc"
LAB_ONLY = HERE / "lab_site"
LONGEST_SOCKET_PATH = 100
"""Of Linux's 107 for a UNIX socket; Asterisk's control socket lies in its run directory."""


def write(folder: Path, distribution: Distribution, ports: Ports, password: str) -> None:
    """Everything Asterisk reads. Repeated at each start, so that a lab always has the configuration of the checkout."""
    directories = directories_of(folder, distribution)
    for path in directories.values():
        path.mkdir(parents=True, exist_ok=True)
    (directories["astspooldir"] / "recording").mkdir(exist_ok=True)  # without it ARI recordings end in a bare 500
    _write_configuration(directories["astetcdir"], ports, password, _music(folder))
    _write_main(folder, directories)
    launcher = folder / "asterisk"
    launcher.write_text(distribution.launcher(launcher))
    launcher.chmod(0o755)


def directories_of(folder: Path, distribution: Distribution) -> dict[str, Path]:
    """Asterisk's [directories]: the lab's own, and the distribution's for what is only read."""
    own = {"astetcdir": "etc", "astvarlibdir": "var", "astdbdir": "var", "astkeydir": "var", "astcachedir": "cache",
           "astspooldir": "spool", "astlogdir": "log"}  # fmt: skip
    return {
        **{name: folder / part for name, part in own.items()},
        "astrundir": run_dir(folder),
        "astmoddir": distribution.modules,
        "astdatadir": distribution.data,
        "astagidir": distribution.data / "agi-bin",
    }


def run_dir(folder: Path) -> Path:
    """In the folder, unless its path is too long for a socket."""
    if len(str(folder / "run/asterisk.ctl")) <= LONGEST_SOCKET_PATH:
        return folder / "run"
    return Path(tempfile.gettempdir()) / f"warm-transfer-lab-{zlib.crc32(str(folder).encode()):08x}"


def filled(template: str, values: dict[str, object]) -> str:
    """`@NAME@` replaced; dialplans are full of `$`, so that is no mark."""
    for name, value in values.items():
        template = template.replace(f"@{name}@", str(value))
    return template


def _write_configuration(etc: Path, ports: Ports, password: str, music: Path) -> None:
    values = {"HTTP_PORT": ports.http, "SIP_PORT": ports.sip, "RTP_START": ports.rtp_start, "RTP_END": ports.rtp_end,
              "PASSWORD": password, "MUSIC_DIR": music}  # fmt: skip
    shutil.rmtree(etc, ignore_errors=True)
    shutil.copytree(SHIPPED, etc)
    shutil.rmtree(etc / "site", ignore_errors=True)
    (etc / "site").mkdir()
    for template in LAB_ONLY.glob("*.conf"):
        (etc / "site" / template.name).write_text(filled(template.read_text(), values))
    (etc / "site/ari.conf").chmod(0o600)


def _write_main(folder: Path, directories: dict[str, Path]) -> None:
    """Asterisk reads its directories before it knows where includes are, hence one text."""
    lines = ["[directories]", *(f"{name} => {path}" for name, path in directories.items())]
    shipped = (SHIPPED / "asterisk.conf").read_text()
    (folder / "asterisk.conf").write_text("\n".join(lines) + "\n\n" + shipped)


def _music(folder: Path) -> Path:
    """A minute of 300 Hz at the phone's own rate: what is played is what a test hears."""
    music = folder / "music"
    music.mkdir(exist_ok=True)
    with wave.open(str(music / "300hz.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        period = [round(8000 * math.sin(2 * math.pi * 300 * n / 8000)) for n in range(80)]  # three whole waves
        file.writeframes(struct.pack("<80h", *period) * 6000)
    return music
