"""Numbers on their way to a reader: percentiles, a table on stdout, the same as JSON in build/bench/."""

from __future__ import annotations

import itertools
import json
import os
import platform
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

RESULTS = Path(__file__).resolve().parents[1] / "build" / "bench"


def summary(values: Sequence[float], digits: int = 1) -> dict[str, float]:
    """p95 of fewer than 20 values is their maximum: nothing is interpolated beyond what was seen."""
    if not values:
        return {"n": 0}
    p50, p95, p999 = np.percentile(values, [50, 95, 99.9], method="higher")
    shown = {"p50": p50, "p95": p95, "p99.9": p999, "max": max(values)}
    return {"n": len(values), **{name: round(float(value), digits) for name, value in shown.items()}}


def ratio(ours: Mapping[str, float], raw: Mapping[str, float], which: str = "p95") -> float | None:
    return round(ours[which] / raw[which], 2) if ours.get(which) and raw.get(which) else None


def table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    cells = [[_shown(cell) for cell in row] for row in [head, *rows]]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    lines = ["  ".join(map(_aligned, row, widths, itertools.count())) for row in cells]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def _shown(cell: Any) -> str:
    return "-" if cell is None else str(cell)


def _aligned(cell: str, width: int, column: int) -> str:
    return cell.ljust(width) if column == 0 else cell.rjust(width)


def results() -> Path:
    """Where they are kept, with the app's log of the latest run."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    return RESULTS


def save(name: str, document: Mapping[str, Any]) -> Path:
    file = results() / f"{name}.json"
    about = {"at": time.strftime("%Y-%m-%d %H:%M:%S"), "cores": os.cpu_count(), "python": platform.python_version()}
    file.write_text(json.dumps({**about, **document}, indent=2) + "\n")
    return file
