"""Whole calls whose client is lost, and comes back to the same call."""

import asyncio
import base64
import json

import pytest

from tests.calls.house import Ground, House, VoiceClient, until, whole_log
from tests.fakes.raw_websocket import PONG, client_frame
from tests.fakes.upstream import FakeUpstream
from tornado_app.admission.quotas import QuotaUse

KEEPS = {"session_resume_window_s": 20}
CHUNK = bytes(range(240)) * 4


def cut(client: VoiceClient) -> None:
    """Without a close frame."""
    client.socket.protocol.stream.close()


def token_of(client: VoiceClient) -> str:
    """The newest."""
    heard = [m for m in client.heard if isinstance(m, dict)]
    return [m["data"]["resume_token"] for m in heard if "resume_token" in m["data"]][-1]


def last_seq(client: VoiceClient) -> int:
    return max(m["seq"] for m in client.heard if isinstance(m, dict))


async def back(house: House, client: VoiceClient, seq: int | None = None, **how) -> VoiceClient:
    place = last_seq(client) if seq is None else seq
    return await house.call(f"resume={token_of(client)}&last_seq={place}", **how)


async def away(house: House) -> None:
    """The gateway has noticed."""
    await until(lambda: any(c._taker._client is None for c in house.gateway.connections), "nobody")


def piece(number: int) -> dict:
    audio = base64.b64encode(bytes([number]) * 4800).decode()
    return {
        "type": "response.output_audio.delta",
        "response_id": "r",
        "item_id": "item",
        "output_index": 0,
        "content_index": 0,
        "delta": audio,
    }


async def begin_answer(fake: FakeUpstream) -> None:
    await fake.send({"type": "response.created", "response": {"id": "r", "status": "in_progress"}})


async def end_answer(fake: FakeUpstream) -> None:
    done = {"id": "r", "status": "completed", "output": []}
    await fake.send({"type": "response.done", "response": done})


def audio_of(*clients: VoiceClient) -> bytes:
    heard = [m for client in clients for m in client.heard]
    texts = [
        m["data"].get("audio", "") for m in heard if isinstance(m, dict) and m["type"] == "audio"
    ]
    return b"".join(map(base64.b64decode, texts)) + b"".join(
        m for m in heard if isinstance(m, bytes)
    )


@pytest.mark.gen_test
@pytest.mark.parametrize("encoding", ["base64", "binary"])
async def test_an_answer_that_is_cut_is_heard_whole(encoding):
    """Three pieces before, two while nobody is there, one after: each once, in order."""
    async with FakeUpstream() as fake, House(fake.url, **KEEPS) as house:
        client = await house.connected(f"output_encoding={encoding}")
        await begin_answer(fake)
        for number in range(3):
            await fake.send(piece(number))
        for _ in range(3):
            await client.next("audio")
            if encoding == "binary":
                await client.read()
        cut(client)
        await away(house)
        for number in (3, 4):
            await fake.send(piece(number))
        again = await back(house, client)
        status = await again.status("connected")
        assert status["data"]["resumed"]
        assert status["data"]["session_id"] == client.heard[0]["data"]["session_id"]
        await fake.send(piece(5))
        await end_answer(fake)
        await again.next("response_done")
        numbers = [m["seq"] for m in client.heard + again.heard if isinstance(m, dict)]
        assert list(range(1, len(numbers) + 1)) == numbers
        assert b"".join(bytes([n]) * 4800 for n in range(6)) == audio_of(client, again)
        assert 1 == len(fake.connections)


@pytest.mark.gen_test
async def test_a_question_that_is_cut_goes_on():
    """The model gets the sound of both connections, in order, in one turn."""
    async with FakeUpstream() as fake, House(fake.url, **KEEPS) as house:
        client = await house.connected("turn_detection=none")
        await client.audio(CHUNK)
        await client.next("audio_received")
        cut(client)
        again = await back(house, client)
        status = await again.status("connected")
        assert 1 == status["data"]["chunk"]
        for _ in range(5):
            await again.audio(CHUNK)
        await again.say("commit_audio")
        await fake.next_event("input_audio_buffer.commit")
        appended = [
            base64.b64decode(event["audio"])
            for event in fake.connections[0].events
            if event["type"] == "input_audio_buffer.append"
        ]
        assert CHUNK * 6 == b"".join(appended)
        assert 6 == (await again.next("audio_received"))["data"]["chunk"] + 4


