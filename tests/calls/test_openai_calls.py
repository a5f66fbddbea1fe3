"""Whole calls of the API's own client for Python through the gateway, to the local model."""

import asyncio
import base64
import uuid
from contextlib import asynccontextmanager

import pytest
from openai import AsyncOpenAI
from websockets.exceptions import ConnectionClosedError

from tests.calls.house import House
from tests.clients.program import KEY, running
from tests.fakes.fault_proxy import FaultProxy

DEADLINE_S = 60.0
SECRET = "You are OYSTER, the operator's own secret."
CONDUCTING = ("parley.conduct",)
SILENCE = base64.b64encode(bytes(4800)).decode()
TEXT = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hello"}]}


@pytest.fixture(scope="module")
def echoing():
    with running("echo") as program:
        yield program


@pytest.fixture(scope="module")
def speaking():
    pytest.importorskip("onnxruntime", reason="the packages of speech are not installed")
    pytest.importorskip("hibari", reason="the packages of speech are not installed")
    with running("speech") as program:
        yield program


def model_url(program):
    return f"{program.base_url.replace('http', 'ws')}/realtime"


@asynccontextmanager
async def calling(url, key, **options):
    client = AsyncOpenAI(base_url=url, api_key=key)
    async with (
        asyncio.timeout(DEADLINE_S),
        client,
        client.realtime.connect(model="gpt-realtime-2.1", **options) as connection,
    ):
        yield connection


@asynccontextmanager
async def house_for(url, **changes):
    changes = {"session_instructions": SECRET, "session_voice": "marin"} | changes
    async with House(url, KEY, **changes) as house:
        yield house


def through(house, **options):
    key = house.token(scopes=CONDUCTING)
    return calling(f"http://127.0.0.1:{house.port}/v1", key, **options)


async def until(connection, kind, count=1):
    """What is heard, up to so many of this kind."""
    heard = []
    async for event in connection:
        heard.append(event)
        count -= event.type == kind
        if not count:
            return heard
    raise AssertionError(f"closed before {kind}: {[event.type for event in heard]}")


async def one_of_each(connection):
    """A call with nearly all that a client may ask; returns the kinds that it heard, in order."""
    heard = await until(connection, "session.created")
    audio = {"input": {"turn_detection": None, "transcription": {"model": "whisper-1"}}}
    await connection.session.update(session={"type": "realtime", "audio": audio})
    heard += await until(connection, "session.updated")
    await connection.conversation.item.create(item={"id": "item_mine", **TEXT})
    await connection.response.create(response={"metadata": {"k": "v"}})
    heard += await until(connection, "rate_limits.updated")
    (answer,) = [e.item.id for e in heard if e.type == "response.output_item.done"]
    await connection.conversation.item.truncate(item_id=answer, content_index=0, audio_end_ms=100)
    heard += await until(connection, "conversation.item.truncated")
    await connection.conversation.item.retrieve(item_id="item_mine")
    heard += await until(connection, "conversation.item.retrieved")
    for _ in range(5):
        await connection.input_audio_buffer.append(audio=SILENCE)
    await connection.input_audio_buffer.clear()
    heard += await until(connection, "input_audio_buffer.cleared")
    await connection.input_audio_buffer.commit(event_id="too_little")
    heard += await until(connection, "error")
    assert "too_little" == heard[-1].error.event_id
    for _ in range(5):
        await connection.input_audio_buffer.append(audio=SILENCE)
    await connection.input_audio_buffer.commit()
    heard += await until(connection, "conversation.item.input_audio_transcription.completed")
    await connection.conversation.item.delete(item_id="item_mine")
    heard += await until(connection, "conversation.item.deleted")
    await connection.send({"type": "response.create", "response": {"voice": "x"}})
    heard += await until(connection, "error")
    apart = {"conversation": "none", "output_modalities": ["text"], "input": [TEXT]}
    await connection.response.create(response=apart)
    heard += await until(connection, "response.done")
    return heard


def kinds(heard):
    """In order, and of several deltas in a row one."""
    names = [event.type for event in heard]
    return [name for at, name in enumerate(names) if at == 0 or name != names[at - 1]]


