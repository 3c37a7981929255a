"""The how-to page's own provider, run as it stands there."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from aiohttp import web

from ari_app.briefing.engines import Engines
from ari_app.config import BriefingProfile
from ari_app.testing.fake_speech import HUM
from ari_app.transfer.model import Request

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "add-a-provider.md"
SOUND = HUM.to_bytes(2, "little") * 1600


def engines_of_the_page(folder: Path, monkeypatch: pytest.MonkeyPatch, url: str) -> Engines:
    code = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (folder / "acme_voice.py").write_text(code[0])
    (folder / "my_briefing.py").write_text(code[1])
    monkeypatch.syspath_prepend(folder)
    for module in ("acme_voice", "my_briefing"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.setenv("ACME_API_KEY", "k")
    options = {"api_key_env": "ACME_API_KEY", "voice": "anna", "base_url": url}
    profile = {"tts": "acme_voice:AcmeVoice", "factory": "my_briefing:pipeline", "tts_options": options}
    engines = Engines({"default": BriefingProfile(**profile)}, {"ACME_API_KEY": "k"})  # type: ignore[arg-type]
    engines.make()
    return engines


@pytest.fixture
async def acme():
    seen = []

    async def speak(request: web.Request) -> web.Response:
        seen.append((request.headers["Authorization"], await request.json()))
        return web.Response(body=SOUND, content_type="audio/pcm")

    app = web.Application()
    app.router.add_post("/speak", speak)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}", seen
    await runner.cleanup()


async def test_the_page_provider_speaks_in_a_transfer(acme, tmp_path, monkeypatch) -> None:
    url, seen = acme
    engines = engines_of_the_page(tmp_path, monkeypatch, url)
    rungs = engines(Request(routes=())).tts._ladder._rungs  # type: ignore[union-attr]
    assert [type(rung).__name__ for rung in rungs] == ["AcmeVoice", "KeptVoice", "KeptVoice"]
    sound = b"".join([pcm async for pcm in rungs[1].synthesize("The caller wants a refund.")])
    await engines.aclose()
    assert sound == SOUND
    assert seen == [("Bearer k", {"text": "The caller wants a refund.", "voice": "anna", "rate": 16_000})]
