"""All that is measured, in one table against its bars and baselines.

`--only` runs a part of it.  README.md says what is counted, and how.
"""

import argparse
import os
import platform
import time
from collections.abc import Callable, Iterable

from bench import connect, latency, leaks, memory, neighbours, resampler, word_errors
from bench.common import BenchError, print_table
from bench.cost_rows import HEADLINE_SESSIONS, chunk_cost, one_core
from bench.rows import Plan, Row, say
from bench.targets import RELAYS

QUIET_RATIO = 1.2
"""Percentiles of two equal runs differ that much."""


def latency_rows(plan: Plan) -> Iterable[Row]:
    say("latency")
    load = ([HEADLINE_SESSIONS], plan.seconds, plan.rounds, 20)
    found = latency.compare(*load, rate_hz=48_000, beside=["aiohttp"])
    ours, relay = found[HEADLINE_SESSIONS]
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
    ours, bare, relay = memory.compare([10, 80, 160])
    yield Row(
        "memory of a session, RSS / PSS",
        f"{ours.rss_kb:.0f} / {ours.pss_kb:.0f} KB",
        f"aiohttp {relay.rss_kb:.0f} / {relay.pss_kb:.0f} KB",
        "<= 120 KB",
        ours.rss_kb <= 120,
    )
    yield Row(
        "the same, nothing kept for a client or a model that is lost",
        f"{bare.rss_kb:.0f} / {bare.pss_kb:.0f} KB",
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
    "one_core": one_core,
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
