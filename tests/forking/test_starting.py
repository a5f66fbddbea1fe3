"""What a program finds when it is a fork, beside what it finds in a process of its own."""

import json
import os
import signal
import subprocess
import sys

import pytest

from tests.forking.starting import POSSIBLE, ROOT, Forked, Fresh

pytestmark = pytest.mark.skipif(not POSSIBLE, reason="here every program is a process of its own")

WAIT_S = 60.0
LOOK = """
import json, os, resource, signal, sys

def looks(stream):
    return stream.encoding, stream.errors, stream.newlines, stream.line_buffering, stream.isatty()

print(json.dumps({
    "words": [sys.argv, sys.orig_argv],
    "seen": open("/proc/self/cmdline").read().rstrip(chr(0)),
    "environ": sorted(os.environ.items()),
    "folder": os.getcwd(),
    "path": sys.path,
    "main": [__name__, __file__, sys.modules["__main__"].__file__],
    "open": sorted(os.listdir("/proc/self/fd")),
    "signals": {number: str(signal.getsignal(number)) for number in signal.valid_signals()},
    "blocked": [int(number) for number in signal.pthread_sigmask(signal.SIG_BLOCK, ())],
    "limits": [resource.getrlimit(number) for number in range(10)],
    "parent": os.getppid(),
    "leads": os.getsid(0) == os.getpid(),
    "group": os.getpgid(0) == os.getpid() or os.getpgid(0),
    "mask": os.umask(0),
    "threads": len(os.listdir("/proc/self/task")),
    "streams": [looks(stream) for stream in (sys.stdin, sys.stdout, sys.stderr)],
    "flags": str(sys.flags),
}))
print("complaint", file=sys.stderr)
sys.exit(7)
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "look.py").write_text(LOOK)
    (tmp_path / "ends.py").write_text("import os, sys\nexec(sys.argv[1])\n")
    (tmp_path / "is_a_fork.py").write_text(
        "import sys\nprint('tornado_app.serving' in sys.modules)\n"
    )
    return tmp_path


@pytest.mark.parametrize(
    "asked",
    [
        {"env": dict(os.environ)},
        {"env": dict(os.environ), "stdin": subprocess.DEVNULL},
        {"env": dict(os.environ), "stdin": subprocess.PIPE, "start_new_session": True},
        {"env": {"PARLEY_SERVER_PORT": "0", "ODD": "\udcff", **os.environ}},
    ],
    ids=["nothing else", "no input", "a session", "an environment"],
)
@pytest.mark.parametrize(
    "words", [["look.py", "a b", ""], ["-m", "look", "--é"]], ids=["file", "module"]
)
def test_a_fork_finds_what_a_fresh_process_finds(folder, words, asked):
    """Down to the descriptors, the signals and how its streams are buffered."""
    ended = []
    for kind in (Fresh, Forked):
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        with kind([sys.executable, *words], cwd=folder, **pipes, **asked) as process:
            out, err = process.communicate(timeout=WAIT_S)
        ended.append((process.returncode, json.loads(out), err))

    for name, found in ended[0][1].items():
        assert (name, found) == (name, ended[1][1][name])
    assert ended[0] == ended[1]
    assert (7, b"complaint\n") == ended[0][::2]


@pytest.mark.parametrize("how", [signal.SIG_IGN, signal.SIG_DFL, lambda *_: None])
def test_a_fork_ignores_what_whoever_starts_it_ignores(folder, how):
    """Now, and not when what is forked was started."""
    ended = []
    before = signal.signal(signal.SIGHUP, how)
    try:
        for kind in (Fresh, Forked):
            with kind([sys.executable, "look.py"], cwd=folder, stdout=subprocess.PIPE) as process:
                ended.append(json.loads(process.communicate(timeout=WAIT_S)[0])["signals"])
    finally:
        signal.signal(signal.SIGHUP, before)

    assert ended[0] == ended[1]


def test_output_and_errors_may_be_one_file(folder):
    """In the order in which both were written."""
    words = [sys.executable, "ends.py", "print(1, flush=True); print(2, file=sys.stderr); print(3)"]
    done = subprocess.run(
        words, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True
    )

    assert b"1\n2\n3\n" == done.stdout


@pytest.mark.parametrize(
    ("end", "code"),
    [
        ("pass", 0),
        ("sys.exit('sorry')", 1),
        ("1 / 0", 1),
        ("os._exit(3)", 3),
        ("os.kill(os.getpid(), 9)", -signal.SIGKILL),
        ("raise KeyboardInterrupt", -signal.SIGINT),
        ("import atexit; atexit.register(print, 'the end')", 0),
    ],
)
def test_it_ends_as_a_process_does(folder, end, code):
    """With the same code, and the same last words but for where they are from."""
    ended = []
    for kind in (Fresh, Forked):
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        with kind([sys.executable, "ends.py", end], cwd=folder, **pipes) as process:
            out, err = process.communicate(timeout=WAIT_S)
        ended.append((process.returncode, out, err.splitlines()[-1:]))

    assert ended[0] == ended[1]
    assert code == ended[0][0]


IS_A_FORK = [sys.executable, "is_a_fork.py"]


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        ([sys.executable, "-X", "dev", "is_a_fork.py"], {}),
        ([sys.executable, "-c", "import is_a_fork"], {}),
        (IS_A_FORK, {"env": {**os.environ, "PYTHONHASHSEED": "1"}}),
        (IS_A_FORK, {"env": {**os.environ, "MALLOC_ARENA_MAX": "1"}}),
        (IS_A_FORK, {"env": {}}),
        (IS_A_FORK, {"umask": 0o77}),
        (IS_A_FORK, {"preexec_fn": os.getpid}),
        (IS_A_FORK, {"pass_fds": (2,)}),
        (IS_A_FORK, {"executable": sys.executable}),
    ],
)
def test_what_a_fork_cannot_be_is_a_process(folder, words, asked):
    """Flags, and what is read once when Python begins, are not lost."""
    done = subprocess.run(words, cwd=folder, check=True, capture_output=True, text=True, **asked)

    assert "False\n" == done.stdout


def test_the_programs_of_this_file_are_forks(folder):
    """As of most: nothing above would show it."""
    done = subprocess.run(IS_A_FORK, cwd=folder, check=True, capture_output=True, text=True)

    assert "True\n" == done.stdout


def test_what_forks_ends_with_the_tests():
    """A parent that nobody asks any more is not left behind."""
    program = (
        "import os, psutil\n"
        "from tests.forking.parent import Start\n"
        "from tests.forking.starting import Parent\n"
        "parent = Parent(dict(os.environ))\n"
        "start = Start(['-m', 'this'], dict(os.environ), '.', False, [])\n"
        "number = parent.start(start, [0, 1, 2])\n"
        "os.waitpid(number, 0)\n"
        "parent.close()\n"
        "print(psutil.Process().children())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, check=False, capture_output=True
    )

    assert (0, b"") == (done.returncode, done.stderr)
    assert done.stdout.endswith(b"\n[]\n")
