"""What a chunk costs, beside what it costs a relay: rows of `bench.table`."""

import os
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import replace

from bench.chunk_cost import Comparison
from bench.common import running
from bench.rows import Plan, Row, say
from bench.runs import Upstream
from bench.targets import start_all

HEADLINE_SESSIONS = 80
SCALE = (320, 40)
CARRIED_ENOUGH = 0.98
"""Below this a backlog grows: whatever the cost, so many sessions are not carried."""
LAST_CORE = (os.cpu_count() or 1) - 1
"""The first has most of the system's interrupts."""


def chunk_cost(plan: Plan) -> Iterable[Row]:
    with ExitStack() as stack:
        upstream = Upstream(stack.enter_context(running("-m", "bench.fake_upstream")))
        targets = start_all(stack, upstream.url, 48_000, plan.beside)
        comparisons = [
            # All relays where the bar is, and the first of them everywhere.
            Comparison(
                count,
                chunk_ms,
                targets if (count, chunk_ms) == (HEADLINE_SESSIONS, 20) else targets[:2],
            )
            for chunk_ms in plan.chunks_ms
            for count in plan.sessions
        ]
        for number in range(plan.rounds):
            for one in comparisons:
                say(f"round {number + 1}: {one.sessions} sessions, {one.chunk_ms} ms chunks")
                one.round(upstream, plan.seconds)
    yield from map(cost_row, comparisons)
    yield from scale_rows(comparisons)
    yield tools_row(comparisons)


def cost_row(comparison: Comparison) -> Row:
    relays = [name for name in comparison.runs if name != "gateway"]
    costs = [
        f"{name} {comparison.cost_us(name):.0f} us: {comparison.ratio(name):.2f}" for name in relays
    ]
    has_bar = "aiohttp" in relays and comparison.sessions == HEADLINE_SESSIONS
    carried = comparison.carried()
    note = "" if carried >= CARRIED_ENOUGH else f", carries {carried:.0%}"
    return Row(
        f"CPU of a {comparison.chunk_ms} ms chunk, {comparison.sessions} sessions",
        f"{comparison.cost_us():.0f} us{note}",
        ", ".join(costs),
        "<= 1.0 of aiohttp" if has_bar and comparison.chunk_ms == 20 else "",
        comparison.ratio("aiohttp") <= 1.0 if has_bar and comparison.chunk_ms == 20 else None,
    )


def scale_rows(comparisons: list[Comparison]) -> Iterable[Row]:
    """Whether a chunk gets cheaper with the number of sessions."""
    by_load = {(one.chunk_ms, one.sessions): one for one in comparisons}
    for chunk_ms in sorted({one.chunk_ms for one in comparisons}):
        many, few = (by_load.get((chunk_ms, count)) for count in SCALE)
        if many is None or few is None:
            continue
        ratio = many.cost_us() / few.cost_us()
        carries = many.carried() >= CARRIED_ENOUGH
        yield Row(
            f"the same, {SCALE[0]} sessions / {SCALE[1]}, {chunk_ms} ms",
            f"{ratio:.2f}" + ("" if carries else f", carries {many.carried():.0%}"),
            ", ".join(
                f"{name} {many.cost_us(name) / few.cost_us(name):.2f}"
                for name in many.runs
                if name != "gateway"
            ),
            "<= 1.0" if chunk_ms == 20 else "",
            (ratio <= 1.0 and carries) if chunk_ms == 20 else None,
        )


def one_core(plan: Plan) -> Iterable[Row]:
    """The headline again, with each target held to one core, as docs/operations.md advises."""
    with ExitStack() as stack:
        upstream = Upstream(stack.enter_context(running("-m", "bench.fake_upstream")))
        targets = start_all(stack, upstream.url, 48_000, plan.beside[:1], core=LAST_CORE)
        comparison = Comparison(HEADLINE_SESSIONS, 20, targets)
        for number in range(plan.rounds):
            say(f"round {number + 1}: {HEADLINE_SESSIONS} sessions, each target on one core")
            comparison.round(upstream, plan.seconds)
    row = cost_row(comparison)
    yield replace(row, what=f"{row.what}, each on one core", bar="", reached=None)


def tools_row(comparisons: list[Comparison]) -> Row:
    runs = [run for one in comparisons for each in one.runs.values() for run in each]
    load, upstream = (
        max(getattr(run, share) for run in runs) for share in ("load_share", "upstream_share")
    )
    lost, errors, late = (sum(getattr(r, n) for r in runs) for n in ("lost", "errors", "late"))
    return Row(
        "chunks lost / errors, all runs above",
        f"{lost} / {errors}",
        f"sent late: {late}; tools take at most {load:.0%} and {upstream:.0%} of a core",
        "0 / 0",
        lost == errors == 0,
    )
