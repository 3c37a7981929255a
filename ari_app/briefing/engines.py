"""The engines of the profiles: made once for the process, handed out as ladders, one set for each transfer.

What costs is shared: connections to the clouds, models in memory, sound that is said again and again, and what is known
of a provider's health. What keeps state, ladders, voice activity and pipelines of the user's own, is new for each
transfer. Engines are imported when they are made.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from functools import partial
from importlib import import_module
from typing import Any

import structlog

from ari_app.briefing.choosing import Choice, choices, options_of
from ari_app.briefing.kept import KeptVoice
from ari_app.briefing.ladder import EarsLadder, ModelLadder, VoiceLadder
from ari_app.briefing.manners import Manners
from ari_app.briefing.pipeline import Pipeline, PipelineFactory
from ari_app.briefing.ports import LanguageModel, SpeechToText, TextToSpeech, TurnDetector, VoiceActivity
from ari_app.briefing.prompts import Texts, sentences, texts_for
from ari_app.briefing.providers.breaker import Breakers, GuardedEars, GuardedModel, GuardedVoice
from ari_app.briefing.providers.catalog import engine
from ari_app.briefing.speech import Speech, Writing
from ari_app.briefing.wording import Wording
from ari_app.config import BriefingProfile
from ari_app.errors import ProviderError, SettingsError
from ari_app.transfer.model import Request

log = structlog.get_logger(__name__)

ESPEAK_VOICES = {"en": "en-us", "es": "es", "fr": "fr-fr", "de": "de"}


@dataclass(frozen=True)
class Loan:
    """What an agent in the same process brings along for one request."""

    factory: PipelineFactory | None = None
    summary_llm: LanguageModel | None = None


@dataclass(frozen=True)
class Rungs:
    """One profile's engines, those asked first in front."""

    stt: tuple[SpeechToText, ...] = ()
    llm: tuple[LanguageModel, ...] = ()
    tts: tuple[TextToSpeech, ...] = ()

    def above(self, other: Rungs) -> Rungs:
        return Rungs((*self.stt, *other.stt), (*self.llm, *other.llm), (*self.tts, *other.tts))