@pytest.mark.gen_test
async def test_a_second_connection_takes_the_call_over():
    """The first is told 4409, and nothing of it counts any more; the token was good once."""
    async with FakeUpstream() as fake, House(fake.url, **KEEPS) as house:
        client = await house.connected()
        again = await back(house, client)
        assert (4409, "resumed_elsewhere") == await client.closed()
        await again.status("connected")
        await again.say("ping", id="p")
        await again.next("pong")
        third = await back(house, client)
        assert (await third.status("connecting"))["data"]["resumed"] is False
        await third.status("connected")
        assert 2 == len(house.gateway.connections)
        assert 2 == len(fake.connections)


@pytest.mark.gen_test
async def test_a_connection_that_breaks_before_the_next_token_arrives():
    """The one before is still good, until the client is known to have the next."""
    async with FakeUpstream() as fake, House(fake.url, **KEEPS) as house:
        client = await house.connected()
        cut(client)
        query = f"resume={token_of(client)}&last_seq={last_seq(client)}"
        for _ in range(3):  # it answers no ping
            mute = await house.raw(query)
            assert b"resumed" in (await mute.receive()).payload
            await mute.close()
        again = await back(house, client)
        for _ in range(4):  # what the others were told comes as well
            assert (await again.status("connected"))["data"]["resumed"]
        [connection] = house.gateway.connections
        await until(lambda: not connection.may_lack_token(0), "its pong never came")
        late = await back(house, client)
        assert (await late.status("connecting"))["data"]["resumed"] is False
        await late.status("connected")
        assert 2 == len(fake.connections)


@pytest.mark.gen_test
async def test_a_client_that_gives_up_in_mid_replay_comes_by_the_token_before():
    """Its library had all of the replay, and answered the ping behind it; it had read a part."""
    async with FakeUpstream() as fake, House(fake.url, **KEEPS) as house:
        client = await house.connected()
        for number in range(3):
            await client.say("ping", id=str(number))
            await client.next("pong")
        cut(client)
        first = client.heard[0]["seq"]
        token = token_of(client)
        given_up = await house.raw(f"resume={token}&last_seq={first}")
        read = json.loads((await given_up.receive()).payload)["seq"]
        given_up.send(client_frame(PONG, b""))
        [connection] = house.gateway.connections
        await until(lambda: not connection.may_lack_token(first), "its pong never came")

        late = await back(house, client, first)
        assert (await late.status("connecting"))["data"]["resumed"] is False
        again = await back(house, client, read)
        while not (told := await again.status("connected"))["data"].get("resumed"):
            pass
        await again.status("connected")
        numbers = [m["seq"] for m in again.heard]
        assert list(range(read + 1, read + 1 + len(numbers))) == numbers
        assert 3 == told["data"]["received"]

        await again.say("ping", id="4")
        await again.next("pong")
        used_up = await back(house, client, read + 1)
        assert (await used_up.status("connecting"))["data"]["resumed"] is False
        assert 3 == len(house.gateway.connections)
        await given_up.close()
        del fake


@pytest.mark.gen_test
async def test_a_connection_that_is_late_takes_nothing_over():
    """Its client gave it up, and has come by another meanwhile."""
    async with FakeUpstream() as fake, House(fake.url, **KEEPS) as house:
        client = await house.connected()
        cut(client)
        late = await house.call(f"resume={token_of(client)}")
        mute = await house.raw(f"resume={token_of(client)}&last_seq={last_seq(client)}")
        assert b"resumed" in (await mute.receive()).payload
        await late.say("resume_from", last_seq=last_seq(client))
        assert (await late.status("connecting"))["data"]["resumed"] is False
        await mute.close()
        again = await back(house, client)
        assert (await again.status("connected"))["data"]["resumed"]
        del fake


@pytest.mark.gen_test
async def test_a_connection_that_says_nothing_ends_no_call():
    """It was lost as well, perhaps: it is a call of its own then."""
    async with FakeUpstream() as fake, House(fake.url, auth_first_message_s=1, **KEEPS) as house:
        client = await house.connected()
        cut(client)
        mute = await house.call(f"resume={token_of(client)}")
        assert (await mute.status("connecting"))["data"]["resumed"] is False
        again = await back(house, client)
        assert (await again.status("connected"))["data"]["resumed"]
        del fake


@pytest.mark.gen_test
async def test_a_connection_that_says_nothing_has_no_place_beyond_a_limit():
    """It was let in beyond it for the call's own place, which the call keeps."""
    how = {"auth_first_message_s": 1, "limits_connections_per_user": 1, **KEEPS}
    async with FakeUpstream() as fake, House(fake.url, **how) as house:
        client = await house.connected()
        cut(client)
        mute = await house.call(f"resume={token_of(client)}")
        await mute.error("connection_limit")
        assert (4429, "limit_reached") == await mute.closed()
        again = await back(house, client)
        assert (await again.status("connected"))["data"]["resumed"]
        assert (1, 1) == (len(house.gateway.connections), len(fake.connections))


