"""Whole calls whose answers come from a chat model, over real sockets."""

import asyncio
import json
import socket
from contextlib import asynccontextmanager

import pytest

pytest.importorskip("onnxruntime", reason="the packages of speech are not installed")
pytest.importorskip("hibari", reason="the packages of speech are not installed")

from local_realtime.brain.chat.chat_brain import MAX_LETTERS, Chat
from local_realtime.brain.chat.endpoint import ChatEndpoint
from local_realtime.brain.chat.http import MAX_ANSWER_BYTES
from local_realtime.server import ServerConfig
from local_realtime.sound.audio import Sound
from tests.fakes.chat import DONE, DROP, STALL, FakeChat, call, event, finish, text
from tests.local_realtime.wording import TEXTS, error_rate, errors

KEY = "sk-secret-of-the-tests"
TOOLS = [
    {"type": "function", "name": name, "parameters": {"type": "object", "properties": {}}}
    for name in ("get_weather", "get_time")
]


@pytest.fixture
def chatting(serving, models, monkeypatch):
    """To be entered: a way to connect to a server that asks this chat model."""

    @asynccontextmanager
    async def enter(chat, pace=0, **endpoint):
        async with chat.serving() as url:
            settings = {"url": url, "api_key": KEY, "model": "tiny", **endpoint}
            monkeypatch.setattr(models, "_brain", Chat(ChatEndpoint(**settings)))
            async with serving(ServerConfig(pace=pace), models, models.ear) as (_, connect):
                yield connect

    return enter


async def written(connect, **session):
    """A client that reads."""
    client = await connect()
    config = {"type": "realtime", "output_modalities": ["text"], **session}
    await client.send("session.update", session=config)
    return client


async def ask(client, words="Hi."):
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": words}]}
    await client.send("conversation.item.create", item=item)
    await client.send("response.create")


async def answer_to(client, words="Hi."):
    await ask(client, words)
    return (await client.until("response.done"))[-1]["response"]


def text_of(response):
    return response["output"][0]["content"][0]["text"]


@pytest.mark.gen_test
async def test_a_spoken_question_is_answered_by_the_chat_model(
    chatting, models, speech, silence, audio
):
    """It is told what was said; its answer is spoken sentence by sentence, and remembered."""
    chat = FakeChat(
        text("The sky", " is blue. ", "The grass is", " green. \N{SLIGHTLY SMILING FACE}")
    )
    async with chatting(chat) as connect:
        client = await connect()
        await client.send("session.update", session={"type": "realtime", "instructions": "Hm."})
        await client.append(speech("amiable") + silence(900))
        events = await client.until("response.done")
        await client.send("response.create")
        await client.until("response.done")

    (done,) = (e for e in events if e["type"] == "response.output_audio_transcript.done")
    assert "The sky is blue. The grass is green. \N{SLIGHTLY SMILING FACE}" == done["transcript"]
    heard = await models.transcribe(Sound(audio(events), 24_000))
    assert error_rate([("The sky is blue. The grass is green.", heard)]) <= 0.1

    first, second = chat.requests
    assert ("tiny", True) == (first["model"], first["stream"])
    assert {"role": "system", "content": "Hm."} == first["messages"][0]
    assert errors(TEXTS["amiable"], first["messages"][1]["content"]) <= 1
    assert "assistant" == second["messages"][2]["role"]
    assert f"Bearer {KEY}" == chat.headers[0]["Authorization"]


@pytest.mark.gen_test
async def test_the_first_sentence_is_spoken_before_the_second_is_thought(chatting):
    """Nobody waits for the end of an answer."""
    chat = FakeChat([event(content="One moment. Then "), STALL])
    async with chatting(chat) as connect:
        client = await connect()
        await ask(client)
        events = await client.until("response.output_audio.delta")
        transcript = [e["delta"] for e in events if e["type"].endswith("transcript.delta")]

    assert "One moment. ".startswith("".join(transcript))


