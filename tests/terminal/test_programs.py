"""Every command, as a process, with streams and signals that are not as they should be."""

import contextlib
import os
import pty
import re
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.calls.house import ROOT

QUICK = {
    "help": ("--help",),
    "check-config": ("check-config",),
}
"""One whose words the parser says, and one that answers as all others do."""
SERVERS = {
    "serve": ("run.py", "serve", "--port", "0"),
    "model": ("run.py", "model", "--mode", "echo", "--port", "0"),
    "local_realtime": ("-m", "local_realtime", "--mode", "echo", "--port", "0"),
}
WAIT_S = 60.0
"""A program that starts beside many others takes long."""
FULL = "cannot be written: No space left on device.\n"


@pytest.fixture
def environ(tmp_path):
    """Nothing of this computer's own settings, and a gateway that needs no model to start."""
    values = {k: v for k, v in os.environ.items() if not k.startswith(("PARLEY_", "OPENAI_"))}
    return values | {
        "PARLEY_SERVER_STATE_DIR": str(tmp_path),
        "PARLEY_MODEL_MODE": "echo",
    }


def shell(words, redirections, environ):
    """Exit code, output and errors of ``python words redirections`` in a shell."""
    done = subprocess.run(
        ["bash", "-c", f'"$@" {redirections}', "-", sys.executable, *words],
        cwd=ROOT,
        env=environ,
        check=False,
        capture_output=True,
        timeout=WAIT_S,
        text=True,
    )
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("words", QUICK.values(), ids=QUICK)
class TestAnswers:
    @pytest.mark.parametrize("redirections", ["<&- 2>&-", "2>/dev/full"])
    def test_without_streams_that_it_does_not_need(self, environ, words, redirections):
        """The answer is as ever."""
        code, out, err = shell(("run.py", *words), redirections, environ)

        assert (0, "") == (code, err)
        assert out

    @pytest.mark.parametrize(
        ("redirections", "reason"),
        [(">/dev/full", FULL), ("<&- >&-", "Bad file descriptor.\n")],
    )
    def test_an_answer_that_cannot_be_written(self, environ, words, redirections, reason):
        """One sentence, and no success."""
        code, out, err = shell(("run.py", *words), redirections, environ)

        assert (1, "", 1) == (code, out, err.count("\n"))
        assert err.endswith(reason)

    def test_nothing_at_all(self, environ, words):
        """Nobody can be told, but by the exit code."""
        assert (1, "", "") == shell(("run.py", *words), "<&- >&- 2>&-", environ)

    def test_a_reader_that_has_gone(self, environ, words):
        """As other programs do: quietly, with what shells say of a broken pipe."""
        code, _, err = shell(("run.py", *words), "| true; exit ${PIPESTATUS[0]}", environ)

        assert code in {0, 141}  # it may have written before `true` ended
        assert "" == err


TOOLS = """
import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

from parley_tools import tool

for_ever = threading.Event().wait
{begun}

@tool
def nothing() -> str:
    "Nothing."
    return ""
"""
STUCK = {
    "a thread": "threading.Thread(target=for_ever).start()",
    "a pool": "ThreadPoolExecutor(1).submit(for_ever)",
    "a loop": "threading.Thread(target=asyncio.run, args=(asyncio.to_thread(for_ever),), "
    "daemon=True).start()",
}


@pytest.mark.parametrize("begun", STUCK.values(), ids=STUCK)
def test_it_ends_whoever_still_runs_in_it(environ, tmp_path, begun):
    """A tool of the operator's may wait for ever, wherever it does."""
    (tmp_path / "tools_of_a_test.py").write_text(TOOLS.format(begun=begun))
    (tmp_path / "tools.toml").write_text('[python]\nmodule = "tools_of_a_test"\n')
    environ |= {"PARLEY_TOOLS_FILE": str(tmp_path / "tools.toml")}
    code, out, err = shell(("run.py", "token", "--user", "alice"), "", environ)

    assert (0, "", 1) == (code, err, out.count("\n"))


