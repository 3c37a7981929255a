"""`python -m ari_app.testing.demo [FOLDER]`: exit status 0 only if every proof is true."""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from pathlib import Path

from ari_app.testing.demo.leaflet import Terminal, write_logs, write_papers, write_picture, write_recordings
from ari_app.testing.demo.performance import Evidence, Failed, Performance
from ari_app.testing.demo.proofs import measure, prove
from ari_app.testing.demo.speakers import Lines
from ari_app.testing.stage import CHECKOUT

LONGEST = 150.0
"Seconds the call may take altogether."
VOICES = CHECKOUT / "build" / "demo-voices"
"The spoken lines are kept here between demos."


def main() -> int:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else CHECKOUT / "build" / "demo"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    terminal = Terminal()
    problem = _demo(folder, terminal)
    terminal.end(problem)
    return 1 if problem else 0


def _demo(folder: Path, terminal: Terminal) -> str | None:
    """What went wrong, if anything did."""
    with tempfile.TemporaryDirectory(prefix="demo-") as workshop:
        try:
            evidence = asyncio.run(_play(Path(workshop), terminal))
            return _judge(folder, Path(workshop), evidence, terminal)
        except (Failed, AssertionError, TimeoutError, RuntimeError) as failure:
            terminal.files(write_logs(folder, Path(workshop)), _shown(folder))
            return str(failure).strip() or f"it took longer than {LONGEST:.0f} s"
        except KeyboardInterrupt:
            return "interrupted"


async def _play(workshop: Path, terminal: Terminal) -> Evidence:
    terminal.heading("A warm transfer on a real Asterisk")
    async with asyncio.timeout(LONGEST), Performance(workshop, Lines(VOICES), terminal) as performance:
        return await performance.play()


def _judge(folder: Path, workshop: Path, evidence: Evidence, terminal: Terminal) -> str | None:
    proofs, figures = prove(evidence), measure(evidence)
    terminal.proofs(proofs, figures)
    files = [
        *write_recordings(folder, evidence),
        *write_picture(folder, evidence, figures),
        *write_papers(folder, evidence),
        *write_logs(folder, workshop),
    ]
    terminal.files(files, _shown(folder))
    untrue = [proof.claim for proof in proofs if not proof.true]
    return f"not true: {'; '.join(untrue)}" if untrue else None


def _shown(folder: Path) -> Path:
    return folder.relative_to(CHECKOUT) if folder.is_relative_to(CHECKOUT) else folder


if __name__ == "__main__":
    sys.exit(main())
