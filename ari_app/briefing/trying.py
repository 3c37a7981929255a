"""Asks an engine once, for `check`: a key that is refused is found before a supervisor would find it."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any, cast

from ari_app.briefing.providers.catalog import Stage
from ari_app.errors import ProviderError

WITHIN = 4.0
"Seconds."


async def tried(stage: Stage, engine: Any) -> None:
    """The least that can be asked for: one connection, one word. Raises ProviderError."""
    try:
        async with asyncio.timeout(WITHIN):
            await _ask(stage, engine)
    except TimeoutError:
        raise ProviderError(f"did not answer within {WITHIN:g} s") from None


async def _ask(stage: Stage, engine: Any) -> None:
    if stage == "stt":
        async with engine.listen():
            return
    if stage == "tts":
        answer = engine.synthesize("Hello.")
    else:
        answer = engine.complete([{"role": "user", "content": "Say hello."}])
    async with aclosing(cast(Any, answer)) as pieces:
        async for _ in pieces:
            return
    raise ProviderError("answered nothing")
