"""What every test may ask for, how hypothesis tries, and which files begin first."""

import asyncio
import gc
import os
import signal
import subprocess
from fcntl import LOCK_EX, flock
from pathlib import Path

# Before anything of Parley is imported: as Python, unless compiled code is what is to be tried.
# Then a build that does not fit is a fault, and not passed over.
if os.environ.get("PARLEY_COMPILED") != "yes":
    os.environ["PARLEY_COMPILED"] = "no"

import pytest
from hypothesis import HealthCheck, Phase, settings
from tornado.httpclient import AsyncHTTPClient
from tornado.ioloop import IOLoop

from compiling import loading
from terminal.program import BLAS_THREADS

# As in every program of Parley; numpy, which reads it, is loaded by tests.
os.environ.setdefault(BLAS_THREADS, "1")

from tests.forking.starting import POSSIBLE, Forked, Parent

found = loading.code()
if os.environ["PARLEY_COMPILED"] == "yes":
    assert found.kind == "compiled", f"make compile: {found.fault or 'there is no build'}"

# By examples and never by the clock, which a busy computer would fail: on one that was twenty times
# slower one example took 48 s, and hypothesis called that a fault of the test.
BUSY = [HealthCheck.too_slow]
# Each run tries others: many short ones find what a long one would; `make sessions` is long.
settings.register_profile("some", deadline=None, max_examples=25, suppress_health_check=BUSY)
settings.register_profile("many", deadline=None, max_examples=50, suppress_health_check=BUSY)
settings.register_profile("deep", deadline=None, max_examples=1000, suppress_health_check=BUSY)
# `make mutants` asks of a test whether it fails, and not of the smallest example.
settings.register_profile(
    "mutants",
    deadline=None,
    max_examples=20,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=BUSY,
)
# `make smoke` asks of another Python whether it works, and not of Parley.
settings.register_profile(
    "few", deadline=None, max_examples=10, database=None, suppress_health_check=BUSY
)
settings.load_profile("many")
# Over HTTP an answer may take long on a busy machine; Tornado's own are 20 s.
PATIENCE_S = 120
AsyncHTTPClient.configure(
    None, defaults={"connect_timeout": PATIENCE_S, "request_timeout": PATIENCE_S}
)

# The files that take longest begin first, so that none is left alone at the end; as measured.
LONGEST = [
    "compiling/test_mixtures.py",
    "calls/test_mcp.py",
    "terminal/test_programs.py",
    "web/test_console_states.py",
    "web/test_operator_page.py",
    "web/test_console_calls.py",
    "calls/test_model_killed.py",
    "commands/test_one_administration.py",
    "web/test_clients.py",
    "commands/talk/test_conversation.py",
    "web/test_module_calls.py",
    "commands/doctor/test_doctor.py",
    "web/test_console.py",
    "web/test_node.py",
    "web/test_module.py",
    "examples/test_everything.py",
    "clients/test_documented_programs.py",
    "clients/test_agents_realtime.py",
    "test_processes.py",
    "web/test_network_cut.py",
    "calls/test_files.py",
    "audio/test_file_decoder.py",
    "local_realtime/responders/test_speech.py",
    "commands/talk/test_documented.py",
    "compiling/test_loading.py",
    "calls/test_backlog.py",
    "tools/test_operators_file.py",
    "workers/test_decoder.py",
    "calls/test_rolling_over.py",
    "calls/test_faults.py",
    "local_realtime/ears/test_turns.py",
    "local_realtime/test_speech_calls.py",
    "calls/test_recordings.py",
    "calls/test_local_faults.py",
    "calls/test_recorded_calls.py",
    "calls/test_upstream_faults.py",
    "examples/test_application.py",
    "calls/test_conformance.py",
    "usage/test_postgres.py",
    "clients/test_gateway.py",
    "clients/test_openai_agents.py",
    "calls/test_heartbeat.py",
    "web/test_permissions.py",
    "local_realtime/handlers/test_heartbeat.py",
    "calls/test_tools.py",
    "upstream/test_link.py",
    "test_reloading.py",
    "calls/test_chaos.py",
    "commands/test_cli.py",
    "commands/talk/test_terminal.py",
    "bench/test_tools.py",
    "calls/test_redis_in_trouble.py",
    "workers/test_joining.py",
    "calls/test_failover.py",
    "calls/test_traces.py",
    "calls/test_usage_in_trouble.py",
    "clients/test_openai.py",
    "protocol/voice_v1/test_server.py",
    "calls/test_going_back.py",
    "forking/test_starting.py",
    "test_cores.py",
    "commands/talk/test_wire.py",
    "calls/test_listening_in.py",
    "admission/machines/test_redis_places.py",
    "calls/test_formats.py",
    "calls/test_issuers.py",
    "settings/test_loading.py",
    "calls/test_resuming.py",
    "tools/test_performers.py",
    "local_realtime/rehearsal/test_faulty_handler.py",
    "workers/test_batches.py",
    "test_documented_asyncapi.py",
    "calls/test_openai_calls.py",
]
PLACES = {Path(__file__).parent / name: place for place, name in enumerate(LONGEST)}
assert all(map(Path.exists, PLACES)), PLACES

