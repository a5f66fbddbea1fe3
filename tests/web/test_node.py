"""What of parley.js needs no browser, by Node's own test runner; and that its tests can fail."""

import shutil
import subprocess
from pathlib import Path

import pytest

TESTS = Path(__file__).parent / "node"
NODE = shutil.which("node") or ""


def version() -> int:
    if not NODE:
        return 0
    told = subprocess.run([NODE, "--version"], capture_output=True, text=True, check=False)
    return int(told.stdout.strip().lstrip("v").split(".")[0] or 0)


needs_node = pytest.mark.skipif(version() < 20, reason="there is no Node 20 or newer")


@needs_node
@pytest.mark.parametrize("name", sorted(path.name for path in TESTS.glob("*.test.mjs")))
def test_in_node(name):
    """Every test of the file passes, and there are some."""
    told = subprocess.run(
        [
            NODE,
            "--no-warnings",
            "--test",
            "--test-reporter=tap",
            "--test-timeout=500000",
            str(TESTS / name),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stdout[-8000:] + told.stderr
    assert "# fail 0" in told.stdout
    assert "# pass 0" not in told.stdout
