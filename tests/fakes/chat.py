"""A chat completions server in this process: it streams what it is told to, over a real socket."""

import asyncio
import json
from contextlib import asynccontextmanager

from tornado.httpserver import HTTPServer
from tornado.iostream import StreamClosedError
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

DONE = "data: [DONE]\n\n"
STALL = object()
"""Nothing comes any more, until the client goes."""

DROP = object()
"""The connection is cut in the middle."""


def event(**delta):
    """One piece of an answer."""
    return "data: " + json.dumps({"choices": [{"index": 0, "delta": delta}]}) + "\n\n"


def finish(reason="stop"):
    choice = {"index": 0, "delta": {}, "finish_reason": reason}
    return "data: " + json.dumps({"choices": [choice]}) + "\n\n"


def text(*pieces, reason="stop"):
    """A whole answer in words."""
    return [*(event(content=piece) for piece in pieces), finish(reason), DONE]


def call(index, **fields):
    """A piece of a function call."""
    function = {key: fields.pop(key) for key in ("name", "arguments") if key in fields}
    return event(tool_calls=[{"index": index, **fields, "function": function}])


class FakeChat:
    """Answers request by request with `answers`, the last one again and again."""

    def __init__(self, *answers, status=200):
        self.answers = list(answers)
        self.status = status
        self.requests = []
        self.headers = []
        self.gone = asyncio.Event()
        """Set once a client has gone before the end of its answer."""

    @asynccontextmanager
    async def serving(self):
        """The base address."""
        app = Application([(r"/v1/chat/completions", _Completions, {"chat": self})])
        server = HTTPServer(app)
        sockets = bind_sockets(0, "127.0.0.1")
        server.add_sockets(sockets)
        try:
            yield f"http://127.0.0.1:{sockets[0].getsockname()[1]}/v1"
        finally:
            server.stop()
            await server.close_all_connections()


class _Completions(RequestHandler):
    def initialize(self, chat):
        self.chat = chat
        self.left = asyncio.Event()

    def on_connection_close(self):
        self.left.set()
        self.chat.gone.set()

    async def post(self):
        chat = self.chat
        chat.requests.append(json.loads(self.request.body))
        chat.headers.append(self.request.headers)
        self.set_status(chat.status)
        self.set_header("Content-Type", "text/event-stream")
        answer = chat.answers.pop(0) if len(chat.answers) > 1 else chat.answers[0]
        for step in answer:
            if step is STALL:
                await self.left.wait()
            elif step is DROP:
                self.request.connection.stream.close()
                return
            else:
                self.write(step)
                try:
                    await self.flush()
                except StreamClosedError:
                    self.chat.gone.set()
                    return
