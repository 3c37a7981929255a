"""What is logged, and what never is."""

from __future__ import annotations

import errno
import io
import json
import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from ari_app import logs


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("+14155550123", "+14•••23"),
        ("dial PJSIP/+14155550123@trunk-a now", "dial PJSIP/+14•••23@trunk-a now"),
        ("sip:14155550123@10.0.0.1:5060", "sip:14•••23@10.0.0.1:5060"),
        ("PJSIP/14155550123-0000001a", "PJSIP/14•••23-0000001a"),
        ("call +1 (415) 555-0123 back", "call +14•••23 back"),
        ("call (415) 555-0123 or 415-555-0199", "call 41•••23 or 41•••99"),
        ("Authorization: Bearer canary", "Authorization: Bearer •••"),
        ("http://pbx:8088/ari/events?app=x&api_key=me:canary", "http://pbx:8088/ari/events?app=x&api_key=•••"),
        ("postgresql://me:canary@db/wt", "postgresql://me:•••@db/wt"),
    ],
)
def test_numbers_and_secrets_are_masked(text: str, redacted: str) -> None:
    assert logs.redact(text) == redacted


@pytest.mark.parametrize(
    "text",
    [
        "1700000000.12",
        "asterisk-1700000000.12",
        "tr_0123456789abcdef",
        "call_01234567890123",
        "wt-tr_12345678901-supervisor-1",
        "12345678-1234-4234-8234-123456789012",
        "PJSIP/trunk-a-00000012",
        "2026-11-22T08:30:05.123456Z",
        "10.0.0.1:50600",
        "took 0.1234567891 s",
        "PJSIP/2001",
    ],
)
def test_ids_and_times_are_not(text: str) -> None:
    assert logs.redact(text) == text


def test_private_text_prints_redacted() -> None:
    number = logs.Private("+14155550123")
    assert f"{number} {number!r} {[number]}" == "+14•••23 +14•••23 [+14•••23]"
    assert number.text == "+14155550123"


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    root, levels = logging.getLogger(), {name: logging.getLogger(name).level for name in logs.LIBRARIES}
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_one_line_of_json_with_the_transfer_it_belongs_to(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info")
    log = structlog.get_logger().bind(transfer_id="tr_1", call_id="call_1")
    log.debug("not at this level")
    log.info("dialed", sip_call_to="+14155550123", attempt=1, password="canary", nested={"to": ["+14155550123"]})
    (line,) = lines(capsys)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "dialed",
        "level": "info",
        "transfer_id": "tr_1",
        "call_id": "call_1",
        "sip_call_to": "+14•••23",
        "attempt": 1,
        "password": "•••",
        "nested": {"to": ["+14•••23"]},
    }


def test_what_was_said_is_logged_at_debug_only(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info")
    structlog.get_logger().info("ready", summary="canary")
    logs.configure("debug")
    structlog.get_logger().info("ready", summary="spoken, +14155550123")
    assert [line["summary"] for line in lines(capsys)] == ["•••", "spoken, +14•••23"]


def test_tracebacks_are_one_line_and_redacted_too(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info")
    try:
        raise ValueError("no route to +14155550123")
    except ValueError:
        structlog.get_logger().exception("route broke")
    (line,) = lines(capsys)
    assert "ValueError: no route to +14•••23" in line["exception"]


def test_other_libraries_speak_through_it_but_not_of_people(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("debug")
    logging.getLogger("httpx").info("HTTP Request: GET /canary")
    logging.getLogger("uvicorn.access").info("GET /canary")
    logging.getLogger("uvicorn.error").error("lost %s", "+14155550123")
    (line,) = lines(capsys)
    assert (line["event"], line["logger"], line["level"]) == ("lost +14•••23", "uvicorn.error", "error")


def test_a_log_that_can_not_be_written_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.StringIO):
        def write(self, _: str) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    logs.configure("info")
    monkeypatch.setattr(sys, "stderr", Full())
    structlog.get_logger().info("nobody reads this")


def test_somebody_who_watches_gets_words_instead_of_json(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    logs.configure("info")
    try:
        raise ValueError("+14155550123")
    except ValueError:
        structlog.get_logger().exception("route broke", number="+14155550123")
    printed = capsys.readouterr().err
    assert "route broke" in printed and "+14155550123" not in printed
