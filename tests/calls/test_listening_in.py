"""An operator listens to a call while it runs, and its caller knows it."""

import asyncio
import base64
import json

import numpy as np
import pytest
from msgspec.structs import replace

from tests.calls.house import WAIT_S, House, VoiceClient, until
from tests.calls.test_administration import KEY, OTHER_KEY, ask, deeds, session_id
from tests.calls.test_administration import settings as _settings  # noqa: F401  a fixture
from tests.calls.test_messages import created, delta, done
from tests.calls.test_openai_opening import bearer, dial
from tests.calls.test_resuming import away, back
from tests.fakes.upstream import FakeUpstream
from tornado_app.watching.watch import Watch
from workers.codecs import encode

SAID = b"\x00\x40" * 2400
ANSWERED = b"\x00\x20" * 2400
"""100 ms each."""


@pytest.fixture
def settings(_settings):  # noqa: F811
    return {**_settings, "admin_listeners": ["anna"]}


async def listen(house, called: str, key: str = KEY, **asked):
    return await ask(house, "POST", f"calls/{called}/listening", asked, key)


async def hear(house, called: str, after: int | None = None, key: str = KEY):
    query = "" if after is None else f"?after={after}"
    return await ask(house, "GET", f"calls/{called}/listening{query}", key=key)


async def stop(house, called: str, key: str = KEY):
    return await ask(house, "DELETE", f"calls/{called}/listening?reason=heard", key=key)


async def said(client: VoiceClient) -> str:
    return (await client.next("listening_in"))["data"]["status"]


async def answer(fake: FakeUpstream) -> None:
    words = {"type": "response.output_audio_transcript.done", "response_id": "r1", "item_id": "i1"}
    for event in (created("r1"), delta("i1", "r1", ANSWERED), words | {"transcript": "Good day."}):
        await fake.send(event)
    await fake.send(done("r1"))


async def hear_until(house, called: str, is_enough) -> dict:
    """All that is heard, as one answer, until *is_enough* of it."""
    heard = {"user": b"", "model": b"", "words": [], "until": None, "is_over": False}
    async with asyncio.timeout(WAIT_S):
        while not is_enough(heard):
            status, told = await hear(house, called, heard["until"])
            assert 200 == status, told
            for side in ("user", "model"):
                heard[side] += base64.b64decode(told[side] or "")
            heard["words"] += told["words"]
            heard |= {"until": told["until"], "is_over": told["is_over"]}
            await asyncio.sleep(0.02)
    return heard


@pytest.mark.parametrize("query", ["input_rate=24000", "output_rate=8000&output_encoding=binary"])
@pytest.mark.gen_test
async def test_both_sides_are_heard_and_the_caller_is_told(settings, query):
    """Before anything is; the audit has who listened, why and for how long."""
    async with FakeUpstream() as fake, House(fake.url, **settings) as house:
        client = await house.connected(f"{query}&turn_detection=none")
        called = await session_id(client)
        status, told = await listen(house, called, reason="ticket 17")
        assert (200, called, 24_000) == (status, told["session_id"], told["rate_hz"])
        assert "begun" == await said(client)
        _, call = await ask(house, "GET", f"calls/{called}")
        assert ("anna", True) == (call["listener"], call["may_listen"])

        for _ in range(5):
            await client.audio(SAID)
        await client.say("text", text="hello")
        await fake.next_event("response.create")
        await answer(fake)
        enough = lambda heard: SAID in heard["user"] and len(heard["words"]) == 2  # noqa: E731
        heard = await hear_until(
            house, called, lambda all_: enough(all_) and ANSWERED[:4000] in all_["model"]
        )
        assert [("user", "hello"), ("assistant", "Good day.")] == [
            (words["role"], words["text"]) for words in heard["words"]
        ]
        status, told = await stop(house, called)
        assert 200 == status
        assert "ended" == await said(client)
        assert 404 == (await hear(house, called))[0]
        assert (await ask(house, "GET", f"calls/{called}"))[1]["listener"] is None

    begun, ended = deeds(settings)
    assert ("anna", "listening_begun", called, "ticket 17", "done") == tuple(
        begun[name] for name in ("operator", "action", "target", "reason", "outcome")
    )
    assert ("listening_ended", "heard", told["seconds"]) == tuple(
        ended[name] for name in ("action", "reason", "seconds")
    )
    assert told["seconds"] > 0
    assert "seconds" not in begun


