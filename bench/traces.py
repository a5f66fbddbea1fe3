"""What traces cost: the loop for each call and each turn, the exporter's thread for each span.

A chunk costs the same with them and without: nothing of them is called for it.
README.md says what is counted, and how.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans

from bench.common import ROOT, print_table
from tests.session.story import config
from tornado_app.settings.loading import load
from tornado_app.tracing.call_trace import CallTrace
from tornado_app.tracing.context import TraceContext, new_id
from tornado_app.tracing.otlp import OtlpCollector
from tornado_app.tracing.span import Span

BEGINNING = ("session_opened", "upstream_dialled", "upstream_open", "upstream_connected")
TURN = ("audio_committed", "response_begun", "answer_heard", "response_done")
TOOL = ("tool_called", "tool_done")
SPANS: list[Span] = []


class Facts(dict[str, Any]):
    """Fields of a fact; a word for whatever is asked for and is not here."""

    def __missing__(self, name: str) -> str:
        return name


FACTS: Mapping[str, Any] = Facts(
    duration_ms=250.0,
    model_ms=400.0,
    gateway_ms=2.0,
    tools_ms=250.0,
    again=False,
    close_code=1000,
    tokens_by_type={"audio_input": 120, "cached_input": 800, "audio_output": 90},
)


def call(turns: int, put: Callable[[Span], None], *, with_tool: bool = False) -> None:
    """A call that says so many turns of itself."""
    context = TraceContext(new_id(16), new_id(8), True)
    trace = CallTrace(context, None, CONFIG, put, provider="openai", user={})
    for event in BEGINNING:
        trace.hear(event, FACTS, 1.0)
    for _ in range(turns):
        for event in (*TURN[:2], *(TOOL if with_tool else ()), *TURN[2:]):
            trace.hear(event, FACTS, 2.0)
    trace.hear("session_closed", FACTS, 9.0)
    trace.finish(9.0)


CONFIG = config()
COLLECTOR = OtlpCollector(load((ROOT / "conf" / "gateway.toml").read_text(), None, {}).traces)


for _ in range(10):
    call(10, SPANS.append, with_tool=True)


def run(rounds: int, calls: int) -> dict[str, list[float]]:
    """Microseconds of CPU, one figure a round."""
    found: dict[str, list[float]] = {name: [] for name in ("call", "turn", "tool", "span")}
    for _ in range(rounds):
        empty_us = _cpu_us(lambda: call(0, _drop), calls)
        turns_us = _cpu_us(lambda: call(10, _drop), calls)
        tools_us = _cpu_us(lambda: call(10, _drop, with_tool=True), calls)
        found["call"].append(empty_us)
        found["turn"].append((turns_us - empty_us) / 10)
        found["tool"].append((tools_us - turns_us) / 10)
        found["span"].append(_cpu_us(_written, 4) / len(SPANS))
    return found


def _written() -> bytes:
    """A request of some hundred, as it is sent."""
    return encode_spans([COLLECTOR.spelled(span) for span in SPANS]).SerializeToString()


def _drop(_: Span) -> None:
    """Nobody takes it."""


def _cpu_us(work: Callable[[], object], times: int) -> float:
    begun_s = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - begun_s) / times * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--calls", type=int, default=300)
    options = parser.parse_args()
    found = run(options.rounds, options.calls)
    named = {
        "call": "loop, each call",
        "turn": "loop, each turn with its answer",
        "tool": "loop, each call of a tool",
        "span": "exporter's thread, each span",
    }
    rows = [
        [
            name,
            f"{statistics.median(found[key]):.0f}",
            f"{min(found[key]):.0f}-{max(found[key]):.0f}",
        ]
        for key, name in named.items()
    ]
    print_table(["us of CPU", "median", "lowest-highest"], rows)


if __name__ == "__main__":
    main()
