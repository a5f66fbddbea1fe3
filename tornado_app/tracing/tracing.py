"""The traces of a process: of which calls there are any, and who takes them."""

from collections.abc import Callable
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import TypeAlias

from terminal.words import how_to_install
from tornado_app.admission.pseudonyms import pseudonym
from tornado_app.session.config import SessionConfig
from tornado_app.settings.schema import Traces
from tornado_app.tracing.call_trace import CallTrace, UnsampledTrace
from tornado_app.tracing.context import TraceContext, is_chosen, new_id, read_traceparent
from tornado_app.tracing.exporter import Collector, Exporter

PACKAGES = ("opentelemetry-sdk", "opentelemetry-exporter-otlp-proto-http")
PROVIDERS = {"azure": "azure.ai.openai", "local": "parley"}
"""As OpenTelemetry has it, of whatever speaks an API that is not its maker's: whose API it is."""

AnyTrace: TypeAlias = CallTrace | UnsampledTrace


def missing_package(settings: Traces) -> str | None:
    """What is to be installed, in one sentence, if anything is."""
    for name in PACKAGES if settings.enabled else ():
        try:
            version(name)
        except PackageNotFoundError:
            return f"needs the package {name}, which is not installed; {how_to_install('traces')}"
    return None


def new_tracing(settings: Traces, provider: str) -> "Tracing | None":
    """One that has begun, if anybody is to be told of calls; *provider*: as `endpoint.provider`."""
    if not settings.enabled:
        return None
    named = PROVIDERS.get(provider, "openai")
    tracing = Tracing(settings, named, partial(_otlp, settings))
    tracing.exporter.start()
    return tracing


def _otlp(settings: Traces) -> Collector:
    # Half a second and 30 MB, for those who have traces.
    from tornado_app.tracing.otlp import OtlpCollector  # noqa: PLC0415

    return OtlpCollector(settings)


class Tracing:
    """Thread: loop."""

    def __init__(self, settings: Traces, provider: str, collector: Callable[[], Collector]) -> None:
        """*provider*: whose models answer, as OpenTelemetry calls them."""
        self._settings = settings
        self._provider = provider
        self.exporter = Exporter(collector)

    def begin(self, config: SessionConfig, traceparent: str | None) -> AnyTrace:
        """The trace of a call whose opening had this header."""
        parent = read_traceparent(traceparent) if self._settings.take_parent else None
        context = self._below(parent)
        if not context.is_sampled:
            return UnsampledTrace(context)
        return CallTrace(
            context,
            parent,
            config,
            self.exporter.put,
            provider=self._provider,
            user=self._user(config.user_id),
        )

    def _below(self, parent: TraceContext | None) -> TraceContext:
        if parent is not None:
            return parent.child()
        trace_id = new_id(16)
        return TraceContext(trace_id, new_id(8), is_chosen(trace_id, self._settings.sample))

    def _user(self, user_id: str) -> dict[str, str]:
        match self._settings.user:
            case "hash":
                return {"user.hash": pseudonym(user_id)}
            case "plain":
                return {"user.id": user_id}
        return {}
