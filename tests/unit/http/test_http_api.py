"""The routes of the contract's section 5, and how they refuse."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest
from fake_control import TOKEN, FakeControl
from pydantic import BaseModel

from ari_app import wire
from ari_app.errors import JournalError, RequestRefused
from ari_app.http import examples, guard
from ari_app.http.phases import DATA
from ari_app.runtime.intake import Congested, Unreached
from ari_app.transfer.model import Phase

BODY: dict[str, Any] = {
    "channel": "1700000000.12",
    "request_id": "case-1",
    "destination": {"routing_rule_id": "rr_sales", "sip_call_to": "+14155550123"},
    "metadata": {"case": 7},
}


def problem_of(answer: httpx.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert problem["status"] == status and problem["title"] and problem["type"]
    return problem


async def test_a_new_transfer_is_created_and_located(client: httpx.AsyncClient, control: FakeControl) -> None:
    answer = await client.post("/v1/transfers", json=BODY)
    assert answer.status_code == 201
    assert answer.headers["location"] == "/v1/transfers/tr_1"
    assert answer.json() == control.views["tr_1"]
    ref, variables = control.asked[0]
    assert ref == "1700000000.12"
    assert variables == {key: BODY[key] for key in ("request_id", "destination", "metadata")}


async def test_the_same_request_id_again_is_the_same_transfer(client: httpx.AsyncClient) -> None:
    first = await client.post("/v1/transfers", json=BODY)
    again = await client.post("/v1/transfers", json=BODY)
    assert (again.status_code, again.json()) == (200, first.json())
    assert again.headers["location"] == first.headers["location"]


@pytest.mark.parametrize("header", ["case-1", '"case-1"'])
async def test_an_idempotency_key_stands_in_for_a_request_id(
    client: httpx.AsyncClient, control: FakeControl, header: str
) -> None:
    bare = {key: value for key, value in BODY.items() if key != "request_id"}
    first = await client.post("/v1/transfers", json=bare, headers={"Idempotency-Key": header})
    again = await client.post("/v1/transfers", json=BODY, headers={"Idempotency-Key": "case-2"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["request_id"] == "case-1" and again.json() == first.json()
    wrong = await client.post("/v1/transfers", json=bare, headers={"Idempotency-Key": "two words"})
    assert problem_of(wrong, 422)["key"] == "Idempotency-Key"
    assert len(control.views) == 1


async def test_a_call_may_be_named_by_its_id(client: httpx.AsyncClient, control: FakeControl) -> None:
    body = {key: value for key, value in BODY.items() if key != "channel"} | {"call_id": "call_1"}
    assert (await client.post("/v1/transfers", json=body)).status_code == 201
    assert control.asked[0][0] == "call_1"


@pytest.mark.parametrize(
    ("kind", "status", "outcome"),
    [
        *((RequestRefused, status, "refused") for status in (403, 404, 409, 422, 503)),
        (Congested, 503, "congestion"),
        (Unreached, 503, "unreachable"),
    ],
)
async def test_a_refusal_is_a_problem_with_its_status(
    client: httpx.AsyncClient, control: FakeControl, kind: type[RequestRefused], status: int, outcome: str
) -> None:
    control.breaks = kind("not in destinations", key="destination.sip_call_to", status=status)
    problem = problem_of(await client.post("/v1/transfers", json=BODY), status)
    assert problem["outcome"] == outcome
    assert problem["key"] == "destination.sip_call_to"
    assert problem["detail"] == "destination.sip_call_to: not in destinations"


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"surprise": 1}, "surprise"),
        ({"destination": {"routing_rule_id": "rr"}}, "destination.sip_call_to"),
        ({"destination": {"routing_rule_id": "rr", "sip_call_to": "1&2"}}, "destination.sip_call_to"),
        ({"briefing_timeout": "soon"}, "briefing_timeout"),
        ({"chat_history": [{"content": "x"}]}, "chat_history.0.role"),
    ],
)
async def test_what_is_wrong_in_a_request_is_named(
    client: httpx.AsyncClient, control: FakeControl, change: dict[str, Any], key: str
) -> None:
    problem = problem_of(await client.post("/v1/transfers", json=BODY | change), 422)
    assert problem["key"] == key and problem["detail"].startswith(f"{key}: ")
    assert problem["outcome"] == "refused"
    assert control.asked == []


@pytest.mark.parametrize("missing", ["channel", "destination"])
async def test_a_missing_half_is_named_in_the_detail(client: httpx.AsyncClient, missing: str) -> None:
    body = {key: value for key, value in BODY.items() if key != missing}
    named = {"channel": "call_id", "destination": "destination"}[missing]
    assert problem_of(await client.post("/v1/transfers", json=body), 422)["detail"].startswith(f"{named}: give either")


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b"nonsense"])
async def test_broken_json_is_400(client: httpx.AsyncClient, content: bytes) -> None:
    answer = await client.post("/v1/transfers", content=content, headers={"content-type": "application/json"})
    problem_of(answer, 400)


@pytest.mark.parametrize("content", [b"[]", b"null", b'"x"', b""])
async def test_anything_but_an_object_is_422(client: httpx.AsyncClient, content: bytes) -> None:
    answer = await client.post("/v1/transfers", content=content, headers={"content-type": "application/json"})
    problem_of(answer, 422)


@pytest.mark.parametrize("value", ["NaN", "1e999", '"\\ud800"'])
async def test_what_json_can_not_hold_is_refused(client: httpx.AsyncClient, control: FakeControl, value: str) -> None:
    content = json.dumps(BODY).replace('"case": 7', f'"case": {value}')
    answer = await client.post("/v1/transfers", content=content, headers={"content-type": "application/json"})
    problem_of(answer, 422)
    assert control.asked == []


async def test_a_body_of_another_type_is_415(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/transfers", content=json.dumps(BODY), headers={"content-type": "text/plain"})
    problem_of(answer, 415)


async def test_a_body_too_large_is_413_announced_or_not(
    client: httpx.AsyncClient, control: FakeControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "LARGEST_BODY", 1000)
    body = BODY | {"reason": "x" * 1000}
    problem_of(await client.post("/v1/transfers", json=body), 413)

    async def chunks() -> Any:
        for _ in range(20):
            yield b" " * 100

    answer = await client.post("/v1/transfers", content=chunks(), headers={"content-type": "application/json"})
    problem_of(answer, 413)
    assert control.asked == []


async def test_a_body_that_does_not_come_is_408(client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "BODY_DEADLINE", 0.0)

    async def chunks() -> Any:
        yield b"{"
        await asyncio.Event().wait()

    answer = await client.post("/v1/transfers", content=chunks(), headers={"content-type": "application/json"})
    problem_of(answer, 408)


async def test_unknown_routes_and_methods_are_problems(client: httpx.AsyncClient) -> None:
    problem_of(await client.get("/v2/transfers"), 404)
    answer = await client.delete("/v1/transfers/tr_1")
    problem_of(answer, 405)
    assert answer.headers["allow"] == "GET"
    assert (await client.delete("/v1/transfers")).headers["allow"] == "GET, POST"


@pytest.mark.parametrize("path", ["/v1/transfers/tr_9", "/v1/transfers/tr_9/events", "/v1/calls/call_9"])
async def test_what_is_not_there_is_404_and_no_refusal(client: httpx.AsyncClient, path: str) -> None:
    assert "outcome" not in problem_of(await client.get(path), 404)


async def test_a_defect_tells_nothing(client: httpx.AsyncClient, control: FakeControl) -> None:
    control.breaks = ZeroDivisionError("canary-secret")
    answer = await client.get("/v1/transfers")
    problem_of(answer, 500)
    assert "canary" not in answer.text and "ZeroDivision" not in answer.text


async def test_a_journal_that_fails_is_503(client: httpx.AsyncClient, control: FakeControl) -> None:
    control.breaks = JournalError("disk full: canary")
    answer = await client.get("/v1/transfers")
    assert "canary" not in problem_of(answer, 503)["detail"]
    assert answer.headers["retry-after"] == "2"


async def test_lists_are_arrays_newest_first_and_bounded(client: httpx.AsyncClient) -> None:
    for number in range(3):
        await client.post("/v1/transfers", json=BODY | {"request_id": f"case-{number}"})
    assert [view["transfer_id"] for view in (await client.get("/v1/transfers")).json()] == ["tr_3", "tr_2", "tr_1"]
    assert len((await client.get("/v1/transfers?limit=1")).json()) == 1
    assert problem_of(await client.get("/v1/transfers?limit=0"), 422)["key"] == "limit"
    assert [view["call_id"] for view in (await client.get("/v1/calls")).json()] == ["call_1"]


async def test_cancel_gives_the_reason_on(client: httpx.AsyncClient, control: FakeControl) -> None:
    await client.post("/v1/transfers", json=BODY)
    answer = await client.post("/v1/transfers/tr_1/cancel", json={"reason": "caller is back"})
    assert (answer.status_code, answer.json()["transfer_id"]) == (202, "tr_1")
    assert (await client.post("/v1/transfers/tr_1/cancel")).status_code == 202
    assert control.asked[1:] == [("tr_1", "caller is back"), ("tr_1", None)]
    control.breaks = RequestRefused("the join is committed", status=409)
    assert "outcome" not in problem_of(await client.post("/v1/transfers/tr_1/cancel"), 409)


async def test_a_transcript_is_added(client: httpx.AsyncClient, control: FakeControl) -> None:
    turns = [{"role": "user", "content": "hello"}]
    answer = await client.post("/v1/calls/call_1/transcript", json={"turns": turns})
    assert (answer.status_code, answer.json()["call_id"]) == (200, "call_1")
    assert control.asked == [("call_1", {"turns": turns})]
    problem = problem_of(await client.post("/v1/calls/call_1/transcript", json={"turns": [], "x": 1}), 422)
    assert problem["key"] == "x"


@pytest.mark.parametrize(("part", "value"), [("ari", False), ("journal", False), ("draining", True)])
async def test_ready_is_every_part(client: httpx.AsyncClient, control: FakeControl, part: str, value: bool) -> None:
    assert (await client.get("/readyz")).json() == {"ready": True, "ari": True, "journal": True, "draining": False}
    control.parts[part] = value
    answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()["ready"], answer.json()[part]) == (503, False, value)


@pytest.mark.parametrize("path", ["/v1/transfers", "/v1/calls", "/docs", "/openapi.json", "/nowhere"])
async def test_without_the_token_nothing_is_told(guarded: httpx.AsyncClient, path: str) -> None:
    for header in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": TOKEN}, {"Authorization": "Bearer é"}):
        raw = [(name.encode(), value.encode()) for name, value in header.items()]
        answer = await guarded.get(path, headers=raw)
        problem_of(answer, 401)
        assert answer.headers["www-authenticate"] == "Bearer"


async def test_with_the_token_everything_is_told(guarded: httpx.AsyncClient) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    assert (await guarded.get("/v1/transfers", headers=headers)).status_code == 200
    assert (await guarded.get("/docs", headers=headers)).status_code == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
async def test_probes_need_no_token(guarded: httpx.AsyncClient, path: str) -> None:
    assert (await guarded.get(path)).status_code == 200


@pytest.mark.parametrize("header", [{"Host": "evil.example"}, {"Origin": "http://evil.example"}, {"Origin": "null"}])
async def test_without_a_token_a_browsers_other_pages_are_refused(
    client: httpx.AsyncClient, header: dict[str, str]
) -> None:
    problem_of(await client.get("/v1/transfers", headers=header), 403)


@pytest.mark.parametrize("host", ["localhost:8089", "[::1]:8089", "127.0.0.1"])
async def test_without_a_token_loopback_is_at_home(client: httpx.AsyncClient, host: str) -> None:
    headers = {"Host": host, "Origin": f"http://{host}"}
    assert (await client.get("/v1/transfers", headers=headers)).status_code == 200


async def test_openapi_describes_requests_views_and_problems(
    client: httpx.AsyncClient, guarded: httpx.AsyncClient
) -> None:
    schema = (await client.get("/openapi.json")).json()
    names = schema["components"]["schemas"]
    assert {"HttpTransferRequest", "TransferView", "CallView", "Problem", "WarmTransferTranscript"} <= set(names)
    post = schema["paths"]["/v1/transfers"]["post"]
    assert {"200", "201", "409", "422"} <= set(post["responses"])
    assert "application/problem+json" in post["responses"]["422"]["content"]
    assert "HTTPValidationError" not in names
    assert post["requestBody"]["content"]["application/json"]["schema"]["examples"][0]["destination"]
    protected = (await guarded.get("/openapi.json", headers={"Authorization": f"Bearer {TOKEN}"})).json()
    assert protected["security"] == [{"token": []}] and "security" not in schema


async def test_every_body_and_every_answer_has_an_example(client: httpx.AsyncClient) -> None:
    schema = (await client.get("/openapi.json")).json()
    for path, verbs in schema["paths"].items():
        for verb, operation in verbs.items():
            for code, answer in operation["responses"].items():
                for kind, content in answer.get("content", {}).items():
                    assert content.get("example") or path == "/metrics", f"{verb} {path} {code} {kind}"
                    assert kind != "application/problem+json" or content["example"]["status"] == int(code)
            for content in operation.get("requestBody", {}).get("content", {}).values():
                assert content["schema"].get("examples"), f"{verb} {path}"


@pytest.mark.parametrize(
    ("model", "example"),
    [
        (wire.WarmTransferRequest, examples.REQUEST),
        (wire.HttpTransferRequest, examples.HTTP_REQUEST),
        (wire.WarmTransferTranscript, examples.TRANSCRIPT),
        (wire.WarmTransferCancel, examples.CANCEL),
        (wire.TransferView, examples.TRANSFER_VIEW),
        (wire.TransferView, examples.ENDED_VIEW),
        (wire.CallView, examples.CALL_VIEW),
        *((wire.PhasePayload, examples.payload(each)) for each in Phase),
        *((DATA[each], examples.payload(each)["data"]) for each in Phase),
    ],
)
def test_examples_are_what_they_say(model: type[BaseModel], example: dict[str, Any]) -> None:
    """And answers have every key there is."""
    given = model.model_validate(example)
    if not isinstance(given, wire.Message):
        assert json.loads(given.model_dump_json()) == example
