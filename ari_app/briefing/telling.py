"""What the supervisor is told of the conversation: the summary, its facts, and answers to questions.

A model writes where there is one and it is in time; what can be told without one always stands behind it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from json import loads
from typing import Any

import structlog

from ari_app.briefing.answers import Answers
from ari_app.briefing.ports import LanguageModel
from ari_app.briefing.providers.breaker import closing
from ari_app.briefing.speech import Speech
from ari_app.briefing.summary import extract, facts
from ari_app.briefing.written import Summary, write
from ari_app.errors import ProviderError
from ari_app.transfer.model import Call, Transfer, Turn

log = structlog.get_logger(__name__)

KNOWN = "known"
"The journal has the summary already: an earlier life of the app told it."


@dataclass(frozen=True)
class Told:
    text: str
    source: str
    "`request`, `llm`, `extractive`, or KNOWN."
    form: tuple[tuple[str, str], ...] = ()
    "The same in fields; see SummaryReady."


class Telling:
    """One transfer's conversation, for one supervisor after the other."""

    def __init__(self, call: Call, transfer: Transfer, speech: Speech) -> None:
        self.caller = call.caller_name or call.caller_number
        self._request = transfer.request
        self._transfer = transfer
        self._turns = [_message(turn) for turn in call.conversation]
        self._speech = speech
        self._writing = speech.writing
        self._language = speech.manners.language
        self._answers: Answers | None = None

    async def told(self) -> Told:
        """The summary. Raises nothing a provider could be the cause of."""
        told = await self._told()
        if self._speech.llm is not None:
            # Quoting takes 25 ms: now, while it rings, and not at the first question.
            self._answers = self._answers_of(self._speech.llm, told)
        return told

    def facts(self) -> dict[str, str]:
        """What is known without a model."""
        return facts(self._request.reason, self._turns, self._language)

    async def answer(self, question: str, heard: Sequence[str]) -> AsyncGenerator[str, None]:
        """Sentences as they come; nothing when there is no answer. Raises what the model raises."""
        if self._answers is None:
            return
        async with closing(self._answers.answer(question, heard)) as found:
            async for sentence in found:
                yield sentence

    def _answers_of(self, model: LanguageModel, told: Told) -> Answers:
        return Answers(
            model,
            turns=self._turns,
            reason=self._request.reason,
            caller=self.caller,
            summary=told.text,
            language=self._language,
            not_known=self._speech.manners.texts.not_known,
            redact=self._writing.redact,
            tokens=self._writing.tokens,
        )

    async def _told(self) -> Told:
        transfer, form = self._transfer, tuple(self.facts().items())
        if transfer.summary is not None:
            return Told(transfer.summary, KNOWN, transfer.summary_form or form)
        if self._request.summary:
            return Told(self._request.summary, "request", form)
        if written := await self._written():
            return Told(written.spoken, "llm", written.form or form)
        # Without the reason, which the greeting has said.
        return Told(extract(None, self._turns, self._language), "extractive", form)

    async def _written(self) -> Summary | None:
        model = self._speech.summary_llm or self._speech.llm
        if model is None:
            return None
        try:
            async with asyncio.timeout(self._writing.within):
                return await write(
                    model,
                    turns=self._turns,
                    reason=self._request.reason,
                    caller=self.caller,
                    prompt=self._request.summary_prompt or self._writing.prompt,
                    language=self._language,
                    redact=self._writing.redact,
                    tokens=self._writing.tokens,
                )
        except ProviderError as error:
            log.warning("no summary from the model, the extractive one is taken", reason=str(error))
        except TimeoutError:
            log.warning("no summary from the model, the extractive one is taken", reason="too late")
        except Exception:
            log.exception("summary failed, the extractive one is taken")
        return None


def _message(turn: Turn) -> dict[str, Any]:
    """The turn in the usual chat form; tool calls that are no JSON are left out."""
    message = {key: value for key, value in asdict(turn).items() if value is not None}
    with suppress(ValueError):
        if turn.tool_calls is not None:
            return {**message, "tool_calls": loads(turn.tool_calls)}
    message.pop("tool_calls", None)
    return message