@pytest.mark.gen_test
async def test_what_has_no_sound_is_passed_over(chatting):
    """An empty line, a smile: it is written, and only an answer of nothing else is excused."""
    smile = "\N{SLIGHTLY SMILING FACE}"
    chat = FakeChat(text(f"{smile}\n", "Yes."), text(smile), text(""))
    async with chatting(chat) as connect:
        client = await connect()
        found = [await answer_to(client) for _ in range(3)]

    told = [[part["transcript"] for o in one["output"] for part in o["content"]] for one in found]
    assert [[f"{smile}\nYes."], [f"{smile}I can't pronounce that."], []] == told
    assert ["completed"] * 3 == [one["status"] for one in found]


@pytest.mark.gen_test
async def test_text_comes_as_it_is_thought(chatting):
    """Written answers do not wait for a sentence."""
    async with chatting(FakeChat([event(content="One mo"), STALL])) as connect:
        client = await written(connect)
        await ask(client)
        events = await client.until("response.output_text.delta")

    assert "One mo" == events[-1]["delta"]


@pytest.mark.gen_test
async def test_functions_are_called_together_and_their_outputs_told(chatting):
    """Two at once out of the stream, after a word to the user; then the answer."""
    calls = [
        event(content="Let me look."),
        call(0, id="x", name="get_weather"),
        call(1, id="y", name="get_time"),
        *(call(0, arguments=letter) for letter in '{"city":"Paris"}'),
        call(1, arguments="{}"),
        finish("tool_calls"),
        DONE,
    ]
    chat = FakeChat(calls, text("It is fine."))
    async with chatting(chat) as connect:
        client = await written(connect, tools=TOOLS)
        message, *made = (await answer_to(client))["output"]
        for one in reversed(made):
            item = {
                "type": "function_call_output",
                "call_id": one["call_id"],
                "output": one["name"],
            }
            await client.send("conversation.item.create", item=item)
        await client.send("response.create")
        told = (await client.until("response.done"))[-1]["response"]

    assert "Let me look." == message["content"][0]["text"]
    assert [("get_weather", '{"city":"Paris"}'), ("get_time", "{}")] == [
        (one["name"], one["arguments"]) for one in made
    ]
    assert "It is fine." == text_of(told)
    asked, _, assistant, weather, time_ = chat.requests[1]["messages"][-5:]
    assert "user" == asked["role"]
    assert [one["call_id"] for one in made] == [one["id"] for one in assistant["tool_calls"]]
    assert ["get_weather", "get_time"] == [weather["content"], time_["content"]]
    assert 2 == len(chat.requests[0]["tools"])


@pytest.mark.gen_test
async def test_the_limit_is_told_and_its_end_is_incomplete(chatting):
    """`max_output_tokens` goes to the chat model, and "length" comes back as incomplete."""
    chat = FakeChat(text("And then", reason="length"), text("No.", reason="content_filter"))
    async with chatting(chat) as connect:
        client = await written(connect, max_output_tokens=77)
        long = await answer_to(client)
        filtered = await answer_to(client)

    assert 77 == chat.requests[0]["max_tokens"]
    assert "incomplete" == long["status"] == filtered["status"]
    assert "max_output_tokens" == long["status_details"]["reason"]
    assert "content_filter" == filtered["status_details"]["reason"]
    assert "And then" == text_of(long)


