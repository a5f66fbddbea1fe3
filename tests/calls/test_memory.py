"""Clients that have as much kept as they can, over real sockets."""

import asyncio

import pytest

from tests.calls.house import House, VoiceClient, until
from tests.calls.test_files import FILE_WAIT_S, send_file, stopped_helper
from tests.fakes.upstream import FakeUpstream

CALL_BYTES = 4 << 20
SETTINGS = {
    "limits_call_bytes": CALL_BYTES,
    "limits_process_bytes": 16 << 20,
    "limits_connections": 4,
    "limits_outbound_bytes": 262_144,
}
WIDE = "input_format=float32&input_rate=192000&input_channels=8"
CHUNK = bytes(32 * 192 * 40)
"""40 ms, and a quarter of a megabyte."""
ONE_READ = 2 * len(CHUNK)
TURN = '{"type":"text","text":"' + "\N{GRINNING FACE}" * 32_768 + '"}'
"""As many marks as a turn may have, in four bytes each."""
TURN_BYTES = len(TURN.encode())


async def flood(client: VoiceClient, chunks: int) -> None:
    for _ in range(chunks):
        await client.audio(CHUNK)


@pytest.mark.gen_test
async def test_audio_behind_a_file_is_held_back_in_bytes_and_loses_nothing():
    """It is far below `audio.hold_ms`; a client beside it is read as ever."""
    async with FakeUpstream() as fake, House(fake.url, **SETTINGS) as house:
        client = await house.connected(WIDE)
        helper = await stopped_helper(house, client)
        await send_file(client)
        sending = asyncio.ensure_future(flood(client, 50))
        await client.error("audio_backlog")
        held_bytes = house.gateway.memory.held_bytes
        other = await house.connected(user="bob")
        await other.audio(bytes(960))
        await other.next("audio_received")

        helper.resume()
        for _ in range(51):
            await client.next("audio_received", FILE_WAIT_S)
        await sending
        # The conversation's own speech is counted once a second, and stays: less than one chunk.
        await until(
            lambda: house.gateway.memory.held_bytes < len(CHUNK), "a chunk is still counted"
        )

    assert CALL_BYTES < held_bytes < CALL_BYTES + ONE_READ
    assert {"audio_backlog"} == {m["data"]["code"] for m in client.heard if m["type"] == "error"}


@pytest.mark.gen_test
async def test_what_a_client_leaves_behind_is_forgotten():
    """Turns behind a commit behind a file that is never decoded."""
    async with FakeUpstream() as fake, House(fake.url, **SETTINGS) as house:
        memory = house.gateway.memory
        client = await house.connected(WIDE)
        helper = await stopped_helper(house, client)
        await send_file(client)
        await client.say("commit_audio")
        for _ in range(40):
            await client.text(TURN)
        await until(lambda: memory.held_bytes > CALL_BYTES - 2 * TURN_BYTES, "they are not kept")
        held_bytes = memory.held_bytes
        client.socket.close()
        await until(lambda: not house.gateway.connections, "the call goes on")
        await until(lambda: not memory.held_bytes, "something is still counted")
        helper.resume()

    # The next one may be on its way in, and is counted from its first bytes on.
    assert held_bytes <= CALL_BYTES + TURN_BYTES
