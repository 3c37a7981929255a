"""The languages a briefing can be held in, and their tables in ``texts/``: one file a language."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

LANGUAGES = ("en", "es", "fr", "de")
"What has texts and phrases."


def primary(language: str) -> str:
    """``de`` of ``de-AT`` and ``de_AT``."""
    return language.strip().lower().replace("_", "-").split("-")[0]


@cache
def words_of(language: str) -> Mapping[str, Any]:
    """One language's tables; raises LookupError for a language without them."""
    name = primary(language)
    if name not in LANGUAGES:
        raise LookupError(f"no texts for language {language!r}; there are {', '.join(LANGUAGES)}")
    source = resources.files("ari_app.briefing") / "texts" / f"{name}.toml"
    return tomllib.loads(source.read_text(encoding="utf-8"))
