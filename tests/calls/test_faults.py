"""Faults beside twenty calls that lose no chunk; and which test holds what more of each.

| fault | here | in whole |
|---|---|---|
| F1 the model drops in an answer | FIN, RST, in mid-frame | test_upstream_faults, test_chaos |
| F2 it refuses, 401 to 503 | 401, 403, 429, 503 | test_upstream_faults, upstream/test_link |
| F3 no handshake, or a hole | no handshake | test_upstream_faults, upstream/test_link |
| F4 it stops reading | - | test_neighbours (50 beside), test_upstream_faults |
| F5 it talks rubbish | every kind of the fake's | test_upstream_faults, test_local_faults |
| F6 200 MB, 40,000 fragments | both | test_upstream_faults, upstream/test_socket |
| F7 the client is gone, no FIN | half open | test_vanishing, test_heartbeat, test_chaos |
| F8 it reads nothing | - | test_neighbours (50 beside), test_heartbeat |
| F9 it sends a byte now and then | half handshakes | client_side/test_front_door |
| F10 it floods | what means nothing | test_backlog (audio), test_bad_messages |
| F19 a fault of ours | in a session | test_connection; audio/test_pipeline (in the pool) |

How long each may take are settings; `test_the_deadlines` holds those that are shipped.
"""

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

from tests.calls.house import House, VoiceClient, fault_of_ours, house_settings, until
from tests.calls.test_neighbours import audio_at, audio_heard, chunk_of, echo, peer_of
from tests.fakes.upstream import FAULTS, TEXT, FakeConnection, FakeUpstream, frame

HEALTHY = 20
PAUSE_S = 0.1
WITHIN_S = 60.0
"""For a computer that is busy with other tests."""
ILL = "ill"
SETTINGS = {
    "upstream_reconnect_initial_ms": 10,
    "upstream_reconnect_max_ms": 20,
    "upstream_reconnect_attempts": 2,
    "upstream_connect_timeout_s": 2,
    "heartbeat_interval_s": 1,
    "heartbeat_read_timeout_s": 6,
    "limits_audio_rate": 1000,
    "limits_messages_per_s": 100_000,
    "limits_message_burst": 1_000_000,
}
HARMLESS = ("invalid_json", "deep_json", "binary", "ping_flood")
ENDS_THE_LINK = (
    "bad_opcode",
    "reserved_bit",
    "bad_utf8",
    "bad_continuation",
    "interrupted_message",
    "masked",
    "long_ping",
    "fragmented_ping",
    "huge_frame",
    "huge_message",
    "many_fragments",
    "close_without_code",
    "close_bad_code",
    "close_one_byte",
)


class Ward:
    """Where one call is ill, and others are not."""

    def __init__(self, house: House, upstream: FakeUpstream) -> None:
        self.house = house
        self.upstream = upstream

    async def connected(self) -> tuple[VoiceClient, FakeConnection]:
        before = len(self.upstream.connections)
        client = await self.house.connected(user=ILL)
        return client, self.upstream.connections[before]

    async def gone(self) -> None:
        """Nothing of the call is left."""
        await until(lambda: len(self.house.gateway.connections) == HEALTHY, "a session is left")
        await until(lambda: self._links() == HEALTHY, "a thread is left")

    def _links(self) -> int:
        return sum(name.startswith("up-") for name in self.house.threads)

    async def leave(self, client: VoiceClient) -> None:
        client.socket.close(1000)
        await client.closed()


async def drops(ward: Ward) -> None:
    """F1: the answer has failed, another model comes."""
    for end in ("fin", "rst", "mid-frame"):
        client, peer = await ward.connected()
        await peer.send({"type": "response.created", "response": {"id": "r", "status": ""}})
        await peer.send(
            echo({"audio": base64.b64encode(bytes(4800)).decode()})[0] | {"response_id": "r"}
        )
        await client.next("audio")
        if end == "mid-frame":
            await peer.send_raw(frame(TEXT, json.dumps({"type": "response.done"}).encode())[:-3])
        peer.drop(rst=end != "fin")
        done = await client.next("response_done")
        assert "failed" == done["data"]["status"]
        await client.status("connected")
        await ward.leave(client)


async def refuses(ward: Ward) -> None:
    """F2: one error; what a person must mend is not tried again."""
    for status, dials in ((401, 1), (403, 1), (429, 3), (503, 3)):
        ward.upstream.handshake = status
        client = await ward.house.call(user=ILL)
        assert (4502, "upstream_failed") == await client.closed()
        assert 1 == client.types.count("error")
        statuses = [m["data"]["status"] for m in client.heard if m["type"] == "connection_status"]
        assert dials - 1 == statuses.count("reconnecting")
    ward.upstream.handshake = "accept"