@pytest.mark.gen_test
async def test_a_call_that_nobody_listens_to_has_nothing_of_it(settings):
    """Nor has one to which somebody has listened."""
    async with FakeUpstream() as fake, House(fake.url, **settings) as house:
        client = await house.connected()
        called = await session_id(client)
        connection = house.gateway.calls.find(called)
        assert not isinstance(connection._looking.decider, Watch)
        await listen(house, called)
        assert isinstance(connection._looking.decider, Watch)
        await stop(house, called)
        connection._looking.decider._looked_at -= 60
        await client.say("ping")
        await client.next("pong")
        assert not isinstance(connection._looking.decider, Watch)


@pytest.mark.parametrize(
    ("key", "headers", "status"),
    [
        (OTHER_KEY, {}, 403),
        ("", {}, 401),
        ("token", {}, 401),
        (KEY, {"Origin": "http://elsewhere.example"}, 403),
        (KEY, {"Origin": "null", "Sec-Fetch-Site": "cross-site"}, 403),
    ],
)
@pytest.mark.gen_test
async def test_who_may_not_hears_nothing(settings, key, headers, status):
    """Another key, a client's token, a page of another origin; the caller is told nothing."""
    async with FakeUpstream() as fake, House(fake.url, **settings) as house:
        client = await house.connected()
        called = await session_id(client)
        key = house.token(scopes=("parley.conduct",)) if key == "token" else key
        for method in ("POST", "GET"):
            path = f"calls/{called}/listening"
            found, told = await ask(house, method, path, key=key, **headers)
            assert (status, {"error"}) == (found, told.keys())
        await client.say("ping")
        await client.next("pong")
        assert "listening_in" not in client.types
        refused = [("bot", "listening_begun", "refused")] if key == OTHER_KEY else []
        known = deeds(settings) if refused else []
        assert refused == [(each["operator"], each["action"], each["outcome"]) for each in known]


@pytest.mark.gen_test
async def test_without_an_audit_nobody_listens(settings, tmp_path):
    """What cannot be written down is not begun, and the caller is not told of it."""
    settings["admin_audit_file"] = str(tmp_path)
    async with FakeUpstream() as fake, House(fake.url, **settings) as house:
        client = await house.connected()
        called = await session_id(client)
        assert 500 == (await listen(house, called))[0]
        assert 404 == (await hear(house, called))[0]
        await client.say("ping")
        await client.next("pong")
        assert "listening_in" not in client.types


@pytest.mark.gen_test
async def test_a_key_listens_to_one_call_and_a_call_has_one_listener(settings):
    """Who begins another has ended the first; who begins twice has begun once."""
    settings["admin_listeners"] = ["anna", "bot"]
    async with FakeUpstream() as fake, House(fake.url, **settings) as house:
        clients = [await house.connected() for _ in range(2)]
        one, other = [await session_id(client) for client in clients]
        assert [200, 200] == [(await listen(house, one))[0] for _ in range(2)]
        assert "begun" == await said(clients[0])
        assert 409 == (await listen(house, one, OTHER_KEY))[0]
        assert 200 == (await listen(house, other))[0]
        assert ["ended", "begun"] == [await said(client) for client in clients]
        assert 404 == (await hear(house, one))[0]
        assert 200 == (await listen(house, one, OTHER_KEY))[0]
        assert "begun" == await said(clients[0])
        assert 404 == (await listen(house, "sess_nobody", OTHER_KEY))[0]
        assert 200 == (await hear(house, one, key=OTHER_KEY))[0]
        assert 200 == (await stop(house, one, OTHER_KEY))[0]
        assert "ended" == await said(clients[0])
        await asyncio.gather(*(listen(house, name) for name in (one, other, one, other)))
        listened = [house.gateway.calls.find(each)._looking.decider for each in (one, other)]
        assert 1 == sum(isinstance(each, Watch) and each._ear is not None for each in listened)
        assert ["begun", "ended"] * 2 == clients_heard(clients[0])[:4]


