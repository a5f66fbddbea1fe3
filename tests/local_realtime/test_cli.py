"""The server as a program of its own."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys

import pytest
from websocket import create_connection

from local_realtime.cli import main

READY = r"Local Realtime server ready: (ws://127\.0\.0\.1:\d+/v1/realtime)\n"


@contextlib.contextmanager
def program(*options, **environment):
    """The running server and its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "local_realtime", "--port", "0", *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )
    with process:
        try:
            yield process, re.fullmatch(READY, process.stdout.readline())[1]
        finally:
            process.kill()


def ended(process):
    """Exit code and everything printed meanwhile; it has ten times as long as it should need."""
    printed = "".join(process.communicate(timeout=60))
    return process.returncode, printed


@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_quietly(signal_number):
    """With 1001 to its clients and nothing on stderr."""
    with program("--mode", "echo") as (process, address):
        client = create_connection(f"{address}?model=m", timeout=5)
        assert json.loads(client.recv())["type"] == "session.created"
        process.send_signal(signal_number)
        close = client.recv_data()
        client.shutdown()
        code, printed = ended(process)

    assert close == (8, b"\x03\xe9server is shutting down")
    assert (code, printed) == (0, "")


def test_it_ends_with_its_parent():
    """The end of standard input is the end."""
    with program("--mode", "echo", "--stop-with-parent") as (process, _):
        process.stdin.close()
        process.stdin = None
        code, printed = ended(process)

    assert (code, printed) == (0, "")


def test_a_client_that_does_not_answer_is_cut():
    """Nobody can hold up the end."""
    with program("--mode", "echo") as (process, address):
        client = create_connection(f"{address}?model=m", timeout=5)
        process.terminate()
        code, printed = ended(process)
        client.shutdown()

    assert (code, printed) == (0, "")


def test_the_key_comes_from_the_environment():
    """A client that has it gets a session."""
    with program("--mode", "echo", LOCAL_REALTIME_API_KEY="right") as (_, address):
        kinds = []
        for key in ("right", "wrong"):
            client = create_connection(f"{address}?model=m", header={"api-key": key}, timeout=5)
            kinds.append(json.loads(client.recv())["type"])
            client.shutdown()

    assert kinds == ["session.created", "error"]


def test_a_taken_port_is_told(capsys):
    """One line, no traceback."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        code = main(["--mode", "echo", "--port", str(taken.getsockname()[1])])

    assert code == 1
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("host", ["a..b", "x" * 70, "203.0.113.1"])
def test_an_address_that_is_not_here_is_told(capsys, host):
    """One line, with what was asked for once."""
    code = main(["--mode", "echo", "--host", host, "--port", "0"])

    assert code == 1
    error = capsys.readouterr().err
    assert error.startswith(f"cannot listen on {host}:0: ")
    assert error.count(host) == error.count("\n") == 1


@pytest.mark.parametrize("host", ["", "127.0.0.1:80", "a\nb", "[::1]"])
def test_what_is_no_address_is_refused(capsys, host):
    """By the argument parser, in the words of the gateway's settings."""
    with pytest.raises(SystemExit):
        main(["--host", host])

    assert "must be an address or a name of this computer" in capsys.readouterr().err


@pytest.mark.parametrize("pace", ["-1", "nan", "fast", ""])
def test_a_bad_pace_is_refused(capsys, pace):
    """By the argument parser."""
    with pytest.raises(SystemExit):
        main(["--pace", pace])

    assert "must be 0 or more" in capsys.readouterr().err


@pytest.mark.parametrize("port", ["-1", "65536", "99999999999999999999", "http", "", "\u0663"])
def test_a_bad_port_is_refused(capsys, port):
    """Before anything is loaded, in one sentence that says what it may be."""
    with pytest.raises(SystemExit):
        main(["--port", port])

    assert f"must be an integer from 0 to 65535, not {port}\n" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--fault", "boom"], "There is no fault 'boom'"),
        (["--fault", "stall", "--fault", "close=7"], "close must be an integer from 1000 to 4999"),
        (["--header-faults", "some"], "invalid choice: 'some'"),
    ],
)
def test_a_bad_fault_is_refused(capsys, arguments, sentence):
    """By the argument parser, with exit code 2."""
    with pytest.raises(SystemExit) as refused:
        main(arguments)

    assert refused.value.code == 2
    assert sentence in capsys.readouterr().err


def test_faults_may_be_given_several_times():
    """In one option or in two; all of them count."""
    faults = ("--fault", "unknown-event@1,stall@9", "--fault", "close=4321@1")
    with program("--mode", "echo", *faults) as (_, address):
        client = create_connection(f"{address}?model=m", timeout=5)
        kinds = [json.loads(client.recv())["type"] for _ in range(2)]
        opcode, close = client.recv_data()
        client.shutdown()

    assert kinds == ["session.created", "moon.phase.changed"]
    assert (opcode, close) == (8, (4321).to_bytes(2, "big"))


@pytest.mark.parametrize("fault", ["slow-reader", "slow-writer=1", "slow-answers", "stall@0"])
def test_it_ends_quietly_with_a_fault_at_work(fault):
    """Whatever it waits for; the client that it holds up is cut."""
    with program("--mode", "echo", "--fault", fault) as (process, address):
        client = create_connection(f"{address}?model=m", timeout=5)
        client.send('{"type": "response.create"}')
        process.terminate()
        code, printed = ended(process)
        client.shutdown()

    assert (code, printed) == (0, "")


def test_it_ends_quietly_with_a_client_not_yet_upgraded():
    """One that waits for its handshake is cut, too."""
    with program("--mode", "echo", "--fault", "handshake-delay=60000") as (process, address):
        port = int(address.split(":")[2].split("/")[0])
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(
                b"GET /v1/realtime HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
                b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            )
            process.terminate()
            code, printed = ended(process)

    assert (code, printed) == (0, "")


def test_a_bad_script_is_refused(capsys, tmp_path):
    """Every mistake is told, and nothing is served."""
    script = tmp_path / "bad.jsonl"
    script.write_text('{"close": 1}\n{"reset": false}\n')
    code = main(["--script", str(script)])

    assert code == 2
    assert [line.split(": ")[0] for line in capsys.readouterr().err.splitlines()] == [
        f"{script}, line 1",
        f"{script}, line 2",
    ]


@pytest.mark.parametrize("arguments", [["--once"], ["--script", "/nowhere/at/all"]])
def test_a_script_has_to_be_there(capsys, arguments):
    """--once alone is a mistake, too."""
    assert main(arguments) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_script_asks_no_chat_model(tmp_path):
    """It is played whether or not the environment names one."""
    script = tmp_path / "empty.jsonl"
    script.write_text('{"close": 1000}\n')
    url = "http://127.0.0.1:9/v1"
    with program("--script", str(script), "--once", LOCAL_REALTIME_CHAT_URL=url) as (
        process,
        address,
    ):
        client = create_connection(f"{address}?model=m", timeout=5)
        client.recv_data()
        client.shutdown()
        code, printed = ended(process)

    assert (code, printed) == (0, "Connection 1: played to the end.\n")


def test_a_script_that_nobody_has_played_is_no_success(tmp_path):
    """A test that never connected must not look as if it had passed."""
    script = tmp_path / "s.jsonl"
    script.write_text('{"reset": true}\n')
    with program("--script", str(script)) as (process, _):
        process.terminate()
        code, printed = ended(process)

    assert code == 1
    assert printed.endswith("nobody has played it.\n")
