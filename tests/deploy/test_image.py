"""The tree of the image, without one: what deploy/Dockerfile copies and installs, as it runs.

Minutes long, and for root on Linux alone: `make deploy-check`.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import pytest

from tests.calls.house import ROOT
from tests.deploy.test_manifests import copied
from tests.fakes.upstream import unused_port

USER = 10001
WAIT_S = 60
SECRET = "q8Jx0mVb2LkR7tYz4WcN1hSd6GfP9aEu3oKiB5vXnTQ="
AMIABLE = ROOT / "tests" / "data" / "amiable.wav"
WRITES = """
import os, tempfile
try:
    print(tempfile.gettempdir())
except OSError:
    print("nowhere")
for folder in ("/", os.getcwd(), "/var/tmp"):
    try:
        open(os.path.join(folder, "written"), "w").close()
        print(folder)
    except OSError:
        pass
"""

pytestmark = [
    pytest.mark.skipif(not os.environ.get("DEPLOY_CHECK"), reason="takes long: make deploy-check"),
    pytest.mark.skipif(
        sys.platform != "linux" or os.geteuid() != 0, reason="mounts, and becomes another user"
    ),
    pytest.mark.timeout(900),
]


def usable_python():
    """One that another user may start: what stands below a home is not for everybody."""
    for name in (sys.base_prefix + "/bin/python3", "/usr/bin/python3"):
        check = (
            "import ensurepip, os, sys; "
            "sys.exit(sys.version_info < (3, 11) or not os.access(sys.executable, os.X_OK))"
        )
        done = subprocess.run(
            [*as_user(), name, "-c", check], capture_output=True, check=False, cwd="/"
        )
        if done.returncode == 0:
            return name
    return pytest.skip("no Python here that another user may start")


def as_user():
    """A command in front of another: a user with no rights, who can get none."""
    return [
        *("setpriv", "--reuid", str(USER), "--regid", str(USER), "--clear-groups"),
        *("--no-new-privs", "--inh-caps=-all", "--bounding-set=-all"),
    ]


def read_only():
    """The same, in a file system that is read-only throughout."""
    script = 'mount --make-rprivate / && mount -o remount,bind,ro / && exec "$@"'
    return ["unshare", "--mount", "sh", "-c", script, "sh", *as_user()]


@pytest.fixture(scope="module")
def tree():
    """What the Dockerfile copies, and requirements.txt alone beside it."""
    python = usable_python()
    folder = Path(tempfile.mkdtemp(prefix="parley-image-", dir="/var/tmp"))
    folder.chmod(0o755)
    tree = folder / "parley"
    tree.mkdir()
    for sources, to in copied():
        if to.startswith("/opt/tools"):
            continue
        for source in sources:
            target = tree / to / source if to == "./" else tree / to
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / source, target)
    subprocess.run([python, "-m", "venv", folder / "tools"], check=True)
    subprocess.run([python, "-m", "venv", "--without-pip", tree / ".venv"], check=True)
    tools, packages = folder / "tools" / "bin", tree / ".venv" / "bin" / "python"
    install = ["install", "--quiet", "--require-hashes", "--only-binary", ":all:", "-r"]
    pip = tools / "pip"
    subprocess.run([pip, "--python", packages, *install, ROOT / "requirements.txt"], check=True)
    if shutil.which("cc"):
        subprocess.run([pip, *install, ROOT / "requirements-compile.txt"], check=True)
        making = [tools / "python", "-m", "compiling.making", "--packages", packages]
        subprocess.run(making, cwd=tree, check=True)
    yield tree
    shutil.rmtree(folder)


@pytest.fixture(params=[1, 2])
def gateway(tree, request):
    """The process that serves calls with the model of this computer, and its port; or the parent
    of two that do.
    """
    port = unused_port()
    environ = {
        "PATH": "/usr/bin:/bin",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PARLEY_SERVER_ENVIRONMENT": "production",
        "PARLEY_SERVER_PORT": str(port),
        "PARLEY_SERVER_ALLOWED_ORIGINS": json.dumps(["https://voice.example.com"]),
        "PARLEY_AUTH_SECRET": SECRET,
        "PARLEY_UPSTREAM_URL": "local",
        "PARLEY_SERVER_PROCESSES": str(request.param),
    }
    python = tree / ".venv" / "bin" / "python"
    process = subprocess.Popen(
        [*read_only(), python, tree / "run.py", "serve"],
        cwd=tree,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        wait_until_ready(process, port)
        yield process, port
    finally:
        process.kill()
        process.communicate(timeout=WAIT_S)


def wait_until_ready(process, port):
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        assert process.poll() is None, process.stdout.read()
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5):
                return
        except OSError:
            time.sleep(0.05)
    pytest.fail("it did not become ready")


def test_a_call_through_the_tree_of_the_image(tree, gateway):
    """Answered, by a process without rights that can write nowhere; SIGTERM ends it well.

    Compiled where there is a C compiler, as there is where an image is built.
    """
    process, port = gateway
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=WAIT_S) as answer:
        hot_path = json.load(answer)["hot_path"]
    status = Path(f"/proc/{process.pid}/status").read_text()
    environ = {**os.environ, "PARLEY_AUTH_SECRET": SECRET}
    token = subprocess.run(
        [sys.executable, ROOT / "run.py", "token", "--user", "alice"],
        env=environ,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    talk = [sys.executable, ROOT / "run.py", "talk", AMIABLE, "--token", token]
    talk += ["--url", f"ws://127.0.0.1:{port}/ws"]
    said = subprocess.run(talk, env=environ, capture_output=True, text=True, check=False)
    enter = ["nsenter", "--target", str(process.pid), "--mount", f"--wd={tree}", *as_user()]
    wrote = subprocess.run(
        [*enter, tree / ".venv" / "bin" / "python", "-c", WRITES],
        capture_output=True,
        text=True,
        check=False,
    )
    process.terminate()

    assert hot_path == ("compiled" if shutil.which("cc") else "python")
    assert re.search(rf"(?m)^Uid:\s+{USER}\s+{USER}\s", status)
    assert re.search(r"(?m)^CapEff:\s+0+$", status)
    assert re.search(r"(?m)^NoNewPrivs:\s+1$", status)
    assert said.returncode == 0, said.stdout + said.stderr
    assert "Answer" in said.stdout + said.stderr
    assert wrote.stdout.split() == ["nowhere"], wrote.stdout + wrote.stderr
    assert process.wait(WAIT_S) == 0


def test_nothing_that_installs_is_in_it(tree):
    """Whoever gets in finds no pip."""
    python = tree / ".venv" / "bin" / "python"
    done = subprocess.run([python, "-m", "pip"], capture_output=True, text=True, check=False)

    assert done.returncode != 0
    assert "No module named pip" in done.stderr
