"""A complete voice agent, as an ARI application of its own beside the app.

    python examples/voice_agent --rule rr_support --number +14155550123

The app rings it like any agent: `[agents.front-desk] endpoint = "Local/front-desk@voice-agents/n"`, and the dialplan
lets that call enter this application (`extensions.conf` beside this file). Speech and model are chosen as in a
`[briefing.NAME]` of the app's settings (`--settings FILE`); without keys it speaks with espeak-ng, hears the sentences
of `phrases.txt` and thinks by rules. Every turn and every phase is printed as a line of JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
import tomllib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import structlog
from conversation import Conversation, on_the_line
from desk import FrontDesk
from models import Message, Model, Rules

from ari_app import AgentSession, WarmTransferError
from ari_app.ari.client import AriClient
from ari_app.ari.decode import AriEvent, Destroyed, Entered, LeftApp
from ari_app.ari.link import AriLink
from ari_app.briefing.choosing import choose, options_of
from ari_app.briefing.engines import Engines
from ari_app.briefing.speech import Speech, new_voice_activity
from ari_app.config import BriefingProfile, EngineOptions
from ari_app.errors import ProviderError
from ari_app.logs import configure
from ari_app.media.session import MediaLost
from ari_app.transfer.model import Request

PHRASES = Path(__file__).with_name("phrases.txt")
END_TOLD_WITHIN = 5.0
"Seconds after the leg is gone in which the end of its transfer is waited for."

log = structlog.get_logger("voice_agent")


class VoiceAgent:
    """One conversation for each leg that enters the application."""

    def __init__(self, options: argparse.Namespace, profile: BriefingProfile) -> None:
        self._options = options
        self._new_model = models(profile)
        self._ari = AriClient(options.ari, options.user, options.password, options.name)
        self._engines = Engines({"voice": profile})
        self._conversations: dict[str, Conversation] = {}

    async def run(self) -> None:
        """Until it is cancelled. Raises SettingsError for engines that can't be had."""
        self._engines.make()
        await self._warm(self._speech())
        async with self._ari, asyncio.TaskGroup() as self._tasks:
            await AriLink(
                self._ari,
                on_event=self._on_event,
                on_connected=lambda _: show({"ready": self._options.name}),
                on_disconnected=lambda reason: log.warning("no events", reason=reason),
            ).run()

    def _speech(self) -> Speech:
        return self._engines(Request(routes=(), briefing_profile="voice"))

    async def _warm(self, speech: Speech) -> None:
        """What the first caller would otherwise wait for; a key that is wrong shows now."""
        await new_voice_activity(speech)
        try:
            if speech.stt:
                async with speech.stt.listen():
                    pass
        except ProviderError as error:
            log.warning("recognition can't be had", reason=str(error))

    def _on_event(self, event: AriEvent) -> None:
        match event:
            case Entered(channel=leg, args=(app, caller)):
                self._tasks.create_task(self._serve(leg, app, caller))
            case LeftApp(channel=leg) | Destroyed(channel=leg) if leg in self._conversations:
                self._conversations[leg].leave()

    async def _serve(self, leg: str, app: str, caller: str) -> None:
        """One call, from the greeting to the hang-up."""
        given, desk = self._options, FrontDesk(self._options.rule, self._options.number)
        login = {"ari_url": given.ari, "username": given.user, "password": given.password}
        media_url = given.ari.replace("http", "ws", 1)
        try:
            async with AgentSession(**login, channel_id=caller, app=app, agent=desk) as session:
                session.on_warm_transfer(callback=show)
                async with on_the_line(self._ari, leg, media_url) as media:
                    talk = Conversation(media, self._speech(), self._new_model(desk), desk, show_turn)
                    self._conversations[leg] = talk
                    await talk.run()
                if desk.request_id:
                    with suppress(TimeoutError):
                        await session.result(desk.request_id, timeout=END_TOLD_WITHIN)
        except (MediaLost, WarmTransferError) as error:
            log.warning("call lost", leg=leg, reason=str(error))
        except Exception:
            log.exception("call broken", leg=leg)
        finally:
            self._conversations.pop(leg, None)


def models(profile: BriefingProfile) -> Callable[[FrontDesk], Model]:
    """Makes one for each call. The SDK takes a second to load: now or never, not while somebody speaks."""
    if choose(profile, "llm", os.environ).name != "openai":
        return lambda desk: Rules()
    from chat import ChatModel, client_of

    options = options_of(profile, "llm", "openai", os.environ, "llm")
    client, model = client_of(options), options.model or "gpt-4.1-mini"
    return lambda desk: ChatModel(client, model, desk.instructions, desk.tools)


def show(told: dict[str, Any]) -> None:
    """In one piece: phases come from another thread."""
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()


def show_turn(message: Message, began: float, ended: float) -> None:
    show({"turn": message, "began": began, "ended": ended})


def profile_of(file: Path | None) -> BriefingProfile:
    """The settings, with the embedded recogniser made to hear callers instead of supervisors' decisions."""
    profile = BriefingProfile.model_validate(tomllib.loads(file.read_text()) if file else {})
    if choose(profile, "stt", os.environ).name != "pocketsphinx":
        return profile
    phrases = {"stt": "ari_app.briefing.phrasebook:PhraseBook", "stt_options": EngineOptions(model=str(PHRASES))}
    return profile.model_copy(update=phrases)


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ari", default=os.environ.get("ARI_URL", "http://127.0.0.1:8088"))
    parser.add_argument("--user", default=os.environ.get("ARI_USER", "warm-transfer"))
    parser.add_argument("--password", default=os.environ.get("ARI_PASSWORD", ""), help="better: ARI_PASSWORD")
    parser.add_argument("--name", default="voice-agent", help="of this application in Asterisk")
    parser.add_argument("--rule", required=True, help="a [routing_rules.NAME] of the app's settings")
    parser.add_argument("--number", required=True, help="whom to ring")
    parser.add_argument("--settings", type=Path, help="TOML with the keys of a [briefing.NAME]: stt, llm, tts, voice …")
    return parser.parse_args()


async def work(options: argparse.Namespace) -> None:
    working = asyncio.ensure_future(VoiceAgent(options, profile_of(options.settings)).run())
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, working.cancel)
    with suppress(asyncio.CancelledError):
        await working


if __name__ == "__main__":
    configure("info")
    asyncio.run(work(read_options()))
