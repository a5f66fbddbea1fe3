"""Stock clients that `make clients` installs, unchanged, against the local model or the gateway.

Each has a script in others/, which tells its story to the end.
"""

import json
from pathlib import Path

import pytest

from tests.clients.program import AT_GATEWAY, MODEL, ROOT, output_of
from tests.local_realtime.wording import TEXTS, errors

SCRIPTS = Path(__file__).parent / "others"
PYTHON = ROOT / "build" / "clients" / "bin" / "python"

pytestmark = pytest.mark.skipif(
    not PYTHON.exists(), reason="the other stock clients are not installed: `make clients` does it"
)

DEADLINE_S = 100
EVERYTHING = ["text", "speech", "tool", "barge_in", "wrong_key"]
AZURE = ["azure"] if AT_GATEWAY else []
"""Those name models of their own, which the local model refuses, as OpenAI does."""
STORIES = {
    "pipecat": [*EVERYTHING, "transcription", *AZURE],
    "livekit": [*EVERYTHING, "transcription", *AZURE],
    "pydantic_ai": EVERYTHING,
    "semantic_kernel": EVERYTHING,
    # It takes speech alone, and interrupts nothing.
    "ag2": ["speech", "tool", "wrong_key"],
}


@pytest.fixture
def story(tmp_path, recording, speaking):
    """Runs a script of others/, and gives what it tells."""
    speech, question = tmp_path / "speech.pcm", tmp_path / "question.pcm"
    speech.write_bytes(recording("amiable"))
    question.write_bytes(recording(ROOT / "examples" / "questions" / "weather"))

    async def run(client, name):
        call = {
            "base_url": speaking.base_url,
            "key": "sk-wrong" if name == "wrong_key" else speaking.key,
            "model": MODEL,
            "speech": str(speech),
            "question": str(question),
        }
        quiet = {"PARLEY_CALL": json.dumps(call), "OTEL_SDK_DISABLED": "true"}
        script = SCRIPTS / f"{client}_calls.py"
        told, _ = await output_of(PYTHON, script, name, deadline_s=DEADLINE_S, **quiet)
        lines = [json.loads(line) for line in told.splitlines() if line.startswith("{")]
        return {key: value for line in lines for key, value in line.items()}

    return run


@pytest.mark.gen_test(timeout=DEADLINE_S + 20)
@pytest.mark.parametrize(
    ("client", "name"), [(client, name) for client in STORIES for name in STORIES[client]]
)
async def test_a_client_has_its_call(client, name, story):
    """A written turn, a spoken one, a tool, an interruption, words alone, and a wrong key."""
    told = await story(client, name)

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