def clients_heard(client: VoiceClient) -> list[str]:
    heard = [each for each in client.heard if isinstance(each, dict)]
    return [each["data"]["status"] for each in heard if each["type"] == "listening_in"]


@pytest.mark.gen_test
async def test_a_listener_that_never_asks_is_one_no_more(settings, monkeypatch):
    """The call goes on, its caller is told, and the audit has it."""
    async with FakeUpstream() as fake, House(fake.url, **settings) as house:
        client = await house.connected()
        called = await session_id(client)
        await listen(house, called)
        assert "begun" == await said(client)
        monkeypatch.setattr("tornado_app.admin.listening.UNASKED_S", 0.0)
        assert "ended" == await said(client)
        assert 404 == (await hear(house, called))[0]
        await until(lambda: len(deeds(settings)) == 2, "the end is not written down")
        await client.audio(SAID)
        await client.next("audio_received")

    assert "listening_ended" == deeds(settings)[-1]["action"]


@pytest.mark.gen_test
async def test_who_may_not_any_more_hears_nothing_any_more(settings):
    """Though they go on asking."""
    async with FakeUpstream() as fake, House(fake.url, **settings) as house:
        client = await house.connected()
        called = await session_id(client)
        await listen(house, called)
        now = house.gateway.settings
        house.gateway.settings = replace(now, admin=replace(now.admin, listeners=()))
        assert 403 == (await hear(house, called))[0]
        assert ["begun", "ended"] == [await said(client) for _ in range(2)]


@pytest.mark.gen_test
async def test_a_call_that_ends_is_heard_to_its_end(settings):
    """Whoever ends it, the one who listens too."""
    async with FakeUpstream() as fake, House(fake.url, **settings) as house:
        client = await house.connected("turn_detection=none")
        called = await session_id(client)
        await listen(house, called)
        await client.say("text", text="good-bye")
        await fake.next_event("response.create")
        assert 200 == (await ask(house, "POST", f"calls/{called}/end"))[0]
        assert (4412, "ended_by_operator") == await client.closed()
        heard = await hear_until(house, called, lambda all_: all_["is_over"])
        assert ["good-bye"] == [words["text"] for words in heard["words"]]
        await until(lambda: len(deeds(settings)) == 3, "the end is not written down")
        ended = {deed["action"] for deed in deeds(settings)[1:]}
        assert {"listening_ended", "call_ended"} == ended
        other = await house.connected()
        assert 200 == (await listen(house, await session_id(other)))[0]
        assert 404 == (await hear(house, called))[0]

    assert 1 == sum(deed["target"] == called for deed in deeds(settings)[2:])


@pytest.mark.gen_test
async def test_a_gateway_that_stops_writes_down_that_nobody_listens_any_more(settings):
    async with FakeUpstream() as fake:
        async with House(fake.url, **settings) as house:
            client = await house.connected()
            called = await session_id(client)
            await listen(house, called)
            assert "begun" == await said(client)
        await until(lambda: len(deeds(settings)) == 2, "the end is not written down")

    assert ("listening_ended", called) == tuple(deeds(settings)[1][n] for n in ("action", "target"))


@pytest.mark.gen_test
async def test_many_who_want_to_listen_at_once_are_one(settings):
    """Whatever they do, one is heard by, and the call goes on."""
    settings["admin_listeners"] = ["anna", "bot"]
    async with FakeUpstream() as fake, House(fake.url, **settings) as house:
        client = await house.connected()
        called = await session_id(client)
        wanted = [listen(house, called, key) for key in (KEY, OTHER_KEY) * 50]
        begun = [status for status, _ in await asyncio.gather(*wanted)]
        assert {200, 409} == {*begun}
        assert [50, 50] == [begun.count(status) for status in (200, 409)]
        told = await asyncio.gather(*(hear(house, called, key=key) for key in (KEY, OTHER_KEY)))
        assert {200, 404} == {status for status, _ in told}
        await client.audio(SAID)
        await client.next("audio_received")
        assert ["begun"] == clients_heard(client)


