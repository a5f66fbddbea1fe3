"""How spans go to a collector: tornado_app/tracing/otlp.py."""

import asyncio
from importlib import import_module
from importlib.util import find_spec

import pytest

from tests.calls.house import house_settings
from tornado_app.tracing.context import TraceContext
from tornado_app.tracing.span import Span

pytestmark = pytest.mark.skipif(
    find_spec("opentelemetry.sdk") is None, reason="requirements-traces.txt is not installed"
)


@pytest.mark.gen_test
async def test_no_proxy_is_asked_for_this_computer(monkeypatch):
    """Whoever names a proxy need not name what is not behind it."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "example.com")
    async with import_module("tests.fakes.collector").Collector() as collector:
        otlp = import_module("tornado_app.tracing.otlp")
        settings = house_settings(traces_endpoint=collector.url)
        way = otlp.OtlpCollector(settings.traces)
        context = TraceContext("1" * 32, "2" * 16, is_sampled=True)
        span = Span("dial", context, None, "client", begun_at=1.0, ended_at=2.0)
        loop = asyncio.get_running_loop()
        try:
            assert await loop.run_in_executor(None, way.send, [span])
        finally:
            way.close()

    assert ["dial"] == [each.name for each in collector.spans]
