"""The npm package `openai`, both its classes, unchanged, through TLS: it dials nothing else."""

import pytest

from tests.clients.node_client import needs_node_client
from tests.clients.program import IS_CHOSEN
from tests.local_realtime.wording import TEXTS, errors

pytestmark = [
    needs_node_client,
    pytest.mark.skipif(not IS_CHOSEN, reason="`make clients` tries it"),
    pytest.mark.parametrize("kind", ["OpenAIRealtimeWS", "OpenAIRealtimeWebSocket"]),
]


@pytest.mark.gen_test
async def test_text_turn(speaking, npm_story, kind):
    """Asked in writing, answered in speech."""
    told = await npm_story(kind, "text", speaking)

    assert {"said": "12 times 7 is 84.", "errors": []} == told


@pytest.mark.gen_test
async def test_voice_turn(speaking, npm_story, kind):
    """The end of speech is found, the words are told, and the answer is spoken."""
    told = await npm_story(kind, "speech", speaking)

    assert [] == told["errors"]
    assert errors(TEXTS["amiable"], told["heard"]) <= 1
    assert f"I heard you say: {told['heard']}" == told["said"]


@pytest.mark.gen_test
async def test_function_call_round_trip(speaking, npm_story, kind):
    told = await npm_story(kind, "tool", speaking)

    expected = {"called": "get_weather", "said": "It is clear in Paris.", "errors": []}
    assert expected == told


@pytest.mark.gen_test
async def test_barge_in_with_truncation(speaking, npm_story, kind):
    told = await npm_story(kind, "barge_in", speaking)

    assert [] == told["errors"]
    assert told["said"].startswith("I heard you say: ")


@pytest.mark.gen_test
async def test_an_error_is_told_and_the_call_goes_on(speaking, npm_story, kind):
    told = await npm_story(kind, "error", speaking)

    assert ("C, A, B.", "item_retrieve_invalid_item_id") == (told["said"], told["code"])
    assert "mine" == told["event"]


@pytest.mark.gen_test
async def test_words_alone(speaking, npm_story, kind):
    told = await npm_story(kind, "transcription", speaking)

    assert [] == told["errors"]
    assert errors(TEXTS["amiable"], told["heard"]) <= 1


@pytest.mark.gen_test
async def test_a_wrong_key_is_refused(echoing, npm_story, kind):
    told = await npm_story(kind, "wrong_key", echoing, key="ek_wrong")

    assert [error["code"] for error in told["errors"]] == ["invalid_api_key"]
    assert (3000, "invalid_request_error.invalid_api_key") == (told["code"], told["reason"])