@pytest.mark.gen_test
async def test_a_call_leaves_no_place_in_another_organisation():
    """Its client needs one there, and may come back as the one that it was."""
    how = {
        "limits_connections_per_organisation": 1,
        "limits_organisation_claim": ["org"],
        **KEEPS,
    }
    async with FakeUpstream() as fake, House(fake.url, **how) as house:
        client = await house.connected(token=house.token(org="acme"))
        await house.connected(token=house.token("bob", org="other"))
        cut(client)
        query = f"resume={token_of(client)}&last_seq={last_seq(client)}"
        status, body, _ = await house.refusal(query, token=house.token(org="other"))
        assert (429, "connection_limit") == (status, body["data"]["code"])
        again = await house.call(query, token=house.token(org="acme"))
        assert (await again.status("connected"))["data"]["resumed"]
        del fake


@pytest.mark.gen_test
async def test_a_call_leaves_its_user_their_place_in_whichever_organisation():
    """Only that one needs room for it."""
    how = {
        "limits_connections_per_user": 1,
        "limits_connections_per_organisation": 1,
        "limits_organisation_claim": ["org"],
        **KEEPS,
    }
    async with FakeUpstream() as fake, House(fake.url, **how) as house:
        client = await house.connected(token=house.token(org="acme"))
        cut(client)
        query = f"resume={token_of(client)}&last_seq={last_seq(client)}"
        again = await house.call(query, token=house.token(org="other"))
        assert (await again.status("connected"))["data"]["resumed"]
        del fake


@pytest.mark.gen_test
@pytest.mark.parametrize("first", ["ping", "place", "silence"])
async def test_who_begins_anew_begins_within_quotas(first):
    """However it comes to that: a resume token is no way around them."""
    how = {"auth_first_message_s": 1, "quotas_tokens_per_user_per_day": 10, **KEEPS}
    async with FakeUpstream() as fake, House(fake.url, **how) as house:
        client = await house.connected()
        cut(client)
        used_up = QuotaUse("tokens_per_user_per_day", 10, 10, 2**41)
        house.gateway.access.metering.exceeded = lambda *_: used_up
        place = f"&last_seq={last_seq(client) + 1}" if first == "place" else ""
        late = await house.call(f"resume={token_of(client)}{place}")
        if first == "ping":
            await late.say("ping")
        await late.error("quota_exceeded")
        assert (4429, "quota_exceeded") == await late.closed()
        assert 1 == len(fake.connections)


@pytest.mark.gen_test
async def test_only_a_call_that_begins_counts_as_one():
    """A client may come back as often as it has to."""
    how = {"limits_openings_per_user_per_minute": 2, **KEEPS}
    async with FakeUpstream() as fake, House(fake.url, **how) as house:
        client = await house.connected()
        for _ in range(3):
            cut(client)
            client = await back(house, client)
            assert (await client.status("connected"))["data"]["resumed"]
        anew = await house.call(f"resume={token_of(client)}")
        await anew.say("ping")
        assert (await anew.status("connecting"))["data"]["resumed"] is False
        await anew.next("pong")
        beyond = await house.call(f"resume={token_of(anew)}")
        await beyond.say("ping")
        await beyond.error("rate_limited")
        assert (4429, "limit_reached") == await beyond.closed()
        del fake


@pytest.mark.gen_test
async def test_what_cannot_be_resumed_is_a_new_session():
    """Another's token, an unknown one, a place that is not: the same answer to all."""
    async with FakeUpstream() as fake, House(fake.url, **KEEPS) as house:
        client = await house.connected()
        cut(client)
        await away(house)
        firsts = [
            await back(house, client, user="bob"),
            await house.call("resume=unknown&last_seq=1"),
            await house.call("resume="),
        ]
        for other in firsts:
            first = (await other.status("connecting"))["data"]
            assert first["resumed"] is False
            assert first["session_id"] != client.heard[0]["data"]["session_id"]
        assert 4 == len(house.gateway.connections)
        beyond = await back(house, client, last_seq(client) + 1)
        assert (await beyond.status("connecting"))["data"]["resumed"] is False
        await until(lambda: 4 == len(house.gateway.connections), "the lost one is still there")
        del fake


