"""What every test may ask for, and how hypothesis tries."""

import asyncio

import pytest
from hypothesis import HealthCheck, settings
from tornado.ioloop import IOLoop

# By examples and never by the clock, which a busy computer would fail.
settings.register_profile("tests", deadline=None)
# mutmut runs a test often in one process, each time as a method of another object.
settings.register_profile(
    "mutants",
    deadline=None,
    max_examples=20,
    database=None,
    suppress_health_check=[HealthCheck.differing_executors],
)
settings.load_profile("tests")


@pytest.fixture
def io_loop():
    """In place of pytest-tornado's, which asks for a current loop before there is one.

    Python makes none by itself from 3.14 on, and warns from 3.12 on.
    """
    asyncio.set_event_loop(asyncio.new_event_loop())
    loop = IOLoop.current()
    yield loop
    # What a stock client has left half read is closed here, not when the collector comes.
    loop.asyncio_loop.run_until_complete(loop.asyncio_loop.shutdown_asyncgens())
    asyncio.set_event_loop(None)
    loop.close(all_fds=True)
