"""The cloud engines by the names the settings give them, and how to make one. Nothing is imported before it is made.

    engine("tts", "elevenlabs", Options(api_key="…"))       # ours
    engine("tts", "acme_voice:Voice", Options(api_key="…"))  # a third party's: anything that takes Options

`CATALOG` is in the order in which `auto` takes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal, overload

from ari_app.briefing.ports import LanguageModel, SpeechToText, TextToSpeech
from ari_app.briefing.providers.border import Options
from ari_app.errors import ProviderError

Stage = Literal["stt", "llm", "tts"]

OURS = "ari_app.briefing.providers"


@dataclass(frozen=True)
class Provider:
    """One provider at one stage."""

    stage: Stage
    name: str
    "As in the settings."
    key: str
    "The usual environment variable of its key."
    kind: str
    "The class that is made; its file of the provider's name says which model it takes by default."
    about: str
    extra: str = ""
    "What has to be installed for it: `pip install 'warm-transfer[…]'`."
    kinds: tuple[tuple[str, str], ...] = ()
    "Other classes, by how the model's name begins."

    def make(self, options: Options) -> Any:
        """Raises ProviderError when its SDK is not installed or does not take the options."""
        model = options.model or ""
        kind = next((kind for begins, kind in self.kinds if model.startswith(begins)), self.kind)
        return _made(self.name, f"{OURS}.{self.name}", kind, options)


CATALOG = (
    Provider(
        stage="stt",
        name="deepgram",
        key="DEEPGRAM_API_KEY",
        kind="DeepgramFlux",
        about="Flux, which knows itself when a turn ends; a model `nova…` is ended by pauses.",
        kinds=(("nova", "DeepgramNova"),),
    ),
    Provider(
        stage="stt",
        name="openai",
        key="OPENAI_API_KEY",
        kind="OpenAITranscription",
        about="Realtime transcription; the server ends turns.",
    ),
    Provider(
        stage="llm",
        name="openai",
        key="OPENAI_API_KEY",
        kind="OpenAIChat",
        about="Chat completions, by OpenAI or by any compatible server.",
    ),
    Provider(
        stage="llm",
        name="anthropic",
        key="ANTHROPIC_API_KEY",
        kind="AnthropicChat",
        about="Messages.",
        extra="anthropic",
    ),
    Provider(
        stage="tts",
        name="elevenlabs",
        key="ELEVENLABS_API_KEY",
        kind="ElevenLabsVoice",
        about="The streaming endpoint, at 16 kHz.",
    ),
    Provider(
        stage="tts",
        name="cartesia",
        key="CARTESIA_API_KEY",
        kind="CartesiaVoice",
        about="The streaming endpoint, at 16 kHz.",
        extra="cartesia",
    ),
    Provider(
        stage="tts",
        name="openai",
        key="OPENAI_API_KEY",
        kind="OpenAISpeech",
        about="The speech endpoint, which OpenAI itself serves until 6 January 2027; compatible servers go on.",
    ),
)


@overload
def engine(stage: Literal["stt"], name: str, options: Options) -> SpeechToText: ...
@overload
def engine(stage: Literal["llm"], name: str, options: Options) -> LanguageModel: ...
@overload
def engine(stage: Literal["tts"], name: str, options: Options) -> TextToSpeech: ...
def engine(stage: Stage, name: str, options: Options) -> Any:
    """Makes what a setting names: a provider of the catalog, or `module:callable`. Raises ProviderError, which says
    what to do about it."""
    module, _, kind = name.partition(":")
    if kind:
        return _made(name, module, kind, options)
    return provider(stage, name).make(options)


def provider(stage: Stage, name: str) -> Provider:
    """Raises ProviderError for a name that is none."""
    for each in CATALOG:
        if (each.stage, each.name) == (stage, name):
            return each
    known = ", ".join(each.name for each in CATALOG if each.stage == stage)
    raise ProviderError(f"{stage} {name} is unknown: write one of {known}, or module:callable", retryable=False)


def clouds_for(stage: Stage, environ: Mapping[str, str]) -> tuple[Provider, ...]:
    """Those whose key is set, in order of preference."""
    return tuple(each for each in CATALOG if each.stage == stage and environ.get(each.key))


def cloud_for(stage: Stage, environ: Mapping[str, str]) -> tuple[str, str] | None:
    """What `auto` takes, and why; None leaves it to the embedded engine."""
    return next(((each.name, f"{each.key} is set") for each in clouds_for(stage, environ)), None)


def _made(name: str, module: str, kind: str, options: Options) -> Any:
    """What fails is told by its type only: the message of a stranger's error may carry the key."""
    try:
        found = import_module(module)
    except Exception as error:
        reason = error if isinstance(error, ImportError) else type(error).__name__
        raise ProviderError(f"{name} can't be imported, is it installed? ({reason})", retryable=False) from None
    make = getattr(found, kind, None)
    if not callable(make):
        raise ProviderError(f"{name}: the module {module} has no {kind} that can be called", retryable=False)
    try:
        return make(options)
    except ProviderError:
        raise
    except Exception as error:
        raise ProviderError(
            f"{name} can't be made from its options ({type(error).__name__})", retryable=False
        ) from None
