"""Audio that is too loud, or not centred, as its client and its model notice it."""

import base64

import numpy as np
import pytest

from tests.calls.house import House
from tests.fakes.files import file_of
from tests.fakes.upstream import FakeUpstream

QUERY = "turn_detection=none&input_format=float32"
TONE = np.sin(np.arange(4800) * 0.1).astype(np.float32)


async def told(samples: np.ndarray, *, as_file: bool = False, **settings: object):
    """How many samples were clipped, and what the model heard."""
    async with FakeUpstream() as fake, House(fake.url, **settings) as house:
        client = await house.connected(QUERY)
        if as_file:
            file = file_of("wav-float32", samples, 24_000)
            await client.say("audio_data", audio=base64.b64encode(file).decode(), format="wav")
        else:
            await client.audio(samples.tobytes())
        await client.say("commit_audio")
        await fake.next_event("input_audio_buffer.commit", 20)
        await client.say("get_status")
        status = (await client.next("status"))["data"]
        texts = [e["audio"] for e in fake.connections[0].events if e["type"].endswith(".append")]
        heard = b"".join(map(base64.b64decode, texts))
        return status["audio"]["clipped_samples"], np.frombuffer(heard, "<i2") / 32768


@pytest.mark.gen_test
@pytest.mark.parametrize("as_file", [False, True])
async def test_what_is_too_loud_is_clipped_counted_and_can_be_held(as_file):
    """The client sees in `status` that it is, and the operator may turn the limiter on."""
    loud = 2 * TONE
    clipped, heard = await told(loud, as_file=as_file)
    assert int(((loud >= 1) | (loud < -1)).sum()) == clipped > 100
    assert np.abs(heard).max() > 0.999

    clipped, heard = await told(loud, as_file=as_file, audio_limit_peaks=True)
    assert 0 == clipped
    assert 0.8 < np.abs(heard).max() < 0.9
    assert 4800 == len(heard)


@pytest.mark.gen_test
@pytest.mark.parametrize("as_file", [False, True])
async def test_an_offset_is_the_models_to_hear_unless_it_is_taken_out(as_file):
    """Off by default: nobody's audio is changed unasked."""
    off = np.float32(0.1) * TONE + np.float32(0.3)
    _, heard = await told(off, as_file=as_file)
    assert abs(heard.mean() - off.mean()) < 1e-3

    _, heard = await told(off, as_file=as_file, audio_remove_dc=True)
    assert abs(heard[2400:].mean()) < 5e-3
    assert np.corrcoef(heard[2400:], TONE[2400:])[0, 1] > 0.99
