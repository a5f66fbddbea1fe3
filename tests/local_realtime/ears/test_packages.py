"""Tests for local_realtime.ears.packages."""

import subprocess
import sys
from importlib.util import find_spec

import pytest

PROGRAM = """
import os, sys
sys.addaudithook(lambda event, args: event == "import" and args[0] == "onnxruntime" and print(
    os.environ.get("ORT_DISABLE_TELEMETRY")))
import local_realtime.ears.packages
"""


@pytest.mark.skipif(find_spec("onnxruntime") is None, reason="the packages of speech are missing")
def test_onnxruntime_is_told_to_report_nothing_before_it_is_loaded():
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
        env={"PATH": ""},
    )
    assert done.stdout.split()[0] == "1"
