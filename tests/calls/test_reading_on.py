"""A model that delivers all at once: every turn is answered, and no call falls silent."""

import asyncio
import base64

import pytest

from tests.calls.house import House, VoiceClient, until
from tests.calls.test_buffers import deaf_client
from tests.fakes.upstream import FakeConnection, FakeUpstream

PCM_BYTES_PER_MS = 48
SPOKEN_MS = 60_000


def answer(*delta_bytes: int):
    """An answer to `response.create` whose deltas, as text, have these sizes."""
    count = 0

    def script(_event):
        nonlocal count
        count += 1
        response = f"resp_{count}"
        of_item = {"response_id": response, "item_id": f"item_{count}"}
        yield {"type": "response.created", "response": {"id": response}}
        for size in delta_bytes:
            audio = base64.b64encode(bytes(size // 8 * 6)).decode()
            yield {"type": "response.output_audio.delta", **of_item, "delta": audio}
        yield {"type": "response.output_audio.done", **of_item}
        done = {"id": response, "status": "completed"}
        yield {"type": "response.done", "response": done}

    return lambda event: list(script(event))


async def turn(client: VoiceClient) -> float:
    """Ask for an answer and hear it to its end; how much of it was heard, in milliseconds."""
    await client.say("text", text="And now?")
    heard_ms = 0.0
    while (heard := await client.read())["type"] != "response_done":
        if heard["type"] == "audio":
            heard_ms += heard["data"]["duration_ms"]
    return heard_ms


ORDINARY = [2 * 8000] * (SPOKEN_MS * 64 // 16_000)
"""A minute in deltas of a quarter of a second, as the real service sends them."""


@pytest.mark.parametrize(
    "deltas",
    [[100 << 10], [530 << 10], [700 << 10], [1000 << 10], [8 << 20], ORDINARY],
    ids=["100 KiB", "530 KiB", "700 KiB", "1000 KiB", "8 MiB", "a minute at once"],
)
@pytest.mark.gen_test
async def test_every_turn_is_answered(deltas):
    """Whatever the model sends at once: the turns after it are answered, and nothing is missing."""
    spoken_ms = sum(size // 8 * 6 for size in deltas) / PCM_BYTES_PER_MS
    async with FakeUpstream() as fake, House(fake.url) as house:
        fake.answers["response.create"] = answer(*deltas)
        clients = [await house.connected(user=f"user-{number}") for number in range(4)]
        for _ in range(3):
            heard = await asyncio.gather(*(turn(client) for client in clients))
            assert [pytest.approx(spoken_ms, abs=0.1)] * 4 == heard
        for client in clients:
            assert "error" not in client.types


async def say_much(link: FakeConnection) -> None:
    """More than sockets hold, in deltas that are larger than a client's queue."""
    for event in answer(*[2 << 20] * 10)({}):
        await link.send(event)


@pytest.mark.gen_test
async def test_a_client_that_leaves_in_the_middle_of_an_answer_stops_nobody():
    """Much waits for it when it is cut off; the others are answered as before."""
    async with FakeUpstream() as fake, House(fake.url, limits_outbound_bytes=300_000) as house:
        other = await house.connected()
        for number in range(3):
            leaving = await deaf_client(house)
            link = await fake.connection(number + 1)
            [side] = [c for c in house.gateway.connections if c.config.user_id == "deaf"]
            await until(lambda side=side: side._session.is_connected, "its model is not ready")
            talking = asyncio.ensure_future(say_much(link))
            await until(lambda side=side: side._answer.may_go_on, "nothing waits for the client")
            leaving.writer.transport.abort()
            await until(lambda: len(house.gateway.connections) == 1, "nobody noticed")
            await other.say("ping")
            await other.next("pong")
            talking.cancel()
            await asyncio.gather(talking, return_exceptions=True)
