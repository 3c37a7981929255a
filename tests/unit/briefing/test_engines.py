"""Which engines a transfer gets, from settings and environment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ari_app.briefing.engines import Engines, Loan
from ari_app.briefing.ladder import EarsLadder, ModelLadder, VoiceLadder
from ari_app.briefing.pipeline import Pipeline
from ari_app.briefing.providers.border import Options
from ari_app.briefing.silero import SileroVoiceActivity
from ari_app.config import BriefingProfile
from ari_app.errors import SettingsError
from ari_app.testing.fake_speech import FakeVoice
from ari_app.transfer.model import Request

KEYS = {"DEEPGRAM_API_KEY": "k1", "OPENAI_API_KEY": "k2", "ELEVENLABS_API_KEY": "k3"}
HERE = __name__
MADE: list[Options] = []
PIPELINES: list[Pipeline] = []


class Acme:
    """A third party's language model, in one file of theirs."""

    def __init__(self, options: Options) -> None:
        MADE.append(options)

    async def complete(self, messages: Any) -> AsyncIterator[str]:
        yield "acme"


class Private:
    async def complete(self, messages: Any) -> AsyncIterator[str]:
        yield "private"


def pipeline() -> Pipeline:
    PIPELINES.append(Pipeline(llm=Private(), tts=FakeVoice(), vad=SileroVoiceActivity()))
    return PIPELINES[-1]


def engines(environ: dict[str, str] | None = None, **profiles: dict[str, Any]) -> Engines:
    made = Engines({name: BriefingProfile(**profile) for name, profile in profiles.items()}, environ or {})
    made.make()
    return made


def request(profile: str = "default", request_id: str | None = None) -> Request:
    return Request(routes=(), briefing_profile=profile, request_id=request_id)


def names(ladder: Any) -> list[str]:
    return [getattr(rung, "name", type(rung).__name__) for rung in ladder._ladder._rungs]


async def said(model: Any) -> str:
    return "".join([piece async for piece in model.complete([])])


def test_without_keys_everything_is_embedded_and_no_ladder_stands_in_the_way() -> None:
    speech = engines(default={})(request())
    assert (type(speech.stt).__name__, speech.llm, type(speech.tts).__name__) == ("PocketSphinx", None, "KeptVoice")


def test_auto_takes_the_clouds_whose_keys_are_set_and_keeps_espeak_below() -> None:
    made = engines(KEYS, default={})
    speech = made(request())
    assert isinstance(speech.tts, VoiceLadder) and names(speech.tts) == ["elevenlabs tts", "Espeak"]
    assert isinstance(speech.llm, ModelLadder) and names(speech.llm) == ["openai llm"]
    assert getattr(speech.stt, "name", "") == "deepgram stt"
    asyncio.run(made.aclose())


def test_another_profile_stands_between_the_own_engines_and_the_embedded_ones() -> None:
    made = engines(
        KEYS,
        default={"tts": "elevenlabs", "stt": "deepgram", "llm": "none", "fallback": "other"},
        other={"tts": "openai", "stt": "openai", "llm": "openai"},
    )
    speech = made(request())
    assert isinstance(speech.stt, EarsLadder) and names(speech.stt) == ["deepgram stt", "openai stt"]
    assert names(speech.tts) == ["elevenlabs tts", "openai tts", "Espeak"]
    assert names(speech.llm) == ["openai llm"]
    asyncio.run(made.aclose())


def test_each_transfer_has_ladders_of_its_own_over_the_same_engines() -> None:
    made = engines(KEYS, default={"stt": "none"})
    one, two = made(request()), made(request())
    assert one.tts is not two.tts and one.llm is not two.llm
    assert one.tts._ladder._rungs == two.tts._ladder._rungs  # type: ignore[union-attr]
    asyncio.run(made.aclose())


async def test_a_third_party_brings_an_engine_by_its_name() -> None:
    MADE.clear()
    options = {"model": "large", "base_url": "http://127.0.0.1:1", "api_key_env": "ACME_KEY"}
    made = engines({"ACME_KEY": "s3cret"}, default={"llm": f"{HERE}:Acme", "llm_options": options, "language": "fr"})
    assert await said(made(request()).llm) == "acme"
    assert MADE == [Options("s3cret", "http://127.0.0.1:1", "large", None, "fr")]


