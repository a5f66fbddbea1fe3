"""`make examples`, and each server of it, where another program has a port, and at Ctrl-C."""

import asyncio
import os
import signal
import socket
import subprocess
import sys

import pytest

from tests.examples.house import END_S, ROOT, answers
from tests.fakes.upstream import unused_port


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
SERVERS = {
    "application/tornado_server.py": "APPLICATION_PORT",
    "tools/weather_endpoint.py": "WEATHER_PORT",
}


def ended(program, **environ):
    return subprocess.run(
        [sys.executable, ROOT / "examples" / program],
        check=False,
        env=os.environ | environ,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_a_port_that_is_none_is_said_in_one_sentence():
    """Neither a word nor a number that no port has."""
    for port in ("http", "70000"):
        done = ended("everything.py", WEATHER_PORT=port)
        sentence = f"WEATHER_PORT must be the number of a port, not {port}.\n"
        assert (1, sentence) == (done.returncode, done.stderr)


@pytest.mark.parametrize(("program", "name"), SERVERS.items())
def test_a_server_says_that_its_port_is_taken(program, name):
    """Also where it is started alone."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        done = ended(program, WEATHER_SIGNING_KEY="key", **{name: port})

    sentence = f"{name} {port} cannot be used: Address already in use\n"
    assert (1, sentence) == (done.returncode, done.stderr)


def test_the_endpoint_says_that_it_needs_a_key():
    """It would believe whoever has none either."""
    done = ended("tools/weather_endpoint.py", WEATHER_SIGNING_KEY="")

    sentence = "WEATHER_SIGNING_KEY is not set; Parley signs its requests with it.\n"
    assert (1, sentence) == (done.returncode, done.stderr)


@pytest.mark.gen_test
@pytest.mark.parametrize(("program", "name"), SERVERS.items())
async def test_ctrl_c_ends_a_server_without_a_word(program, name):
    """Nothing has gone wrong."""
    port = unused_port()
    environ = {name: str(port), "WEATHER_SIGNING_KEY": "key"}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, ROOT / "examples" / program),
        env=os.environ | environ,
        stderr=asyncio.subprocess.PIPE,
    )
    await answers(port)
    process.send_signal(signal.SIGINT)
    async with asyncio.timeout(END_S):
        _, errors = await process.communicate()

    assert (0, b"") == (process.returncode, errors)
