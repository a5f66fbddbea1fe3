"""`@openai/agents-realtime` for Node, unchanged, against the local model."""

import json

import pytest
from openai import AsyncOpenAI

from tests.clients.node_client import NODE_SCRIPTS, needs_node_client
from tests.clients.program import BYTES_PER_MS, MODEL, output_of
from tests.local_realtime.wording import TEXTS, errors

pytestmark = needs_node_client


@pytest.fixture
def story(tmp_path, recording):
    """Runs a script of node/ against a program, and gives what it tells."""
    speech = tmp_path / "speech.pcm"
    speech.write_bytes(recording("amiable"))

    async def run(script, program, *arguments, key=None):
        call = {"url": program.websocket_url, "apiKey": key or program.key, "speech": str(speech)}
        told, complaints = await output_of(
            "node", NODE_SCRIPTS / script, *arguments, PARLEY_CALL=json.dumps(call)
        )
        assert complaints == ""
        lines = [json.loads(line) for line in told.splitlines()]
        return {key: value for line in lines for key, value in line.items()}

    return run


def assert_undisturbed(told):
    """No error, and no event that the SDK could not make sense of."""
    assert (told["errors"], told["unknown"]) == ([], [])


@pytest.mark.gen_test
async def test_text_turn(speaking, story):
    """A message is answered, the audio is whole, and the history has both sides."""
    told = await story("stories.mjs", speaking, "textTurn")

    assert_undisturbed(told)
    assert told["texts"] == ["What is twelve times seven?", "12 times 7 is 84."]
    assert told["said"] == told["texts"][-1]
    assert told["bytes"] > 1000 * BYTES_PER_MS
    assert told["usage"] > 0


@pytest.mark.gen_test
async def test_voice_turn_with_server_vad(speaking, story):
    """The end of speech is found, and both sides of the history have their words."""
    told = await story("stories.mjs", speaking, "voiceTurn")

    assert_undisturbed(told)
    assert errors(TEXTS["amiable"], told["heard"]) <= 1
    assert told["texts"] == [told["heard"], f"I heard you say: {told['heard']}"]


@pytest.mark.gen_test
async def test_function_call_round_trip(speaking, story):
    """The SDK runs the function it declared, and the answer tells its output."""
    told = await story("stories.mjs", speaking, "functionCall")

    assert_undisturbed(told)
    assert (told["called"], told["city"]) == ("get_weather", "Paris")
    assert told["ended"] == {"name": "get_weather", "result": "It is clear in Paris"}
    assert told["said"] == "It is clear in Paris."


@pytest.mark.gen_test
async def test_barge_in_with_truncation(speaking, story):
    """Speech ends a long answer, the SDK truncates it, and the next turn is answered.

    By `semantic_vad`, which is what the SDK asks for by itself.
    """
    told = await story("stories.mjs", speaking, "bargeIn")

    assert_undisturbed(told)
    assert told["details"] == {"type": "cancelled", "reason": "turn_detected"}
    assert told["itsOwn"]
    assert told["status"] == "completed"


@pytest.mark.gen_test
async def test_manual_commit(echoing, story):
    """Without turn detection a turn ends when the client says so, and not a sample is lost."""
    told = await story("stories.mjs", echoing, "manualCommit")

    assert_undisturbed(told)
    assert told["isWhole"]


@pytest.mark.gen_test
async def test_error_recovery(speaking, story):
    """A refused response lets go of the SDK's queue, and the session is still of use."""
    told = await story("stories.mjs", speaking, "errorRecovery")

    codes = [error["code"] for error in told["errors"]]
    assert codes == ["input_audio_buffer_commit_empty", "invalid_value"]
    assert told["errors"][1]["event_id"].startswith("agents_js_response_create")
    assert told["said"] == "C, A, B."


@pytest.mark.gen_test
async def test_a_wrong_key_is_refused(echoing, story):
    """The SDK is told why before it is disconnected."""
    told = await story("wrong_key.mjs", echoing, key="sk-wrong")

    assert [error["code"] for error in told["errors"]] == ["invalid_api_key"]
    assert told["status"] == "disconnected"


@pytest.mark.gen_test
async def test_a_browsers_handshake(speaking, story):
    """A secret in a subprotocol, as from a page; the one selected gives nothing away."""
    session = {"type": "realtime", "model": MODEL}
    async with AsyncOpenAI(base_url=speaking.base_url, api_key=speaking.key) as client:
        secret = await client.realtime.client_secrets.create(session=session)
    told = await story("stories.mjs", speaking, "browser", key=secret.value)

    assert_undisturbed(told)
    assert (told["said"], told["protocol"]) == ("C, A, B.", "realtime")
