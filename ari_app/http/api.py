"""The routes of the contract's section 5, and what OpenAPI says about them."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import Body, FastAPI, Header, Path, Query, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from pydantic import BaseModel
from starlette.responses import JSONResponse

from ari_app.config import Settings
from ari_app.errors import RequestRefused
from ari_app.http import examples
from ari_app.http.guard import Guard
from ari_app.http.problems import Problem, answer_with_problems, problem
from ari_app.http.stream import EventStream, event, is_over, last_event_id, phases
from ari_app.runtime.ports import Control
from ari_app.transfer.model import Phase
from ari_app.wire import (
    CallView,
    HttpTransferRequest,
    TransferView,
    WarmTransferCancel,
    WarmTransferTranscript,
    WarmTransferWhisper,
)

Limit = Annotated[int, Query(ge=1, le=1000, description="How many at most.")]
TransferId = Annotated[str, Path(max_length=150, description="As the `started` phase and `POST` gave it.")]
CallId = Annotated[str, Path(max_length=150, description="A call id, or the channel id of its caller or agent.")]

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        pattern=r'^(?:"[A-Za-z0-9_.:-]{1,128}"|[A-Za-z0-9_.:-]{1,128})$',
        description="Another place for `request_id`, for clients that send this header anyway; the body's comes first.",
    ),
]


class Ready(BaseModel):
    """`GET /readyz`: every part by its name, and all of them together."""

    ready: bool
    ari: bool
    journal: bool
    draining: bool


def _problems(**meanings: str) -> dict[int | str, dict[str, Any]]:
    described: dict[int | str, dict[str, Any]] = {}
    for code, text in meanings.items():
        status = int(code.removeprefix("_"))
        example = problem(status, examples.PROBLEMS[status], key=_KEYS.get(status))
        content = {"schema": {"$ref": "#/components/schemas/Problem"}, "example": json.loads(bytes(example.body))}
        described[status] = {"description": text, "content": {"application/problem+json": content}}
    return described


def _answer(example: Any, description: str = "Successful Response") -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"example": example}}}


_KEYS = {422: "destination.sip_call_to"}
_UNKNOWN = _problems(_404="There is no such transfer or call.")
_UNREADABLE = _problems(
    _400="The body is not valid JSON.",
    _408="The body did not arrive within 30 s.",
    _413="The body is larger than 4 MiB.",
    _415="The body is not `application/json`.",
)
_REFUSED = _UNREADABLE | _problems(
    _403="The settings do not allow it; `key` names what. Or another site's page or host name, where no token is.",
    _404="There is no such call.",
    _409="The call is in no state for it, e.g. another transfer is under way.",
    _422="A key is missing, unknown or wrong; `key` names it.",
    _503="No new work is taken, no more than the limit, or none of the destinations is there.",
)


def build(control: Control, settings: Settings, metrics_registry: CollectorRegistry) -> FastAPI:
    """The app to serve; it owns nothing and needs no start or end."""
    token = settings.http.token.get_secret_value()
    app = FastAPI(
        title="Warm transfer",
        version="1",
        summary="A caller is handed from an AI agent to a briefed human supervisor.",
        redoc_url=None,
        responses=_problems(
            _401="The bearer token is missing or wrong.",
            _403="Another site's page or another host name, where there is no token.",
            _422="A key is wrong; `key` names it.",
            _500="A defect; nothing more is told here.",
            _503="The journal or Asterisk can't be reached now.",
        ),
    )
    answer_with_problems(app)
    _add_transfers(app, control)
    _add_calls(app, control)
    _add_health(app, control, metrics_registry)
    _describe(app, protected=bool(token))
    app.add_middleware(Guard, token=token)
    return app


def _add_transfers(app: FastAPI, control: Control) -> None:
    @app.post(
        "/v1/transfers",
        status_code=201,
        response_model=TransferView,
        tags=["transfers"],
        responses={
            201: _answer(examples.TRANSFER_VIEW, "It begins."),
            200: {**_answer(examples.TRANSFER_VIEW, "The same request_id again."), "model": TransferView},
            **_REFUSED,
        },
    )
    async def request_transfer(
        body: Annotated[HttpTransferRequest, Body(examples=[examples.HTTP_REQUEST])],
        response: Response,
        idempotency_key: IdempotencyKey = None,
    ) -> dict[str, Any]:
        """Starts a warm transfer of the call with this `call_id`, or with this caller's or agent's `channel`.

        The request is checked as a whole before the caller is touched; a refused one changes nothing."""
        variables = body.model_dump(mode="python", exclude_unset=True, exclude={"call_id", "channel"})
        if idempotency_key and body.request_id is None:
            variables["request_id"] = idempotency_key.strip('"')
        _must_be_text(variables)
        view, is_new = await control.request_transfer(str(body.call_id or body.channel), variables)
        response.status_code = 201 if is_new else 200
        response.headers["Location"] = f"/v1/transfers/{view['transfer_id']}"
        return view

    listed: dict[int | str, dict[str, Any]] = {200: _answer([examples.TRANSFER_VIEW, examples.ENDED_VIEW])}

    @app.get("/v1/transfers", response_model=list[TransferView], tags=["transfers"], responses=listed)
    async def list_transfers(limit: Limit = 100) -> list[dict[str, Any]]:
        """Newest first, live and ended."""
        return await control.transfers(limit)

    @app.get(
        "/v1/transfers/{transfer_id}",
        response_model=TransferView,
        tags=["transfers"],
        responses={200: _answer(examples.ENDED_VIEW), **_UNKNOWN},
    )
    async def get_transfer(transfer_id: TransferId) -> dict[str, Any]:
        return await control.transfer(transfer_id)

    @app.post(
        "/v1/transfers/{transfer_id}/cancel",
        status_code=202,
        response_model=TransferView,
        tags=["transfers"],
        responses={
            202: _answer(examples.TRANSFER_VIEW, "It ends."),
            **_UNKNOWN,
            **_UNREADABLE,
            **_problems(_409="It is over, or the join has been committed."),
        },
    )
    async def cancel_transfer(
        transfer_id: TransferId,
        body: Annotated[WarmTransferCancel | None, Body(examples=[examples.CANCEL])] = None,
    ) -> dict[str, Any]:
        """Ends the transfer in flight unless the join has been committed. The end follows as a phase."""
        return await control.cancel(transfer_id, body.reason if body else None)

    @app.post(
        "/v1/transfers/{transfer_id}/whisper",
        status_code=202,
        response_model=TransferView,
        tags=["transfers"],
        responses={
            202: _answer(examples.ENDED_VIEW, "It is being said."),
            **_UNKNOWN,
            **_UNREADABLE,
            **_problems(_409="Supervisor and caller do not talk, coaching is off, or a whisper is being said."),
        },
    )
    async def whisper(
        transfer_id: TransferId, body: Annotated[WarmTransferWhisper, Body(examples=[examples.WHISPER])]
    ) -> dict[str, Any]:
        """Says the text to the supervisor alone, who talks to the caller."""
        return await control.whisper(transfer_id, body.text)

    @app.get(
        "/v1/transfers/{transfer_id}/events",
        status_code=200,
        tags=["transfers"],
        response_class=EventStream,
        responses={
            200: {
                "description": "`id`: sequence, `event`: phase, `data`: payload.",
                "content": {"text/event-stream": {"example": event(examples.payload(Phase.STARTED))}},
            },
            204: {"description": "The transfer is over and `Last-Event-ID` was its last phase."},
            **_UNKNOWN,
        },
    )
    async def follow_transfer(
        transfer_id: TransferId, last_seen: Annotated[str | None, Header(alias="Last-Event-ID")] = None
    ) -> Response:
        """Every phase from `sequence` 1, or from the one after `Last-Event-ID`; ends after the terminal phase."""
        after = last_event_id(last_seen)
        if is_over(await control.phases(transfer_id), after):
            return Response(status_code=204)
        return EventStream(phases(control, transfer_id, after))


def _add_calls(app: FastAPI, control: Control) -> None:
    listed: dict[int | str, dict[str, Any]] = {200: _answer([examples.CALL_VIEW])}
    found: dict[int | str, dict[str, Any]] = {200: _answer(examples.CALL_VIEW)}

    @app.get("/v1/calls", response_model=list[CallView], tags=["calls"], responses=listed)
    async def list_calls(limit: Limit = 100) -> list[dict[str, Any]]:
        """Newest first, live and ended."""
        return await control.calls(limit)

    @app.get("/v1/calls/{call_id}", response_model=CallView, tags=["calls"], responses=found | _UNKNOWN)
    async def get_call(call_id: CallId) -> dict[str, Any]:
        return await control.call(call_id)

    @app.post("/v1/calls/{call_id}/transcript", response_model=CallView, tags=["calls"], responses=found | _REFUSED)
    async def add_transcript(
        call_id: CallId, body: Annotated[WarmTransferTranscript, Body(examples=[examples.TRANSCRIPT])]
    ) -> dict[str, Any]:
        """Adds turns to the call's conversation; with `replace` it starts over."""
        variables = body.model_dump(mode="python", exclude_unset=True)
        _must_be_text(variables)
        return await control.add_transcript(call_id, variables)


