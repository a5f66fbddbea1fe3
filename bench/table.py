"""All that is measured, in one table against its bars and baselines.

`--only` runs a part of it.  README.md says what is counted, and how.
"""

import argparse
import os
import platform
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass

from bench import connect, latency, leaks, memory, neighbours, resampler, word_errors
from bench.chunk_cost import Comparison, start_all
from bench.common import BenchError, print_table, running
from bench.runs import Upstream
from bench.targets import RELAYS

HEADLINE_SESSIONS = 80
SCALE = (320, 40)
CARRIED_ENOUGH = 0.98
"""Below this a backlog grows: whatever the cost, so many sessions are not carried."""
QUIET_RATIO = 1.2
"""Percentiles of two equal runs differ that much."""


@dataclass(frozen=True)
class Row:
    """One line of the table; a row without a bar is there to be seen."""

    what: str
    parley: str
    beside: str = ""
    bar: str = ""
    reached: bool | None = None

    def cells(self) -> list[str]:
        verdict = {True: "yes", False: "NO", None: ""}[self.reached]
        return [self.what, self.parley, self.beside, self.bar, verdict]


@dataclass(frozen=True)
class Plan:
    """How much of everything."""

    sessions: list[int]
    chunks_ms: list[int]
    beside: list[str]
    seconds: float
    rounds: int
    cycles: int


def say(text: str) -> None:
    """Tell how far it is, where it does not get into the table."""
    print(f"{time.strftime('%H:%M:%S')}  {text}", file=sys.stderr, flush=True)


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


def latency_rows(plan: Plan) -> Iterable[Row]:
    say("latency")
    ours, relay = latency.compare(HEADLINE_SESSIONS, plan.seconds, plan.rounds, 20, 48_000)
    p50_ms, p99_ms = (ours.percentile_ms("uplink_ms", percent) for percent in (50, 99))
    yield Row(
        "added latency, uplink, ms p50 / p99 / max",
        ours.cell("uplink_ms"),
        f"aiohttp {relay.cell('uplink_ms')}",
        "<= 4 / 15",
        p50_ms <= 4 and p99_ms <= 15,
    )
    yield Row(
        "added latency, downlink, ms p50 / p99 / max",
        ours.cell("downlink_ms"),
        f"aiohttp {relay.cell('downlink_ms')}",
    )


def memory_rows(_: Plan) -> Iterable[Row]:
    say("memory")
    ours, relay = memory.compare([10, 80, 160])
    yield Row(
        "memory of a session, RSS / PSS",
        f"{ours.rss_kb:.0f} / {ours.pss_kb:.0f} KB",
        f"aiohttp {relay.rss_kb:.0f} / {relay.pss_kb:.0f} KB",
        "<= 120 KB",
        ours.rss_kb <= 120,
    )
    processes = (f"{one.process_kb / 1024:.0f} MB" for one in (ours, relay))
    yield Row("memory of the process itself", next(processes), f"aiohttp {next(processes)}")


def connect_rows(plan: Plan) -> Iterable[Row]:
    say("connects")
    ours, relay, upstream = (one.median() for one in connect.compare(40, min(2, plan.rounds)))
    yield Row(
        "open to connected, beyond the upstream's own time",
        f"{ours - upstream:.1f} ms",
        f"aiohttp {relay - upstream:.1f} ms, the upstream itself {upstream:.1f} ms",
        "<= 10 ms",
        ours - upstream <= 10,
    )


def resampler_rows(_: Plan) -> Iterable[Row]:
    say("resampler")
    rates_hz = resampler.RATES_HZ
    seconds = {hz: resampler.second_us(hz, rounds=60) for hz in rates_hz}
    chunks = {hz: resampler.chunk_us(hz, rounds=400) for hz in rates_hz}
    shares = {hz: times["ours"] / times["soxr HQ"] for hz, times in seconds.items()}
    yield share_row("resampling 1 s to 24 kHz / soxr HQ", shares, 2.0)
    for way, name in (("ours", "alone"), ("batch", f"in a batch of {resampler.STACKED}")):
        shares = {hz: times[way] / times["resample_poly"] for hz, times in chunks.items()}
        us = ", ".join(f"{times[way]:.0f}" for times in chunks.values())
        yield share_row(f"20 ms chunk {name} ({us} us) / resample_poly", shares, 0.25)
    snr_db = {hz: resampler.snr_db(resampler.whole, hz, 24_000) for hz in rates_hz}
    other_db = min(resampler.snr_db(resampler.soxr_hq, hz, 24_000) for hz in rates_hz)
    worst_db = min(snr_db.values())
    other = f"soxr HQ {other_db:.0f} dB"
    yield Row("SNR of a sine, the worst", f"{worst_db:.1f} dB", other, ">= 130 dB", worst_db >= 130)
    alias_db = resampler.alias_db(resampler.whole)
    other = f"soxr HQ {resampler.alias_db(resampler.soxr_hq):.0f} dB"
    yield Row("alias of 14 kHz", f"{alias_db:.0f} dB", other, "<= -120 dB", alias_db <= -120)
    error = resampler.cutting_error()
    what = f"difference by cutting, {len(resampler.CUT_RATES_HZ)} rates both ways"
    yield Row(what, f"{error:g}", "", "0", error == 0)


