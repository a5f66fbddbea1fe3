"""Where the stock Node client is, and whether."""

import shutil
from pathlib import Path

import pytest

NODE_SCRIPTS = Path(__file__).parent / "node"
NODE_MODULES = NODE_SCRIPTS / "node_modules"

needs_node_client = pytest.mark.skipif(
    not (shutil.which("node") and (NODE_MODULES / ".installed").exists()),
    reason="the Node client is not installed: `make node-client` does it, with Node 20 or newer",
)
