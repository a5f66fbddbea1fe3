"""All that is counted while it happens."""

from collections import defaultdict
from collections.abc import Mapping
from typing import TypeAlias

from tornado_app.metrics.distribution import Distribution
from tornado_app.metrics.kinds import Metric

Series: TypeAlias = tuple[str, ...]
"""The values of a metric's labels, in order."""


class Tally:
    """Thread: loop.

    Nothing here is called for each chunk of audio: what is summed up in a call is read when a
    scraper asks, and added here when the call ends.
    """

    __slots__ = ("_counts", "_spreads")

    def __init__(self) -> None:
        self._counts: dict[Metric, dict[Series, float]] = defaultdict(dict)
        self._spreads: dict[Metric, dict[Series, Distribution]] = defaultdict(dict)

    def add(self, metric: Metric, *labels: str, by: float = 1) -> None:
        series = self._counts[metric]
        key = _fold(metric, labels, series)
        series[key] = series.get(key, 0) + by

    def observe(self, metric: Metric, value: float, *labels: str) -> None:
        series = self._spreads[metric]
        key = _fold(metric, labels, series)
        spread = series.get(key)
        if spread is None:
            spread = series[key] = Distribution(metric.bounds)
        spread.observe(value)

    def counts(self, metric: Metric) -> Mapping[Series, float]:
        return self._counts[metric]

    def spreads(self, metric: Metric) -> Mapping[Series, Distribution]:
        return self._spreads[metric]


def _fold(metric: Metric, labels: tuple[str, ...], series: Mapping[Series, object]) -> Series:
    """The values that this metric may have."""
    if labels in series or not labels:
        return labels
    known = (
        {key[place] for key in series} if not label.values else ()
        for place, label in enumerate(metric.labels)
    )
    pairs = zip(metric.labels, labels, known, strict=True)
    return tuple(label.fold(value, values) for label, value, values in pairs)
