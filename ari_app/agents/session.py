"""An agent's side of one call: it asks for transfers, adds to the conversation, and is told what becomes of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any, Self, TypeVar
from uuid import uuid4

from ari_app.agents.in_process import App, InProcess, is_app
from ari_app.agents.ledger import UNHEARD, Ledger, Record
from ari_app.agents.listeners import Handler, Listener
from ari_app.agents.messages import WarmTransferConfig, WarmTransferPhase, WarmTransferResult, plain_messages
from ari_app.agents.over_ari import OverAri
from ari_app.agents.over_http import OverHttp
from ari_app.agents.transport import NotTaken, Request, Transport
from ari_app.errors import WarmTransferError
from ari_app.transfer.model import Outcome

log = logging.getLogger("ari_app.agent")

DRAIN = 2.0
"Seconds that handlers get at the end for what they have not taken yet."

H = TypeVar("H", bound=Handler)


class AgentSession:
    """One call of an agent. Three ways to the app, in the order they are preferred:

    - `app=` an app in this process,
    - `http_url`, `token`: its HTTP,
    - `ari_url`, `username`, `password`: ARI user events; `app` is then the app's name in Asterisk (`WT_APP`).

    `channel_id` is the caller's channel or the agent's own leg. `secret` signs what goes over ARI. `started_within`:
    seconds after which a request that nobody answered counts as lost. Close it with `aclose`, or use it as an async
    context."""

    def __init__(
        self,
        *,
        ari_url: str | None = None,
        username: str | None = None,
        password: str | None = None,
        channel_id: str | None = None,
        app: str | App = "warm-transfer",
        http_url: str | None = None,
        token: str | None = None,
        secret: str | None = None,
        agent: Any = None,
        pipeline: Any = None,
        started_within: float = 5.0,
    ) -> None:
        self._listeners: list[Listener] = []
        self._ledger = Ledger(self._deliver)
        self._tasks: dict[Record, asyncio.Task[WarmTransferResult]] = {}
        self._latest: Record | None = None
        self._closed = False
        self._entered = False
        self._over = asyncio.Event()
        self.pipeline = pipeline
        "The agent's own, for the agent: this session neither hears nor speaks."
        if not channel_id:
            raise WarmTransferError("channel_id: give the caller's channel, or the agent's own leg of the call")
        self.channel_id = channel_id
        self._transport: Transport
        if not isinstance(app, str):
            self._transport = self._within(app)
        elif http_url:
            self._transport = OverHttp(http_url, token, channel_id, self._ledger.hear, started_within=started_within)
        elif ari_url and username is not None and password is not None:
            self._transport = OverAri(
                *(ari_url, username, password, channel_id, app, self._ledger.hear),
                started_within=started_within,
                secret=secret,
            )
        else:
            raise WarmTransferError("ari_url: give ari_url, username and password, or http_url, or app=the app itself")
        self.agent = agent
        if agent is not None:
            agent.session = self

    def _within(self, app: Any) -> InProcess:
        if not is_app(app):
            raise WarmTransferError("app: give the name of the app in Asterisk, or the app that runs in this process")
        return InProcess(app, self.channel_id, self._ledger.hear)

    # Its life

    async def start(self, wait_for_participant: bool = False, run_until_shutdown: bool = False) -> None:
        """Connects now rather than with the first request, and calls `agent.on_enter`. `wait_for_participant` waits for
        nothing: the caller is there. With `run_until_shutdown` it returns when the session is closed, and closes it
        when it is cancelled.

        Raises WarmTransferError when a login is wrong; an app that is away is no error yet."""
        if not run_until_shutdown:
            await self._begin()
            return
        try:
            await self._begin()
            await self._over.wait()
        finally:
            await self.aclose()

    async def _begin(self) -> None:
        try:
            await self._transport.open()
        except NotTaken:
            pass
        if self.agent is not None and not self._entered and hasattr(self.agent, "on_enter"):
            self._entered = True
            await self.agent.on_enter()

    async def say(self, text: str) -> None:
        """By the pipeline's own `say`, where it has one. This session has no voice."""
        if hasattr(self.pipeline, "say"):
            await self.pipeline.say(text)
        else:
            log.warning("session.say: nobody heard it; the pipeline has no `say`")

    async def aclose(self) -> None:
        """Handlers get what they have not heard yet, then everything is closed. Transfers go on in the app; who still
        awaits one here gets a WarmTransferError."""
        if self._closed:
            return
        self._closed = True
        if self._entered and hasattr(self.agent, "on_exit"):
            await self.agent.on_exit()
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        self._ledger.flush()
        await asyncio.gather(*(listener.close(DRAIN) for listener in self._listeners))
        await self._transport.close()
        self._over.set()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    # Being told

    def on_warm_transfer(
        self, *phases: str | Callable[..., Any], callback: Handler | None = None
    ) -> Callable[[H], H] | Any:
        """`@session.on_warm_transfer()` for every phase, or with the names of those wanted.

        A coroutine function runs in the loop, a plain one in a thread; each takes the payload of section 3."""
        names = [phase for phase in phases if not callable(phase)]
        for name in names:
            if name not in set(WarmTransferPhase):
                raise WarmTransferError(
                    f"on_warm_transfer: no phase {name!r}; there are {', '.join(WarmTransferPhase)}"
                )
        wanted = frozenset(str(name) for name in names)

        def register(handler: H) -> H:
            self._listeners.append(Listener(handler, wanted))
            return handler

        given = callback or next((phase for phase in phases if callable(phase)), None)
        return register(given) if given else register

    def _deliver(self, payload: dict[str, Any]) -> None:
        for listener in self._listeners:
            listener.tell(payload)

    # Asking

    async def warm_transfer(self, config: WarmTransferConfig) -> WarmTransferResult:
        """Hands the caller to a supervisor; returns how it ended, whichever way it ended.

        Cancelling the caller of this leaves the transfer running; `result` has the outcome later. Raises
        WarmTransferError for misuse alone."""
        self._check(config)
        request = Request(config.request_id or str(uuid4()), config)
        record = self._latest = self._ledger.find(request.id) or self._ledger.open(request.id)
        if record not in self._tasks:
            self._keep(record, self._carry(request, record))
        return await self._awaited(record)

    def _check(self, config: WarmTransferConfig) -> None:
        self._check_open()
        if not isinstance(config, WarmTransferConfig):
            raise WarmTransferError("warm_transfer: give a WarmTransferConfig")
        if config.brings_engines and not self._transport.lends:
            raise WarmTransferError(
                "summary_llm, briefing_pipeline_factory: they can't be sent to another process; run agent and app in "
                "one, with AgentSession(app=…), or choose engines with briefing_profile, a [briefing.NAME] of the app"
            )

    def _check_open(self) -> None:
        if self._closed:
            raise WarmTransferError("the session is closed; make another one")

    def _keep(self, record: Record, work: Any) -> None:
        self._tasks[record] = asyncio.create_task(work, name=f"warm transfer {record.request_id}")

    async def _awaited(self, record: Record) -> WarmTransferResult:
        task = self._tasks[record]
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled() and self._closed:
                raise WarmTransferError("the session was closed; the transfer goes on in the app") from None
            raise

    async def _carry(self, request: Request, record: Record) -> WarmTransferResult:
        try:
            async with asyncio.timeout(request.patience):
                await self._transport.carry(request, record)
                return await record.ended
        except NotTaken as failed:
            return failed.result(request.id)
        except TimeoutError:
            why = f"{UNHEARD} (waited {request.patience:g} s)"
            ids = {"request_id": request.id, "transfer_id": record.transfer_id}
            return WarmTransferResult.failed(Outcome.INTERNAL_ERROR, why, **ids, retryable=False)

    async def result(self, transfer_id: str, timeout: float | None = None) -> WarmTransferResult:  # noqa: ASYNC109
        """How the transfer with this id (or of the request with this `request_id`) ended; waits for its end.

        Over HTTP and in process any transfer of the app will do. Raises TimeoutError, and WarmTransferError when there
        is no such transfer or no way to ask."""
        self._check_open()
        record = self._ledger.find(transfer_id) or self._ledger.open(transfer_id=transfer_id)
        if record not in self._tasks:
            self._keep(record, self._follow(record, transfer_id))
        async with asyncio.timeout(timeout):
            return await self._awaited(record)

    async def _follow(self, record: Record, transfer_id: str) -> WarmTransferResult:
        if not record.ended.done():
            try:
                await self._transport.follow(record, transfer_id)
            except WarmTransferError:
                # it may be there the next time
                self._tasks.pop(record, None)
                raise
        return await record.ended

    async def cancel(self, reason: str | None = None) -> bool:
        """Takes back the transfer in flight, unless the join has been committed. Whether the app was told; the end
        follows as a phase and as the result."""
        self._check_open()
        record = self._latest
        if record is None or record.ended.done():
            return False
        return await self._transport.cancel(record, reason)

    async def add_messages(self, messages: Sequence[Any]) -> None:
        """Appends chat messages to the call's conversation as they happen: the supervisor is briefed from it.

        Nothing is raised when the app is away: the conversation never stops an agent from talking."""
        self._check_open()
        if checked := plain_messages(messages):
            try:
                await self._transport.add(checked)
            except NotTaken as failed:
                log.warning("messages not taken: %s", failed.error)
