"""What Prometheus is told: requests, their times, and the daemon's own counts. No label comes from a request."""

from __future__ import annotations

from collections.abc import Mapping

_TIMES = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """The counters of one listener, in a registry of their own."""

    def __init__(self) -> None:
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

        self.registry = CollectorRegistry()
        self._requests = Counter(
            "stageauto_http_requests", "Requests answered.", ["route", "status"], registry=self.registry
        )
        self._seconds = Histogram(
            "stageauto_http_seconds", "How long answers took.", ["route"], buckets=_TIMES, registry=self.registry
        )
        self.connections = Gauge("stageauto_http_connections", "Connections that are open.", registry=self.registry)
        self.refused = Counter(
            "stageauto_http_refused", "Connections and requests that were over a limit.", ["what"],
            registry=self.registry,
        )  # fmt: skip
        self._values = {
            name: Gauge(f"stageauto_{name}", text, registry=self.registry)
            for name, text in (
                ("decided", "Runs and events decided since the daemon started."),
                ("sent", "Messages sent since the daemon started."),
                ("not_sent", "Messages that were not sent since the daemon started."),
                ("events", "Events handled since the daemon started."),
                ("next_due_seconds", "Seconds until the next item is due; below 0 it is late."),
            )
        }
        self._items = Gauge("stageauto_items", "Items by stage.", ["pipeline", "stage"], registry=self.registry)
        self._outbox = Gauge("stageauto_outbox", "Deliveries by state.", ["channel", "state"], registry=self.registry)

    def answered(self, route: str, status: int, ms: int) -> None:
        """Counts one answer. `route`: the pattern of its path, never the path itself."""
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(ms / 1000)

    def write(
        self,
        values: Mapping[str, float],
        items: Mapping[tuple[str, str], int],
        outbox: Mapping[tuple[str, str], int],
    ) -> bytes:
        """The page that Prometheus reads, with the daemon's counts as of now."""
        from prometheus_client import generate_latest

        for name, value in values.items():
            self._values[name].set(value)
        for gauge, counts in ((self._items, items), (self._outbox, outbox)):
            gauge.clear()
            for labels, count in counts.items():
                gauge.labels(*labels).set(count)
        return generate_latest(self.registry)
