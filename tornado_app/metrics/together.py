"""The pages of several processes as one.

What is counted is added up, and never falls: what a process had counted when it was asked last
stays when it dies.  What is read is each process's own, with its number as `process`.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from prometheus_client.core import Metric as Family
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

COUNTED = frozenset({"counter", "histogram"})
PROCESS = "process"

Key = tuple[str, tuple[tuple[str, str], ...]]
"""A series: its name, and its labels in their order."""


@dataclass(slots=True)
class Counts:
    """Of the families that are added up."""

    values: dict[Key, float] = field(default_factory=dict)

    def add(self, others: Mapping[Key, float]) -> None:
        for key, value in others.items():
            self.values[key] = self.values.get(key, 0.0) + value


@dataclass(frozen=True, slots=True)
class Parsed:
    """One page: its families, and of those that are added up the values."""

    families: tuple[Family, ...]
    counted: Mapping[Key, float]


def parse(text: str) -> Parsed:
    """A page in the text format.  Thread: any.

    Raises:
        ValueError: If it is none.
    """
    families = tuple(text_string_to_metric_families(text))
    counted = {
        _key(sample): float(sample.value)
        for family in families
        if family.type in COUNTED
        for sample in family.samples
    }
    return Parsed(families, counted)


class Together:
    """Thread: loop."""

    def __init__(self) -> None:
        self._last: dict[int, Parsed] = {}
        """What each process that runs has said last."""
        self._gone = Counts()

    def heard(self, process: int, page: Parsed) -> None:
        """That process says this now."""
        self._last[process] = page

    def died(self, process: int) -> None:
        """What it had counted stays, and what was read of it does not."""
        page = self._last.pop(process, None)
        if page is not None:
            self._gone.add(page.counted)

    def families(self, answering: Iterable[int]) -> list[Family]:
        """All of them now; what is read is of the processes that are *answering*."""
        total = Counts(dict(self._gone.values))
        for page in self._last.values():
            total.add(page.counted)
        read = sorted(set(answering) & self._last.keys())
        found: dict[str, Family] = {}
        for process, page in sorted(self._last.items()):
            for family in page.families:
                into = found.setdefault(family.name, _like(family))
                if family.type not in COUNTED and process in read:
                    into.samples += _numbered(family, process)
        for family in found.values():
            if family.type in COUNTED:
                family.samples = list(self._summed(family, total))
        return [family for family in found.values() if family.samples]

    def _summed(self, like: Family, total: Counts) -> Iterator[Sample]:
        """In the order of the first process that has a series, as buckets have one."""
        told: set[Key] = set()
        for _, page in sorted(self._last.items()):
            for family in page.families:
                for sample in family.samples if family.name == like.name else ():
                    key = _key(sample)
                    if key not in told:
                        told.add(key)
                        yield sample._replace(value=total.values[key])
        for key, value in self._gone.values.items():
            if key not in told and _is_of(key[0], like):
                yield Sample(key[0], dict(key[1]), value)


def _key(sample: Sample) -> Key:
    return sample.name, tuple(sorted(sample.labels.items()))


def _like(family: Family) -> Family:
    return Family(family.name, family.documentation, family.type)


def _numbered(family: Family, process: int) -> list[Sample]:
    return [
        sample._replace(labels={**sample.labels, PROCESS: str(process)})
        for sample in family.samples
    ]


def _is_of(name: str, family: Family) -> bool:
    """Whether a series is one of that family."""
    ends = ("_total",) if family.type == "counter" else ("_bucket", "_sum", "_count")
    return any(name == family.name + end for end in ends)