def share_row(what: str, shares: dict[int, float], bar: float) -> Row:
    rates = ", ".join(f"{hz / 1000:g} kHz {share:.2f}" for hz, share in shares.items())
    return Row(
        what, f"{max(shares.values()):.2f}", rates, f"<= {bar:.2f}", max(shares.values()) <= bar
    )


def leak_rows(plan: Plan) -> Iterable[Row]:
    say(f"leaks, {plan.cycles} sessions")
    base_after = plan.cycles // 10
    base, after = leaks.measure(plan.cycles, base_after, local=False)
    growth = after.rss_mb / base.rss_mb - 1
    yield Row(
        f"threads, descriptors, RSS after {plan.cycles} sessions",
        f"{after.threads}, {after.descriptors}, {growth:+.1%}",
        f"after {base_after}: {base.threads}, {base.descriptors}",
        "equal, equal, <= +2 %",
        after.fits(base) and growth <= 0.02,
    )


def neighbour_rows(_: Plan) -> Iterable[Row]:
    say("neighbours that read nothing")
    found = neighbours.compare(50, 12, rounds=1)
    for way in ("uplink_ms", "downlink_ms"):
        alone, beside = (s.percentile_ms(way, 99) for s in (found.alone, found.beside))
        yield Row(
            f"{way.removesuffix('_ms')} p99 of 50, beside two that read nothing",
            f"{beside:.1f} ms",
            f"without the two {alone:.1f} ms",
            f"<= {QUIET_RATIO} of that",
            beside <= QUIET_RATIO * alone,
        )
    codes = sorted({ending.close_code for ending in found.endings})
    lost = sum(run.faults for summary in (found.alone, found.beside) for run in summary.runs)
    yield Row(
        "the two are closed with; the fifty lose",
        f"{', '.join(map(str, codes))}; {lost}",
        f"told before: {', '.join(sorted(found.told))}",
        "4429, 4502; 0",
        codes == [4429, 4502] and lost == 0 and "audio_backlog" in found.told,
    )


def word_rows(plan: Plan) -> Iterable[Row]:
    say("words")
    for snr_db, noise in ((None, "quiet"), (10, "10 dB SNR")):
        found = word_errors.measure(plan.rounds, snr_db)
        wide, ours, theirs = map(word_errors.rate, found.values())
        has_bar = snr_db is None
        yield Row(
            f"words wrong over a mu-law line, {noise}",
            f"{ours:.1%}",
            f"soxr {theirs:.1%}, wide band {wide:.1%}",
            "<= soxr" if has_bar else "",
            ours <= theirs if has_bar else None,
        )


PARTS: dict[str, Callable[[Plan], Iterable[Row]]] = {
    "chunk_cost": chunk_cost,
    "latency": latency_rows,
    "memory": memory_rows,
    "connect": connect_rows,
    "resampler": resampler_rows,
    "leaks": leak_rows,
    "neighbours": neighbour_rows,
    "words": word_rows,
}


def measure(part: str, plan: Plan) -> list[Row]:
    """Return the rows of a part; one that breaks off costs no other its place in the table."""
    try:
        return list(PARTS[part](plan))
    except BenchError as exc:
        say(str(exc))
        return [Row(part, f"broke off: {str(exc).splitlines()[0]}", reached=False)]


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART")
    parser.add_argument("--quick", action="store_true", help="less of everything: 150 s")
    parser.add_argument("--sessions", type=int, nargs="+")
    parser.add_argument("--chunk-ms", type=int, nargs="+", default=[20, 100])
    parser.add_argument("--beside", nargs="*", choices=RELAYS, default=list(RELAYS))
    parser.add_argument("--seconds", type=float, help="the measured time of one run")
    parser.add_argument("--rounds", type=int)
    return parser.parse_args()


def main() -> None:
    options = parse_options()
    plan = Plan(
        sessions=options.sessions or ([40, 80, 320] if options.quick else [20, 40, 80, 160, 320]),
        chunks_ms=options.chunk_ms,
        beside=options.beside,
        seconds=options.seconds or (1.5 if options.quick else 2.5),
        rounds=options.rounds or (1 if options.quick else 3),
        cycles=500 if options.quick else 5000,
    )
    begin_s = time.monotonic()
    rows = [row for part in options.only for row in measure(part, plan)]
    machine = f"Python {platform.python_version()}, {os.cpu_count()} cores"
    print(f"{machine}, load at the end {os.getloadavg()[0]:.1f}")
    head = ["what", "Parley", "beside it", "bar", "reached"]
    print_table(head, [row.cells() for row in rows], adjust=str.ljust)
    print(f"{time.monotonic() - begin_s:.0f} s")


if __name__ == "__main__":
    main()
