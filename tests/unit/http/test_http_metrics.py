"""What Prometheus reads: few labels, nobody's numbers."""

from __future__ import annotations

from typing import Any

import httpx
from fake_control import FakeControl, phase, settings
from prometheus_client import CollectorRegistry

from ari_app.http.api import build
from ari_app.http.metrics import Metrics
from ari_app.runtime.ports import Fate


def ended(name: str, outcome: str) -> dict[str, Any]:
    return phase("tr_1", 9, name) | {"data": {"result": {"outcome": outcome}}}


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(f"warm_transfer_{name}", labels)


def test_a_transfer_is_counted_at_its_start_and_end() -> None:
    metrics = Metrics()
    metrics.phase(phase("tr_1", 1, "started"))
    metrics.phase(ended("transfer_complete", "completed"))
    metrics.phase(ended("transfer_failed", "refused"))
    metrics.phase(ended("transfer_failed", "+14155550123"))
    assert value(metrics, "transfers_started_total") == 1
    assert value(metrics, "transfers_ended_total", outcome="completed") == 1
    assert value(metrics, "transfers_ended_total", outcome="refused") == 1
    assert value(metrics, "transfers_ended_total", outcome="internal_error") == 1
    assert value(metrics, "transfers_ended_total", outcome="busy") == 0
    assert value(metrics, "phase_seconds_count", phase="transfer_complete") == 1
    assert value(metrics, "phase_seconds_sum", phase="started") == 0.5


def test_gauges_follow() -> None:
    metrics = Metrics()
    metrics.calls({"talking": 3, "closed": 7})
    metrics.ari_connected(True)
    assert value(metrics, "calls", state="talking") == 3
    metrics.calls({})
    assert value(metrics, "calls", state="talking") == 0
    assert value(metrics, "calls", state="closed") is None
    assert value(metrics, "ari_connected") == 1
    metrics.ari_connected(False)
    assert value(metrics, "ari_connected") == 0


def test_ari_requests_are_counted_by_operation_and_fate() -> None:
    metrics = Metrics()
    metrics.ari_reply("channels.hangup", Fate.OK)
    metrics.ari_reply("channels.hangup", "unknown")
    assert value(metrics, "ari_requests_total", operation="channels.hangup", fate="ok") == 1
    assert value(metrics, "ari_requests_total", operation="channels.hangup", fate="unknown") == 1


async def test_they_are_served(control: FakeControl) -> None:
    metrics = Metrics(CollectorRegistry())
    metrics.phase(phase("tr_1", 1, "started"))
    app = build(control, settings(), metrics.registry)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as client:
        answer = await client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    assert "warm_transfer_transfers_started_total 1.0" in answer.text
    assert "process_resident_memory_bytes" in answer.text
