"""The pages hold together: links lead somewhere, settings load, the tables of events name everything there is."""

from __future__ import annotations

import os
import re
from functools import cache
from pathlib import Path
from urllib.parse import unquote

import pytest

from ari_app.config import load
from ari_app.transfer.model import Outcome, Phase
from ari_app.wire import (
    AttemptResult,
    ChatMessage,
    Destination,
    PhasePayload,
    TransferResult,
    WarmTransferCancel,
    WarmTransferRequest,
    WarmTransferTranscript,
)

ROOT = Path(__file__).parents[2]
PAGES = [
    *(ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
_FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"!?\[(?:[^\[\]]|\[[^\[\]]*\])*\]\(([^()\s]+)\)")


@cache
def text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def prose(page: Path) -> str:
    return _FENCE.sub("", text(page))


def links(page: Path) -> list[str]:
    found = [link for link in _LINK.findall(prose(page)) if not re.match(r"[a-z]+:", link)]
    return [unquote(link) for link in found]


def anchors(page: Path) -> set[str]:
    """Headings as forges turn them into anchors."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.strip().replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{link}: no such file"
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target), f"{link}: no such heading"


def test_the_index_has_every_page() -> None:
    index = ROOT / "docs" / "README.md"
    linked = {(index.parent / link.partition("#")[0]).resolve() for link in links(index)}
    assert {page for page in PAGES if page.is_relative_to(index.parent)} - linked <= {index}


TOML = [
    pytest.param(snippet[2], id=f"{page.relative_to(ROOT)}:{number}")
    for page in PAGES
    for number, snippet in enumerate(_FENCE.findall(text(page)), 1)
    if snippet[1] == "toml"
]


@pytest.mark.parametrize("snippet", TOML)
def test_every_settings_snippet_loads(snippet: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("WARM_TRANSFER_"):
            monkeypatch.delenv(name)
    file = tmp_path / "warm-transfer.toml"
    file.write_text(snippet, encoding="utf-8")
    load(file)


# The tables of docs/reference/events.md


def rows(heading: str) -> dict[str, list[str]]:
    """Name in the first cell → the other cells, of the tables between this heading and the next one."""
    page = text(ROOT / "docs" / "reference" / "events.md")
    part = page.split(f"\n{heading}\n", 1)[1]
    part = re.split(r"^#", part, maxsplit=1, flags=re.MULTILINE)[0]
    cells = (re.split(r"\s*\|\s*", line.strip("|").strip()) for line in part.splitlines() if line.startswith("| `"))
    return {first.strip("`"): rest for first, *rest in cells}


def test_every_key_of_a_request_is_there() -> None:
    models = (WarmTransferRequest, Destination, ChatMessage)
    assert set(rows("### `WarmTransferRequest`")) == {key for model in models for key in model.model_fields}


def test_every_user_event_is_there_with_its_keys() -> None:
    events = rows("## In: ARI user events")
    for model in (WarmTransferTranscript, WarmTransferCancel):
        variables = events[model.__name__][0]
        assert set(re.findall(r"`(\w+)`", variables)) == set(model.model_fields)
    assert WarmTransferRequest.__name__ in events


def test_defaults_of_a_request_are_the_real_ones() -> None:
    documented = rows("### `WarmTransferRequest`")
    for key in ("strategy", "briefing_profile"):
        assert documented[key][0] == f'`"{WarmTransferRequest.model_fields[key].default}"`'
    for key in ("supervisor_join_timeout", "briefing_timeout"):
        assert documented[key][0] == f"`{WarmTransferRequest.model_fields[key].default:g}`"


def test_every_phase_is_there_and_every_key_around_it() -> None:
    assert set(rows("## Out: phases")) == {phase.value for phase in Phase} | set(PhasePayload.model_fields)


def test_every_outcome_is_there_with_its_end() -> None:
    documented = {name: (phase.strip("`"), retry == "yes") for name, (phase, retry, _) in rows("## Outcomes").items()}
    assert documented == {each.value: (each.terminal_phase.value, each.retryable) for each in Outcome}


def test_every_key_of_a_result_is_there() -> None:
    expected = set(TransferResult.model_fields) | set(AttemptResult.model_fields)
    assert set(rows("## The result")) == expected
