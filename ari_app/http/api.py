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
from ari_app.http.guard import Guard
from ari_app.http.problems import Problem, answer_with_problems
from ari_app.http.stream import EventStream, is_over, last_event_id, phases
from ari_app.runtime.ports import Control
from ari_app.wire import CallView, HttpTransferRequest, TransferView, WarmTransferCancel, WarmTransferTranscript

Limit = Annotated[int, Query(ge=1, le=1000, description="How many at most.")]
TransferId = Annotated[str, Path(max_length=150, description="As the `started` phase and `POST` gave it.")]
CallId = Annotated[str, Path(max_length=150, description="A call id, or the channel id of its caller or agent.")]

_EXAMPLE = {
    "channel": "1700000000.12",
    "request_id": "case-4711",
    "destination": {
        "routing_rule_id": "rr_sales",
        "sip_call_to": "+14155550123",
        "sip_call_from": "+14155550100",
        "participant_display_name": "Front desk",
    },
    "reason": "The caller asks for a refund above the agent's limit.",
    "chat_history": [{"role": "user", "content": "I was charged twice in March."}],
}


class Ready(BaseModel):
    """`GET /readyz`: every part by its name, and all of them together."""

    ready: bool
    ari: bool
    journal: bool
    draining: bool


def _problems(**meanings: str) -> dict[int | str, dict[str, Any]]:
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {int(code.removeprefix("_")): {"description": text, "content": content} for code, text in meanings.items()}


_UNKNOWN = _problems(_404="There is no such transfer or call.")
_REFUSED = _problems(
    _400="The body is not valid JSON.",
    _404="There is no such call.",
    _409="The call is in no state for it, e.g. another transfer is under way.",
    _413="The body is larger than 4 MiB.",
    _422="A key is missing, unknown or wrong; `key` names it. Or the routing rules do not allow it.",
    _503="No new work is taken, or no more than the limit.",
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
            _422="A key is wrong; `key` names it.",
            _500="A defect; nothing more is told here.",
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
        responses={200: {"description": "The same request_id again.", "model": TransferView}, **_REFUSED},
    )
    async def request_transfer(
        body: Annotated[HttpTransferRequest, Body(examples=[_EXAMPLE])], response: Response
    ) -> dict[str, Any]:
        """Starts a warm transfer of the call with this `call_id`, or with this caller's or agent's `channel`.

        The request is checked as a whole before the caller is touched; a refused one changes nothing."""
        variables = body.model_dump(mode="python", exclude_unset=True, exclude={"call_id", "channel"})
        _must_be_text(variables)
        view, is_new = await control.request_transfer(str(body.call_id or body.channel), variables)
        response.status_code = 201 if is_new else 200
        response.headers["Location"] = f"/v1/transfers/{view['transfer_id']}"
        return view

    @app.get("/v1/transfers", response_model=list[TransferView], tags=["transfers"])
    async def list_transfers(limit: Limit = 100) -> list[dict[str, Any]]:
        """Newest first, live and ended."""
        return await control.transfers(limit)

    @app.get("/v1/transfers/{transfer_id}", response_model=TransferView, tags=["transfers"], responses=_UNKNOWN)
    async def get_transfer(transfer_id: TransferId) -> dict[str, Any]:
        return await control.transfer(transfer_id)

    @app.post(
        "/v1/transfers/{transfer_id}/cancel",
        status_code=202,
        response_model=TransferView,
        tags=["transfers"],
        responses={**_UNKNOWN, **_problems(_409="It is over, or the join has been committed.")},
    )
    async def cancel_transfer(transfer_id: TransferId, body: WarmTransferCancel | None = None) -> dict[str, Any]:
        """Ends the transfer in flight unless the join has been committed. The end follows as a phase."""
        return await control.cancel(transfer_id, body.reason if body else None)

    @app.get(
        "/v1/transfers/{transfer_id}/events",
        status_code=200,
        tags=["transfers"],
        response_class=EventStream,
        responses={
            200: {
                "description": "`id`: sequence, `event`: phase, `data`: payload.",
                "content": {"text/event-stream": {}},
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
    @app.get("/v1/calls", response_model=list[CallView], tags=["calls"])
    async def list_calls(limit: Limit = 100) -> list[dict[str, Any]]:
        """Newest first, live and ended."""
        return await control.calls(limit)

    @app.get("/v1/calls/{call_id}", response_model=CallView, tags=["calls"], responses=_UNKNOWN)
    async def get_call(call_id: CallId) -> dict[str, Any]:
        return await control.call(call_id)

    @app.post("/v1/calls/{call_id}/transcript", response_model=CallView, tags=["calls"], responses=_REFUSED)
    async def add_transcript(call_id: CallId, body: WarmTransferTranscript) -> dict[str, Any]:
        """Adds turns to the call's conversation; with `replace` it starts over."""
        variables = body.model_dump(mode="python", exclude_unset=True)
        _must_be_text(variables)
        return await control.add_transcript(call_id, variables)


def _add_health(app: FastAPI, control: Control, registry: CollectorRegistry) -> None:
    @app.get("/healthz", tags=["health"])
    async def healthz() -> dict[str, str]:
        """The process runs and answers."""
        return {"status": "ok"}

    @app.get("/readyz", tags=["health"], response_model=Ready, responses={503: {"model": Ready}})
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
