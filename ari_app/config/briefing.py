"""Briefing profiles: engines, manners, words."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)

from ari_app.briefing.prompts import LANGUAGES, Texts
from ari_app.config.sections import Name, Seconds, Section

TEXT_NAMES = frozenset(field.name for field in fields(Texts))
ENGINES = {
    "stt": ("deepgram", "openai", "pocketsphinx", "none"),
    "llm": ("openai", "anthropic", "none"),
    "tts": ("elevenlabs", "cartesia", "openai", "espeak"),
}
"The engines that come with the app, by stage."
Engine = Annotated[str, Field(max_length=200)]
_REFERENCE = r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$"
Reference = Annotated[str, Field(pattern=_REFERENCE)]
"Something to import, as in `package.module:name`."


def is_reference(text: str) -> bool:
    """Whether it names something to import: `module:callable`."""
    return re.fullmatch(_REFERENCE, text) is not None


class EngineOptions(Section):
    """What one engine of a profile is given; what is missing is the provider's own choice. `model` and `base_url`
    need the provider named: `auto` may take another one tomorrow."""

    model: str | None = Field(default=None, min_length=1, max_length=200)
    "Name of the model, in the provider's words."
    voice: str | None = Field(default=None, min_length=1, max_length=200)
    "Voice, in the provider's words; for `tts`."
    language: str | None = Field(default=None, pattern=r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})?$")
    "Language, as in `en` or `en-US`; the profile's when missing."
    base_url: str | None = Field(default=None, pattern=r"^https?://[^\s]+$")
    "Another server that speaks the provider's protocol, e.g. a local one."
    api_key: SecretStr = SecretStr("")
    "The key; better named by `api_key_file` or `api_key_env`."
    api_key_file: Path | None = None
    "File with the key, e.g. a secret mounted into the container."
    api_key_env: str | None = Field(default=None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    "Environment variable with the key; the provider's usual one when missing."


class BriefingProfile(Section):
    """How supervisors are briefed. `stt`, `llm`, `tts`: the name of a provider, or `module:callable` of your own
    (docs/how-to/add-a-provider.md). `auto` takes the cloud provider whose usual environment key is set, and the
    embedded one otherwise."""

    language: str = "en"
    "What is spoken and understood: en, es, fr or de."
    stt: Engine = "auto"
    "Speech to text: auto, deepgram, openai, pocketsphinx, none."
    llm: Engine = "auto"
    "Language model for summaries and questions: auto, openai, anthropic, none."
    tts: Engine = "auto"
    "Text to speech: auto, elevenlabs, cartesia, openai, espeak."
    stt_options: EngineOptions = EngineOptions()
    "Model, key and address of the recogniser; see below."
    llm_options: EngineOptions = EngineOptions()
    "Model, key and address of the model; see below."
    tts_options: EngineOptions = EngineOptions()
    "Model, key and address of the voice; see below."
    fallback: Name | None = None
    "Profile whose engines take over when this one's fail, before the embedded ones do."
    factory: Reference | None = None
    "`module:callable` that makes a Pipeline for each transfer; what that leaves out is this profile's own."
    vad: Literal["silero", "none"] = "silero"
    "Voice activity: without it nobody can interrupt the briefing."
    smart_turn: Path | None = None
    "ONNX file of a smart-turn model: tells a pause for breath from the end of a turn."
    redact: Reference | None = None
    "`module:callable` (text in, text out) for what leaves for a model; default: card and id numbers are withheld."
    summary_prompt: str | None = Field(default=None, min_length=1, max_length=4_000)
    "Replaces the prompt for summaries; the request's own comes before it."
    summary_tokens: Annotated[int, Field(ge=200, le=200_000)] = 6_000
    "Tokens of conversation a model is given; of longer ones head and tail."
    summary_timeout: Annotated[float, Field(gt=0, le=30)] = 4.0
    "Seconds a model gets for the summary while it rings; then the extractive one is taken."
    greet: Literal["after_hello", "at_once"] = "after_hello"
    "Speak at the end of the supervisor's hello, `hello_timeout` after the answer at the latest; or at once."
    hello_timeout: Annotated[float, Field(ge=0, le=10)] = 0.8
    "Seconds."
    voice: str | None = Field(default=None, pattern=r"^[A-Za-z0-9+_-]{1,64}$")
    "Voice of the embedded speech; the language's when missing."
    words_per_minute: Annotated[int, Field(ge=80, le=400)] = 165
    "Pace of the embedded speech."
    reprompt_after: Seconds = 8.0
    "Seconds of silence after the question before it is put again."
    reprompts: Annotated[int, Field(ge=0, le=10)] = 2
    "How often the question is put again."
    wait_timeout: Annotated[float, Field(gt=0, le=600)] = 60.0
    'Seconds of silence after "give me a minute".'
    voicemail: Literal["next", "message"] = "next"
    "What a machine gets: nothing, or the text `voicemail_message` after its tone; then the next destination."
    introduction: bool = False
    "After the join the assistant says the text `introduction` to both, and leaves."
    coach: bool = False
    "After the join words may be whispered to the supervisor (docs/how-to/coach-a-supervisor.md)."
    texts: dict[str, str] = {}
    "Replaces what is said: name of the text (docs/reference/settings.md) = text."

    @field_validator("language")
    @classmethod
    def _language_is_known(cls, language: str) -> str:
        if language not in LANGUAGES:
            raise ValueError(f"no texts in {language}; there are {', '.join(LANGUAGES)}")
        return language

    @field_validator("stt", "llm", "tts")
    @classmethod
    def _engine_is_known(cls, engine: str, info: ValidationInfo) -> str:
        known = ("auto", *ENGINES[str(info.field_name)])
        if engine not in known and not is_reference(engine):
            raise ValueError(f"there is no engine {engine}; write one of {', '.join(known)}, or module:callable")
        return engine

    @field_validator("texts")
    @classmethod
    def _texts_are_known(cls, texts: dict[str, str]) -> dict[str, str]:
        for name in texts:
            if name not in TEXT_NAMES:
                raise ValueError(f"{name} is no text of the briefing; there are {', '.join(sorted(TEXT_NAMES))}")
        return texts

    @model_validator(mode="after")
    def _options_have_their_engine(self) -> BriefingProfile:
        for stage in ENGINES:
            options: EngineOptions = getattr(self, f"{stage}_options")
            if getattr(self, stage) == "auto" and (options.model or options.base_url):
                raise ValueError(f'{stage}_options: model and base_url need {stage} to name its provider, not "auto"')
        return self
