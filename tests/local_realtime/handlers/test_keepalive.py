"""A client that answers no ping, over real sockets."""

import pytest

from local_realtime.server import LocalRealtime, ServerConfig
from tests.fakes.raw_websocket import CLOSE, PING, TEXT, RawClient, client_frame

PING_S = 1


@pytest.mark.gen_test
async def test_a_client_that_says_nothing_is_ended_as_one_that_is_gone():
    """By 1011, not by 1000, which is a good end; as long as it says anything, it is there."""
    server = LocalRealtime(ServerConfig())
    server.app.settings["websocket_ping_interval"] = PING_S
    port = server.listen("127.0.0.1", 0)
    try:
        client = await RawClient.connect(port, "/v1/realtime?model=any")
        pings = 0
        while (frame := await client.receive()).opcode != CLOSE:
            pings += frame.opcode == PING
            if frame.opcode == PING and pings == 1:
                client.send(client_frame(TEXT, b'{"type": "input_audio_buffer.clear"}'))
        client.writer.close()
    finally:
        await server.close()

    assert (1011, "keepalive ping timeout") == (frame.close_code, frame.close_reason)
    assert 2 == pings
