"""Stock clients that `make clients` installs, unchanged, against the local model or the gateway.

Each has a script in others/, which tells its story to the end.
"""

import pytest

from tests.clients.other_clients import DEADLINE_S, needs_other_clients
from tests.clients.program import AT_GATEWAY
from tests.local_realtime.wording import TEXTS, errors

pytestmark = needs_other_clients

EVERYTHING = ["text", "speech", "tool", "barge_in", "wrong_key"]
AZURE = ["azure"] if AT_GATEWAY else []
"""Those name models of their own, which the local model refuses, as OpenAI does."""
STORIES = {
    "pipecat": [*EVERYTHING, "transcription", *AZURE],
    "livekit": [*EVERYTHING, "transcription", *AZURE],
    "pydantic_ai": [*EVERYTHING, *AZURE],
    "semantic_kernel": EVERYTHING,
    # It takes speech alone, and interrupts nothing.
    "ag2": ["speech", "tool", "wrong_key"],
}


@pytest.mark.gen_test(timeout=DEADLINE_S + 20)
@pytest.mark.parametrize(
    ("client", "name"), [(client, name) for client in STORIES for name in STORIES[client]]
)
async def test_a_client_has_its_call(client, name, others_story, speaking):
    """A written turn, a spoken one, a tool, an interruption, words alone, and a wrong key."""
    told = await others_story(client, name, speaking)

    assert not told.get("errors")
    if name in {"text", "azure"}:
        assert "12 times 7 is 84." == told["said"]
    if name == "tool":
        assert ("get_weather", "It is clear in Paris.") == (told["called"], told["said"])
    if name in {"speech", "transcription"} and "heard" in told:
        assert errors(TEXTS["amiable"], told["heard"]) <= 1
    if name == "speech":
        said = told["said"] if "said" in told else told["texts"][1]
        assert errors(TEXTS["amiable"], said.removeprefix("I heard you say: ")) <= 1
    if name == "barge_in":
        assert told["said"].startswith(("I heard you say: ", "C, A, B."))
    if name == "wrong_key":
        assert "invalid_api_key" in told["refused"]
