"""The engines of the profiles: what the settings name, or for `auto` what can be had here.

Made once for the process and shared; only voice activity, which keeps state, is made for each briefing. Imported when
they are used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace

import structlog

from ari_app.briefing.kept import KeptVoice
from ari_app.briefing.manners import Manners
from ari_app.briefing.ports import SpeechToText, VoiceActivity
from ari_app.briefing.prompts import Texts, sentences
from ari_app.briefing.speech import Speech
from ari_app.config import BriefingProfile
from ari_app.errors import ProviderError

log = structlog.get_logger(__name__)


class Engines:
    """`engines(profile)` for the briefer, after `warm`."""

    def __init__(self, profiles: Mapping[str, BriefingProfile]) -> None:
        self._profiles = profiles
        self._made: dict[str, Speech] = {}

    def __call__(self, profile: str) -> Speech:
        """Raises ProviderError, ImportError, OSError when an engine can't be had."""
        if profile not in self._made:
            self._made[profile] = _speech(self._profiles[profile])
        return self._made[profile]

    async def warm(self) -> None:
        """Does now what the first briefing would otherwise wait for: models in memory, every prompt made."""
        for profile in self._profiles:
            try:
                await _warm(self(profile))
            except (ProviderError, ImportError, OSError) as error:
                log.warning("engine not available", profile=profile, reason=str(error) or type(error).__name__)


async def _warm(speech: Speech) -> None:
    if speech.vad:
        speech.vad()
    if speech.stt:
        async with speech.stt.listen():
            pass
    if isinstance(speech.tts, KeptVoice):
        await speech.tts.make_all()


def _speech(profile: BriefingProfile) -> Speech:
    from ari_app.briefing.espeak import Espeak

    manners = manners_of(profile)
    voice = Espeak(voice=profile.voice, speed=profile.words_per_minute)
    return Speech(tts=KeptVoice(voice, _constant(manners.texts)), stt=_ears(profile), vad=_activity, manners=manners)


def _activity() -> VoiceActivity:
    from ari_app.briefing.silero import SileroVoiceActivity

    return SileroVoiceActivity()


def _ears(profile: BriefingProfile) -> SpeechToText | None:
    if profile.stt == "none":
        return None
    from ari_app.briefing.pocketsphinx import PocketSphinx

    return PocketSphinx()


def _constant(texts: Texts) -> set[str]:
    """What is said in every briefing: whole texts, and their sentences where those are spoken one by one."""
    whole = {str(getattr(texts, field.name)) for field in fields(texts)}
    return {text for each in whole for text in (each, *sentences(each)) if text and "{" not in text}


def manners_of(profile: BriefingProfile) -> Manners:
    return Manners(
        texts=replace(Texts(), **profile.texts),
        waits_for_hello=profile.greet == "after_hello",
        hello_within=profile.hello_timeout,
        answer_within=profile.reprompt_after,
        reprompts=profile.reprompts,
    )
