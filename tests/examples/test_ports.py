"""`make examples` where another program has a port."""

import os
import socket
import subprocess
import sys

import pytest

from tests.examples.house import ROOT


@pytest.mark.parametrize("name", ["APPLICATION_PORT", "WEATHER_PORT", "HOURS_PORT"])
def test_a_port_that_is_taken_is_said_in_one_sentence(name):
    """Which it is, and where to read on; nothing is started, and no traceback shown."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        ended = subprocess.run(
            [sys.executable, ROOT / "examples/everything.py"],
            check=False,
            env=os.environ | dict.fromkeys(PORTS, "0") | {name: port},
            capture_output=True,
            text=True,
            timeout=60,
        )

    assert (1, "") == (ended.returncode, ended.stdout)
    sentence = f"{name} {port} cannot be used (address already in use); see examples/README.md "
    assert [sentence + "for another."] == ended.stderr.splitlines()


PORTS = ("APPLICATION_PORT", "WEATHER_PORT", "HOURS_PORT")
