"""A circuit breaker per provider: who failed lately is not asked again for a while.

`Circuit` is the state machine, pure, with time as a parameter; `Breaker` holds one for all transfers of the process;
`GuardedVoice`, `GuardedEars` and `GuardedModel` have the face of what they guard and refuse at once while it is open.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from enum import Enum
from types import TracebackType
from typing import TypeVar, cast

import structlog

from ari_app.briefing.ports import Heard, LanguageModel, Listening, SpeechToText, TextToSpeech
from ari_app.briefing.providers.catalog import Stage
from ari_app.errors import ProviderError

log = structlog.get_logger(__name__)

Clock = Callable[[], float]
T = TypeVar("T")


class Condition(Enum):
    CLOSED = "closed"
    "Everybody may ask."
    OPEN = "open"
    "Nobody may ask."
    HALF_OPEN = "half_open"
    "One may try."


@dataclass(frozen=True)
class Policy:
    """When a circuit opens and for how long; seconds."""

    failures: int = 3
    """As many failures in a row, all within `window`, open it. A request that could not be answered for its own sake
    counts like any other: once it is nothing, in a row it is a setting."""
    window: float = 30.0
    cool_down: float = 15.0
    "Then one attempt is let through."
    long_cool_down: float = 60.0
    "The same after one failure that lasts for everybody: a wrong key, an empty account, a model that is unknown."
    patience: float = 0.3
    """An attempt that is given up by its caller counts as failed if it had been waited for so long; shorter than what
    any rung of a ladder gets for a text, since a ladder that goes on is such a caller."""


POLICIES: dict[Stage, Policy] = {"stt": Policy(), "tts": Policy(), "llm": Policy(patience=0.75)}
"""A model takes longer than a voice, and is given up more often by somebody who just spoke; yet two that hang get more
than this of `MODEL_WITHIN`."""


@dataclass(frozen=True)
class Circuit:
    """What is known of one provider."""

    policy: Policy = Policy()
    failures: tuple[float, ...] = ()
    "When it failed since it last did well, newest last."
    open_until: float | None = None
    trial_until: float | None = None
    "Until then the one who tries has it alone; somebody who never comes back does not keep the others out."

    def condition(self, now: float) -> Condition:
        if self.open_until is None:
            return Condition.CLOSED
        return Condition.OPEN if now < self.open_until else Condition.HALF_OPEN

    def admits(self, now: float) -> bool:
        match self.condition(now):
            case Condition.CLOSED:
                return True
            case Condition.OPEN:
                return False
            case Condition.HALF_OPEN:
                return self.trial_until is None or now >= self.trial_until

    def admitted(self, now: float) -> Circuit:
        """After somebody whom it `admits` has begun."""
        if self.condition(now) is Condition.CLOSED:
            return self
        return replace(self, trial_until=now + self.policy.patience)

    def succeeded(self, now: float) -> Circuit:
        """A success that was under way when others failed does not close an open circuit."""
        return self if self.condition(now) is Condition.OPEN else Circuit(self.policy)

    def failed(self, now: float, *, is_lasting: bool = False) -> Circuit:
        if is_lasting:
            return self._opened(now + self.policy.long_cool_down)
        recent = (*(at for at in self.failures if now - at < self.policy.window), now)
        if self.condition(now) is Condition.HALF_OPEN or len(recent) >= self.policy.failures:
            return self._opened(now + self.policy.cool_down)
        return replace(self, failures=recent)

    def given_up(self, now: float, waited: float) -> Circuit:
        """After a caller left who had waited so many seconds for an answer, or for more of it."""
        if waited >= self.policy.patience:
            return self.failed(now)
        return replace(self, trial_until=None)

    def _opened(self, until: float) -> Circuit:
        return Circuit(self.policy, open_until=max(until, self.open_until or until))


class Breaker:
    """The circuit of one provider; make one for each name and give it to every transfer."""

    def __init__(self, name: str, policy: Policy | None = None, clock: Clock = time.monotonic) -> None:
        self.name = name
        self._clock = clock
        self._circuit = Circuit(policy or Policy())

    @property
    def condition(self) -> Condition:
        return self._circuit.condition(self._clock())

    def attempt(self) -> Attempt:
        return Attempt(self)

    def begin(self) -> float:
        """Says when it began. Raises ProviderError while the circuit is open."""
        now = self._clock()
        if not self._circuit.admits(now):
            raise ProviderError(f"{self.name} is left alone after failures")
        self._circuit = self._circuit.admitted(now)
        return now

    def succeeded(self) -> None:
        now = self._clock()
        self._become(self._circuit.succeeded(now), now)

    def failed(self, *, is_lasting: bool = False) -> None:
        now = self._clock()
        self._become(self._circuit.failed(now, is_lasting=is_lasting), now)

    def given_up(self, waited_since: float) -> None:
        now = self._clock()
        self._become(self._circuit.given_up(now, now - waited_since), now)

    def now(self) -> float:
        return self._clock()

    def _become(self, circuit: Circuit, now: float) -> None:
        was, self._circuit = self._circuit, circuit
        if circuit.open_until is None and was.open_until is not None:
            log.info("provider is back", provider=self.name)
        elif circuit.open_until is not None and circuit.open_until != was.open_until:
            log.warning("provider is left alone", provider=self.name, seconds=round(circuit.open_until - now, 1))


class Breakers:
    """The breakers of the process, by name; a provider of two services has one for each name it is asked by."""

    def __init__(self, policies: Mapping[Stage, Policy] = POLICIES, clock: Clock = time.monotonic) -> None:
        self._policies = policies
        self._clock = clock
        self._by_name: dict[str, Breaker] = {}

    def of(self, name: str, stage: Stage = "tts") -> Breaker:
        if name not in self._by_name:
            self._by_name[name] = Breaker(name, self._policies[stage], self._clock)
        return self._by_name[name]

    def conditions(self) -> dict[str, Condition]:
        return {name: breaker.condition for name, breaker in self._by_name.items()}


class Attempt:
    """One use of a provider: entering raises ProviderError while its circuit is open; what comes out of the body
    is judged, and how long it was waited for when its caller gives it up."""

    def __init__(self, breaker: Breaker) -> None:
        self._breaker = breaker
        self._waits_since: float | None = None
        "None while it is not the provider's turn."
        self._has_failed = False

    def __enter__(self) -> Attempt:
        self._waits_since = self._breaker.begin()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if isinstance(error, Exception):
            self.failed(error)
        elif self._waits_since is not None and not self._has_failed:
            self._breaker.given_up(self._waits_since)

    def answered(self) -> None:
        """It has something to show, which is not yet success."""
        self._waits_since = None

    def asked_on(self) -> None:
        """After an answer: it owes the next one from now on."""
        self._waits_since = self._breaker.now()

    def succeeded(self) -> None:
        self._waits_since = None
        self._breaker.succeeded()

    def failed(self, error: Exception) -> None:
        """Counts once, however often it is told."""
        if not self._has_failed:
            self._has_failed = True
            self._breaker.failed(is_lasting=getattr(error, "is_lasting", False))


class GuardedVoice:
    """TextToSpeech behind a breaker."""

    def __init__(self, voice: TextToSpeech, breaker: Breaker) -> None:
        self.rate = voice.rate
        self.name = breaker.name
        self._voice = voice
        self._breaker = breaker

    async def synthesize(self, text: str) -> AsyncIterator[bytes]:
        with self._breaker.attempt() as attempt:
            async with closing(self._voice.synthesize(text)) as pieces:
                async for pcm in pieces:
                    attempt.answered()
                    yield pcm
                    attempt.asked_on()
            attempt.succeeded()


class GuardedModel:
    """LanguageModel behind a breaker."""

    def __init__(self, model: LanguageModel, breaker: Breaker) -> None:
        self.name = breaker.name
        self._model = model
        self._breaker = breaker

    async def complete(self, messages: Sequence[dict[str, str]]) -> AsyncIterator[str]:
        with self._breaker.attempt() as attempt:
            async with closing(self._model.complete(messages)) as pieces:
                async for piece in pieces:
                    attempt.answered()
                    yield piece
                    attempt.asked_on()
            attempt.succeeded()


class GuardedEars:
    """SpeechToText behind a breaker. Opening is half the way: success is the first thing that is heard."""

    def __init__(self, ears: SpeechToText, breaker: Breaker) -> None:
        self.rate = ears.rate
        self.name = breaker.name
        self._ears = ears
        self._breaker = breaker

    @asynccontextmanager
    async def listen(self) -> AsyncIterator[Listening]:
        with self._breaker.attempt() as attempt:
            async with self._ears.listen() as listening:
                attempt.answered()
                yield GuardedListening(listening, attempt)


class GuardedListening:
    """Tells the attempt what its caller keeps to itself."""

    def __init__(self, listening: Listening, attempt: Attempt) -> None:
        self._listening = listening
        self._attempt = attempt

    async def hear(self, pcm: bytes) -> None:
        try:
            await self._listening.hear(pcm)
        except Exception as error:
            self._attempt.failed(error)
            raise

    async def end_of_speech(self) -> None:
        try:
            await self._listening.end_of_speech()
        except Exception as error:
            self._attempt.failed(error)
            raise

    async def __aiter__(self) -> AsyncIterator[Heard]:
        async for heard in self._listening:
            self._attempt.succeeded()
            yield heard


def closing(pieces: AsyncIterator[T]) -> AbstractAsyncContextManager[AsyncIterator[T]]:
    """Closes it afterwards: the ports promise an iterator, all engines give generators."""
    return aclosing(cast("AsyncGenerator[T, None]", pieces))