class Engines:
    """`engines(request)` for the briefer, after `make`; `aclose` at the end."""

    def __init__(
        self,
        profiles: Mapping[str, BriefingProfile],
        environ: Mapping[str, str] | None = None,
        breakers: Breakers | None = None,
    ) -> None:
        self.breakers = breakers or Breakers()
        self._profiles = profiles
        self._environ = os.environ if environ is None else environ
        self._shared: dict[str, Speech] = {}
        "By profile: everything but the engines."
        self._rungs: dict[str, Rungs] = {}
        self._voices: dict[str, KeptVoice] = {}
        "The embedded ones."
        self._espeaks: dict[tuple[str, int, frozenset[str]], KeptVoice] = {}
        self._ears: dict[str, SpeechToText] = {}
        "The embedded ones."
        self._factories: dict[str, PipelineFactory] = {}
        self._loans: dict[str, Loan] = {}
        self._open: list[Any] = []
        self._choices: list[tuple[str, Choice]] = []

    def make(self) -> None:
        """Raises SettingsError for a key that is missing, an SDK that is not installed, a model that can't be read."""
        own = {name: self._own(name, profile) for name, profile in self._profiles.items()}
        for name, profile in self._profiles.items():
            below = own[profile.fallback] if profile.fallback else Rungs()
            last = Rungs() if own[name].tts[-1:] == (self._voices[name],) else Rungs(tts=(self._voices[name],))
            self._rungs[name] = own[name].above(below).above(last)
            self._shared[name] = _shared(name, profile)
            if profile.factory:
                self._factories[name] = reference(profile.factory, f"briefing.{name}.factory")

    async def warm(self) -> None:
        """Does what the first briefing would otherwise wait for: models in memory, every embedded prompt made. Calls
        may come meanwhile; whatever a briefing asks for before it is there is made for that briefing."""
        for name, choice in self._choices:
            log.info("engine", profile=name, stage=choice.stage, engine=choice.name, why=choice.why)
        async with asyncio.TaskGroup() as tasks:
            for kind in (self._open_ears, self._load_activity, self._make_prompts):
                tasks.create_task(self._each_warmed(kind))

    async def _each_warmed(self, kind: Callable[[str], Awaitable[None]]) -> None:
        """One profile after the other: what they share is made once."""
        for name in self._profiles:
            try:
                await kind(name)
            except (ProviderError, ImportError, OSError) as error:
                log.warning("engine not available", profile=name, reason=str(error) or type(error).__name__)
            except Exception:  # somebody's own engine; calls are under way
                log.exception("engine not available", profile=name)

    async def _open_ears(self, name: str) -> None:
        if ears := self._ears.get(name):
            async with ears.listen():
                pass

    async def _load_activity(self, name: str) -> None:
        """In a thread: it takes a tenth of a second, in which all calls would stand still."""
        if vad := self._shared[name].vad:
            await asyncio.to_thread(vad)

    async def _make_prompts(self, name: str) -> None:
        await self._voices[name].make_all(self._said(name))

    def _said(self, name: str) -> set[str]:
        """What a profile's embedded voice will be asked for: lines, or sentences where a ladder cuts them."""
        profile = self._profiles[name]
        lines = Wording(_texts(profile), None, None, profile.language).usual
        if len(self._rungs[name].tts) == 1:
            return lines
        return {sentence for line in lines for sentence in sentences(line, profile.language)}

    def __call__(self, request: Request) -> Speech:
        """A transfer's engines. Raises what a factory of the user's own raises."""
        name = request.briefing_profile
        loan = self._loans.pop(request.request_id or "", Loan())
        speech = _on_ladders(self._shared[name], self._rungs[name])
        factory = loan.factory or self._factories.get(name)
        if factory:
            speech = _piped(speech, factory(), self._rungs[name])
        return replace(speech, summary_llm=loan.summary_llm) if loan.summary_llm else speech

    def hearing(self, name: str) -> Speech:
        """A profile's ears for a talk that is no briefing, new ones each time. Engines that know decisions only are
        left out, and so is the profile's factory, which is for transfers."""
        ears = tuple(each for each in self._rungs[name].stt if getattr(each, "hears_everything", True))
        return replace(self._shared[name], stt=_ladder(EarsLadder, ears))

    def lend(self, request_id: str, loan: Loan) -> None:
        """For the request of this id, which must come next."""
        self._loans[request_id] = loan

    def take_back(self, request_id: str) -> None:
        """The request never became a transfer."""
        self._loans.pop(request_id, None)

    async def aclose(self) -> None:
        for each in self._open:
            with suppress(Exception):
                await each.aclose()

    # Making

    def _own(self, name: str, profile: BriefingProfile) -> Rungs:
        """What the profile itself names."""
        self._voices[name] = self._espeak(profile)
        made: dict[str, tuple[Any, ...]] = {}
        for choice in choices(profile, self._environ):
            self._choices.append((name, choice))
            made[choice.stage] = self._engine(name, profile, choice)
        return Rungs(made["stt"], made["llm"], made["tts"])

    def _espeak(self, profile: BriefingProfile) -> KeptVoice:
        """Profiles that sound the same and say the same share one: its prompts are made once."""
        voice = profile.voice or ESPEAK_VOICES[profile.language]
        sounds = (voice, profile.words_per_minute, frozenset(_constant(profile)))
        if sounds not in self._espeaks:
            self._espeaks[sounds] = _espeak(*sounds)
        return self._espeaks[sounds]

    def _engine(self, name: str, profile: BriefingProfile, choice: Choice) -> tuple[Any, ...]:
        match choice.name:
            case "none":
                return ()
            case "espeak":
                return (self._voices[name],)
            case "pocketsphinx":
                self._ears[name] = _pocketsphinx()
                return (self._ears[name],)
        made = cloud(name, profile, choice, self._environ)
        if hasattr(made, "aclose"):
            self._open.append(made)
        breaker = self.breakers.of(f"{choice.name} {choice.stage}", choice.stage)
        match choice.stage:
            case "stt":
                return (GuardedEars(made, breaker),)
            case "llm":
                return (GuardedModel(made, breaker),)
        return (KeptVoice(GuardedVoice(made, breaker), _constant(profile)),)


