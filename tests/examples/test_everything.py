"""`make examples`, and a spoken question for a tool of each kind, asked as the README says."""

import contextlib
import re
from importlib.util import find_spec

import numpy as np
import pytest

pytest.importorskip("onnxruntime", reason="the packages of speech are not installed")
pytest.importorskip("hibari", reason="the packages of speech are not installed")

from local_realtime.ears.moonshine import Moonshine
from local_realtime.sound.resampling import HEARING_HZ
from tests.examples.house import ROOT, examples_running, printed
from workers.recordings import at_rate, open_recording

pytestmark = pytest.mark.skipif(
    find_spec("mcp") is None, reason="the package of MCP is not installed: requirements-mcp.txt"
)


def heard_in(path):
    """What the local ears hear in a saved answer."""
    with contextlib.closing(open_recording(path)) as recording:
        samples = np.concatenate(list(at_rate(recording, HEARING_HZ)))
    return Moonshine().read(samples).lower()


@pytest.mark.gen_test(timeout=240)
async def test_a_question_for_each_kind_of_tool_is_answered_with_what_it_found(tmp_path):
    """Over HTTP, in Python, over MCP and by the client; read back from the sound of the answer."""
    async with examples_running(tmp_path) as examples:
        url = f"ws://{examples.gateway}/ws"
        for question, found in (
            ("weather", "sunny.* (21|twenty.one)"),
            ("stock", "12|twelve"),
            ("hours", "nine to six|9 to 6"),
        ):
            answer = tmp_path / f"{question}.wav"
            spoken = ROOT / f"examples/questions/{question}.wav"
            await printed("run.py", "talk", spoken, "--url", url, "--save", answer)
            heard = heard_in(answer)
            assert re.search(found, heard), heard

        answer = tmp_path / "colour.wav"
        question = ROOT / "examples/questions/colour.wav"
        said = await printed("examples/client.py", question, answer, **examples.environ)
        assert "The page is blue." in said
        heard = heard_in(answer)
        assert "blue" in heard, heard
        assert "i heard you say" not in heard
