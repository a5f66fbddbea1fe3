"""What every address does when something goes wrong."""

import asyncio
import socket

import pytest
from tornado.web import Application

from tests.calls.house import WAIT_S, whole_log
from tornado_app.handlers.quiet import QuietHandler


class Slow(QuietHandler):
    """Answers when its asker has left."""

    def initialize(self, asked, left, ended):
        self._asked, self._left, self._ended = asked, left, ended

    def on_connection_close(self):
        self._left.set()

    async def get(self):
        self._asked.set()
        await self._left.wait()
        try:
            await self.finish(b"what nobody waits for")
        finally:
            self._ended.set()


@pytest.mark.gen_test
async def test_who_leaves_before_the_answer_is_no_fault_of_ours():
    """As a scraper whose time is over: nobody is to be woken for it."""
    events = {name: asyncio.Event() for name in ("asked", "left", "ended")}
    server = Application([("/", Slow, events)]).listen(0, "127.0.0.1")
    port = next(iter(server._sockets.values())).getsockname()[1]
    with whole_log() as log, socket.create_connection(("127.0.0.1", port)) as asker:
        asker.sendall(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
        async with asyncio.timeout(WAIT_S):
            await events["asked"].wait()
            asker.close()
            await events["ended"].wait()
        server.stop()
        await server.close_all_connections()

    assert "handler_failed" not in log.getvalue()
