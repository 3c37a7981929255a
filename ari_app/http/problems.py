"""Errors as problem details (RFC 9457): one shape for all of them, without internals."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.routing import Match

from ari_app.errors import AriError, JournalError, RequestRefused

log = structlog.get_logger(__name__)


class Problem(BaseModel):
    """RFC 9457 problem details."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    type: str = "about:blank"
    title: str = Field(examples=["Unprocessable Content"])
    status: int = Field(examples=[422])
    detail: str = Field(examples=["destination.sip_call_to: Field required"])
    "What is wrong and, where it helps, the mend."
    key: str | None = Field(default=None, examples=["destination.sip_call_to"])
    "The key of the request that is wrong."
    outcome: str | None = Field(default=None, examples=["refused"])
    """When a transfer was asked for: `refused`, or `congestion` or `unreachable` where later may do. Nothing was
    touched."""


class ProblemResponse(JSONResponse):
    media_type = "application/problem+json"


def problem(
    status: int,
    detail: str,
    *,
    key: str | None = None,
    outcome: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> ProblemResponse:
    body = Problem(title=_title(status), status=status, detail=detail, key=key, outcome=outcome)
    return ProblemResponse(body.model_dump(exclude_none=True), status, dict(headers or {}))


def answer_with_problems(app: FastAPI) -> None:
    """Every exception that leaves a route becomes a problem; what nobody foresaw is caught by the guard."""
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(RequestRefused, _refused)
    app.add_exception_handler(JournalError, _unavailable)
    app.add_exception_handler(AriError, _unavailable)


async def _http(request: Request, error: Any) -> ProblemResponse:
    headers = {**(error.headers or {}), **({"Allow": _allowed(request)} if error.status_code == 405 else {})}
    return problem(error.status_code, _sentence(error), headers=headers)


def _allowed(request: Request) -> str:
    """Of all routes with this path; the framework knows those of the first one only."""
    same = (route for route in request.app.routes if route.matches(request.scope)[0] is Match.PARTIAL)
    return ", ".join(sorted({method for route in same for method in route.methods or ()}))


def _sentence(error: HTTPException) -> str:
    return {404: "there is no such resource", 405: "the resource does not know this method"}.get(
        error.status_code, error.detail
    )


async def _refused(request: Request, error: Any) -> ProblemResponse:
    return problem(error.status, str(error), key=error.key, outcome=_outcome(request, error.outcome))


async def _invalid(request: Request, error: Any) -> ProblemResponse:
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return problem(400, f"the body is not valid JSON: {first['ctx']['error']}", outcome=_outcome(request))
    place, *keys = first["loc"]
    key = ".".join(str(part) for part in keys) or None
    no_object = place == "body" and not keys and first["type"] != "value_error"
    detail = "the body must be a JSON object" if no_object else _wording(first)
    return problem(422, f"{key}: {detail}" if key else detail, key=key, outcome=_outcome(request))


def _wording(first: Mapping[str, Any]) -> str:
    """As `wire.parse` words it. A model's own check starts with the key it means."""
    if first["type"] == "extra_forbidden":
        return "unknown key"
    if first["type"] == "string_pattern_mismatch":
        return f"does not match {first['ctx']['pattern']}"
    return str(first["msg"]).removeprefix("Value error, ")


async def _unavailable(request: Request, error: Exception) -> ProblemResponse:
    log.error("http request failed", path=request.url.path, error=str(error))
    part = "the journal" if isinstance(error, JournalError) else "Asterisk"
    return problem(503, f"{part} can't be reached now", headers={"Retry-After": "2"})


def _outcome(request: Request, outcome: str = RequestRefused.outcome) -> str | None:
    asks_for_transfer = (request.method, request.url.path) == ("POST", "/v1/transfers")
    return outcome if asks_for_transfer else None


def _title(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"