@pytest.mark.gen_test
async def test_a_client_hears_what_it_would_hear_without_the_gateway(echoing):
    async with calling(echoing.base_url, KEY) as connection:
        without = kinds(await one_of_each(connection))
    async with house_for(model_url(echoing)) as house, through(house) as connection:
        heard = await one_of_each(connection)

    assert sorted(set(without)) == sorted(set(kinds(heard)))
    loud = {"response.output_audio.delta", "response.output_audio_transcript.delta"}
    assert [k for k in without if k not in loud] == [k for k in kinds(heard) if k not in loud]
    assert "OYSTER" not in " ".join(event.to_json() for event in heard)
    done = [event.response for event in heard if event.type == "response.done"]
    assert {"k": "v"} == done[0].metadata


@pytest.mark.gen_test
async def test_what_a_token_does_not_leave_to_its_client_is_left_out(echoing):
    async with house_for(model_url(echoing)) as house:
        url = f"http://127.0.0.1:{house.port}/v1"
        async with calling(url, house.token()) as connection:
            await connection.session.update(
                session={"type": "realtime", "instructions": "Tell all.", "tracing": "auto"}
            )
            (_, updated) = await until(connection, "session.updated")
            assert ("", None) == (updated.session.instructions, updated.session.tracing)


@pytest.mark.gen_test
@pytest.mark.parametrize("waits", [False, True])
async def test_a_model_may_be_named_with_the_first_that_is_said(echoing, waits):
    """Some clients wait for their session before they say anything, and some do not.

    Then either may be first, what they say or the session that is begun unasked.
    """
    mini = "gpt-realtime-2.1-mini"
    async with house_for(model_url(echoing), session_models=[mini]) as house:
        client = AsyncOpenAI(base_url=f"http://127.0.0.1:{house.port}/v1", api_key=house.token())
        bare = {"intent": "realtime"}
        async with (
            asyncio.timeout(DEADLINE_S),
            client,
            client.realtime.connect(extra_query=bare) as connection,
        ):
            heard = await until(connection, "session.created") if waits else []
            await connection.session.update(session={"type": "realtime", "model": mini})
            await connection.conversation.item.create(item=TEXT)
            await connection.response.create()
            heard += await until(connection, "response.done")

    sessions = [(event.type, event.session.model) for event in heard if hasattr(event, "session")]
    begun, updated = sessions
    may_begin = {"gpt-realtime-2.1"} if waits else {"gpt-realtime-2.1", mini}
    assert ("session.created", True) == (begun[0], begun[1] in may_begin)
    assert ("session.updated", mini) == updated
    assert "completed" == heard[-1].response.status
    assert "error" not in kinds(heard)


@pytest.mark.gen_test
async def test_a_quota_that_is_used_up_is_told_as_the_api_does(echoing):
    """Behind the answer that has used it up, and to whoever comes then."""
    quota = {"quotas_tokens_per_user_per_day": 1}
    async with house_for(model_url(echoing), **quota) as house:
        async with through(house) as connection:
            await until(connection, "session.created")
            await connection.conversation.item.create(item=TEXT)
            await connection.response.create()
            heard = await until(connection, "error")
            assert "response.done" in kinds(heard)
            error = heard[-1].error
            assert ("insufficient_quota", "insufficient_quota") == (error.type, error.code)
            with pytest.raises(ConnectionClosedError) as closed:
                await until(connection, "never")
            assert 1013 == closed.value.rcvd.code
        status, _, _ = await house.refusal()
        assert 429 == status


@pytest.mark.gen_test
async def test_a_client_of_48_khz_hears_48_khz(echoing):
    rates = {"input_rate": "48000", "output_rate": "48000"}
    async with (
        house_for(model_url(echoing)) as house,
        through(house, extra_query=rates) as connection,
    ):
        audio = {"input": {"turn_detection": None}}
        await connection.session.update(session={"type": "realtime", "audio": audio})
        second = base64.b64encode(bytes(96_000)).decode()
        await connection.input_audio_buffer.append(audio=second)
        await connection.input_audio_buffer.commit()
        await connection.response.create()
        heard = await until(connection, "response.done")

    deltas = [event.delta for event in heard if event.type == "response.output_audio.delta"]
    heard_ms = sum(len(base64.b64decode(delta)) for delta in deltas) / 96
    assert heard_ms == pytest.approx(1000, abs=30)


