"""Requests over the app's own HTTP; phases as server-sent events, taken up again where they broke off."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from io import BytesIO
from typing import Any
from urllib.parse import quote

import aiohttp

from ari_app.agents import history
from ari_app.agents.ledger import Record
from ari_app.agents.messages import Message
from ari_app.agents.transport import NotTaken, Request, lost
from ari_app.errors import WarmTransferError
from ari_app.transfer.model import Outcome

log = logging.getLogger("ari_app.agent")

PAUSES = (0.1, 0.2, 0.5, 1.0, 2.0)
"Seconds before the next try to follow."
ONE_REQUEST = 10.0
"Seconds one request may take."
SILENCE = 40.0
"Seconds; the app sends a comment every 15."
LONGEST_LINE = 1024 * 1024


class OverHttp:
    """Implements `Transport`."""

    lends = False

    def __init__(
        self,
        url: str,
        token: str | None,
        channel: str,
        hear: Callable[[Mapping[str, Any]], None],
        *,
        started_within: float,
    ) -> None:
        self._base = url.rstrip("/")
        self._login = {"Authorization": f"Bearer {token}"} if token else {}
        self._channel = channel
        self._hear = hear
        self._started_within = started_within
        self._resend_after = started_within / 5
        self._http: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        if self._http is None:
            timeout = aiohttp.ClientTimeout(total=ONE_REQUEST)
            self._http = aiohttp.ClientSession(headers=self._login, timeout=timeout, read_bufsize=LONGEST_LINE)

    async def close(self) -> None:
        if self._http:
            await self._http.close()

    async def carry(self, request: Request, record: Record) -> None:
        view = await self._ask(request)
        record.transfer_id = view["transfer_id"]
        await self.follow(record, view["transfer_id"])

    async def _ask(self, request: Request) -> dict[str, Any]:
        """Again until the app answers or `started_within` is over: the same `request_id` rings nobody twice."""
        body = request.variables | {"channel": self._channel, "chat_history": request.history}
        if len(history.encoded(body)) > history.HTTP_LIMIT:
            await self.add(body.pop("chat_history"))
        why = ""
        try:
            async with asyncio.timeout(self._started_within):
                while True:
                    try:
                        view: dict[str, Any] = await self._send("POST", "/v1/transfers", body)
                        return view
                    except NotTaken as failed:
                        if failed.outcome is not Outcome.INTERNAL_ERROR:
                            raise
                        why = failed.error
                    await asyncio.sleep(self._resend_after)
        except TimeoutError:
            raise NotTaken(Outcome.INTERNAL_ERROR, why or lost("no answer").error, retryable=True) from None

    async def add(self, messages: Sequence[Message]) -> None:
        for piece in history.pieces(messages, history.HTTP_LIMIT):
            await self._send("POST", f"/v1/calls/{quote(self._channel, safe='')}/transcript", piece)

    async def cancel(self, record: Record, reason: str | None) -> bool:
        if record.transfer_id is None:
            return False
        body = {} if reason is None else {"reason": reason}
        try:
            await self._send("POST", f"/v1/transfers/{record.transfer_id}/cancel", body)
        except NotTaken:
            return False
        return True

    async def follow(self, record: Record, transfer_id: str) -> None:
        tries = 0
        while not record.ended.done():
            seen = record.last_seen
            try:
                async for payload in self._stream(transfer_id, seen):
                    self._hear(payload)
            except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
                log.info("following %s again: %s", transfer_id, type(error).__name__)
            if record.ended.done():
                return
            tries = 0 if record.last_seen > seen else tries + 1
            await asyncio.sleep(PAUSES[min(tries, len(PAUSES) - 1)])

    async def _stream(self, transfer_id: str, after: int) -> AsyncIterator[dict[str, Any]]:
        """Payloads after sequence `after`. Nothing, when the last was seen already."""
        await self.open()
        async with self._session.get(
            f"{self._base}/v1/transfers/{transfer_id}/events",
            headers={"Last-Event-ID": str(after)},
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=ONE_REQUEST, sock_read=SILENCE),
        ) as answer:
            if answer.status == 404:
                raise WarmTransferError(f"transfer_id: the app knows no {transfer_id}")
            answer.raise_for_status()
            async for line in answer.content:
                if line.startswith(b"data:"):
                    yield json.loads(line[5:])

    async def _send(self, method: str, path: str, body: Any) -> Any:
        """The decoded answer. Raises NotTaken, WarmTransferError when the token is wrong."""
        await self.open()
        headers = {"Content-Type": "application/json"}
        try:
            async with self._session.request(
                method, self._base + path, data=BytesIO(history.encoded(body)), headers=headers
            ) as answer:
                status, text = answer.status, await answer.text()
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise lost(f"{self._base} can't be reached ({str(error) or type(error).__name__})") from None
        if status < 400:
            return _decoded(text)
        raise _refusal(status, text)

    @property
    def _session(self) -> aiohttp.ClientSession:
        if self._http is None:
            raise AssertionError("open comes first")
        return self._http


def _refusal(status: int, text: str) -> NotTaken:
    if status == 401:
        raise WarmTransferError("token: the app refuses it; give the one of [http] in its settings")
    answer = _decoded(text)
    problem = answer if isinstance(answer, dict) else {}
    detail = str(problem.get("detail") or f"the app answered {status}")
    outcome = problem.get("outcome")
    if status >= 500 and not outcome:
        return lost(detail)
    return NotTaken(Outcome(outcome) if outcome in set(Outcome) else Outcome.REFUSED, detail)


def _decoded(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None
