"""A real server of PostgreSQL for tests: in a directory of its own, on a free port, ended again."""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, Self

import psutil
import pytest

from tests.fakes.upstream import unused_port

WAIT_S = 120.0
"""It computes for a second to be made, on a computer that may have none to spare."""
WRITE_S = 30.0
"""How long a gateway waits for it in tests: a busy computer is none that hangs."""
LONG_S = 4 * WRITE_S
"""What is under way when it hangs is given up after as much as that, and then told of."""
NAME, PASSWORD = "parley", "a-word-that-nobody-logs"
SMALL = {
    "fsync": "off",
    "shared_buffers": "8MB",
    "max_connections": "20",
    "max_wal_size": "32MB",
    "autovacuum": "off",
    "log_min_messages": "fatal",
}


def _program(name: str) -> str | None:
    """Debian has none of them on the PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)
    return shutil.which(name) or next(map(str, found), None)


POSTGRES, INITDB = _program("postgres"), _program("initdb")


def needs_postgres() -> None:
    """Skip a whole file of tests, in one line, where there is no server or no package."""
    if POSTGRES is None or INITDB is None:
        pytest.skip("there is no postgresql", allow_module_level=True)
    reason = "the package is not installed: requirements-postgres.txt"
    pytest.importorskip("psycopg", reason=reason)


def _user() -> dict[str, Any]:
    """PostgreSQL does not run as root."""
    if os.geteuid() != 0:
        return {}
    names = {each.pw_name for each in pwd.getpwall()}
    found = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
    return {"user": found.pw_uid, "group": found.pw_gid, "extra_groups": ()}


class PostgresServer:
    """Is there for as long as a ``with``."""

    def __init__(self) -> None:
        self.port = unused_port()
        self.url = f"postgresql://{NAME}:{PASSWORD}@127.0.0.1:{self.port}/postgres"

    def __enter__(self) -> Self:
        self._place = Path(tempfile.mkdtemp(prefix="parley-postgres-"))
        try:
            self._make()
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        shutil.rmtree(self._place, ignore_errors=True)

    def _make(self) -> None:
        self._user = _user()
        if self._user:
            os.chown(self._place, self._user["user"], self._user["group"])
        word = self._place / "password"
        word.write_text(PASSWORD)
        word.chmod(0o644)
        self._process = self._run(
            INITDB, "-D", "data", "-U", NAME, "--pwfile", "password", "-A", "scram-sha-256",
            "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions", "--wal-segsize=1",
        )  # fmt: skip
        assert self._process.wait(WAIT_S) == 0, "initdb has failed"

    def start(self) -> None:
        """Return when it takes questions."""
        where = ["-D", "data", "-p", str(self.port), "-k", "", "-h", "127.0.0.1"]
        settings = [word for each in SMALL.items() for word in ("-c", "=".join(each))]
        self._process = self._run(POSTGRES, *where, *settings)
        deadline = time.monotonic() + WAIT_S
        while not self._answers():
            assert time.monotonic() < deadline, "postgres does not start"
            assert self._process.poll() is None, "postgres has ended"
            time.sleep(0.02)

    def kill(self) -> None:
        """All of it at once, as when the computer dies; what was committed is kept."""
        self._all(signal.SIGKILL)
        self._process.wait(WAIT_S)

    def pause(self) -> None:
        """Connections are taken, and nothing is answered."""
        self._all(signal.SIGSTOP)

    def go_on(self) -> None:
        self._all(signal.SIGCONT)

    def ask(self, text: str, *values: object) -> list[tuple[Any, ...]]:
        """The rows of one question."""
        import psycopg  # noqa: PLC0415

        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(text, values)
            return cursor.fetchall() if cursor.description else []

    def bound_files(self, most: str) -> None:
        """No file of it may have more bytes, or "unlimited": a full disk, for whatever grows.

        Its own user may do that, and root need not.
        """
        for each in self._processes():
            bound = self._run("prlimit", "--pid", str(each.pid), f"--fsize={most}:")
            assert bound.wait(WAIT_S) == 0 or not each.is_running()

    def _run(self, *words: str | None) -> "subprocess.Popen[bytes]":
        programs = [word for word in words if word is not None]
        return subprocess.Popen(
            programs, cwd=self._place, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            **self._user,
        )  # fmt: skip

    def _processes(self) -> list[psutil.Process]:
        """The one that lets in comes first, so that nobody is born meanwhile."""
        first = psutil.Process(self._process.pid)
        return [first, *first.children(recursive=True)]

    def _all(self, number: int) -> None:
        for _ in range(2):  # a child may have been born while its siblings were told
            with contextlib.suppress(psutil.NoSuchProcess):
                for each in self._processes():
                    with contextlib.suppress(psutil.NoSuchProcess):
                        each.send_signal(number)

    def _answers(self) -> bool:
        import psycopg  # noqa: PLC0415

        try:
            return self.ask("SELECT 1") == [(1,)]
        except psycopg.OperationalError:
            return False
