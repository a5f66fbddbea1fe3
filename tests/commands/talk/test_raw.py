"""Audio without a header, as it comes."""

import io

import pytest

from tests.fakes.files import file_of
from tornado_app.commands.raw_format import RawFormat
from tornado_app.commands.talk.failure import Failed
from tornado_app.commands.talk.raw import RawRecording, as_it_comes

RAW = RawFormat(16_000, 2)


async def heard(data: bytes) -> list[float]:
    blocks = RawRecording("speech.wav", io.BytesIO(data), RAW).blocks()
    return [float(sample) async for block in as_it_comes(blocks) for sample in block]


@pytest.mark.gen_test
async def test_the_mean_of_the_channels_is_heard():
    """Whole frames alone."""
    assert [0.25, -0.5] == await heard(b"\0\x40\0\0" + b"\0\xc0\0\xc0" + b"\0\x40\0")


@pytest.mark.parametrize(("kind", "name"), [("wav-pcm16", "wav"), ("flac-16", "flac")])
@pytest.mark.gen_test
async def test_a_file_is_no_raw_audio(kind, name):
    """The gateway would name a field of its protocol; whoever typed the command needs no such."""
    with pytest.raises(Failed) as failed:
        await heard(file_of(kind, [[0.0, 0.0]] * 9_000, 16_000))

    assert f"speech.wav is {name}, not raw audio; leave out --audio-in." == str(failed.value)
