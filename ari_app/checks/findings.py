"""What was found: how bad, about what, and the mend."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

WIDTH = 140
"Columns when nobody watches: a pipe has no width of its own."


class Level(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Finding:
    level: Level
    subject: str
    detail: str
    mend: str = ""
    "What to do about it."

    def as_dict(self) -> dict[str, str]:
        return {"level": self.level.value, "subject": self.subject, "detail": self.detail, "mend": self.mend}


def ok(subject: str, detail: str) -> Finding:
    return Finding(Level.OK, subject, detail)


def warn(subject: str, detail: str, mend: str) -> Finding:
    return Finding(Level.WARN, subject, detail, mend)


def fail(subject: str, detail: str, mend: str) -> Finding:
    return Finding(Level.FAIL, subject, detail, mend)


def print_table(findings: Iterable[Finding]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=WIDTH)
    colours = {Level.OK: "green", Level.WARN: "yellow", Level.FAIL: "red"}
    table = Table("", "what", "finding", box=None, pad_edge=False, show_header=False)
    for finding in findings:
        text = f"{finding.detail}\n→ {finding.mend}" if finding.mend else finding.detail
        table.add_row(f"[{colours[finding.level]}]{finding.level}[/]", _plain(finding.subject), _plain(text))
    console.print(table)


def _plain(text: str) -> Any:
    from rich.text import Text

    return Text(text, overflow="fold")
