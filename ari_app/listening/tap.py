"""What one party says, as audio: a snoop of their channel and a media channel, alone in a bridge of their own.

Asterisk gives `spy=in` what comes in from the channel, and nothing of what goes out to it, so the sides stay apart.
The party's own bridge is not touched. A snoop ends with the channel that it listens to.
"""

from __future__ import annotations

import structlog

from ari_app.media.channel import MediaChannel, Opener, hang_up
from ari_app.media.session import MediaLost, MediaSession
from ari_app.runtime.asking import repeatable, seat_new
from ari_app.runtime.ports import Ari, Reply

log = structlog.get_logger(__name__)


class Tap:
    """Not reusable. `close` after `open`, however that ended."""

    def __init__(
        self, ari: Ari, name: str, channel: str, *, base_url: str, app: str, opener: Opener | None = None
    ) -> None:
        """`name` is what the ids of everything here begin with."""
        self.ids = (f"{name}-snoop", f"{name}-media", f"{name}-room")
        "All there will be in Asterisk."
        self._ari = ari
        self._channel = channel
        self._app = app
        self._media = MediaChannel(ari, self.ids[1], base_url, app, opener=opener)

    async def open(self) -> MediaSession:
        """The session on which the party is heard. Raises MediaLost."""
        snoop, _, room = self.ids
        session = await self._media.open()
        _check(
            await self._ari.call("bridges.createWithId", bridgeId=room, type="mixing", name="warm-transfer overheard")
        )
        await self._media.seat(room)
        _check(
            await self._ari.call(
                "channels.snoopChannelWithId", channelId=self._channel, snoopId=snoop, app=self._app, spy="in"
            )
        )
        _check(await seat_new(self._ari, room, snoop))
        return session

    async def close(self) -> None:
        """Everything out of Asterisk, the snoop first: nothing is heard any more. What is missing is fine."""
        snoop, _, room = self.ids
        await hang_up(self._ari, snoop)
        await self._media.close()
        await repeatable(self._ari, "bridges.destroy", bridgeId=room)


def _check(reply: Reply) -> None:
    if not reply.ok:
        raise MediaLost(f"can't listen: {reply.message or reply.status}")