async def says_nothing(ward: Ward) -> None:
    """F3: the client is told that it came too late."""
    ward.upstream.handshake = "silent"
    client = await ward.house.call(user=ILL)
    assert (4502, "upstream_failed") == await client.closed()
    assert "upstream_timeout" == client.heard[-1]["data"]["code"]
    ward.upstream.handshake = "accept"


async def talks_rubbish(ward: Ward) -> None:
    """F5, F6: over this link or the next one, the call goes on."""
    for name in (*HARMLESS, *ENDS_THE_LINK):
        client, peer = await ward.connected()
        with suppress(OSError):
            await FAULTS[name](peer)
        if name in ENDS_THE_LINK:
            await client.status("reconnecting")
            await client.status("connected")
        await client.say("ping", id=name)
        await client.next("pong")
        await ward.leave(client)


async def is_half_open(ward: Ward) -> None:
    """F7: it answers no ping any more."""
    client = await ward.house.raw(user=ILL)
    while b"connected" not in (await client.receive()).payload:
        pass
    await ward.gone()
    await client.close()


async def comes_slowly(ward: Ward) -> None:
    """F9: a hundred half requests; who asks in whole is let in."""
    port = ward.house.port
    halves = [await asyncio.open_connection("127.0.0.1", port) for _ in range(100)]
    for _, writer in halves:
        writer.write(b"GET /ws HTTP/1.1\r\nHost: ")
    client, _ = await ward.connected()
    await ward.leave(client)
    for _, writer in halves:
        writer.close()


async def floods(ward: Ward) -> None:
    """F10: told, and closed."""
    client, _ = await ward.connected()
    for _ in range(200):
        await client.text("?")
    assert 4429 == (await client.closed())[0]


async def meets_a_fault_of_ours(ward: Ward) -> None:
    """F19: 1011 for this client."""
    before = ward.house.gateway.connections
    client, _ = await ward.connected()
    [connection] = ward.house.gateway.connections - before
    fault_of_ours(connection)
    assert 1011 == (await client.closed())[0]


FAULT: dict[str, Callable[[Ward], Awaitable[None]]] = {
    "F1": drops,
    "F2": refuses,
    "F3": says_nothing,
    "F5 F6": talks_rubbish,
    "F7": is_half_open,
    "F9": comes_slowly,
    "F10": floods,
    "F19": meets_a_fault_of_ours,
}


async def speak(client: VoiceClient, session: int, over: asyncio.Event) -> int:
    """Chunk after chunk, each acknowledged; how many."""
    sent = 0
    while not over.is_set():
        await client.audio(chunk_of(session, sent))
        await client.next("audio_received")
        sent += 1
        await asyncio.sleep(PAUSE_S)
    await client.say("commit_audio")
    await client.next("audio_committed")
    client.check_numbers()
    return sent


@pytest.mark.timeout(320)
@pytest.mark.gen_test(timeout=300)
async def test_twenty_others_lose_no_chunk():
    """One call has fault after fault, and leaves nothing behind."""
    async with FakeUpstream() as upstream, House(upstream.url, **SETTINGS) as house:
        upstream.answers["input_audio_buffer.append"] = echo
        upstream.answers["input_audio_buffer.commit"] = lambda _: [
            {"type": "input_audio_buffer.committed", "item_id": "item_0"}
        ]
        clients = [await house.connected(user=f"user-{n}") for n in range(HEALTHY)]
        over = asyncio.Event()
        speaking = [asyncio.ensure_future(speak(c, n, over)) for n, c in enumerate(clients)]
        ward = Ward(house, upstream)
        for name, fault in FAULT.items():
            try:
                async with asyncio.timeout(WITHIN_S):
                    await fault(ward)
                    await ward.gone()
            except (AssertionError, TimeoutError) as wrong:
                wrong.add_note(f"it was {name}: {fault.__doc__}")
                raise
        over.set()
        counts = await asyncio.gather(*speaking)
        peers = [peer_of(upstream, f"user-{n}") for n in range(HEALTHY)]

    for session, (client, peer, count) in enumerate(zip(clients, peers, counts, strict=True)):
        said = b"".join(chunk_of(session, number) for number in range(count))
        assert said == audio_at(peer)
        assert said == audio_heard(client)
        assert "error" not in client.types


def test_the_deadlines():
    """What was promised of the times, in the settings that are shipped."""
    shipped = house_settings()
    assert 1000 >= shipped.upstream.reconnect_initial_ms, "F1: dialled again within a second"
    assert 5.5 >= shipped.upstream.connect_timeout_s, "F3"
    assert 10 >= shipped.upstream.write_timeout_s, "F4: of a model that stops reading"
    assert 5 >= shipped.heartbeat.write_timeout_s, "F8"
    assert 12 >= shipped.auth.first_message_s, "F9: of a client that says nothing"