def test_no_line_is_wrapped_in_a_pipe(environ):
    """Nothing was made to fit 80 columns, or as many as a terminal has elsewhere."""
    words = ("run.py", "talk", "--help")
    _, narrow, _ = shell(words, "", environ | {"COLUMNS": "40"})
    _, out, _ = shell(words, "", environ)

    assert narrow == out
    assert max(map(len, out.splitlines())) > 100


@contextlib.contextmanager
def started(words, environ, **streams):
    with subprocess.Popen(
        [sys.executable, *words], cwd=ROOT, env=environ, start_new_session=True, **streams
    ) as process:
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.parametrize("words", SERVERS.values(), ids=SERVERS)
class TestServers:
    @pytest.mark.parametrize("redirections", ["<&- >&- 2>&-", ">/dev/full"])
    def test_they_run_whatever_they_were_started_with(self, environ, words, redirections):
        """They listen, and end with 0 when they are told to; one that cannot speak complains."""
        command = ["bash", "-c", f'exec "$@" {redirections}', "-", sys.executable, *words]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        with subprocess.Popen(command, cwd=ROOT, env=environ, **pipes) as process:
            try:
                until(lambda: answers(process.pid), pause_s=0.05)
                process.terminate()
                process.wait(WAIT_S)
                err = process.stderr.read()
            finally:
                process.kill()

        assert 0 == process.returncode
        assert b"Traceback" not in err
        if redirections == ">/dev/full":
            assert b"the server runs all the same" in err

    @pytest.mark.parametrize(
        ("number", "delays_s"),
        [(signal.SIGINT, (0, 0.2, 0.5)), (signal.SIGTERM, (0.1, 0.35))],
        ids=["SIGINT", "SIGTERM"],
    )
    def test_a_signal_while_it_starts(self, environ, words, number, delays_s):
        """At any moment from run.py's first lines on: one sentence or a quiet end, nobody left."""
        for delay_s in delays_s:
            with started(words, environ, stdout=-1, stderr=-1) as process:
                until(lambda pid=process.pid: catches_signals(pid))
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(delay_s)
                children = psutil.Process(process.pid).children(recursive=True)
                process.send_signal(number)
                _, err = process.communicate(timeout=WAIT_S)
                _, alive = psutil.wait_procs(children, timeout=WAIT_S)

            assert process.returncode in {0, 128 + number}, (delay_s, err)
            assert b"Traceback" not in err
            assert not alive
            if process.returncode:
                assert err.startswith(b"Stopped by "), delay_s


@pytest.mark.parametrize("options", [(), ("--processes", "2")])
def test_a_gateway_does_not_die_of_being_asked_to_read_its_files(environ, options):
    """Whenever it is: as soon as it has begun, and until it has ended."""
    with started(["run.py", "--port", "0", *options], environ, stdout=-1, stderr=-1) as process:
        until(lambda: catches_signals(process.pid))
        until(lambda: among_signals(process.pid, "SigBlk", signal.SIGHUP))
        process.send_signal(signal.SIGHUP)
        assert any(b"Try, in another terminal" in line for line in process.stdout)
        process.terminate()
        until(lambda: process.send_signal(signal.SIGHUP) or process.poll() is not None, 0.001)
        _, err = process.communicate(timeout=WAIT_S)

    assert 0 == process.returncode, err
    assert b"Traceback" not in err


@pytest.mark.parametrize(
    "changes", [{"PYTHONSAFEPATH": "1"}, {"PYTHONIOENCODING": "utf-16"}], ids=" ".join
)
def test_programs_that_find_and_understand_each_other(environ, changes):
    """Whatever Python is told of paths and characters: a gateway is up with the model it starts."""
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with started(SERVERS["serve"], environ | changes, **streams) as process:
        assert any(b"Parley listens on " in line for line in process.stdout)


