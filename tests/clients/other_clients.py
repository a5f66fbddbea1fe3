"""Where the other stock clients are, and whether."""

from pathlib import Path

import pytest

from tests.clients.program import ROOT

SCRIPTS = Path(__file__).parent / "others"
PYTHON = ROOT / "build" / "clients" / "bin" / "python"
DEADLINE_S = 100

needs_other_clients = pytest.mark.skipif(
    not (ROOT / "build" / "clients" / ".installed").exists(),
    reason="the other stock clients are not installed: `make clients` does it",
)
