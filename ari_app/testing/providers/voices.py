"""What the local cloud voices share: a hum for an answer, in pieces, and the faults that sound can have."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator

from ari_app.media.audio import tone
from ari_app.testing.providers.server import Fault, LocalProvider

PIECE_SECONDS = 0.1
HUM = 220.0
"Hertz."


class VoiceServer(LocalProvider):
    """Hums for every text it is asked to say."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.5
        "Of sound for each text."
        self.delay = 0.0
        "Seconds of thought before the first of it."

    async def hum(self, rate: int) -> AsyncIterator[bytes]:
        """The sound, with the fault of content that is on."""
        await asyncio.sleep(self.delay)
        fault = self.commits(Fault.ENDLESS, Fault.EMPTY, Fault.ODD_LENGTH, Fault.NAN)
        if fault is Fault.EMPTY:
            return
        sound = tone(HUM, PIECE_SECONDS if fault is Fault.ENDLESS else self.seconds, rate)
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
