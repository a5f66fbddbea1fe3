"""A process that has imported what programs of Parley import, and forks itself for each of a test.

`tests/forking/starting.py` starts it and asks it.  Thread: it has one, and runs no loop: what it
forks is as single as a program that has just begun.
"""

import ctypes
import gc
import importlib
import io
import json
import os
import runpy
import signal
import socket
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType

LOADED = [
    "opuslib_next",
    "uvloop",
    "local_realtime.cli",
    "local_realtime.brain.chat.chat_brain",
    "tornado_app.commands.configuration",
    "tornado_app.commands.doctor.command",
    "tornado_app.commands.processes",
    "tornado_app.commands.recordings",
    "tornado_app.commands.serve",
    "tornado_app.commands.talk.command",
    "tornado_app.commands.token",
    "tornado_app.commands.usage",
]
"""What programs load, but for the models of speech, which bring threads along."""
LARGEST_BYTES = 1 << 18
"""Of a request; sockets of this kind take as much at once."""
ROOM = "-" * 4096
"""Given as an argument: a fork's own take its place."""


PYTHONS_OWN = {signal.SIGPIPE, signal.SIGXFSZ}
"""Ignored by every program of Python."""
CARRIED = signal.valid_signals() - PYTHONS_OWN - {signal.SIGKILL, signal.SIGSTOP}
"""Signals of which it is carried over by exec that they are ignored."""


@dataclass(frozen=True)
class Start:
    """What a program is started with."""

    words: list[str]
    """After the interpreter: a script and its arguments, or ``-m``, a module and its arguments."""
    environ: dict[str, str]
    folder: str
    has_session: bool
    """Of its own, as with ``start_new_session``."""
    ignored: list[int]
    """Signals that whoever starts it ignores, as it would then."""

    def as_bytes(self) -> bytes:
        return json.dumps(asdict(self)).encode()

    @classmethod
    def of(cls, message: bytes) -> "Start":
        return cls(**json.loads(message))


def serve(asking: socket.socket) -> Start:
    """Fork for whoever asks; returns in the copies alone, and ends with the one who asks."""
    while True:
        message, streams, _, _ = socket.recv_fds(asking, LARGEST_BYTES, 3)
        if not message:
            sys.exit()
        if number := _forked_twice():
            asking.send(b"%d" % number)
            for stream in streams:
                os.close(stream)
            continue
        _take(streams)
        return Start.of(message)


def _forked_twice() -> int:
    """The number of a copy whose own parent has ended, so that the test becomes it; 0 in the copy.

    The copy goes on when that is so: who asks for its parent is told the same ever after.
    """
    number_read, number_written = os.pipe()
    gate_read, gate_written = os.pipe()
    between = os.fork()
    if not between:
        number = os.fork()
        if number:
            os.write(number_written, b"%d" % number)
            os._exit(0)
        os.close(gate_written)
        os.read(gate_read, 1)
        return 0
    os.waitpid(between, 0)
    number = int(os.read(number_read, 20))
    for end in (number_read, number_written, gate_read, gate_written):
        os.close(end)
    return number


def _take(streams: list[int]) -> None:
    """As the standard streams, and nothing else."""
    for standard, stream in enumerate(streams):
        os.dup2(stream, standard)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))


def become(start: Start) -> None:
    """Have everything that a program finds when it begins."""
    for number in CARRIED:
        plain = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
        signal.signal(number, signal.SIG_IGN if number in start.ignored else plain)
    if start.has_session:
        os.setsid()
    os.chdir(start.folder)
    os.environ.clear()
    os.environ.update(start.environ)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        _open(number, name)
    sys.path[:] = [*pieces_of_path(start.environ), *FOUND]
    sys.orig_argv[:] = [sys.executable, *start.words]
    _name(sys.orig_argv)


def _name(words: list[str]) -> None:
    """Show them where others look for what a process was called with (proc(5), ``arg_start``)."""
    of_process = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    begin, end = (int(of_process[field - 3]) for field in (48, 49))
    line = b"\0".join(map(os.fsencode, words))[: end - begin - 1]
    ctypes.memmove(begin, line.ljust(end - begin, b"\0"), end - begin)


def _open(number: int, name: str) -> None:
    """A standard stream as the interpreter opens it (``create_stdio`` of CPython)."""
    before = getattr(sys, name)
    writes = name != "stdin"
    as_it_comes = before.write_through
    buffer = open(  # noqa: SIM115  as long as the process lives
        number, "wb" if writes else "rb", 0 if as_it_comes else -1, closefd=False
    )
    stream = io.TextIOWrapper(
        buffer,
        encoding=before.encoding,
        errors=before.errors,
        newline="\n",
        line_buffering=not as_it_comes and (name == "stderr" or buffer.isatty()),
        write_through=as_it_comes,
    )
    setattr(sys, name, stream)
    setattr(sys, f"__{name}__", stream)


def pieces_of_path(environ: Mapping[str, str]) -> list[str]:
    told = environ.get("PYTHONPATH", "").split(os.pathsep)
    return [str(Path.cwd() / piece) for piece in told if piece]


def run(words: list[str]) -> None:
    """As the interpreter would."""
    if words[0] == "-m":
        sys.argv[:] = words[1:]
        sys.path.insert(0, os.getcwd())  # noqa: PTH109  as Python spells it
        runpy.run_module(words[1], run_name="__main__", alter_sys=True)
    else:
        # Not by runpy, which tells the file by the name that it was called by.
        path = Path.cwd() / words[0]
        sys.argv[:] = words
        sys.path.insert(0, str(path.resolve().parent))
        main = sys.modules["__main__"] = ModuleType("__main__")
        main.__file__ = str(path)
        exec(compile(path.read_bytes(), path, "exec"), main.__dict__)  # noqa: S102


def load() -> None:
    for name in LOADED:
        importlib.import_module(name)
    threads = os.listdir("/proc/self/task")  # noqa: PTH208
    assert len(threads) == 1, "what has threads cannot be forked"
    # A look at what all copies share would make each of them a copy of its own.
    gc.collect()
    gc.freeze()


if __name__ == "__main__":
    # Ctrl-C is for the tests, which end this process by leaving it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    asking = socket.socket(fileno=int(sys.argv[1]))
    # Where Python and its packages are, without what this process was told of.
    told = {os.getcwd(), *pieces_of_path(os.environ)}  # noqa: PTH109
    FOUND = [piece for piece in sys.path if piece not in told]
    load()
    start = serve(asking)
    asking.detach()  # it has been closed
    become(start)
    run(start.words)
