"""Prometheus metrics. Labels are few and fixed: no ids, names or numbers of people."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector

from ari_app.runtime.ports import Fate
from ari_app.transfer.model import Outcome, Phase, State

SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320)
LIVE_STATES = tuple(state.value for state in State if state not in (State.NEW, State.CLOSED))
OUTCOMES = frozenset(outcome.value for outcome in Outcome)


@dataclass(frozen=True)
class WebhookCounts:
    """Of one webhook since the app started, but for `pending`: what waits now."""

    delivered: int
    failed: int
    pending: int


class _Webhooks:
    """A collector: asks when Prometheus does."""

    def __init__(self) -> None:
        self.counts: Callable[[], Mapping[str, WebhookCounts]] = dict

    def collect(self) -> Iterator[Metric]:
        name, labels = "warm_transfer_webhooks", ["webhook"]
        delivered = CounterMetricFamily(f"{name}_delivered", "Phases that webhooks have taken.", labels=labels)
        failed = CounterMetricFamily(f"{name}_failed", "Phases that were refused or given up.", labels=labels)
        pending = GaugeMetricFamily(f"{name}_pending", "Phases that wait for their webhook.", labels=labels)
        for webhook, counts in self.counts().items():
            delivered.add_metric([webhook], counts.delivered)
            failed.add_metric([webhook], counts.failed)
            pending.add_metric([webhook], counts.pending)
        yield from (delivered, failed, pending)


class Metrics:
    """What the app tells about itself; one per process."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._started = self._counter("transfers_started", "Transfers begun.")
        self._ended = self._counter(
            "transfers_ended", "Transfers over, by outcome; refused ones never began.", "outcome"
        )
        self._seconds = Histogram(
            "warm_transfer_phase_seconds",
            "Seconds from the start of a transfer to each of its phases.",
            ["phase"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self._calls = self._gauge("calls", "Live calls by state.", "state")
        self._connected = self._gauge("ari_connected", "1 while Asterisk's events arrive.")
        self._alone = self._gauge("provider_left_alone", "1 while a provider that failed is not asked.", "provider")
        self._requests = self._counter("ari_requests", "ARI requests by operation and end.", "operation", "fate")
        self._webhooks = _Webhooks()
        self.registry.register(self._webhooks)
        for outcome in Outcome:
            self._ended.labels(outcome.value)
        self.calls({})

    def phase(self, payload: Mapping[str, Any]) -> None:
        """One phase was published (contract, section 3)."""
        phase = Phase(payload["phase"])
        if phase is Phase.STARTED:
            self._started.inc()
        if phase.is_terminal:
            self._ended.labels(_outcome(payload)).inc()
        if _outcome(payload) != Outcome.REFUSED:
            self._seconds.labels(phase.value).observe(max(0.0, payload["elapsed"]))

    def calls(self, states: Mapping[str, int]) -> None:
        """How many calls are in each state now; a state that is not named has none."""
        for state in LIVE_STATES:
            self._calls.labels(state).set(states.get(state, 0))

    def ari_connected(self, connected: bool) -> None:
        self._connected.set(1 if connected else 0)

    def provider_left_alone(self, provider: str, alone: bool) -> None:
        self._alone.labels(provider).set(1 if alone else 0)

    def webhooks(self, counts: Callable[[], Mapping[str, WebhookCounts]]) -> None:
        """Where to ask, each time somebody reads the metrics."""
        self._webhooks.counts = counts

    def ari_reply(self, operation: str, fate: Fate | str) -> None:
        self._requests.labels(operation, fate.value if isinstance(fate, Fate) else fate).inc()

    def _counter(self, name: str, help_: str, *labels: str) -> Counter:
        return Counter(f"warm_transfer_{name}", help_, labels, registry=self.registry)

    def _gauge(self, name: str, help_: str, *labels: str) -> Gauge:
        return Gauge(f"warm_transfer_{name}", help_, labels, registry=self.registry)


def _outcome(payload: Mapping[str, Any]) -> str:
    """Of a terminal phase; a value outside the contract counts as an internal error."""
    given = (payload["data"].get("result") or {}).get("outcome")
    return str(given) if given in OUTCOMES else Outcome.INTERNAL_ERROR.value
