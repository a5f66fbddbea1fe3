"""What a metric is: a name, what it means, and which labels it may have."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

OTHER = "other"
"""In place of a value of a label that is not one of its own."""
MOST_VALUES = 100
"""So many an operator may have of what has names of theirs."""

Kind = Literal["counter", "gauge", "histogram"]


@dataclass(frozen=True, slots=True)
class Label:
    """What tells the series of a metric apart."""

    name: str
    values: tuple[str, ...] = ()
    """All that it may be; none: names of the operator's, of which `MOST_VALUES` are told apart."""

    told_as: str = ""
    """How a document tells what it may be, if that is too much to list."""

    def fold(self, value: str, known: Iterable[str]) -> str:
        """*value*, or `OTHER`, so that nobody makes up series; *known* are those there are."""
        if self.values:
            return value if value in self.values else OTHER
        known = set(known)
        return value if value in known or len(known) < MOST_VALUES else OTHER


@dataclass(frozen=True, slots=True, eq=False)
class Metric:
    """Is its own key."""

    kind: Kind
    name: str
    """With its unit, and of a counter without ``_total``, as the library has it."""
    meaning: str
    labels: tuple[Label, ...] = ()
    bounds: tuple[float, ...] = ()
    """Of a histogram: the upper ends of its buckets, but for infinity."""

    @property
    def exposed_name(self) -> str:
        """As a scraper sees it."""
        return f"{self.name}_total" if self.kind == "counter" else self.name


@dataclass(frozen=True, slots=True)
class Chapter:
    """Metrics that stand together in a document."""

    heading: str
    metrics: list[Metric] = field(default_factory=list)

    def counter(self, name: str, meaning: str, *labels: Label) -> Metric:
        """What only grows; *name* is without ``parley_`` and ``_total``."""
        return self._add(Metric("counter", f"parley_{name}", meaning, labels))

    def gauge(self, name: str, meaning: str, *labels: Label) -> Metric:
        """What is read when a scraper asks."""
        return self._add(Metric("gauge", f"parley_{name}", meaning, labels))

    def histogram(
        self, name: str, meaning: str, bounds: tuple[float, ...], *labels: Label
    ) -> Metric:
        """How often something took how long, in seconds."""
        return self._add(Metric("histogram", f"parley_{name}", meaning, labels, bounds))

    def _add(self, metric: Metric) -> Metric:
        self.metrics.append(metric)
        return metric
