"""This machine: speech, the journal, the port."""

from __future__ import annotations

import importlib
import os
import shutil
from collections.abc import Iterator

from ari_app.checks.findings import Finding, fail, ok
from ari_app.config import Settings
from ari_app.errors import JournalError, ProviderError, SettingsError


def speech() -> Iterator[Finding]:
    if shutil.which("espeak-ng"):
        yield ok("espeak-ng", "present")
    else:
        yield fail("espeak-ng", "not found: supervisors would hear nothing", "install the package espeak-ng")
    yield _pocketsphinx()
    yield _voice_activity()


def _pocketsphinx() -> Finding:
    try:
        importlib.import_module("pocketsphinx")
    except (ImportError, OSError) as error:
        return fail("pocketsphinx", f"can't be imported: {error}", "run `make setup` again")
    return ok("pocketsphinx", "importable")


def _voice_activity() -> Finding:
    from ari_app.briefing import silero

    try:
        silero.network()
    except ProviderError as error:
        return fail("voice activity", str(error), "run `make setup` again")
    return ok("voice activity", "the network can be loaded")


async def journal(settings: Settings) -> Finding:
    from ari_app.database import sqlite_file
    from ari_app.journal import SqlJournal

    url = settings.journal.url
    mend = "give the app's user write access there, or set another journal.url"
    try:
        file = sqlite_file(url)
        if file is not None and not file.exists():  # noqa: ASYNC240
            if os.access(file.parent, os.W_OK | os.X_OK):
                return ok("journal", f"{file} will be made")
            return fail("journal", f"{file} can't be made", mend)
        opened = await SqlJournal.open(url)
        writable = await opened.writable()
        await opened.close()
    except (SettingsError, JournalError) as error:
        return fail("journal", str(error), mend)
    return ok("journal", "writable") if writable else fail("journal", "not writable", mend)


def listening(settings: Settings, running: bool) -> Finding:
    from ari_app.http.server import listen

    if running:
        return ok("http.listen", f"{settings.http.listen}: the app runs there")
    try:
        listen(settings.http.host, settings.http.port).close()
    except SettingsError as error:
        return fail("http.listen", str(error), "end the program that has it, or set another http.listen")
    return ok("http.listen", f"{settings.http.listen} is free")


async def is_running(settings: Settings) -> bool:
    """Whether an app of ours answers at the settings' address."""
    import httpx

    try:
        async with httpx.AsyncClient(trust_env=False, timeout=1.0) as client:
            answer = await client.get(f"http://{settings.http.listen}/healthz")
            return bool(answer.json() == {"status": "ok"})
    except (httpx.HTTPError, ValueError):
        return False
