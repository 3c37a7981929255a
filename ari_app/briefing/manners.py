"""How a profile talks, whatever its engines: its words and its patience."""

from __future__ import annotations

from dataclasses import dataclass, field

from ari_app.briefing.dialogue import ANSWER_WITHIN, HELLO_WITHIN, REPROMPTS
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
