"""Writes docs/metrics.md from tornado_app/metrics/definitions.py: ``python -m docs.metrics``."""

from collections.abc import Iterator
from pathlib import Path

from tornado_app.metrics.definitions import CHAPTERS
from tornado_app.metrics.kinds import MOST_VALUES, Label, Metric

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "docs" / "metrics.md"

HEAD = """# Metrics

Made from [tornado_app/metrics/definitions.py](../tornado_app/metrics/definitions.py) by `make docs`; write there, not here.

With `metrics.enabled` a gateway answers `GET /metrics` at `metrics.host` and `metrics.port` ([configuration.md](configuration.md#metrics)), in the text format of Prometheus, or of OpenMetrics for whoever asks for it.
There is no token before it, and it is not on the address for clients: keep it in a network that only the scraper is in.

```yaml
scrape_configs:
  - job_name: parley
    static_configs:
      - targets: ["127.0.0.1:9464"]
```

- Counters grow from the start of the process, and are exact: what calls that run have summed up so far is added when the page is made.
- Names are those of Prometheus: seconds, bytes, `_total` for counters; histograms have `_bucket`, `_sum` and `_count`.
- Labels have the values that stand here, and no other: a word that is none of them is `other`. Names of the operator's own (tools, identity providers, upstreams) are told apart up to {most} of them. No label names a user, a session, an address or anything that was said.
- Beside those of Parley there are the process's own: `process_cpu_seconds_total`, `process_resident_memory_bytes`, `process_open_fds`, `process_max_fds`, `process_start_time_seconds`, `process_virtual_memory_bytes`, and `python_info`.
- A page of an idle gateway has some 30 KB; to make one takes the loop some 20 us for each call that is open, and another thread some milliseconds.
- Without `metrics.enabled` no audio is timed: `parley_added_latency_seconds` and the two of the pool count nothing.

## Several processes

`run.py serve --processes N` has one page for all at `metrics.port`, which the parent serves.
Each process has one of its own at the ports after it, the first at `metrics.port` + 1, which the parent asks.

- Counters and histograms are the sums of all. They never fall: what a process had counted stays when it dies, as of the last time that it was asked, which is each 5 s and for each scrape. What it counted behind that is lost with it.
- Gauges are each process's own, with its number as `process`: sum them up (`sum without (process) (parley_calls_open)`), but for limits that hold for all together (`max without (process) (parley_calls_limit)`).
- A process that does not answer within 2 s has no gauges, its counters stand still, and `parley_process_answers` is 0. One that has just been started counts as soon as it is asked.
- What the libraries tell of a process is of the processes as well; nothing is told of the parent's own memory.
"""


def page() -> str:
    """The whole of docs/metrics.md."""
    return HEAD.replace("{most}", str(MOST_VALUES)) + "".join(f"{line}\n" for line in _lines())


def _lines() -> Iterator[str]:
    for chapter in CHAPTERS:
        yield ""
        yield f"## {chapter.heading}"
        yield ""
        yield "| metric | kind | labels | what it counts |"
        yield "|---|---|---|---|"
        for metric in chapter.metrics:
            cells = f"`{metric.exposed_name}`", metric.kind, _labels(metric), _what(metric)
            yield f"| {' | '.join(cells)} |"


def _labels(metric: Metric) -> str:
    return "; ".join(f"`{label.name}`: {_values(label)}" for label in metric.labels)


def _values(label: Label) -> str:
    if label.told_as:
        return label.told_as
    return " ".join(f"`{value}`" for value in label.values) or "the operator's own names"


def _what(metric: Metric) -> str:
    if not metric.bounds:
        return metric.meaning
    ends = ", ".join(f"{bound:g}" for bound in metric.bounds)
    return f"{metric.meaning}  Buckets to {ends} s."


if __name__ == "__main__":
    TARGET.write_text(page(), "utf-8")
