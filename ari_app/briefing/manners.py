"""How a profile talks, whatever its engines: its words and its patience."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from ari_app.briefing.patience import ANSWER_WITHIN, HELLO_WITHIN, REPROMPTS, WAIT_WITHIN
from ari_app.briefing.prompts import Texts


@dataclass(frozen=True)
class Manners:
    texts: Texts = field(default_factory=Texts)
    waits_for_hello: bool = True
    "False where the profile greets at once."
    hello_within: float = HELLO_WITHIN
    "Seconds the supervisor's hello is waited for."
    answer_within: float = ANSWER_WITHIN
    "Seconds of silence after the question before it is put again."
    reprompts: int = REPROMPTS
    "How often it is put again."
    wait_within: float = WAIT_WITHIN
    "Seconds a supervisor is waited for who has asked for a moment; asked for and granted twice."
    voicemail: Literal["next", "message"] = "next"
    "What a machine gets: nothing, or a message without anything private. The next destination is tried either way."
    language: str = "en"
    "What is spoken and understood."
