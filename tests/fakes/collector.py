"""A collector of OpenTelemetry on the test's own loop: OTLP over HTTP, as protobuf."""

import asyncio
from dataclasses import dataclass
from typing import Any, Literal, Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler


@dataclass
class Told:
    """A span as it came."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str
    kind: int
    begun_ns: int
    ended_ns: int
    attributes: dict[str, Any]
    events: list[str]
    status: int


class _Handler(RequestHandler):
    collector: "Collector"

    def initialize(self, collector: "Collector") -> None:
        self.collector = collector

    async def post(self) -> None:
        collector = self.collector
        collector.requests.append(self.request)
        if collector.manner == "hang":
            await collector.let_go.wait()
        if collector.manner != "take":
            self.set_status(400 if collector.manner == "refuse" else 503)
            return
        collector.keep(ExportTraceServiceRequest.FromString(self.request.body))

    def log_exception(self, *_: Any) -> None:
        pass


class Collector:
    """``async with Collector() as collector:``; `spans` holds what came."""

    def __init__(self, manner: Literal["take", "refuse", "busy", "hang"] = "take") -> None:
        self.manner = manner

    async def __aenter__(self) -> Self:
        self.requests: list[Any] = []
        self.spans: list[Told] = []
        self.resource: dict[str, Any] = {}
        self.let_go = asyncio.Event()
        routes = [("/v1/traces", _Handler, {"collector": self})]
        self._server = HTTPServer(Application(routes, log_function=lambda _: None))
        sockets = bind_sockets(0, "127.0.0.1")
        self.url = f"http://127.0.0.1:{sockets[0].getsockname()[1]}/v1/traces"
        self._server.add_sockets(sockets)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.let_go.set()
        self._server.stop()
        await self._server.close_all_connections()

    def named(self, name: str) -> list[Told]:
        """In the order in which they began."""
        found = [span for span in self.spans if span.name == name]
        return sorted(found, key=lambda span: span.begun_ns)

    def children(self, span: Told) -> list[str]:
        """What is below it, in the order in which it began."""
        below = [each for each in self.spans if each.parent_id == span.span_id]
        return [each.name for each in sorted(below, key=lambda each: each.begun_ns)]

    def keep(self, request: ExportTraceServiceRequest) -> None:
        for group in request.resource_spans:
            self.resource = _read(group.resource.attributes)
            for scope in group.scope_spans:
                self.spans += [_told(span) for span in scope.spans]


def _told(span: Any) -> Told:
    return Told(
        span.name,
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        span.kind,
        span.start_time_unix_nano,
        span.end_time_unix_nano,
        _read(span.attributes),
        [event.name for event in span.events],
        span.status.code,
    )


def _read(attributes: Any) -> dict[str, Any]:
    return {each.key: _value(each.value) for each in attributes}


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(each) for each in value.array_value.values]
    return getattr(value, kind)
