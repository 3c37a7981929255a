"""The play: who says what, in which voice, and what the agent's chat history then holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

CALLER_NAME = "Maria Jensen"
CALLER_NUMBER = "+14155550123"
SUPERVISOR_NUMBER = "2001"
RULE = "rr_supervisors"
REASON = "The refund failed"

SETTINGS = """
[agents.front-desk]
endpoint = "{agent}"
[routing_rules.{rule}]
endpoint = "{supervisor}"
callers = ["+14155550100"]
destinations = ["2???"]
[briefing.default]
stt = "pocketsphinx"
llm = "none"
tts = "espeak"
words_per_minute = 240
[briefing.default.texts]
greeting = "Hello, a call for you. {{reason}}"
summary_intro = ""
question = "Shall I put the caller through?"
"""
"The app's, beside where Asterisk is. Embedded speech: the demo needs no key and no network."


@dataclass(frozen=True)
class Person:
    """Somebody on a phone: an espeak-ng voice over a quiet pilot tone."""

    name: str
    voice: str
    pilot: int
    "Hz; a multiple of 50, where speech has little. It is sent without a pause, so it shows who is connected to whom."
    speed: int = 190
    pitch: int = 50


CALLER = Person("caller", "en-gb+f3", 3000, pitch=60)
AGENT = Person("agent", "en-us+f2", 3200)
SUPERVISOR = Person("supervisor", "en-us", 3400, speed=150)

GREETING = "Acme billing, hello."
COMPLAINT = "My order 42 was charged twice."
APOLOGY = "I will ask my supervisor."
HELLO = "Hello?"
YES = "Yes, put them through."
TAKEOVER = "Hello Maria, I am refunding it right now."
THANKS = "Wonderful, thank you!"

SPOKEN = (
    (AGENT, GREETING),
    (CALLER, COMPLAINT),
    (AGENT, APOLOGY),
    (SUPERVISOR, HELLO),
    (SUPERVISOR, YES),
    (SUPERVISOR, TAKEOVER),
    (CALLER, THANKS),
)

Message = dict[str, Any]

REFUND: tuple[Message, ...] = (
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {"id": "call_1", "type": "function", "function": {"name": "refund", "arguments": '{"order": "42"}'}}
        ],
    },
    {"role": "tool", "tool_call_id": "call_1", "content": '{"error": "above the limit"}'},
)
"What the agent did between the complaint and the apology."


def said(role: str, text: str) -> Message:
    return {"role": role, "content": text}