# The files whose programs are forks of a process that has imported them: those that start many, and
# whose point is not how a program starts, what it loads and holds, or who its parents are.
FORKED = {
    Path(__file__).parent / name
    for name in (
        "bench/test_tools.py",
        "calls/test_model_killed.py",
        "calls/test_openai_calls.py",
        "calls/test_recorded_calls.py",
        "clients/test_agents_realtime.py",
        "clients/test_client_secrets.py",
        "clients/test_documented_programs.py",
        "clients/test_gateway.py",
        "clients/test_openai.py",
        "clients/test_openai_agents.py",
        "clients/test_openai_connections.py",
        "commands/doctor/test_doctor.py",
        "commands/talk/test_conversation.py",
        "commands/talk/test_documented.py",
        "commands/talk/test_processes.py",
        "commands/talk/test_terminal.py",
        "commands/test_cli.py",
        "commands/test_one_administration.py",
        "examples/test_application.py",
        "examples/test_everything.py",
        "forking/test_starting.py",
        "local_realtime/rehearsal/test_scripted_handler.py",
        "local_realtime/responders/test_mode.py",
        "local_realtime/test_cli.py",
        "test_processes.py",
        "test_reloading.py",
        "test_serving.py",
        "web/test_console_calls.py",
    )
}
assert all(map(Path.exists, FORKED)), FORKED

# Which of the processes of pytest-xdist this is, gw0 and on.
PROCESS = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
PROCESSES = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))

# Found before what is installed, by programs that tests start and not by the tests themselves.
AS_INSTALLED = Path(__file__).parent / "as_installed"

# Who runs them in the background has them ignore SIGINT, as would every program that they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Collect ten thousand tests without looking for garbage, which is not there, then or later.

    What was imported and collected lives to the end: each look at it would take half a second.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


class Turned(pytest.Dir):
    """A directory that each process of the suite reads from another place on.

    What pytest makes of a file is kept for the next process: a quarter of the files is compiled by
    each of four, and not every file by all of them at the same time.
    """

    def collect(self):
        found = list(super().collect())
        start = len(found) * PROCESS // PROCESSES
        return found[start:] + found[:start]


def pytest_collect_directory(path, parent):
    is_package = (path / "__init__.py").is_file()
    return None if is_package else Turned.from_parent(parent, path=path)


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(items):
    """In the order in which they are to begin; then one process after the other.

    Hypothesis reads here the constants of all modules, and keeps them for whoever comes later.
    """
    items.sort(key=lambda item: (PLACES.get(item.path, len(PLACES)), item.path))
    with Path(__file__).open() as turn:
        flock(turn, LOCK_EX)
        return (yield)


@pytest.fixture(autouse=True, scope="session")
def programs_as_installed():
    """What tests start finds no rich, as where only Parley's own packages are.

    structlog loads it where it can, for tracebacks that nobody here prints: a tenth of a start.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(AS_INSTALLED), prepend=os.pathsep)
        yield


@pytest.fixture(scope="session")
def parent_of_programs(programs_as_installed):
    """Of all that tests of this process have forked; it begins with the first."""
    parent = Parent(dict(os.environ))
    yield parent
    parent.close()


@pytest.fixture(autouse=True, scope="module")
def programs_are_forks(request, parent_of_programs):
    """Those that a file of `FORKED` starts."""
    with pytest.MonkeyPatch.context() as patch:
        if POSSIBLE and request.path in FORKED:
            patch.setattr(Forked, "parent", parent_of_programs, raising=False)
            patch.setattr(subprocess, "Popen", Forked)
        yield


@pytest.fixture
def io_loop():
    """In place of pytest-tornado's, which asks for a current loop before there is one.

    Python makes none by itself from 3.14 on, and warns from 3.12 on.
    """
    asyncio.set_event_loop(asyncio.new_event_loop())
    loop = IOLoop.current()
    yield loop
    # What a stand-in or a stock client has left half done ends here, as with `asyncio.run`, and not
    # when the collector comes, in the log of another test.
    left = asyncio.all_tasks(loop.asyncio_loop)
    for task in left:
        task.cancel()
    if left:
        ended = asyncio.gather(*left, return_exceptions=True)
        loop.asyncio_loop.run_until_complete(ended)
    loop.asyncio_loop.run_until_complete(loop.asyncio_loop.shutdown_asyncgens())
    asyncio.set_event_loop(None)
    loop.close(all_fds=True)
