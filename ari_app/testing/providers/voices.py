"""What the local cloud voices share: a hum for an answer, in pieces, and the faults that sound can have."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass

from ari_app.media.audio import tone
from ari_app.testing.providers.server import Fault, LocalProvider

PIECE_SECONDS = 0.1
HUM = 220.0
"Hertz."


@dataclass(frozen=True)
class Hum:
    pitch: float
    "Hertz."
    to: str
    "Part of the text it says."
    seconds: float | None
    "None: as long as all others."


class VoiceServer(LocalProvider):
    """Hums for every text it is asked to say; at a pitch of its own, so that a listener knows which text it is."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.5
        "Of sound for each text."
        self.delay = 0.0
        "Seconds of thought before the first of it."
        self._hums: list[Hum] = []

    @property
    def said(self) -> list[str]:
        """Every text it was asked to say, in order."""
        return [self.text_of(seen.body) for seen in self.seen]

    def text_of(self, body: dict[str, str]) -> str:
        """What a request wants to be said."""
        return body["text"]

    def hums(self, pitch: float, to: str = "", *, seconds: float | None = None) -> None:
        """Texts that contain `to` are hummed so; what is given last wins."""
        self._hums.insert(0, Hum(pitch, to, seconds))

    async def hum(self, rate: int, text: str) -> AsyncIterator[bytes]:
        """The sound, with the fault of content that is on."""
        await asyncio.sleep(self.delay)
        fault = self.commits(Fault.ENDLESS, Fault.EMPTY, Fault.ODD_LENGTH, Fault.NAN)
        if fault is Fault.EMPTY:
            return
        sound = self._sound(rate, text, is_endless=fault is Fault.ENDLESS)
        if fault is Fault.NAN:
            sound = struct.pack("<f", float("nan")) * (len(sound) // 4)
        step = int(PIECE_SECONDS * rate) * 2
        if fault is Fault.ODD_LENGTH:
            sound, step = sound[:-1], step - 1
        while True:
            for at in range(0, len(sound), step):
                yield sound[at : at + step]
                await asyncio.sleep(0)
            if fault is not Fault.ENDLESS:
                return

    def _sound(self, rate: int, text: str, *, is_endless: bool) -> bytes:
        hum = next((hum for hum in self._hums if hum.to in text), Hum(HUM, "", None))
        seconds = self.seconds if hum.seconds is None else hum.seconds
        return tone(hum.pitch, PIECE_SECONDS if is_endless else seconds, rate)