@pytest.mark.gen_test
async def test_a_recording_comes_in_one_event(echoing):
    async with house_for(model_url(echoing)) as house, through(house) as connection:
        audio = {"input": {"turn_detection": None}}
        await connection.session.update(session={"type": "realtime", "audio": audio})
        seconds = base64.b64encode(bytes(9 * 48_000)).decode()
        await connection.input_audio_buffer.append(audio=seconds)
        await connection.input_audio_buffer.commit()
        heard = await until(connection, "input_audio_buffer.committed")
        assert "error" not in kinds(heard)


@pytest.mark.gen_test
@pytest.mark.parametrize("after_bytes", [4_000, 12_000, 30_000, 60_000, 120_000])
async def test_a_model_that_is_lost_is_mended_unnoticed(echoing, after_bytes):
    """Wherever it breaks: each answer has one end, and names go on to mean the same items."""
    port = int(echoing.port)
    breaks = iter([(after_bytes, True)])
    async with (
        FaultProxy(port, breaks) as proxy,
        house_for(proxy.url, upstream_reconnect_initial_ms=10) as house,
        through(house) as connection,
    ):
        heard = await until(connection, "session.created")
        for number in range(3):
            await connection.conversation.item.create(item={"id": f"item_{number}", **TEXT})
            await connection.response.create()
            heard += await until(connection, "response.done")
        for number in range(3):
            await connection.conversation.item.retrieve(item_id=f"item_{number}")
            heard += await until(connection, "conversation.item.retrieved")

    assert not [event for event in heard if event.type == "error"]
    begun = [event.response.id for event in heard if event.type == "response.created"]
    ended = [(e.response.id, e.response.status) for e in heard if e.type == "response.done"]
    assert [(name, "completed") for name in begun] == ended
    assert 3 == len(set(begun))
    added = [e.item.id for e in heard if e.type == "conversation.item.added"]
    assert len(added) == len(set(added))


@pytest.mark.gen_test
async def test_a_call_that_only_transcribes_has_words_and_no_answers(echoing):
    async with house_for(model_url(echoing)) as house:
        key = house.token(scopes=CONDUCTING)
        client = AsyncOpenAI(base_url=f"http://127.0.0.1:{house.port}/v1", api_key=key)
        intent = {"intent": "transcription"}
        async with (
            asyncio.timeout(DEADLINE_S),
            client,
            client.realtime.connect(extra_query=intent) as connection,
        ):
            (created,) = await until(connection, "session.created")
            assert "transcription" == created.session.type
            hearing = {"turn_detection": None, "transcription": {"model": "gpt-transcribe"}}
            session = {"type": "transcription", "audio": {"input": hearing}}
            await connection.session.update(session=session)
            await until(connection, "session.updated")
            for _ in range(5):
                await connection.input_audio_buffer.append(audio=SILENCE)
            await connection.input_audio_buffer.commit()
            heard = await until(connection, "conversation.item.input_audio_transcription.completed")
            assert "input_audio_buffer.committed" in kinds(heard)
            await connection.response.create(event_id="mine")
            (refused,) = await until(connection, "error")
            assert "mine" == refused.error.event_id


WEATHER = """
from parley_tools import tool

@tool
def get_weather(city: str) -> dict:
    \"\"\"Look up the weather for a city, OYSTER.\"\"\"
    return {"city": city, "temperature": 21}
"""


@pytest.mark.gen_test
async def test_a_tool_of_the_server_runs_unseen(speaking, tmp_path):
    name = f"tools_{uuid.uuid4().hex}"
    (tmp_path / f"{name}.py").write_text(WEATHER)
    file = tmp_path / "tools.toml"
    file.write_text(f'[python]\nmodule = "{name}"\n')
    async with (
        house_for(model_url(speaking), tools_file=str(file)) as house,
        through(house) as connection,
    ):
        question = {"type": "input_text", "text": "What is the weather in London?"}
        item = {"type": "message", "role": "user", "content": [question]}
        await connection.conversation.item.create(item=item)
        await connection.response.create(response={"output_modalities": ["text"]})
        heard = await until(connection, "response.done")

    assert 1 == kinds(heard).count("response.created")
    (answer,) = heard[-1].response.output
    assert "City is London, temperature is 21." == answer.content[0].text
    said = " ".join(event.to_json() for event in heard)
    assert not any(word in said for word in ("OYSTER", "get_weather", "function_call", "parley_"))
