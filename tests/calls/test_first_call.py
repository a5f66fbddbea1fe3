"""The smallest whole calls."""

import pytest

from tests.calls.house import House
from tests.fakes.upstream import FakeUpstream


@pytest.mark.gen_test
async def test_a_client_is_connected_when_the_model_is_ready():
    """Both created and updated were seen, and the model has the configuration of the server."""
    async with FakeUpstream() as fake, House(fake.url) as house:
        client = await house.connected()

        update = await fake.next_event("session.update")
        assert "realtime" == update["session"]["type"]
        assert ["connection_status", "connection_status"] == client.types
        client.check_numbers()


@pytest.mark.gen_test
async def test_a_chunk_reaches_the_model():
    """20 ms of 24 kHz PCM go through unchanged."""
    async with FakeUpstream() as fake, House(fake.url) as house:
        client = await house.connected()
        await client.audio(bytes(range(240)) * 4)
        received = await client.next("audio_received")
        append = await fake.next_event("input_audio_buffer.append")

        assert 960 == received["data"]["size"]
        assert append["audio"].startswith("AAECAwQF")
