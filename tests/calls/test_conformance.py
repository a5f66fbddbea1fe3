"""The Autobahn test suite against the gateway's own address."""

import pytest
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application

from tests.calls.house import House, until
from tests.conformance import failures
from tests.fakes.upstream import FakeUpstream
from tornado_app.handlers.voice import VoiceHandler
from tornado_app.protocol.voice_v1.dialect import VOICE_V1

NON_STRICT = {"6.4.1", "6.4.2", "6.4.3", "6.4.4"}
"""Invalid UTF-8 is noticed when a message is complete, not before."""
INFORMATIONAL = {"7.1.6", "7.13.1", "7.13.2"}


class EchoingVoiceHandler(VoiceHandler):
    """Admission, token, handshake, framing and writer are the gateway's; it echoes, which
    Autobahn needs, instead of leading a call.
    """

    def open(self, *args: str, **kwargs: str) -> None:
        guest, self._guest = self._guest, None
        super().open(*args, **kwargs)
        self._guest = guest  # who has its place until the end

    def on_message(self, message: str | bytes) -> None:
        binary = isinstance(message, bytes)
        self._client.send(message if binary else message.encode(), binary=binary)


@pytest.mark.gen_test(timeout=150)
@pytest.mark.timeout(180)
async def test_the_endpoint_passes_autobahn():
    """Every case but compression, which is never negotiated."""
    limits = {
        "limits_message_bytes": 2**24,
        "limits_outbound_bytes": 2**28,
        "limits_connections_per_user": 1000,
        "audio_gather_ms": 0,  # or each of some thousand exchanges waits for the next burst
    }
    async with FakeUpstream() as fake, House(fake.url, **limits) as house:
        doorstep = house.server.doorstep
        options = {"gateway": house.gateway, "doorstep": doorstep, "dialect": VOICE_V1}
        server = HTTPServer(
            Application([(r"/ws", EchoingVoiceHandler, options)], websocket_ping_interval=0)
        )
        sockets = bind_sockets(0, "127.0.0.1")
        server.add_sockets(sockets)
        port = sockets[0].getsockname()[1]
        try:
            verdicts = await failures(f"ws://127.0.0.1:{port}/ws?token={house.token()}")
        finally:
            server.stop()
            await server.close_all_connections()

        for case in NON_STRICT & set(verdicts):
            assert "NON-STRICT" == verdicts.pop(case)
        for case in INFORMATIONAL & set(verdicts):
            assert {"INFORMATIONAL"} == set(verdicts.pop(case).split(" / "))
        assert {} == verdicts
        # Each of some five hundred connections had a place, and gave it back.
        await until(
            lambda: not house.gateway.access.seating.here, "a place was not given back", 10.0
        )
