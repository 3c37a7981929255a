"""Music on hold, as a held caller hears it."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from ari_app.checks.findings import Finding, fail, ok, warn
from ari_app.config import Settings
from ari_app.errors import AriError

if TYPE_CHECKING:
    from ari_app.ari.client import AriClient

AUDIBLE = 50
"Peak of a 16-bit sample; below is silence or comfort noise."
LISTENS = 1.5
"Seconds."


async def listen(settings: Settings, moh_class: str) -> Finding:
    """Listens to the class as a held caller would, in an application of its own."""
    subject, asterisk = f"music {moh_class}", settings.asterisk
    from ari_app.ari.client import AriClient
    from ari_app.media.channel import MediaChannel
    from ari_app.media.session import MediaLost

    app = f"{asterisk.app}-check"
    async with AriClient(asterisk.url, asterisk.username, asterisk.password.get_secret_value(), app) as client:
        try:
            await client.connect()
            events = await client.listen()
        except AriError as error:
            return warn(subject, f"can't listen: {error}", "see what Asterisk logs about ARI")
        channel = MediaChannel(client, f"wt-check-{uuid.uuid4().hex}", asterisk.url.replace("http", "ws", 1), app)
        try:
            session = await channel.open()
            reply = await _start_music(client, channel.id, moh_class)
            if not reply.ok:
                return fail(subject, f"does not start: {reply.message}", "load res_musiconhold.so")
            loudest = await _loudest(session.audio(), AUDIBLE)
        except MediaLost as error:
            mend = "load chan_websocket.so, and let the app reach Asterisk's HTTP port for /media"
            return fail(subject, f"can't be listened to: {error}", mend)
        finally:
            await channel.close()
            await events.close()
    if loudest >= AUDIBLE:
        return ok(subject, "audible")
    mend = "put files into the class's directory (Debian: asterisk-moh-opsound-wav), then `moh reload`"
    return fail(subject, f"silent for {LISTENS:g} s: held callers hear nothing", mend)


async def _start_music(client: AriClient, channel_id: str, moh_class: str) -> Any:
    """The channel enters the application some milliseconds after its socket is connected."""
    for pause in (0.01, 0.05, 0.2, 0.5):
        reply = await client.call("channels.startMoh", channelId=channel_id, mohClass=moh_class)
        if reply.ok or reply.gone:
            break
        await asyncio.sleep(pause)
    return reply


async def _loudest(audio: AsyncIterator[bytes], enough: int) -> int:
    """The peak of what is heard within LISTENS seconds; returns as soon as it is enough."""
    import numpy as np

    peak = 0
    try:
        async with asyncio.timeout(LISTENS):
            async for pcm in audio:
                samples = np.frombuffer(pcm[: len(pcm) & ~1], dtype="<i2")
                peak = max(peak, int(np.abs(samples.astype(np.int32)).max(initial=0)))
                if peak >= enough:
                    break
    except TimeoutError:
        pass
    return peak
