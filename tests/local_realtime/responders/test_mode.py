"""Which mind is chosen."""

import os
import re
import subprocess
import sys

import pytest

from tests.clients.program import ROOT

PROGRAM = "tests.local_realtime.responders.without_packages"


def start(*options, **environment):
    """A server on whose computer the packages of speech are missing; it ends with its input."""
    return subprocess.Popen(
        [sys.executable, "-m", PROGRAM, "--port", "0", "--stop-with-parent", *options],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "MISSING": "onnxruntime hibari", **environment},
    )


@pytest.mark.parametrize(("options", "complaints"), [((), 1), (("--mode", "echo"), 0)])
def test_without_its_packages_it_echoes(options, complaints):
    """With one line that says so, unless echo is what was asked for."""
    with start(*options) as process:
        ready = process.stdout.readline()
        _, errors = process.communicate(timeout=60)

    assert re.match(r"Local Realtime server ready: ws://127\.0\.0\.1:\d+/v1/realtime\n", ready)
    assert errors.count("\n") == complaints
    assert errors == "" or "no speech here" in errors
    assert process.returncode == 0


def test_speech_that_cannot_be_had_is_an_error():
    """One line, exit code 1, and nobody listens."""
    with start("--mode", "speech") as process:
        printed, errors = process.stdout.read(), process.stderr.read()

    assert (process.returncode, printed) == (1, "")
    assert errors == "Speech is not available: no speech here.\n"


@pytest.mark.parametrize(
    ("options", "environment", "code"),
    [(["--mode", "loud"], {}, 2), ([], {"LOCAL_REALTIME_MODE": "loud"}, 1)],
    ids=["argument", "environment"],
)
def test_an_unknown_mode_is_refused(options, environment, code):
    """From the command line, as from the environment."""
    with start(*options, **environment) as process:
        errors = process.stderr.read()

    assert process.returncode == code
    assert "'loud'" in errors


def test_the_mode_may_come_from_the_environment():
    """As the gateway hands it down; echo says nothing of what is missing."""
    with start(LOCAL_REALTIME_MODE="echo") as process:
        process.stdout.readline()
        _, errors = process.communicate(timeout=60)

    assert (process.returncode, errors) == (0, "")


def test_without_the_model_of_turns_silence_ends_them():
    """One line says so; everything else is there."""
    pytest.importorskip("onnxruntime", reason="the packages of speech are not installed")
    pytest.importorskip("hibari", reason="the packages of speech are not installed")
    with start("--mode", "speech", MISSING="pipecat") as process:
        ready = process.stdout.readline()
        _, errors = process.communicate(timeout=60)

    assert ready.startswith("Local Realtime server ready: ")
    assert errors == "semantic_vad goes by silence: pipecat-ai with its model is missing.\n"
