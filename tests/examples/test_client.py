"""examples/client.py where something is wrong: a sentence, and never a traceback."""

import asyncio
import os
import signal
import sys
from contextlib import asynccontextmanager

import pytest
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketHandler

from tests.examples.house import END_S, ROOT
from tests.fakes.upstream import unused_port

QUESTION = ROOT / "examples/questions/hours.wav"


class Token(RequestHandler):
    def post(self):
        self.write({"token": "any"})


class Refusing(RequestHandler):
    def get(self):
        self.set_status(401)


class Ending(WebSocketHandler):
    """Calls are over as they begin, or never answered, or answered with nothing."""

    def initialize(self, how):
        self.how = how

    def select_subprotocol(self, subprotocols):
        return subprotocols[0]

    def open(self):
        if self.how == "end":
            self.close(4401, "The token has expired.")

    def on_message(self, message):
        if self.how == "answer" and isinstance(message, str):
            self.write_message({"type": "response_done", "data": {}})
        elif self.how == "wait":
            self.application.settings["heard"].set()


@asynccontextmanager
async def house():
    """The address of an application's server and of gateways, at a path each."""
    paths = [(f"/{how}", Ending, {"how": how}) for how in ("end", "wait", "answer")]
    heard = asyncio.Event()
    application = Application(
        [("/login", Token), ("/token", Token), ("/refuse", Refusing), *paths], heard=heard
    )
    server, (listener, port) = HTTPServer(application), bind_unused_port()
    server.add_socket(listener)
    try:
        yield f"127.0.0.1:{port}", heard
    finally:
        server.stop()
        await server.close_all_connections()


async def started(*arguments, **environ):
    return await asyncio.create_subprocess_exec(
        *(sys.executable, ROOT / "examples/client.py", *map(str, arguments)),
        env=os.environ | environ,
        stderr=asyncio.subprocess.PIPE,
    )


async def said(process):
    """Its one line to standard error, when it has ended."""
    async with asyncio.timeout(END_S):
        _, errors = await process.communicate()
    assert 1 == process.returncode
    [line] = errors.decode().splitlines()
    return line


@pytest.mark.gen_test
async def test_a_recording_that_cannot_be_read_is_said(tmp_path):
    """Before anybody is asked for a token."""
    text = tmp_path / "text.wav"
    text.write_text("Hello.")
    for name, reason in (
        (tmp_path / "none.wav", "No such file or directory"),
        (tmp_path, "Is a directory"),
        (text, "Format not recognised."),
    ):
        line = await said(await started(name, tmp_path / "answer.wav"))
        assert f"{name} cannot be read: {reason}" == line


@pytest.mark.gen_test
async def test_an_application_that_is_away_is_said(tmp_path):
    """With its address."""
    url = f"http://127.0.0.1:{unused_port()}"
    line = await said(await started(QUESTION, tmp_path / "answer.wav", APPLICATION_URL=url))

    assert line.startswith(f"There is no token from {url}: ")


@pytest.mark.gen_test
async def test_a_call_that_is_none_is_said(tmp_path):
    """A gateway that is away, or refuses, or ends the call; an address that is of none."""
    async with house() as (address, _):
        away = f"ws://127.0.0.1:{unused_port()}/ws"
        for url, sentence in (
            (away, f"There is no call at {away}: "),
            (f"ws://{address}/refuse", f"There is no call at ws://{address}/refuse: HTTP 401"),
            (f"ws://{address}/end", ("The call has ended too soon: The ", "There is no call at ")),
            (f"http://{address}/end", "GATEWAY_URL must begin with ws:// or wss://, not be "),
        ):
            environ = {"APPLICATION_URL": f"http://{address}", "GATEWAY_URL": url}
            line = await said(await started(QUESTION, tmp_path / "answer.wav", **environ))
            assert line.startswith(sentence)
            assert not line.endswith(": ")


@pytest.mark.gen_test
async def test_an_answer_that_cannot_be_written_is_said(tmp_path):
    """Neither where there is no directory, nor under a name that says no format."""
    async with house() as (address, _):
        environ = {"APPLICATION_URL": f"http://{address}", "GATEWAY_URL": f"ws://{address}/answer"}
        for name in (tmp_path / "none/answer.wav", tmp_path / "answer"):
            line = await said(await started(QUESTION, name, **environ))
            assert line.startswith(f"{name} cannot be written: ")


@pytest.mark.gen_test
async def test_ctrl_c_ends_a_call(tmp_path):
    """Whatever it waits for."""
    async with house() as (address, heard):
        environ = {"APPLICATION_URL": f"http://{address}", "GATEWAY_URL": f"ws://{address}/wait"}
        process = await started(QUESTION, tmp_path / "answer.wav", **environ)
        async with asyncio.timeout(END_S):
            await heard.wait()
        process.send_signal(signal.SIGINT)

        assert "Ctrl-C has ended the call." == await said(process)