@pytest.mark.gen_test
async def test_a_client_that_is_back_is_told_again(settings):
    """It may have forgotten what it had been told."""
    settings["session_resume_window_s"] = 30
    async with FakeUpstream() as fake, House(fake.url, **settings) as house:
        client = await house.connected()
        await listen(house, await session_id(client))
        assert "begun" == await said(client)
        client.socket.stream.close()
        await away(house)
        client = await back(house, client)
        assert "begun" == await said(client)


@pytest.mark.gen_test
async def test_a_client_of_the_api_is_told_in_an_event_of_our_own(settings):
    """And both sides of its call are heard."""
    async with FakeUpstream() as fake, House(fake.url, **settings) as house:
        client = await dial(house, **bearer(house.token(scopes=("parley.conduct",))))
        await client.next("session.created")
        [connection] = house.gateway.connections
        called = connection.config.session_id
        await listen(house, called)
        assert "begun" == (await client.next("parley.listening_in"))["status"]
        audio = base64.b64encode(SAID).decode()
        await client.say("input_audio_buffer.append", audio=audio)
        await fake.next_event("input_audio_buffer.append")
        await answer(fake)
        await hear_until(
            house, called,
            lambda all_: SAID in all_["user"] and ANSWERED in all_["model"] and all_["words"],
        )  # fmt: skip
        await stop(house, called)
        assert "ended" == (await client.next("parley.listening_in"))["status"]


@pytest.mark.gen_test
async def test_nothing_that_is_heard_is_in_the_log(settings, capfd):
    """Nor in the audit."""
    async with FakeUpstream() as fake, House(fake.url, **settings) as house:
        client = await house.connected("turn_detection=none")
        called = await session_id(client)
        await listen(house, called)
        await client.say("text", text="a word that is a secret")
        await hear_until(house, called, lambda all_: all_["words"])
        await stop(house, called)

    assert "that is a secret" not in json.dumps(deeds(settings))
    assert "that is a secret" not in "".join(capfd.readouterr())


@pytest.mark.parametrize("law", ["pcmu", "pcma"])
@pytest.mark.gen_test
async def test_a_client_of_the_api_that_speaks_g711_is_heard_as_well(settings, law):
    """Whose audio goes both ways as it is."""
    async with FakeUpstream() as fake, House(fake.url, **settings) as house:
        client = await dial(house, **bearer(house.token(scopes=("parley.conduct",))))
        await client.next("session.created")
        law_of = {"format": {"type": f"audio/{law}"}}
        session = {"type": "realtime", "audio": {"input": law_of, "output": law_of}}
        await client.say("session.update", session=session)
        asked = await fake.next_event("session.update")
        while "format" not in asked["session"]["audio"].get("output", {}):
            asked = await fake.next_event("session.update")
        await fake.send({"type": "session.updated", "session": asked["session"]})
        await client.next("session.updated")
        [connection] = house.gateway.connections
        called = connection.config.session_id
        await listen(house, called)
        tone = encode(0.5 * np.sin(np.arange(8000) * 2 * np.pi * 440 / 8000), law)
        audio = base64.b64encode(tone).decode()
        await client.say("input_audio_buffer.append", audio=audio)
        await fake.next_event("input_audio_buffer.append")
        for event in (created("r1"), delta("i1", "r1", tone)):
            await fake.send(event)
        heard = await hear_until(
            house, called, lambda all_: min(map(loud_ms, (all_["user"], all_["model"]))) > 900
        )

    for side in (heard["user"], heard["model"]):
        sound = np.frombuffer(side, "<i2").astype(float)
        sound = sound[np.flatnonzero(sound)[0] :][:22_000]
        spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
        assert 440 == pytest.approx(np.argmax(spectrum) * 24_000 / len(sound), abs=2)
        assert 0.5 * 32_768 == pytest.approx(np.percentile(np.abs(sound), 99), rel=0.05)


def loud_ms(pcm: bytes) -> float:
    """How long it is nowhere silent for longer than a wave."""
    return np.count_nonzero(np.abs(np.frombuffer(pcm, "<i2").reshape(-1, 24)).max(axis=1) > 1000)
