"""The engines of a profile: what the settings name, or for `auto` what can be had here. Imported when they are used."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import structlog

from ari_app.briefing.manners import Manners
from ari_app.briefing.ports import SpeechToText
from ari_app.briefing.prompts import Texts
from ari_app.briefing.speech import Speech
from ari_app.config import BriefingProfile
from ari_app.errors import ProviderError

log = structlog.get_logger(__name__)


def engines(profile: BriefingProfile) -> Speech:
    """The embedded engines; each briefing gets its own voice activity, since that keeps state."""
    from ari_app.briefing.espeak import Espeak
    from ari_app.briefing.silero import SileroVoiceActivity

    return Speech(
        tts=Espeak(voice=profile.voice, speed=profile.words_per_minute),
        stt=_ears(profile),
        vad=SileroVoiceActivity,
        manners=manners_of(profile),
    )


def warm(profiles: Iterable[BriefingProfile]) -> None:
    """Loads what the first briefing would otherwise wait for. What can't be loaded is left for it to miss."""
    for profile in profiles:
        try:
            speech = engines(profile)
            if speech.vad:
                speech.vad()
        except (ProviderError, ImportError, OSError) as error:
            log.warning("engine not available", reason=type(error).__name__)


def manners_of(profile: BriefingProfile) -> Manners:
    return Manners(
        texts=replace(Texts(), **profile.texts),
        waits_for_hello=profile.greet == "after_hello",
        hello_within=profile.hello_timeout,
        answer_within=profile.reprompt_after,
        reprompts=profile.reprompts,
    )


def _ears(profile: BriefingProfile) -> SpeechToText | None:
    if profile.stt == "none":
        return None
    from ari_app.briefing.pocketsphinx import PocketSphinx

    return PocketSphinx()
