"""What a scraper is told, in the formats of Prometheus and OpenMetrics."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product
from math import prod
from typing import TypeAlias

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.core import (
    Metric as Family,
)
from prometheus_client.exposition import choose_encoder

from tornado_app.metrics.definitions import METRICS
from tornado_app.metrics.distribution import Distribution
from tornado_app.metrics.kinds import Metric
from tornado_app.metrics.tally import Series, Tally

MOST_FIRST = 200
"""A metric with more series than that has them when they are needed."""

Readings: TypeAlias = Mapping[Metric, Mapping[Series, float]]
"""Of gauges how they are; of counters what comes on top of what the tally has."""
Spreads: TypeAlias = Mapping[Metric, Distribution]
"""Those that others than the tally count."""


class Page:
    """All series at one moment.  Thread: made on the loop; `render` in any."""

    def __init__(self, tally: Tally, readings: Readings, spreads: Spreads) -> None:
        self._families = [_family(metric, tally, readings, spreads) for metric in METRICS]

    def render(self, accept: str) -> tuple[bytes, str]:
        """The page, and its content type, by what the scraper accepts.

        The process's own figures, of the library, are read now: CPU, memory, descriptors.
        """
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Ready(self._families))
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        return _encoded(registry, accept)


class PageOfFamilies:
    """What others have counted, as it is.  Thread: made on the loop; `render` in any."""

    def __init__(self, families: Iterable[Family]) -> None:
        self._families = tuple(families)

    def render(self, accept: str) -> tuple[bytes, str]:
        """As of `Page`."""
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Ready(self._families))
        return _encoded(registry, accept)


def families_of(metrics: Iterable[Metric], tally: Tally, readings: Readings) -> list[Family]:
    """These metrics alone."""
    return [_family(metric, tally, readings, {}) for metric in metrics]


def _encoded(registry: CollectorRegistry, accept: str) -> tuple[bytes, str]:
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


class _Ready:
    def __init__(self, families: Sequence[Family]) -> None:
        self._families = families

    def collect(self) -> Iterator[Family]:
        return iter(self._families)


def _family(metric: Metric, tally: Tally, readings: Readings, spreads: Spreads) -> Family:
    names = [label.name for label in metric.labels]
    if metric.kind == "histogram":
        known = dict(tally.spreads(metric))
        if metric in spreads:
            known[()] = spreads[metric]
        return _histogram(metric, names, known)
    read = readings.get(metric, {})
    values = tally.counts(metric)
    kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    family = kind(metric.name, metric.meaning, labels=names)
    series = {*read, *values, *_first(metric)}
    for labels in sorted(series):
        family.add_metric(labels, values.get(labels, 0) + read.get(labels, 0))
    return family


def _histogram(metric: Metric, names: list[str], known: Mapping[Series, Distribution]) -> Family:
    family = HistogramMetricFamily(metric.name, metric.meaning, labels=names)
    empty = {labels: Distribution(metric.bounds) for labels in _first(metric)}
    for labels, spread in sorted({**empty, **known}.items()):
        buckets, so_far = [], 0
        ends = [*map(repr, spread.bounds), "+Inf"]
        for end, count in zip(ends, spread.counts, strict=True):
            so_far += count
            buckets.append((end, so_far))
        family.add_metric(labels, buckets, spread.total)
    return family


def _first(metric: Metric) -> Iterable[Series]:
    """Series that are there from the start, at 0, so that a first event is a rise and no birth."""
    if metric.kind == "gauge":
        return ()
    known = [label.values for label in metric.labels]
    return product(*known) if prod(map(len, known)) <= MOST_FIRST else ()
