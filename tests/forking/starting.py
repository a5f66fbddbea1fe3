"""Programs that tests start are forks of a process that has imported them, where that can be.

Two thirds of what a gateway does before it listens is to import the same as ever.
"""

import ctypes
import inspect
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, ClassVar

from compiling.loading import VARIABLE
from compiling.recipe import place_of
from tests.forking.parent import CARRIED, ROOM, Start

ROOT = Path(__file__).resolve().parents[2]
WAIT_S = 120.0
"""It imports for two seconds, on a machine that may be twenty times slower."""
POSSIBLE = sys.platform == "linux" and os.environ.get("TESTS_START_FRESH") != "yes"
SET_CHILD_SUBREAPER = 36
"""<linux/prctl.h>"""
ONCE = ("PYTHON", "LD_", "LC_", "LANG", "MALLOC_", "OPENBLAS_")
"""What Python, libc and numpy read when they begin."""
if place_of(ROOT).is_dir():
    ONCE += (VARIABLE,)  # else there is only one code that could be loaded
OBEYED = "PYTHONPATH"
"""By each fork."""
ODD = ("preexec_fn", "pass_fds", "shell", "gid", "gids", "uid")
"""What is not done for a fork."""
ENDS = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")
_signature = inspect.signature(subprocess.Popen._execute_child)


def read_once(environ: dict[str, str]) -> dict[str, str]:
    return {
        name: text for name, text in environ.items() if name.startswith(ONCE) and name != OBEYED
    }


HERE = read_once(dict(os.environ))
"""Before any test changes it."""


def start_of(asked: dict[str, Any]) -> Start | None:
    """What `subprocess.Popen` is asked for, if a fork can be that: a plain program of Python."""
    plain = asked["close_fds"] and asked["restore_signals"] and asked["executable"] is None
    if not plain or any(asked[name] for name in ODD) or asked["umask"] != -1:
        return None
    if isinstance(asked["args"], str | bytes | os.PathLike):
        return None
    first, *words = map(os.fsdecode, asked["args"])
    environ = dict(os.environ if asked["env"] is None else asked["env"])
    is_program = bool(words) and (words[0] == "-m" or words[0].endswith(".py"))
    if first != sys.executable or not is_program or read_once(environ) != HERE:
        return None
    folder = os.fsdecode(asked["cwd"] or Path.cwd())
    ignored = [int(each) for each in CARRIED if signal.getsignal(each) is signal.SIG_IGN]
    return Start(words, environ, folder, bool(asked["start_new_session"]), ignored)


class Parent:
    """The process that is forked; started when it is first asked.  Thread: any."""

    def __init__(self, environ: dict[str, str]) -> None:
        self._environ = environ
        # One request and its answer at a time, whichever threads tests start programs from.
        self._turn = threading.Lock()
        self._asking: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._prctl = ctypes.CDLL(None, use_errno=True).prctl

    def start(self, start: Start, streams: list[int]) -> int:
        """The number of the new process, a child of this one."""
        with self._turn:
            asking = self._asking or self._begin()
            # Only now: what programs leave behind otherwise is not for this process.
            self._adopt(orphans=True)
            try:
                socket.send_fds(asking, [start.as_bytes()], streams)
                number = asking.recv(20)
            finally:
                self._adopt(orphans=False)
        assert number, "the process that is forked has ended"
        return int(number)

    def close(self) -> None:
        if self._asking and self._process:
            self._asking.close()
            self._process.wait(WAIT_S)

    def _begin(self) -> socket.socket:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.settimeout(WAIT_S)
        with theirs:
            self._process = Fresh(
                [sys.executable, "-m", "tests.forking.parent", str(theirs.fileno()), ROOM],
                cwd=ROOT,
                env=self._environ,
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
            )
        self._asking = ours
        return ours

    def _adopt(self, *, orphans: bool) -> None:
        if self._prctl(SET_CHILD_SUBREAPER, int(orphans), 0, 0, 0):
            raise OSError(ctypes.get_errno(), "prctl")


Fresh = subprocess.Popen


class Forked(Fresh):
    """`subprocess.Popen`, whose process is a fork where it can be.  Thread: any."""

    parent: ClassVar[Parent]

    def _execute_child(self, *positional: Any, **named: Any) -> None:
        """In place of the same one of `subprocess.Popen`, from Python 3.11 to 3.14."""
        asked = _signature.bind(self, *positional, **named).arguments
        start = start_of(asked)
        if start is None:
            super()._execute_child(*positional, **named)
            return
        ends = [asked[name] for name in ENDS]
        # Without an end of a pipe it is this process's own.
        theirs = enumerate((asked["p2cread"], asked["c2pwrite"], asked["errwrite"]))
        streams = [own if end == -1 else end for own, end in theirs]
        try:
            self.pid = self.parent.start(start, streams)
            self._child_created = True
        finally:
            self._close_pipe_fds(*ends)
