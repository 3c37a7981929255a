"""ARI's REST side over aioari: operations by name, each with a deadline, each ending in one of three fates.

`call("bridges.addChannel", bridgeId=b, channel=c)` runs `client.swagger.bridges.addChannel(bridgeId=b, channel=c)`;
`body={...}` is the JSON body as it is. The operations the app uses, as Asterisk 22.10 spells them (* required):

    channels.originateWithId     channelId* endpoint* app appArgs callerId timeout originator formats
                                 body={"variables": {"NAME": "text", "PJSIP_HEADER(add,X-Id)": "42"}}
    channels.externalMedia       app* format* channelId transport encapsulation connection_type transport_data
                                 body={"variables": {"NAME": {"value": "text", "report_events": True}}}
    channels.answer, .ring, .ringStop, .stopMoh, .startSilence, .stopSilence, .get      channelId*
    channels.list                none
    channels.snoopChannelWithId  channelId* snoopId* app* spy whisper appArgs
    channels.hangup              channelId* reason_code reason
    channels.startMoh            channelId* mohClass
    channels.transfer_progress   channelId* states*
    channels.setChannelVar       channelId* variable* value
    channels.getChannelVar       channelId* variable*
    channels.continueInDialplan  channelId* context extension priority label
    channels.move                channelId* app* appArgs
    bridges.createWithId         bridgeId* type name
    bridges.destroy, .get        bridgeId*
    bridges.list                 none
    bridges.addChannel           bridgeId* channel* role mute absorbDTMF inhibitConnectedLineUpdates
    bridges.removeChannel        bridgeId* channel*
    events.userEvent             eventName* application* source
                                 body={"variables": {...any JSON...}}
    applications.get             applicationName*
    applications.filter          applicationName*
                                 body={"allowed": [{"type": "StasisStart"}, ...]}
    asterisk.getInfo             only
"""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any, Self

import aiohttp
import structlog
from aioari.client import Client  # type: ignore[import-untyped]
from aioswagger11.client import Operation  # type: ignore[import-untyped]
from aioswagger11.processors import SwaggerError  # type: ignore[import-untyped]

from ari_app.ari.transport import Answer, Carrier, Transport
from ari_app.errors import AriError
from ari_app.runtime.ports import ChannelFacts, Fate, Reply, Snapshot

log = structlog.get_logger()
# aioswagger11 writes every parameter, people's numbers included, to its debug log
logging.getLogger("aioswagger11").setLevel(logging.INFO)

RESOURCES = ("applications", "asterisk", "bridges", "channels", "endpoints", "events", "playbacks")
"The parts of Asterisk's API that are read; aioari would download all eleven, one after another."
CONNECT_DEADLINE = 5.0
"Seconds for reading the description, and for opening the events WebSocket."
SNAPSHOT_DEADLINE = 3.0

REPEATABLE = frozenset(
    f"channels.{verb}" for verb in "answer hold mute ring setChannelVar setChannelVars startMoh startSilence".split()
) | frozenset(f"bridges.{verb}" for verb in "addChannel createWithId removeChannel setBridgeVar startMoh".split())
"""POSTs that are harmless twice. Never an originate, create or dial (a phone would ring twice), a user event, a move or
a continue (the second would be answered by the state that the first one left), nor externalMedia (see `_media`)."""


