"""Imports point one way: adapters know the runtime's ports, the runtime knows the core, the core knows nobody."""

import ast
import sys
from pathlib import Path

import pytest

import ari_app

ROOT = Path(ari_app.__file__).parent
ADAPTERS = {"ari", "media", "briefing", "http"}
ALLOWED = {
    "transfer": {"transfer"},
    "runtime": {"runtime", "transfer", "errors", "wire"},
    "ari": {"ari", "runtime", "transfer", "errors"},
    "media": {"media", "runtime", "transfer", "errors"},
    "briefing": {"briefing", "media", "runtime", "transfer", "errors", "config"},
    "listening": {"listening", "briefing", "media", "runtime", "transfer", "errors"},
    "agents": {"agents", "briefing", "runtime", "transfer", "errors", "wire"},
    "http": {"http", "runtime", "transfer", "errors", "config", "wire", "database"},
}


def imported(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


@pytest.mark.parametrize("layer", ALLOWED)
def test_a_layer_imports_only_what_is_below_it(layer):
    for path in (ROOT / layer).rglob("*.py"):
        for module in imported(path):
            if module.startswith("ari_app."):
                assert module.split(".")[1] in ALLOWED[layer], f"{path.name} imports {module}"


def test_the_core_imports_the_standard_library_only_and_nothing_that_acts():
    acting = {"asyncio", "logging", "os", "random", "secrets", "socket", "subprocess", "threading", "time", "datetime"}
    for path in (ROOT / "transfer").rglob("*.py"):
        for module in imported(path):
            top = module.split(".")[0]
            assert top == "ari_app" or (top in sys.stdlib_module_names and top not in acting), f"{path.name}: {module}"


def test_the_core_never_awaits():
    for path in (ROOT / "transfer").rglob("*.py"):
        kinds = {type(node) for node in ast.walk(ast.parse(path.read_text()))}
        assert not kinds & {ast.AsyncFunctionDef, ast.Await, ast.AsyncFor, ast.AsyncWith}, path.name