def cloud(name: str, profile: BriefingProfile, choice: Choice, environ: Mapping[str, str]) -> Any:
    """The engine of a provider, or of a third party. Raises SettingsError."""
    where = f"briefing.{name}.{choice.stage}"
    options = options_of(profile, choice.stage, choice.name, environ, where)
    try:
        return engine(choice.stage, choice.name, options)
    except ProviderError as error:
        raise SettingsError(f"{where}: {error}") from None


def _espeak(voice: str, speed: int, said: frozenset[str]) -> KeptVoice:
    from ari_app.briefing.espeak import Espeak

    return KeptVoice(Espeak(voice=voice, speed=speed), said)


def _pocketsphinx() -> SpeechToText:
    from ari_app.briefing.pocketsphinx import PocketSphinx

    return PocketSphinx()


def _shared(name: str, profile: BriefingProfile) -> Speech:
    return Speech(
        tts=None,
        stt=None,
        vad=_activity if profile.vad == "silero" else None,
        manners=manners_of(profile),
        turn_detector=_turn_detector(name, profile),
        writing=_writing(name, profile),
    )


def _writing(name: str, profile: BriefingProfile) -> Writing:
    writing = Writing(profile.summary_prompt, profile.summary_tokens, profile.summary_timeout)
    if profile.redact is None:
        return writing
    return replace(writing, redact=reference(profile.redact, f"briefing.{name}.redact"))


def _turn_detector(name: str, profile: BriefingProfile) -> TurnDetector | None:
    if profile.smart_turn is None:
        return None
    from ari_app.briefing.smart_turn import SmartTurn

    try:
        return SmartTurn(profile.smart_turn)
    except ProviderError as error:
        raise SettingsError(f"briefing.{name}.smart_turn: {error}") from None


def _activity() -> VoiceActivity:
    from ari_app.briefing.silero import SileroVoiceActivity

    return SileroVoiceActivity()


# For each transfer


def _on_ladders(speech: Speech, rungs: Rungs) -> Speech:
    return replace(
        speech,
        stt=_ladder(EarsLadder, rungs.stt),
        llm=ModelLadder(rungs.llm) if rungs.llm else None,
        tts=_ladder(VoiceLadder, rungs.tts),
    )


def _ladder(kind: Callable[[Any], Any], rungs: tuple[Any, ...]) -> Any:
    """A ladder of one rung would only be in the way."""
    return kind(rungs) if len(rungs) > 1 else next(iter(rungs), None)


def _piped(speech: Speech, pipeline: Pipeline, rungs: Rungs) -> Speech:
    """The user's own engines in front of the profile's; a voice activity of their own is new, as the factory is."""
    own = Rungs(
        (pipeline.stt,) if pipeline.stt else (),
        (pipeline.llm,) if pipeline.llm else (),
        (pipeline.tts,) if pipeline.tts else (),
    )
    return replace(
        _on_ladders(speech, own.above(rungs)),
        vad=partial(_same, pipeline.vad) if pipeline.vad else speech.vad,
        turn_detector=pipeline.turn_detector or speech.turn_detector,
    )


def _same(vad: VoiceActivity) -> VoiceActivity:
    return vad


def reference(name: str, where: str) -> Any:
    """What `module:callable` names. Raises SettingsError."""
    module, _, attribute = name.partition(":")
    try:
        return getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise SettingsError(f"{where}: {name} can't be imported ({error}); is it installed?") from None


# What is said, and how


def _texts(profile: BriefingProfile) -> Texts:
    return replace(texts_for(profile.language), **profile.texts)


def _constant(profile: BriefingProfile) -> set[str]:
    """What is said in every briefing: whole texts, and their sentences where those are spoken one by one."""
    texts = _texts(profile)
    whole = {str(getattr(texts, field.name)) for field in fields(texts)}
    return {text for each in whole for text in (each, *sentences(each, profile.language)) if text and "{" not in text}


def manners_of(profile: BriefingProfile) -> Manners:
    return Manners(
        texts=_texts(profile),
        language=profile.language,
        waits_for_hello=profile.greet == "after_hello",
        hello_within=profile.hello_timeout,
        answer_within=profile.reprompt_after,
        reprompts=profile.reprompts,
        wait_within=profile.wait_timeout,
        voicemail=profile.voicemail,
    )
