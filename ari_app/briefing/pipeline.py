"""The engines of one briefing, as those who bring their own give them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ari_app.briefing.ports import LanguageModel, SpeechToText, TextToSpeech, TurnDetector, VoiceActivity


@dataclass(frozen=True)
class Pipeline:
    """Made anew for each transfer by a `briefing_pipeline_factory`. What is left out is taken from the profile's
    embedded engines: a briefing is never without a voice."""

    stt: SpeechToText | None = None
    llm: LanguageModel | None = None
    tts: TextToSpeech | None = None
    vad: VoiceActivity | None = None
    turn_detector: TurnDetector | None = None


PipelineFactory = Callable[[], Pipeline]
"Called once for each transfer."