def test_a_python_that_trusts_nothing_around_it(environ):
    """``python -I``: what is beside run.py is found all the same."""
    assert 0 == shell(("-I", "run.py", "check-config"), "", environ)[0]


def until(happens, pause_s=0.005):
    """Wait for what nobody tells us of."""
    deadline = time.monotonic() + WAIT_S
    while not happens():
        assert time.monotonic() < deadline
        time.sleep(pause_s)


def answers(pid):
    """Whether the process takes a request, and not only connections."""
    try:
        mine = psutil.Process(pid).net_connections("tcp")
        [port] = {each.laddr.port for each in mine if each.status == psutil.CONN_LISTEN}
        with socket.create_connection(("127.0.0.1", port), 0.2) as client:
            client.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            return client.recv(100).startswith(b"HTTP/1.1")
    except (OSError, ValueError):
        return False


def catches_signals(pid):
    """Whether it has begun: before its first line, signals are the interpreter's."""
    return among_signals(pid, "SigCgt", signal.SIGTERM)


def among_signals(pid, which, number):
    """Whether the process has *number* among those that it catches, blocks or ignores."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        pytest.skip("what a process does with signals is asked of Linux")
    return int(re.search(rf"{which}:\s*(\w+)", status)[1], 16) >> (number - 1) & 1


def at_a_terminal(words, environ, columns):
    """What a terminal of so many columns shows of a command."""
    pid, terminal = pty.fork()
    if not pid:
        os.environ.clear()
        os.environ.update(environ | {"COLUMNS": str(columns), "NO_COLOR": "1"})
        os.chdir(ROOT)
        os.execv(sys.executable, [sys.executable, *words])  # noqa: S606
    shown = b""
    with contextlib.suppress(OSError):  # the end of a terminal
        while select.select([terminal], [], [], WAIT_S)[0] and (piece := os.read(terminal, 4096)):
            shown += piece
    os.close(terminal)
    os.waitpid(pid, 0)
    return shown.decode().replace("\r\n", "\n")


@pytest.mark.parametrize(
    "words",
    [("--help",), ("talk", "--help"), ("model", "--help"), ("check-config",)],
)
def test_no_word_is_broken_at_forty_columns(environ, words):
    """What does not fit goes to the next line as a whole."""
    shown = at_a_terminal(("run.py", *words), environ, 40)
    _, out, err = shell(("run.py", *words), "", environ)

    if "--help" not in words:
        assert (out + err).split() == shown.split()
    assert all(len(line) <= 40 for line in shown.splitlines())


@pytest.mark.parametrize(
    "changes", [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C"}, {"PYTHONIOENCODING": "latin-1"}]
)
def test_characters_that_the_locale_does_not_have(environ, changes):
    """They are written as escapes, and nothing fails."""
    words = ("check-config", "--config", "\u4f60\x1b[31m\udcff.toml")
    code, out, err = shell(("run.py", *words), "", environ | changes)

    assert (2, "", 1) == (code, out, err.count("\n"))
    assert "\x1b" not in err


MULTIPLIES = """
import sys
from terminal.program import run

def main():
    import numpy as np
    import psutil
    square = np.ones((600, 600))
    square @ square
    print(psutil.Process().num_threads())
    return 0

sys.exit(run(main))
"""


@pytest.mark.skipif(os.cpu_count() == 1, reason="one core has one thread anyway")
@pytest.mark.parametrize(("asked", "threads"), [({}, 1), ({"OPENBLAS_NUM_THREADS": "2"}, 2)])
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere numpy may have another BLAS")
def test_matrices_are_multiplied_by_one_thread(environ, asked, threads):
    """Unless who starts the program has asked for more."""
    environ.pop("OPENBLAS_NUM_THREADS", None)
    done = subprocess.run(
        [sys.executable, "-c", MULTIPLIES],
        cwd=ROOT,
        env=environ | asked,
        check=True,
        capture_output=True,
        timeout=WAIT_S,
        text=True,
    )

    assert f"{threads}\n" == done.stdout
