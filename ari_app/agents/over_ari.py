"""Requests as ARI user events; phases come by `reply_to` to an ARI application of the session's own."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import aiohttp

from ari_app.agents import history
from ari_app.agents.ledger import Record
from ari_app.agents.messages import Message
from ari_app.agents.transport import NotTaken, Request, lost
from ari_app.errors import WarmTransferError
from ari_app.runtime.signatures import signed
from ari_app.transfer.model import Outcome

log = logging.getLogger("ari_app.agent")

PAUSES = (0.1, 0.2, 0.5, 1.0, 2.0)
"Seconds before the next try to get the events' connection back."
ONE_REQUEST = 5.0
"Seconds one HTTP request to Asterisk may take."
HEARTBEAT = 20.0
SIGNATURE = 256
"Bytes of a body that are kept free for a signature."


class OverAri:
    """Implements `Transport`."""

    lends = False

    def __init__(
        self,
        url: str,
        username: str,
        password: str,
        channel: str,
        app: str,
        hear: Callable[[Mapping[str, Any]], None],
        *,
        started_within: float,
        secret: str | None = None,
    ) -> None:
        self._secret = (secret or "").encode()
        self._room = history.ARI_LIMIT - (SIGNATURE if secret else 0)
        self._base = url.rstrip("/").removesuffix("/ari") + "/ari"
        self._login = {"Authorization": aiohttp.encode_basic_auth(username, password)}
        self._channel = channel
        self._app = app
        self._hear = hear
        self._started_within = started_within
        self._resend_after = started_within / 5
        self.name = f"wt-agent-{uuid4().hex[:16]}"
        "Our own application in Asterisk."
        self._http: aiohttp.ClientSession | None = None
        self._listening: asyncio.Task[None] | None = None
        self._connected = asyncio.Event()
        self._lives = asyncio.Condition()
        self._life = 0
        self._trouble = ""
        self._told: list[Message] = []
        "Everything this session has added to the conversation, to say it again when it may have been lost."

    # The connection

    async def open(self) -> None:
        if self._http is None:
            timeout = aiohttp.ClientTimeout(total=ONE_REQUEST)
            self._http = aiohttp.ClientSession(headers=self._login, timeout=timeout)
            self._listening = asyncio.create_task(self._listen(), name=f"ari events {self.name}")
        try:
            async with asyncio.timeout(self._started_within):
                await self._connected.wait()
        except TimeoutError:
            raise lost(f"Asterisk can't be reached at {self._base} ({self._trouble})") from None
        if self._listening and self._listening.done():
            raise WarmTransferError(self._trouble)

    async def close(self) -> None:
        if self._listening:
            self._listening.cancel()
            await asyncio.wait({self._listening})
        if self._http:
            await self._http.close()

    async def _listen(self) -> None:
        """For ever; returns when the login is wrong, which no patience mends."""
        tries = 0
        while True:
            try:
                async with self._session.ws_connect(
                    f"{self._base}/events", params={"app": self.name}, heartbeat=HEARTBEAT
                ) as events:
                    tries = 0
                    await self._alive()
                    await self._read(events)
                self._trouble = "the connection was closed"
            except aiohttp.WSServerHandshakeError as refused:
                self._trouble = f"status {refused.status}"
                if refused.status in (401, 403):
                    self._trouble = "username, password: Asterisk refuses them; see ari.conf, which needs read_only=no"
                    self._connected.set()
                    return
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                self._trouble = str(error) or type(error).__name__
            self._connected.clear()
            await asyncio.sleep(PAUSES[min(tries, len(PAUSES) - 1)])
            tries += 1

    async def _alive(self) -> None:
        async with self._lives:
            self._life += 1
            self._connected.set()
            self._lives.notify_all()

    async def _read(self, events: aiohttp.ClientWebSocketResponse) -> None:
        async for message in events:
            if message.type is not aiohttp.WSMsgType.TEXT:
                continue
            with suppress(ValueError, KeyError, TypeError):
                event = json.loads(message.data)
                if event["type"] == "ChannelUserevent" and event["eventname"] == "WarmTransferPhase":
                    self._hear(event["userevent"])

    # The port

    async def carry(self, request: Request, record: Record) -> None:
        await self.open()
        variables = request.variables | {"reply_to": self.name}
        life = self._life
        await self._ask(variables, request.history, record)
        while not record.ended.done():
            life = await self._ended_or_reconnected(record, life)
            if not record.ended.done():
                await self._ask_anew(variables, record)

    async def _ask_anew(self, variables: dict[str, Any], record: Record) -> None:
        """What was told while we were away is lost. The same request rings nobody twice, and shows whether the call
        is still there."""
        try:
            await self._post("WarmTransferRequest", variables)
        except NotTaken as failed:
            if failed.outcome is Outcome.REFUSED:
                record.end_unheard()

    async def _ended_or_reconnected(self, record: Record, life: int) -> int:
        async def reconnected() -> None:
            async with self._lives:
                await self._lives.wait_for(lambda: self._life > life)

        waiting: asyncio.Future[Any] = asyncio.create_task(reconnected())
        either: set[asyncio.Future[Any]] = {waiting, record.ended}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
            await asyncio.wait({waiting})
        return self._life

    async def _ask(self, variables: dict[str, Any], conversation: list[Message], record: Record) -> None:
        """Twice when there is no answer to the first: Asterisk's 204 does not say that the app was there."""
        aside = self._split(variables, conversation)
        why = ""
        for wait in (self._resend_after, max(0.0, self._started_within - self._resend_after)):
            again = bool(why)
            try:
                await self._prepare(aside, again)
                await self._post("WarmTransferRequest", variables)
                why = "no answer"
            except NotTaken as failed:
                if failed.outcome is Outcome.REFUSED or again:
                    raise
                why = failed.error
            with suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await record.taken.wait()
                    return
        raise lost(await self._why())

    def _split(self, variables: dict[str, Any], conversation: list[Message]) -> list[Message]:
        """Puts the conversation into the request when it fits, else returns it to be sent ahead."""
        if len(bare := history.body(variables)) > self._room:
            raise WarmTransferError(
                f"the request has {len(bare)} bytes without its chat_history, and Asterisk takes {self._room}: "
                "shorten reason, summary, summary_prompt or metadata, or give http_url"
            )
        if not conversation:
            return []
        whole = variables | {"chat_history": conversation}
        if len(history.body(whole)) > self._room:
            return conversation
        variables["chat_history"] = conversation
        return []

    async def _prepare(self, aside: list[Message], again: bool) -> None:
        """A conversation that was told to an app that may not have been there is told anew, from its start."""
        if again and self._told:
            await self._tell(self._told, replace=True)
        elif aside:
            repeats = self._told[-len(aside) :] == aside
            if not repeats:
                self._told += aside
                await self._tell(aside)

    async def add(self, messages: Sequence[Message]) -> None:
        await self.open()
        self._told += messages
        await self._tell(messages)

    async def _tell(self, messages: Sequence[Message], *, replace: bool = False) -> None:
        for piece in history.pieces(messages, self._room, replace=replace):
            await self._post("WarmTransferTranscript", piece)

    async def cancel(self, record: Record, reason: str | None) -> bool:
        try:
            await self._post("WarmTransferCancel", {} if reason is None else {"reason": reason})
        except NotTaken:
            return False
        return True

    async def follow(self, record: Record, transfer_id: str) -> None:
        if not record.taken.is_set():
            raise WarmTransferError(
                f"transfer_id: this session did not see {transfer_id}; give http_url to ask the app"
            )
        await asyncio.wait({record.ended})

    # Asterisk

    async def _post(self, event: str, variables: Mapping[str, Any]) -> None:
        """Raises NotTaken when Asterisk did not take it, too."""
        where = {"application": self._app, "source": f"channel:{self._channel}"}
        try:
            async with self._session.post(
                f"{self._base}/events/user/{event}",
                params=where,
                data=history.body(self._sealed(event, variables)),
                headers={"Content-Type": "application/json"},
            ) as answer:
                status, text = answer.status, await answer.text()
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise lost(f"Asterisk can't be reached ({str(error) or type(error).__name__})") from None
        if status >= 400:
            raise self._refusal(status, text)

    def _sealed(self, event: str, variables: Mapping[str, Any]) -> Mapping[str, Any]:
        """Signed as it will be on the way, and anew each time: a signature is good once."""
        if not self._secret:
            return variables
        return signed(event, self._channel, json.loads(history.encoded(variables)), self._secret, time.time())

    def _refusal(self, status: int, text: str) -> NotTaken:
        if status in (401, 403):
            raise WarmTransferError("username, password: Asterisk refuses them; see ari.conf, which needs read_only=no")
        if status == 422:
            gone = f"Asterisk has no channel {self._channel}: the caller has hung up, or channel_id is wrong"
            return NotTaken(Outcome.REFUSED, gone, retryable=False)
        if status == 404:
            return lost(f"no application {self._app!r} is registered in Asterisk; does it run?")
        return lost(f"Asterisk answered {status} {text[:200]}".rstrip())

    async def _why(self) -> str:
        there = "it is registered in Asterisk, but did not answer"
        try:
            async with self._session.get(f"{self._base}/applications/{quote(self._app, safe='')}") as answer:
                missing = answer.status == 404
        except (aiohttp.ClientError, OSError, TimeoutError):
            return "Asterisk can't be reached"
        seen = f"no application {self._app!r} is registered in Asterisk; does it run?" if missing else there
        return f"{seen} (waited {self._started_within:g} s)"

    @property
    def _session(self) -> aiohttp.ClientSession:
        if self._http is None:
            raise AssertionError("open comes first")
        return self._http
