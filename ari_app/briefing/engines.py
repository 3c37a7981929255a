"""The engines of a profile: what the settings name, or for `auto` what can be had here. Imported when they are used."""

from __future__ import annotations

from ari_app.briefing.ports import SpeechToText
from ari_app.briefing.speech import Speech
from ari_app.config import BriefingProfile


def engines(profile: BriefingProfile) -> Speech:
    """The embedded engines; each briefing gets its own voice activity, since that keeps state."""
    from ari_app.briefing.espeak import Espeak
    from ari_app.briefing.silero import SileroVoiceActivity

    return Speech(
        tts=Espeak(voice=profile.voice, speed=profile.words_per_minute),
        stt=_ears(profile),
        vad=SileroVoiceActivity,
        waits_for_hello=profile.greet == "after_hello",
    )


def _ears(profile: BriefingProfile) -> SpeechToText | None:
    if profile.stt == "none":
        return None
    from ari_app.briefing.pocketsphinx import PocketSphinx

    return PocketSphinx()
