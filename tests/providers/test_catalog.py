"""The catalog: names of the settings to engines, and what `auto` takes."""

import subprocess
import sys

import pytest

from ari_app.briefing.providers.border import Options
from ari_app.briefing.providers.catalog import CATALOG, OURS, cloud_for, engine, provider
from ari_app.errors import ProviderError

KEY = "canary-key-3c1b"


@pytest.mark.parametrize(
    ("stage", "name", "model", "kind"),
    [
        ("stt", "deepgram", None, "DeepgramFlux"),
        ("stt", "deepgram", "flux-general-multi", "DeepgramFlux"),
        ("stt", "deepgram", "nova-3-medical", "DeepgramNova"),
        ("stt", "openai", None, "OpenAITranscription"),
        ("llm", "openai", None, "OpenAIChat"),
        ("llm", "anthropic", None, "AnthropicChat"),
        ("tts", "elevenlabs", None, "ElevenLabsVoice"),
        ("tts", "cartesia", None, "CartesiaVoice"),
        ("tts", "openai", None, "OpenAISpeech"),
    ],
)
async def test_a_name_and_a_model_are_one_engine(stage, name, model, kind):
    if extra := provider(stage, name).extra:
        pytest.importorskip(extra)
    made = engine(stage, name, Options(api_key=KEY, model=model))
    assert type(made).__name__ == kind
    await made.aclose()


@pytest.mark.parametrize(
    ("stage", "keys", "taken"),
    [
        ("stt", {"OPENAI_API_KEY", "DEEPGRAM_API_KEY"}, "deepgram"),
        ("stt", {"OPENAI_API_KEY"}, "openai"),
        ("stt", {"ANTHROPIC_API_KEY"}, None),
        ("llm", {"ANTHROPIC_API_KEY", "OPENAI_API_KEY"}, "openai"),
        ("llm", {"ANTHROPIC_API_KEY"}, "anthropic"),
        ("tts", {"OPENAI_API_KEY", "CARTESIA_API_KEY", "ELEVENLABS_API_KEY"}, "elevenlabs"),
        ("tts", {"OPENAI_API_KEY", "CARTESIA_API_KEY"}, "cartesia"),
        ("tts", {"OPENAI_API_KEY"}, "openai"),
        ("tts", set(), None),
    ],
)
def test_auto_takes_the_first_whose_key_is_set_and_says_why(stage, keys, taken):
    found = cloud_for(stage, {key: KEY for key in keys})
    if taken is None:
        assert found is None
    else:
        assert found == (taken, f"{provider(stage, taken).key} is set") and provider(stage, taken).key in keys


def test_a_key_that_is_empty_is_not_set():
    assert cloud_for("stt", {"DEEPGRAM_API_KEY": "", "OPENAI_API_KEY": KEY}) == ("openai", "OPENAI_API_KEY is set")


def test_a_third_partys_engine_is_given_the_options(tmp_path, monkeypatch):
    (tmp_path / "acme_voice.py").write_text("def make(options):\n    return options.api_key, options.voice\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert engine("tts", "acme_voice:make", Options(api_key=KEY, voice="v")) == (KEY, "v")


@pytest.mark.parametrize(
    ("name", "mend"),
    [
        ("acme", r"write one of elevenlabs, cartesia, openai, or module:callable"),
        ("deepgram", r"write one of"),
        ("no_such_module:make", r"is it installed\? \(No module named 'no_such_module'\)"),
        ("json:make", r"the module json has no make"),
        ("json:dumps", r"can't be made from its options \(TypeError\)"),
    ],
)
def test_what_cannot_be_made_says_what_to_do(name, mend):
    with pytest.raises(ProviderError, match=mend) as raised:
        engine("tts", name, Options(api_key=KEY))
    assert not raised.value.retryable and KEY not in str(raised.value)


def test_asking_the_catalog_loads_no_sdk():
    names = {each.name for each in CATALOG}
    code = f"import sys, {OURS}.catalog; print(*sorted({names!r} & sys.modules.keys()))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == ""