@pytest.mark.gen_test
async def test_a_call_whose_client_begins_anew_is_not_said_to_be_stopped():
    """Nobody is to look for a stop of the server that never was."""
    async with FakeUpstream() as fake, House(fake.url, **KEEPS) as house:
        with whole_log("info") as log:
            client = await house.connected()
            cut(client)
            await away(house)
            await back(house, client, last_seq(client) + 1)
            await until(lambda: "session_closed" in log.getvalue(), "the lost one is still there")
        del fake

    lines = map(json.loads, log.getvalue().splitlines())
    [closed] = [line for line in lines if line["event"] == "session_closed"]
    assert ("begun_anew", 4409) == (closed["cause"], closed["close_code"])


@pytest.mark.gen_test
@pytest.mark.parametrize("says", ["resume_from", "ping"])
async def test_a_client_that_says_where_it_was_and_cannot_go_on_is_told_that_alone(says):
    """What it says first is no mistake of its, and any other message is heard."""
    async with FakeUpstream() as fake, House(fake.url, **KEEPS) as house:
        client = await house.call("resume=unknown")
        await client.say(says, **({"last_seq": 7} if says == "resume_from" else {}))
        await client.say("ping", id="second")
        first = (await client.status("connecting"))["data"]
        assert first["resumed"] is False
        while (await client.next("pong"))["data"].get("ref") != "second":
            pass
        assert "error" not in client.types
        assert (1 if says == "resume_from" else 2) == client.types.count("pong")
        assert 1 == len(house.gateway.connections)
        del fake


@pytest.mark.gen_test
async def test_a_client_that_cannot_go_on_and_says_nothing_has_a_call_of_its_own():
    async with FakeUpstream() as fake, House(fake.url, auth_first_message_s=1, **KEEPS) as house:
        client = await house.call("resume=unknown")
        assert (await client.status("connecting"))["data"]["resumed"] is False
        await client.status("connected")
        del fake


@pytest.mark.gen_test
async def test_the_place_may_be_said_in_the_first_message():
    """With an address that has no last_seq; another first message begins anew, and is heard."""
    async with FakeUpstream() as fake, House(fake.url, **KEEPS) as house:
        client = await house.connected()
        cut(client)
        again = await house.call(f"resume={token_of(client)}")
        await again.say("resume_from", last_seq=1)
        assert 2 == (await again.next("connection_status"))["seq"]
        assert (await again.status("connected"))["data"]["resumed"]
        await again.say("resume_from", last_seq=1)
        await again.error("invalid_message")

        third = await house.call(f"resume={token_of(again)}")
        await third.say("ping", id="x")
        assert (await third.status("connecting"))["data"]["resumed"] is False
        await third.next("pong")
        assert (4409, "resumed_elsewhere") == await again.closed()
        del fake


@pytest.mark.gen_test
async def test_a_kept_session_is_a_connection_of_its_user_and_ends():
    """It holds its place, lets its own client in, and gives it back with all its memory."""
    async with (
        FakeUpstream() as fake,
        House(fake.url, session_resume_window_s=2, limits_connections_per_user=1) as house,
    ):
        client = await house.connected()
        client.socket.close(1000)
        await client.closed()
        ground = await Ground.settled()
        client = await house.connected()
        cut(client)
        await away(house)
        assert 429 == (await house.refusal())[0]
        again = await back(house, client)
        await again.status("connected")
        await until(
            lambda: (
                1
                == house.gateway.limits_of(next(iter(house.gateway.connections)))[
                    "connections_per_user"
                ].used
            ),
            "two places",
        )
        cut(again)
        await until(lambda: not house.gateway.connections, "it is still kept")
        await (await house.connected()).say("ping")
        assert 0 <= house.gateway.memory.held_bytes < 100_000
        del ground, fake


@pytest.mark.gen_test
async def test_draining_and_stopping_end_kept_sessions():
    """Nobody waits for a client that will not be let in."""
    async with FakeUpstream() as fake, House(fake.url, **KEEPS) as house:
        client = await house.connected()
        cut(client)
        await away(house)
        house.gateway.drain(30.0)
        assert await house.gateway.clients_gone(10)
        await fake.connections[0].ended.wait()
    async with FakeUpstream() as fake, House(fake.url, **KEEPS) as house:
        client = await house.connected()
        cut(client)
        await away(house)  # and the house stops with it


@pytest.mark.gen_test
async def test_no_log_has_a_resume_token():
    """Neither of the address nor of the session."""
    with whole_log("debug") as log:
        async with FakeUpstream() as fake, House(fake.url, **KEEPS) as house:
            client = await house.connected()
            cut(client)
            again = await back(house, client)
            await again.status("connected")
            tokens = {token_of(client), token_of(again)}
            await asyncio.sleep(0)
            del fake
    assert 2 == len(tokens)
    assert not [token for token in tokens if token in log.getvalue()]
    assert "client_back" in log.getvalue()
