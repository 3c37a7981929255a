"""The floor: a warm transfer by bare ARI requests, in a process of its own, as the app is.

`RAW_PASSWORD=… python -m bench.raw --url … --user … --agent ENDPOINT --supervisor ENDPOINT`. It answers to the same
dialplan events, user events and keys as the app and asks Asterisk for the same things, as early as it can; it has no
journal, no deadlines, no errors, no speech: the briefing is one tone made beforehand.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
from dataclasses import dataclass
from typing import Any

import aiohttp
import numpy as np
import uvloop

APP = "raw"
BRIEFING = (9000 * np.sin(2 * np.pi * 700 / 16_000 * np.arange(10 * 16_000))).astype("<i2").tobytes()


@dataclass
class Parties:
    """The ids of one call."""

    number: int
    caller: str

    def id(self, what: str) -> str:
        return f"raw-{self.number}-{what}"


class Raw:
    def __init__(self, http: aiohttp.ClientSession, agent: str, supervisor: str) -> None:
        self._http, self._agent, self._supervisor = http, agent, supervisor
        self._numbers = itertools.count(1)
        self._calls: dict[str, Parties] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        async with self._http.ws_connect("/ari/events", params={"app": APP}) as events:
            print("ready", flush=True)
            async for message in events:
                self._take(message.json())

    def _take(self, event: dict[str, Any]) -> None:
        channel = event.get("channel", {}).get("id", "")
        call = self._call_of(channel)
        match event["type"]:
            case "StasisStart" if call is None:
                call = self._calls[channel] = Parties(next(self._numbers), channel)
                self._spawn(self._arrived(call))
            case "StasisStart" if call and channel == call.id("agent"):
                self._spawn(self._connect(call))
            case "StasisStart" if call and channel == call.id("supervisor"):
                self._spawn(self._brief(call))
            case "ChannelUserevent" if call:
                self._spawn(self._hold(call))
                self._spawn(self._dial(call, event["userevent"]["destination"]["sip_call_to"]))
            case "ChannelDtmfReceived" if call and channel == call.id("supervisor"):
                self._spawn(self._join(call))
            case "StasisEnd" if call and channel == call.caller:
                self._spawn(self._clear(call))

    def _call_of(self, channel: str) -> Parties | None:
        if channel.startswith("raw-"):
            number = int(channel.split("-")[1])
            return next((call for call in self._calls.values() if call.number == number), None)
        return self._calls.get(channel)

    async def _arrived(self, call: Parties) -> None:
        await self._ask("POST", f"bridges/{call.id('talk')}", type="mixing")
        headers = {"PJSIP_HEADER(add,X-WT-Channel)": call.caller}
        await self._originate(call.id("agent"), self._agent, headers)

    async def _connect(self, call: Parties) -> None:
        await self._ask("POST", f"channels/{call.caller}/answer")
        await self._ask("POST", f"bridges/{call.id('talk')}/addChannel", channel=f"{call.id('agent')},{call.caller}")

    async def _hold(self, call: Parties) -> None:
        await self._ask("POST", f"bridges/{call.id('talk')}/removeChannel", channel=call.caller)
        await self._ask("POST", f"channels/{call.caller}/moh", mohClass="lab-music")

    async def _dial(self, call: Parties, to: str) -> None:
        await self._originate(call.id("supervisor"), self._supervisor.replace("{to}", to), {})
        await self._ask("POST", f"bridges/{call.id('room')}", type="mixing,dtmf_events")

    async def _originate(self, id: str, endpoint: str, variables: dict[str, str]) -> None:
        await self._ask("POST", f"channels/{id}", {"variables": variables}, endpoint=endpoint, app=APP)

    async def _brief(self, call: Parties) -> None:
        await self._ask("POST", f"bridges/{call.id('room')}/addChannel", channel=call.id("supervisor"))
        made = await self._ask(
            "POST",
            "channels/externalMedia",
            channelId=call.id("media"),
            app=APP,
            external_host="INCOMING",
            transport="websocket",
            encapsulation="none",
            connection_type="server",
            format="slin16",
            transport_data="f(json)",
        )
        connection = made["channelvars"]["MEDIA_WEBSOCKET_CONNECTION_ID"]
        async with self._http.ws_connect(f"/media/{connection}", protocols=["media"]) as media:
            await self._seat(call)
            for start in range(0, len(BRIEFING), 32_000):
                await media.send_bytes(BRIEFING[start : start + 32_000])
            async for _ in media:
                pass

    async def _seat(self, call: Parties) -> None:
        """422 until the channel has entered Stasis."""
        for _ in range(100):
            if await self._ask("POST", f"bridges/{call.id('room')}/addChannel", channel=call.id("media")) != 422:
                return
            await asyncio.sleep(0.001)

    async def _join(self, call: Parties) -> None:
        await self._ask("DELETE", f"channels/{call.id('media')}")
        await self._ask("DELETE", f"channels/{call.caller}/moh")
        await self._ask("POST", f"bridges/{call.id('room')}/addChannel", channel=call.caller)
        await self._ask("DELETE", f"channels/{call.id('agent')}")

    async def _clear(self, call: Parties) -> None:
        del self._calls[call.caller]
        for leg in ("agent", "supervisor", "media"):
            await self._ask("DELETE", f"channels/{call.id(leg)}")
        for bridge in ("talk", "room"):
            await self._ask("DELETE", f"bridges/{call.id(bridge)}")

    async def _ask(self, method: str, path: str, body: Any = None, **query: str) -> Any:
        """The answer, or the status of a refusal."""
        async with self._http.request(method, f"/ari/{path}", params=query, json=body) as response:
            text = await response.read()
            return response.status if response.status >= 400 else await response.json() if text else None

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("url", "user", "agent", "supervisor"):
        parser.add_argument(f"--{name}", required=True)
    options = parser.parse_args()
    headers = {"Authorization": aiohttp.encode_basic_auth(options.user, os.environ["RAW_PASSWORD"])}
    async with aiohttp.ClientSession(options.url, headers=headers) as http:
        await Raw(http, options.agent, options.supervisor).run()


if __name__ == "__main__":
    uvloop.run(main())
