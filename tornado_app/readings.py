"""What a scrape finds: the gateway looked at, at one moment."""

import asyncio
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Protocol

from tornado_app import logs
from tornado_app.connection import Connection
from tornado_app.gateway import Gateway
from tornado_app.health import Health
from tornado_app.log_levels import LEVELS
from tornado_app.metrics import definitions as d
from tornado_app.metrics.calls import count_totals
from tornado_app.metrics.kinds import Metric
from tornado_app.metrics.page import Page
from tornado_app.metrics.tally import Series, Tally

THREADS = {
    "MainThread": "loop",
    "audio": "audio",
    "up-": "link",
    "tool-": "tool",
    "mcp-": "tool",
    "record": "recording",
    "usage": "usage",
    "traces": "traces",
    "issuer-": "keys",
    "file-": "keys",
}
"""What threads do, by how their names begin."""

Found = Iterator[tuple[Metric, Series, float]]


class LocalModel(Protocol):
    """The model on this computer."""

    deaths: int

    @property
    def is_up(self) -> bool: ...


def look(gateway: Gateway, health: Health, waiting_sockets: int, model: LocalModel | None) -> Page:
    """All that is counted and found now.  Thread: loop; some 20 us for each call."""
    readings: dict[Metric, dict[Series, float]] = defaultdict(dict)
    for metric, labels, value in (
        *_of_calls(gateway),
        *_of_gateway(gateway, waiting_sockets),
        *_of_trust(gateway),
        *_of_usage(gateway),
        *_of_process(health, model),
    ):
        readings[metric][labels] = value
    times = gateway.audio.pool_times
    spreads = {d.POOL_WAIT: times.waits, d.POOL_RUN: times.runs}
    return Page(gateway.tally, readings, spreads)


def _of_calls(gateway: Gateway) -> Found:
    running = Tally()
    states = Counter(dict.fromkeys(d.CALLS_OPEN.labels[0].values, 0))
    sums = defaultdict[tuple[Metric, str], float](float)
    for connection in gateway.connections:
        _sum_up(connection, running, states, sums)
    for metric in (d.AUDIO, d.CHUNKS, d.AUDIO_DROPPED, d.CLIPPED, d.ERRORS):
        for labels, value in running.counts(metric).items():
            yield metric, labels, value
    for state, calls in states.items():
        yield d.CALLS_OPEN, (state,), calls
    for metric in (d.LANES, d.AUDIO_WAITING):
        for way in ("to_model", "to_client"):
            yield metric, (way,), sums[metric, way]
    for metric in (d.LINK_UNSENT, d.LINK_UNREAD, d.CLIENT_UNSENT):
        yield metric, (), sums[metric, ""]


def _sum_up(
    connection: Connection,
    running: Tally,
    states: Counter[str],
    sums: dict[tuple[Metric, str], float],
) -> None:
    call = connection.readings
    count_totals(running, call.totals)
    states[call.state] += 1
    sums[d.LANES, "to_model"] += call.uplink_pieces
    sums[d.LANES, "to_client"] += call.downlink_pieces
    sums[d.AUDIO_WAITING, "to_model"] += call.to_model_ms / 1000
    sums[d.AUDIO_WAITING, "to_client"] += call.to_client_ms / 1000
    sums[d.LINK_UNSENT, ""] += call.unsent_bytes
    sums[d.LINK_UNREAD, ""] += call.unread_bytes
    sums[d.CLIENT_UNSENT, ""] += call.client_bytes


def _of_gateway(gateway: Gateway, waiting_sockets: int) -> Found:
    limits, traffic = gateway.settings.limits, gateway.sockets.traffic
    yield d.CALLS_LIMIT, (), limits.connections
    yield d.UNAUTHENTICATED, (), waiting_sockets
    yield d.CLIENT_BYTES, ("from_client",), traffic.received_bytes
    yield d.CLIENT_BYTES, ("to_client",), traffic.sent_bytes
    yield d.POOL_JOBS, (), gateway.audio.pool.in_flight
    yield d.POOL_OLDEST, (), gateway.audio.pool.oldest_in_flight_s()
    yield d.LINKS, (), gateway.models.links_open
    if gateway.models.spares is not None:
        yield d.SPARES_READY, (), gateway.models.spares.ready
    yield d.MODEL_REJECTED, (), gateway.models.is_rejected
    if gateway.models.several is not None:
        for name in gateway.models.several.names:
            yield d.UPSTREAM_OUT, (name,), name in gateway.models.several.out
    if gateway.access.seating.shared is not None:
        yield d.SHARED_UP, (), not gateway.access.seating.shared.is_away
    yield d.MEMORY_HELD, (), gateway.memory.held_bytes
    yield d.MEMORY_BUDGET, (), limits.process_bytes
    if gateway.records.recorder is not None:
        yield d.RECORDINGS_FAILED, (), gateway.records.recorder.failed
        yield d.RECORDING_QUEUED, (), gateway.records.recorder.queued_bytes
    if gateway.records.tracing is not None:
        exporter = gateway.records.tracing.exporter
        yield d.SPANS, ("exported",), exporter.exported
        yield d.SPANS, ("failed",), exporter.failed
        yield d.SPANS, ("dropped",), exporter.dropped


def _of_usage(gateway: Gateway) -> Found:
    for keeper in gateway.records.usage.keepers:
        yield d.USAGE_RECORDS, (keeper.setting, "written"), keeper.written
        yield d.USAGE_RECORDS, (keeper.setting, "lost"), keeper.lost
        yield d.USAGE_WAITING, (keeper.setting,), keeper.waiting


def _of_trust(gateway: Gateway) -> Found:
    for issuer, (state, age_s) in gateway.access.trust.keys.states().items():
        for each in d.ISSUER_STATE.labels[1].values:
            yield d.ISSUER_STATE, (issuer, each), each == state
        if age_s is not None:
            yield d.ISSUER_KEYS_AGE, (issuer,), age_s
    age_s = gateway.access.trust.taken_back.age_s()
    if age_s is not None:
        revoked = gateway.access.trust.taken_back.revoked
        yield d.REVOCATIONS_AGE, (), age_s
        yield d.REVOCATIONS, ("users",), len(revoked.users)
        yield d.REVOCATIONS, ("tokens",), len(revoked.token_ids)


def _of_process(health: Health, model: LocalModel | None) -> Found:
    yield d.READY, (), health.not_ready() is None
    yield d.TASKS, (), len(asyncio.all_tasks())
    for kind, threads in Counter(map(_kind_of, threading.enumerate())).items():
        yield d.THREADS, (kind,), threads
    written = logs.lines_written()
    for event, level in LEVELS.items():
        if level in d.LOG_LINES.labels[0].values:
            yield d.LOG_LINES, (level, event), written.pop((level, event), 0)
    for line, count in written.items():  # of libraries
        yield d.LOG_LINES, line, count
    if model is not None:
        yield d.LOCAL_MODEL_UP, (), model.is_up
        yield d.LOCAL_MODEL_DEATHS, (), model.deaths


def _kind_of(thread: threading.Thread) -> str:
    return next((kind for start, kind in THREADS.items() if thread.name.startswith(start)), "other")
