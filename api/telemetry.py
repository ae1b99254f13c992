"""Prometheus metrics of this process, and of the queue as the database has it."""

from collections.abc import Iterator
from functools import cache

import sqlalchemy as sa
import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from api.limits import Limits
from jobs import db, processes, queries

log = structlog.get_logger(__name__)

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class _Queue(Collector):
    """Asked at each scrape."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def collect(self) -> Iterator[GaugeMetricFamily]:
        jobs = GaugeMetricFamily("netaug_jobs", "Jobs that are not final.", labels=["status"])
        live = GaugeMetricFamily("netaug_processes", "Live processes.", labels=["role"])
        try:
            with db.reading(self._engine) as connection:
                for status, count in queries.count_by_status(connection).items():
                    jobs.add_metric([status], count)
                for role in (processes.WORKER, processes.DISPATCHER):
                    live.add_metric([role], len(processes.live(connection, role)))
        except db.UNAVAILABLE as error:
            log.warning("scrape_without_database", reason=type(error).__name__)
            return
        yield jobs
        yield live

    def describe(self) -> Iterator[GaugeMetricFamily]:
        yield from ()  # or the registry would ask the database while it is set up


class Telemetry:
    """The metrics of one application."""

    def __init__(self, engine: sa.Engine, limits: Limits) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_Queue(engine))
        streams = Gauge("netaug_http_streams", "Open event streams.", registry=self._registry)
        streams.set_function(lambda: limits.num_streams)
        self._requests = Counter(
            "netaug_http_requests_total",
            "Requests answered.",
            ["operation", "status"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            "netaug_http_request_seconds",
            "Seconds until the answer began.",
            ["operation"],
            buckets=BUCKETS,
            registry=self._registry,
        )

    def answered(self, operation: str, status: int, seconds: float) -> None:
        requests, seconds_taken = self._of(operation, status)
        requests.inc()
        seconds_taken.observe(seconds)

    @cache  # noqa: B019  # lives as long as the process; `labels` formats and locks each time
    def _of(self, operation: str, status: int) -> tuple[Counter, Histogram]:
        return self._requests.labels(operation, status), self._seconds.labels(operation)

    def exposition(self) -> bytes:
        return generate_latest(self._registry)
