"""The play: who says what, in which voice. What the agent says is its own: it answers what it hears."""

from __future__ import annotations

from dataclasses import dataclass

CALLER_NAME = "Maria Jensen"
CALLER_NUMBER = "+14155550123"
SUPERVISOR_NUMBER = "2001"
RULE = "rr_supervisors"

SETTINGS = """
[agents.front-desk]
endpoint = "Local/front-desk@voice-agents/n"
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
AGENT_SETTINGS = """
stt = "ari_app.testing.demo.ears_and_voice:Ears"
llm = "none"
tts = "ari_app.testing.demo.ears_and_voice:Voice"
stt_options = {{ model = "{phrases}" }}
"""
"The agent's: espeak-ng and pocketsphinx over sentences, both so that it can be proven what was said and heard."


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

WISHES = ("Order forty two was charged twice.", "I want to talk to a human.")
"What the caller says, each when the agent has finished; the agent has to understand the last one."
HELLO = "Hello?"
YES = "Yes, put them through."
TAKEOVER = "Hello Maria, I am refunding it right now."
THANKS = "Wonderful, thank you!"

SPOKEN = (
    *((CALLER, wish) for wish in WISHES),
    (SUPERVISOR, HELLO),
    (SUPERVISOR, YES),
    (SUPERVISOR, TAKEOVER),
    (CALLER, THANKS),
)


def folded(text: str) -> str:
    """Words as a recogniser gives them."""
    return "".join(char for char in text.lower() if char.isalnum() or char == " ")
