"""A gateway in a process of its own, and signals to it: tornado_app/serving.py."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import websocket

from tests.calls.house import ROOT

WAIT_S = 60.0
NOBODY = "ws://127.0.0.1:9/v1/realtime"
"""The discard service, which nobody runs: no model is asked for anything."""


class Gateway:
    """``python run.py`` with what it printed."""

    def __init__(self, process: "subprocess.Popen[str]", errors: Path) -> None:
        self.process = process
        self._errors = errors

    @property
    def stderr(self) -> str:
        return self._errors.read_text()

    def read_start(self) -> None:
        """Wait until it listens."""
        printed = ""
        while "Try, in another terminal" not in printed:
            line = self.process.stdout.readline()
            assert line, f"it ended early: {self.stderr}"
            printed += line
        self.url = re.search(r"ws://\S+", printed)[0]
        metrics = re.search(r"Metrics: (\S+)", printed)
        self.metrics_url = metrics[1] if metrics else None
        self.token = re.search(r"Token for an hour: (\S+)", printed)[1]

    def connect(self) -> websocket.WebSocket:
        return websocket.create_connection(
            self.url, header={"Authorization": f"Bearer {self.token}"}, timeout=WAIT_S
        )

    def status(self, path: str) -> int:
        url = self.url.replace("ws://", "http://").removesuffix("/ws") + path
        try:
            with urllib.request.urlopen(url, timeout=WAIT_S) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as refused:
            refused.close()
            return refused.code

    def end(self) -> int:
        """Its exit code."""
        return self.process.wait(WAIT_S)


@contextlib.contextmanager
def program(folder: Path, port: int | None = 0, **changes: object) -> Iterator[Gateway]:
    """A gateway that is being started; without a *port* it is that of the settings."""
    errors = folder / "stderr"
    environ = {name: value for name, value in os.environ.items() if name != "OPENAI_API_KEY"}
    environ |= {"PARLEY_MODEL_MODE": "echo"}  # it starts sooner
    environ |= {f"PARLEY_{name.upper()}": str(value) for name, value in changes.items()}
    environ |= {"PARLEY_SERVER_STATE_DIR": str(folder)}
    with errors.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, "run.py", *(() if port is None else ("--port", str(port)))],
            cwd=ROOT,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=file,
            text=True,
        )
    with process:
        try:
            yield Gateway(process, errors)
        finally:
            process.kill()


def messages_to_close(client: websocket.WebSocket) -> tuple[list[dict[str, Any]], bytes]:
    """Everything up to the close frame, and that."""
    messages = []
    while True:
        opcode, data = client.recv_data()
        if opcode == websocket.ABNF.OPCODE_CLOSE:
            return messages, data
        messages.append(json.loads(data))


def read_until(client: websocket.WebSocket, kind: str, **data: object) -> dict[str, Any]:
    while True:
        message = json.loads(client.recv())
        if message["type"] == kind and data.items() <= message["data"].items():
            return message


def gone(process: psutil.Process) -> bool:
    """Whether it has ended; one whose parent died may be a zombie for want of an init process."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.status() == psutil.STATUS_ZOMBIE
    return True


def wait_until_gone(process: psutil.Process) -> None:
    deadline = time.monotonic() + WAIT_S
    while not gone(process):
        assert time.monotonic() < deadline, "the model on this computer is still there"
        time.sleep(0.01)


def until_it_is(gateway, readiness: int) -> None:
    """A computer that is busy enough is not ready either, for a while."""
    deadline = time.monotonic() + WAIT_S
    while gateway.status("/readyz") != readiness:
        assert time.monotonic() < deadline, f"never {readiness}"
        time.sleep(0.02)


def test_a_polite_end(tmp_path):
    """SIGTERM: readiness 503, word to clients, 1001, exit code 0, no traceback, no child."""
    drain = {"server_drain_notice_s": 1.0, "server_drain_s": 3.0}
    with program(tmp_path, **drain) as gateway:
        gateway.read_start()
        [model] = psutil.Process(gateway.process.pid).children()
        client = gateway.connect()
        read_until(client, "connection_status", status="connected")
        until_it_is(gateway, 200)
        gateway.process.terminate()
        until_it_is(gateway, 503)
        alive = gateway.status("/healthz")
        messages, close = messages_to_close(client)
        client.shutdown()
        code = gateway.end()
        wait_until_gone(model)

    assert 200 == alive
    assert ["going_away"] == [message["type"] for message in messages]
    assert b"\x03\xe9going_away" == close
    assert 0 == code
    assert "Traceback" not in gateway.stderr
    assert gateway.token not in gateway.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_it_at_once(tmp_path, number):
    """Without waiting for an hour of drain; its client still hears 1001."""
    hour = {"server_drain_notice_s": 0, "server_drain_s": 3600, "upstream_url": NOBODY}
    with program(tmp_path, **hour, upstream_reconnect_attempts=100) as gateway:
        gateway.read_start()
        client = gateway.connect()
        gateway.process.send_signal(number)
        read_until(client, "going_away")
        gateway.process.send_signal(number)
        _, close = messages_to_close(client)
        client.shutdown()
        code = gateway.end()

    assert b"\x03\xe9going_away" == close
    assert 0 == code
    assert "Traceback" not in gateway.stderr


def test_a_drain_that_an_operator_asks_for_is_not_the_first_of_two_signals(tmp_path):
    """However often it is asked for; who sends SIGTERM then waits for it as ever."""
    hour = {"server_drain_notice_s": 0, "server_drain_s": 3600, "upstream_url": NOBODY}
    with program(tmp_path, **hour, upstream_reconnect_attempts=100) as gateway:
        gateway.read_start()
        client = gateway.connect()
        gateway.process.send_signal(signal.SIGUSR1)
        read_until(client, "going_away")
        for number in (signal.SIGUSR1, signal.SIGUSR1, signal.SIGTERM):
            gateway.process.send_signal(number)
            assert 200 == gateway.status("/healthz")  # it has read the signal, and goes on
        gateway.process.send_signal(signal.SIGTERM)
        messages_to_close(client)
        client.shutdown()
        code = gateway.end()

    assert 0 == code
    assert "Traceback" not in gateway.stderr


def test_ctrl_c_while_it_starts(tmp_path):
    """It ends without a traceback, and the model that was being started ends with it."""
    with program(tmp_path) as gateway:
        parent = psutil.Process(gateway.process.pid)
        deadline = time.monotonic() + WAIT_S
        while not (children := parent.children()):
            assert time.monotonic() < deadline, "the model is not started"
            time.sleep(0.005)
        gateway.process.send_signal(signal.SIGINT)
        code = gateway.end()
        wait_until_gone(children[0])

    life = (" started ", " draining", " stopped ")
    said = [line for line in gateway.stderr.splitlines() if not any(word in line for word in life)]
    # 0: it listened already.
    assert (code, said) in ((0, []), (130, ["Stopped by Ctrl-C."]))


def test_a_violent_end(tmp_path):
    """After kill -9 the model on this computer notices, and ends by itself."""
    with program(tmp_path) as gateway:
        gateway.read_start()
        [model] = psutil.Process(gateway.process.pid).children()
        gateway.process.kill()
        code = gateway.end()
        wait_until_gone(model)

    assert -signal.SIGKILL == code