class AriClient:
    """Implements the port `Ari`. Use it as a context, or `close()` it."""

    def __init__(self, url: str, username: str, password: str, app: str) -> None:
        self.app = app
        self._root = url.rstrip("/").removesuffix("/ari") + "/"
        "What stands before `ari/`: aioari appends that itself."
        self._transport = Transport(username, password)
        self._aioari: Client | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes every socket. Calls under way, and later ones, end as *unknown*."""
        self._aioari = None
        await self._transport.close()

    async def connect(self) -> None:
        """Reads Asterisk's description of its API, without which no call can be made. Raises AriError.

        Once per connection of the events: Asterisk may have been upgraded while it was away."""
        client = Client(self._root, Carrier(self._transport))
        try:
            async with asyncio.timeout(CONNECT_DEADLINE):
                # given the description as data, aioari downloads nothing
                client.swagger.url = await self._describe()
                await client.init()
        except TimeoutError:
            raise AriError(f"no description of the API within {CONNECT_DEADLINE:g} s") from None
        except (aiohttp.ClientError, OSError) as error:
            raise AriError(_reason(error)) from error
        except (LookupError, TypeError, ValueError, SwaggerError) as error:
            raise AriError(f"description of the API can't be used: {error!r}") from error
        self._aioari = client

    async def listen(self) -> aiohttp.ClientWebSocketResponse:
        """Opens the events WebSocket, which registers the app in Asterisk. Raises AriError."""
        if self._aioari is None:
            raise AriError("not connected")
        try:
            async with asyncio.timeout(CONNECT_DEADLINE):
                socket: aiohttp.ClientWebSocketResponse = await self._aioari.swagger.events.eventWebsocket(
                    app=self.app, subscribeAll=False
                )
                return socket
        except TimeoutError:
            raise AriError(f"no events within {CONNECT_DEADLINE:g} s") from None
        except (aiohttp.ClientError, OSError) as error:
            raise AriError(_reason(error)) from error

    async def call(self, operation: str, *, deadline: float = 2.0, **parameters: Any) -> Reply:
        """See the port. An operation or a parameter that this Asterisk does not have is refused here."""
        if self._aioari is None:
            return Reply(Fate.UNKNOWN, message="not connected to Asterisk")
        try:
            async with asyncio.timeout(deadline):
                run = self._media if operation == "channels.externalMedia" else self._run
                return read(await run(operation, parameters))
        except TimeoutError:
            return Reply(Fate.UNKNOWN, message=f"no answer within {deadline:g} s")
        except (aiohttp.ClientError, OSError, RuntimeError) as error:
            # aiohttp says RuntimeError of a session that is closed under the request
            return Reply(Fate.UNKNOWN, message=_reason(error))
        except (AttributeError, TypeError, ValueError) as error:
            log.error("Asterisk has no such request", operation=operation, error=str(error))
            return Reply(Fate.REFUSED, message=str(error))

    async def snapshot(self) -> Snapshot:
        """See the port."""
        replies = await asyncio.gather(
            self.call("asterisk.getInfo", deadline=SNAPSHOT_DEADLINE, only="status"),
            self.call("channels.list", deadline=SNAPSHOT_DEADLINE),
            self.call("bridges.list", deadline=SNAPSHOT_DEADLINE),
            self.call("applications.get", deadline=SNAPSHOT_DEADLINE, applicationName=self.app),
        )
        try:
            return _snapshot(*replies)
        except (LookupError, TypeError) as error:
            raise AriError(f"lists of channels and bridges can't be read: {error!r}") from error

    async def _media(self, operation: str, parameters: dict[str, Any]) -> Answer:
        """Asterisk 22.10.1 *crashes* when a WebSocket media channel is asked for under an id that exists.

        (`webchan_request` logs the name of a requestor that is not there.) So it is asked first."""
        if channel := parameters.get("channelId"):
            found = await self._run("channels.get", {"channelId": channel})
            if found.status != 404:
                return Answer(409, "the channel exists", b"") if found.status == 200 else found
        return await self._run(operation, parameters)

    async def _run(self, operation: str, parameters: dict[str, Any]) -> Answer:
        resource, _, nickname = operation.partition(".")
        known = getattr(getattr(self._aioari.swagger, resource), nickname)  # type: ignore[union-attr]
        given = {name: value for name, value in parameters.items() if value is not None}
        body = given.pop("body", {})
        # aioswagger11 insists on a required body under its own name; the carrier sends `body` instead
        given |= {p["name"]: body for p in known.json.get("parameters", ()) if _is_required_body(p)}
        carrier = Carrier(self._transport, body, repeatable=operation in REPEATABLE)
        answer: Answer = await Operation(known.uri, known.json, carrier)(**given)
        return answer

    async def _describe(self) -> dict[str, Any]:
        base = self._root + "ari"
        fetches = (self._fetch(f"{base}/api-docs/{name}.json") for name in RESOURCES)
        declarations = await asyncio.gather(*fetches, return_exceptions=True)
        apis = [
            # Asterisk writes its own idea of its address there, which is wrong behind a proxy
            {"path": f"/api-docs/{name}.json", "description": name, "api_declaration": {**d, "basePath": base}}
            for name, d in zip(RESOURCES, map(_or_raise, declarations), strict=True)
        ]
        return {"swaggerVersion": "1.1", "basePath": base, "apis": apis}

    async def _fetch(self, url: str) -> dict[str, Any]:
        answer = await self._transport.exchange("GET", url, {}, None)
        if answer.status != 200:
            raise AriError(_complaint(answer))
        declaration: dict[str, Any] = json.loads(answer.content)
        return declaration


def _snapshot(info: Reply, channels: Reply, bridges: Reply, application: Reply) -> Snapshot:
    # an application that never connected is unknown: nothing can be in it
    failed = [r for r in (info, channels, bridges, application) if not r.ok and not (r is application and r.gone)]
    if failed:
        raise AriError(failed[0].message)
    # Asterisk lists what the app is *subscribed* to: a leg that still rings and the far half of a Local channel are in
    # that list too. (A leg that we originated and moved to another app would be as well; we move callers only.)
    subscribed = application.body["channel_ids"] if application.ok else ()
    in_stasis = {c["id"] for c in channels.body if c["dialplan"]["app_name"] == "Stasis"}
    subscribed_bridges = application.body.get("bridge_ids", ()) if application.ok else ()
    followed = {b["id"] for b in bridges.body}.intersection(subscribed_bridges)
    return Snapshot(
        started=info.body["status"]["startup_time"],
        channels={c["id"]: ChannelFacts(c["id"], c["state"], c["name"]) for c in channels.body},
        bridges={b["id"]: frozenset(b["channels"]) for b in bridges.body},
        ours=frozenset(in_stasis.intersection(subscribed) | followed),
    )


def read(answer: Answer) -> Reply:
    """The fate of a request that was answered."""
    status = answer.status
    if 200 <= status < 300:
        try:
            return Reply(Fate.OK, status, json.loads(answer.content) if answer.content else None)
        except ValueError:
            return Reply(Fate.UNKNOWN, status, message="unreadable answer")
    refused = 400 <= status < 500 and status != 408
    return Reply(Fate.REFUSED if refused else Fate.UNKNOWN, status, message=_complaint(answer))


def _complaint(answer: Answer) -> str:
    if answer.status == 401:
        return "401: Asterisk does not accept the ARI user name and password"
    try:
        said = json.loads(answer.content)
        words = said.get("message") or said.get("error") or answer.reason
    except (ValueError, AttributeError):
        words = answer.reason
    return f"{answer.status}: {words}"


def _reason(error: Exception) -> str:
    if isinstance(error, aiohttp.WSServerHandshakeError):
        return _complaint(Answer(error.status, error.message, b""))
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _or_raise(result: dict[str, Any] | BaseException) -> dict[str, Any]:
    if isinstance(result, BaseException):
        raise result
    return result


def _is_required_body(parameter: dict[str, Any]) -> bool:
    return parameter["paramType"] == "body" and bool(parameter["required"])