def _add_health(app: FastAPI, control: Control, registry: CollectorRegistry) -> None:
    parts = {"ready": True, "ari": True, "journal": True, "draining": False}
    away = _answer(parts | {"ready": False, "ari": False}, "A part is missing.")
    readiness: dict[int | str, dict[str, Any]] = {200: _answer(parts), 503: {**away, "model": Ready}}

    @app.get("/healthz", tags=["health"], responses={200: _answer({"status": "ok"})})
    async def healthz() -> dict[str, str]:
        """The process runs and answers."""
        return {"status": "ok"}

    @app.get("/readyz", tags=["health"], response_model=Ready, responses=readiness)
    async def readyz() -> JSONResponse:
        """Calls can be served: ARI is connected, the journal writable, and the app is not on its way out."""
        parts = await control.ready()
        ready = parts.get("ari", False) and parts.get("journal", False) and not parts.get("draining", False)
        return JSONResponse({"ready": ready, **parts}, 200 if ready else 503)

    @app.get("/metrics", tags=["health"], response_class=Response)
    async def metrics() -> Response:
        """Prometheus text format."""
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


def _must_be_text(variables: dict[str, Any]) -> None:
    """JSON as Python reads it may hold NaN and lone surrogates, which nobody after us could write."""
    try:
        json.dumps(variables, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):
        raise RequestRefused("NaN, infinities, lone surrogates and endless nesting are not allowed") from None


def _describe(app: FastAPI, *, protected: bool) -> None:
    """OpenAPI: the shape of problems, and the token where there is one."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = generate()
            schemas = schema.setdefault("components", {}).setdefault("schemas", {})
            schemas["Problem"] = Problem.model_json_schema()
            if protected:
                schema["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
                schema["security"] = [{"token": []}]
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
