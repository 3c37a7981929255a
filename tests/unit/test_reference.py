"""The reference pages say what the code does."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main
from prometheus_client import CollectorRegistry

from ari_app.cli import app
from ari_app.config import Settings
from ari_app.http.api import build
from ari_app.http.metrics import Metrics

ROOT = Path(__file__).parents[2]


def page(name: str) -> str:
    return (ROOT / "docs" / "reference" / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("generator", ["settings-reference", "asyncapi"])
def test_what_is_generated_is_what_its_source_says(generator: str) -> None:
    script = [sys.executable, str(ROOT / "scripts" / generator), "--check"]
    ran = subprocess.run(script, capture_output=True, text=True, timeout=30, check=False)
    assert ran.returncode == 0, ran.stderr


def test_the_http_page_has_every_route_and_metric() -> None:
    api = build(None, Settings(), CollectorRegistry())  # type: ignore[arg-type]
    schema = api.openapi()
    for path, verbs in schema["paths"].items():
        for verb in verbs:
            assert f"`{verb.upper()} {re.sub('{.*?}', '{id}', path)}`" in page("http.md")
    names = {sample.name for family in Metrics().registry.collect() for sample in family.samples}
    plain = {re.sub(r"_(created|bucket|count|sum)$", "", name) for name in names if name.startswith("warm_transfer")}
    documented = page("http.md")
    assert all(name in documented or f"{name}_total" in documented for name in plain)


def test_the_commands_page_has_every_command() -> None:
    group = typer.main.get_command(app)
    assert all(f"| `{name}" in page("cli.md") for name in group.commands)  # type: ignore[attr-defined]
