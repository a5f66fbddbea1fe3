"""The one home of OpenTelemetry, whose packages are an option: OTLP over HTTP, as protobuf."""

import logging
import uuid
from collections.abc import Sequence

import requests
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from tornado_app.settings.schema import Traces
from tornado_app.settings.shapes import is_loopback, read_headers
from tornado_app.tracing.context import TraceContext
from tornado_app.tracing.span import Span
from tornado_app.version import VERSION

SEND_S = 10.0
"""How long a batch may take, with all that is tried again."""
KINDS = {"server": SpanKind.SERVER, "client": SpanKind.CLIENT, "internal": SpanKind.INTERNAL}


class OtlpCollector:
    """A `Collector`."""

    def __init__(self, settings: Traces) -> None:
        # What it has to say is what a server answers, and for each batch; we count.
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
        self._exporter = OTLPSpanExporter(
            endpoint=settings.endpoint,
            headers=read_headers(settings.headers.reveal()) or None,
            timeout=SEND_S,
            session=_without_proxy() if is_loopback(settings.endpoint) else None,
        )
        self._resource = Resource.create(
            {
                "service.name": settings.service_name,
                "service.version": VERSION,
                "service.instance.id": str(uuid.uuid4()),
            }
        )
        self._scope = InstrumentationScope("parley", VERSION)

    def send(self, spans: Sequence[Span]) -> bool:
        try:
            result = self._exporter.export([self.spelled(span) for span in spans])
        except Exception:  # noqa: BLE001  whatever it is, it costs these spans and nothing else
            return False
        return result is SpanExportResult.SUCCESS

    def close(self) -> None:
        self._exporter.shutdown()  # type: ignore[no-untyped-call]

    def spelled(self, span: Span) -> ReadableSpan:
        """As the library has it: whatever it would make of a span, ours tell themselves."""
        remote = span.has_remote_parent
        return ReadableSpan(
            span.name,
            context=_context(span.context),
            parent=_context(span.parent, is_remote=remote) if span.parent else None,
            resource=self._resource,
            attributes=span.attributes,
            events=[Event(event.name, event.attributes, _ns(event.at)) for event in span.events],
            kind=KINDS[span.kind],
            status=Status(StatusCode.ERROR, span.error) if span.error else Status(),
            start_time=_ns(span.begun_at),
            end_time=_ns(span.begun_at if span.ended_at is None else span.ended_at),
            instrumentation_scope=self._scope,
        )


def _without_proxy() -> requests.Session:
    """No proxy of the environment finds this computer, which is where a collector often is."""
    session = requests.Session()
    session.trust_env = False
    return session


def _context(context: TraceContext, *, is_remote: bool = False) -> SpanContext:
    flags = TraceFlags(TraceFlags.SAMPLED if context.is_sampled else TraceFlags.DEFAULT)
    return SpanContext(int(context.trace_id, 16), int(context.span_id, 16), is_remote, flags)


def _ns(unix_s: float) -> int:
    return int(unix_s * 1e9)