@pytest.mark.gen_test
async def test_an_endless_answer_is_cut(chatting):
    """And the request ended, though more would come."""
    chat = FakeChat([*(event(content="a" * 1000) for _ in range(MAX_LETTERS // 1000 + 1)), STALL])
    async with chatting(chat) as connect:
        client = await written(connect)
        response = await answer_to(client)
        await chat.gone.wait()

    assert "incomplete" == response["status"]
    assert MAX_LETTERS == len(text_of(response))


@pytest.mark.parametrize("how", ["cancel", "barge-in", "hang up"])
@pytest.mark.gen_test
async def test_who_is_interrupted_thinks_no_further(chatting, speech, how):
    """The request ends with the response, even if nothing comes of it just then."""
    chat = FakeChat([event(content="Well"), STALL], text("Good."))
    async with chatting(chat) as connect:
        client = await written(connect)
        await ask(client)
        await client.until("response.output_text.delta")
        if how == "cancel":
            await client.send("response.cancel")
        elif how == "barge-in":
            await client.append(speech("amiable"))
        else:
            client.socket.close()
        await chat.gone.wait()
        if how == "cancel":
            await client.until("rate_limits.updated")
            assert "Good." == text_of(await answer_to(client))


FAILURES = {
    "refused": (FakeChat([], status=401), "chat_refused", "HTTP 401: it does not accept the key"),
    "busy": (FakeChat(["{}"], status=503), "chat_refused", "HTTP 503."),
    "moved": (FakeChat([], status=302), "chat_refused", "HTTP 302"),
    "dropped": (FakeChat([event(content="Well"), DROP]), "chat_broken", "in the middle"),
    "dropped at once": (FakeChat([DROP]), "chat_broken", "in the middle"),
    "unfinished": (FakeChat([event(content="Well")]), "chat_broken", "in the middle"),
    "no stream": (FakeChat(['{"choices": []}']), "chat_broken", "in the middle"),
    "rubbish": (FakeChat(["data: <b>\n\n"]), "chat_bad_answer", "no streamed chat completion"),
    "error": (FakeChat(['data: {"error": "sk-1"}\n\n']), "chat_error", "reported an error"),
    "undeclared": (
        FakeChat([call(0, name="rm", arguments="{}"), finish("tool_calls")]),
        "chat_bad_answer",
        "not declared",
    ),
    "huge": (
        FakeChat([": " + "x" * 65_536 + "\n"] * (MAX_ANSWER_BYTES // 65_536 + 2)),
        "chat_too_long",
        "too long",
    ),
    "one huge line": (FakeChat(["data: " + "x" * 2_000_000]), "chat_bad_answer", "no streamed"),
}


@pytest.mark.parametrize("name", FAILURES)
@pytest.mark.gen_test
async def test_an_endpoint_that_misbehaves_fails_the_response(chatting, caplog, name):
    """With one clear sentence, without address or key; the session lives on."""
    chat, code, sentence = FAILURES[name]
    async with chatting(chat) as connect:
        client = await written(connect)
        response = await answer_to(client)
        await client.send("input_audio_buffer.clear")
        await client.until("input_audio_buffer.cleared")

    error = response["status_details"]["error"]
    logged = [record.getMessage() for record in caplog.records if "local" in record.name]
    assert ("failed", code) == (response["status"], error["code"])
    assert sentence in error["message"]
    assert [f"{code}: {error['message']}"] == logged
    for told in (json.dumps(response), *logged):
        assert KEY not in told
        assert "127.0.0.1" not in told
        assert "sk-1" not in told
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize("steps", [[STALL], [event(content="Well"), STALL]], ids=["first", "next"])
@pytest.mark.gen_test
async def test_an_endpoint_that_stalls_fails_the_response(chatting, steps):
    """At its deadline; and the request ends."""
    chat = FakeChat(steps)
    async with chatting(chat, first_timeout_s=0.3, stall_timeout_s=0.3) as connect:
        client = await written(connect)
        response = await answer_to(client)
        await chat.gone.wait()

    assert "chat_timeout" == response["status_details"]["error"]["code"]


@pytest.mark.parametrize("kind", ["closed", "silent", "no such host"])
@pytest.mark.gen_test
async def test_an_endpoint_that_is_not_there_fails_the_response(chatting, kind):
    """Nobody listens, nobody accepts, or there is no such name."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        if kind == "silent":
            taken.listen(0)
        port = taken.getsockname()[1]
        host = "no-such-host.invalid" if kind == "no such host" else "127.0.0.1"
        limits = {"connect_timeout_s": 0.5, "first_timeout_s": 0.5} if kind == "silent" else {}
        async with chatting(FakeChat([]), url=f"http://{host}:{port}/v1", **limits) as connect:
            response = await answer_to(await written(connect))

    code = "chat_timeout" if kind == "silent" else "chat_unreachable"
    assert code == response["status_details"]["error"]["code"]


@pytest.mark.gen_test
async def test_one_slow_answer_holds_up_nobody(chatting):
    """While one session waits for its endpoint, another is answered."""
    chat = FakeChat([STALL], text("Here."))
    async with chatting(chat) as connect:
        slow, quick = await written(connect), await written(connect)
        await ask(slow)
        while not chat.requests:
            await asyncio.sleep(0.005)
        response = await answer_to(quick)

    assert "Here." == text_of(response)