async def test_a_factory_is_called_for_each_transfer_and_the_embedded_voice_stays_below() -> None:
    PIPELINES.clear()
    made = engines(default={"factory": f"{HERE}:pipeline"})
    one, two = made(request()), made(request())
    assert len(PIPELINES) == 2 and await said(one.llm) == "private"
    assert names(one.tts) == ["FakeVoice", "Espeak"]
    assert one.vad is not None and two.vad is not None and one.vad() is PIPELINES[0].vad is not two.vad()


async def test_what_an_agent_in_this_process_lends_serves_its_request_and_no_other() -> None:
    made = engines(default={})
    made.lend("r1", Loan(factory=lambda: Pipeline(llm=Private()), summary_llm=Acme(Options(""))))
    speech = made(request(request_id="r1"))
    assert await said(speech.llm) == "private" and await said(speech.summary_llm) == "acme"
    assert made(request(request_id="r1")).llm is None


@pytest.mark.parametrize(
    ("profile", "environ", "error"),
    [
        ({"llm": "openai"}, {}, r"^briefing\.default\.llm: openai needs a key: set OPENAI_API_KEY, or .*api_key_file$"),
        ({"llm": "openai", "llm_options": {"api_key_env": "X"}}, {}, r"llm_options\.api_key_env: X is not set"),
        ({"llm": "openai", "llm_options": {"api_key_file": "/no/such"}}, {}, r"api_key_file: /no/such can't be read"),
        ({"tts": "no.such:Voice"}, {}, r"^briefing\.default\.tts: no\.such:Voice can't be imported"),
        ({"factory": "json:nothing"}, {}, r"^briefing\.default\.factory: json:nothing can't be imported"),
        ({"smart_turn": "/no/such.onnx"}, {}, r"^briefing\.default\.smart_turn: "),
    ],
)
def test_what_can_not_be_had_is_one_line_that_names_the_key(
    profile: dict[str, Any], environ: dict[str, str], error: str
) -> None:
    with pytest.raises(SettingsError, match=error):
        engines(environ, default=profile)


def test_the_key_comes_from_a_file_and_a_server_of_ones_own_may_need_none(tmp_path: Path) -> None:
    MADE.clear()
    file = tmp_path / "key"
    file.write_text("from-file\n")
    engines(default={"llm": f"{HERE}:Acme", "llm_options": {"api_key_file": str(file)}})
    assert MADE[0].api_key == "from-file" and "from-file" not in repr(MADE[0])
    made = engines(default={"llm": "openai", "llm_options": {"base_url": "http://127.0.0.1:1/v1", "model": "local"}})
    asyncio.run(made.aclose())


@pytest.mark.parametrize(
    "profile",
    [
        {"language": "tlh"},
        {"stt": "siri"},
        {"tts": "deepgram"},
        {"llm": "auto", "llm_options": {"model": "gpt-9"}},
        {"voicemail": "shout"},
        {"factory": "not a reference"},
    ],
)
def test_settings_that_mean_nothing_are_refused(profile: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        BriefingProfile(**profile)


def test_profiles_that_sound_and_say_the_same_make_their_prompts_once():
    made = engines(
        default={}, hurried={"reprompt_after": 1.0}, quick={"words_per_minute": 300}, other={"voice": "en-gb"}
    )
    assert len({id(voice) for voice in made._voices.values()}) == 3
    assert made._voices["default"] is made._voices["hurried"]


async def test_an_engine_that_breaks_while_it_is_warmed_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    warmed = []

    async def prompts(self: Engines, name: str) -> None:
        warmed.append(name)
        raise RuntimeError("somebody's own engine")

    monkeypatch.setattr(Engines, "_make_prompts", prompts)
    await engines(default={"stt": "none"}, second={"stt": "none"}).warm()
    assert warmed == ["default", "second"]
