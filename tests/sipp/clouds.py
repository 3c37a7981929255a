"""Clouds on loopback for the stories, and the profiles that use them through the real SDKs.

What a cloud says is a hum whose pitch tells the text, so that a phone knows what it hears: see `Clouds.hums`. What is
heard, the story says: `clouds.ears.hears("yes put them through")`.
"""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from ari_app.testing.providers.cartesia import CartesiaServer
from ari_app.testing.providers.deepgram import DeepgramServer
from ari_app.testing.providers.elevenlabs import ElevenLabsServer
from ari_app.testing.providers.openai import OpenAIServer

SECRETS = {
    "deepgram": "dg-canary-51fe0c9a7d",
    "openai": "sk-canary-8b20d4417e",
    "elevenlabs": "xi-canary-c93a6612f0",
    "cartesia": "ca-canary-27e5b1d8a4",
    "http": "token-canary-e04f7a5519",
}
"What must be in no log: the keys of the providers, and the token of the HTTP API where a story sets it."

OTHER, SUMMARY, QUESTION, ANSWER, REMARK, LATER = 700, 1200, 1800, 2000, 2200, 2400
"Hz: what the first voice says. The second hums everything at SECOND_VOICE."
SECOND_VOICE = 550

CONVERSATION = [
    {"role": "user", "content": "I have paid the same invoice twice and want my money back."},
    {"role": "assistant", "content": "I see two payments, both in March."},
]

PROFILES = """
[briefing.clouds]
greet = "{greet}"
stt = "deepgram"
llm = "openai"
tts = "elevenlabs"
fallback = "second-voice"
{manners}
{options}
[briefing.second-voice]
stt = "none"
llm = "none"
tts = "cartesia"
tts_options = {{ base_url = "{cartesia.url}", api_key = "{keys[cartesia]}" }}
"""
OPTIONS = """
stt_options = {{ base_url = "{ears.url}", api_key = "{keys[deepgram]}" }}
llm_options = {{ base_url = "{model.url}", api_key = "{keys[openai]}", model = "local" }}
tts_options = {{ base_url = "{voice.url}", api_key = "{keys[elevenlabs]}" }}
"""


@dataclass
class Clouds:
    """One of each."""

    ears: DeepgramServer = field(default_factory=DeepgramServer)
    model: OpenAIServer = field(default_factory=OpenAIServer)
    voice: ElevenLabsServer = field(default_factory=ElevenLabsServer)
    second_voice: CartesiaServer = field(default_factory=CartesiaServer)

    def __post_init__(self) -> None:
        self.ears.key, self.model.key = SECRETS["deepgram"], SECRETS["openai"]
        self.voice.key, self.second_voice.key = SECRETS["elevenlabs"], SECRETS["cartesia"]
        self.voice.seconds = self.second_voice.seconds = 0.3
        self.voice.hums(OTHER)
        self.voice.hums(QUESTION, to="Shall I put the caller through?")
        self.second_voice.hums(SECOND_VOICE)

    def settings(self, manners: str = "", *, greet: str = "at_once") -> str:
        """The profile `clouds`, with these manners, and what it falls back to."""
        return PROFILES.format(
            greet=greet, manners=manners, options=self.options, cartesia=self.second_voice, keys=SECRETS
        )

    @property
    def options(self) -> str:
        return OPTIONS.format(ears=self.ears, model=self.model, voice=self.voice, keys=SECRETS)

    @property
    def prompts(self) -> list[str]:
        """What the model was asked, the messages of each request as one text."""
        messages = (seen.body["messages"] for seen in self.model.seen)
        return ["\n".join(str(message["content"]) for message in each) for each in messages]

    async def asked(self, words: str, within: float = 5.0) -> str:
        """The prompt that contains the words; waits for it."""
        give_up = time.monotonic() + within
        while not (found := [prompt for prompt in self.prompts if words in prompt]):
            assert time.monotonic() < give_up, f"the model was not asked {json.dumps(words)}, but: {self.prompts}"
            await asyncio.sleep(0.02)
        return found[-1]

    # Life

    async def __aenter__(self) -> Clouds:
        async with AsyncExitStack() as opening:
            for cloud in (self.ears, self.model, self.voice, self.second_voice):
                await opening.enter_async_context(cloud)
            self._open = opening.pop_all()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._open.aclose()
