"""A little of `tests/fuzz_audio.py`, and random frames over a real socket."""

import random

import pytest

from tests.calls.house import House
from tests.fakes.upstream import FakeUpstream
from tests.fuzz_audio import MODEL, fuzz_files, fuzz_frames, fuzz_packets, is_good, random_frame
from workers.formats import AudioFormat


@pytest.mark.parametrize("seed", range(3))
def test_random_frames_become_exact_audio_or_a_sentence(seed):
    """Of any format, in any cutting, many streams at once: finite, and to the sample."""
    tally = fuzz_frames(1000, random.Random(seed))

    assert 1000 == tally["taken"] + tally["refused"]
    assert min(tally["taken"], tally["refused"]) > 100


def test_mutated_packets_become_exact_audio_or_a_sentence():
    """Many streams at once, each with a decoder that has heard the others of its own."""
    tally = fuzz_packets(2000, random.Random(2))

    assert 2000 == tally["decoded"] + tally["refused"]
    assert min(tally["decoded"], tally["refused"]) > 200


@pytest.mark.gen_test
async def test_mutated_files_become_exact_audio_or_a_sentence():
    """One helper outlives them all."""
    tally = await fuzz_files(1000, random.Random(1))

    assert 1000 == tally["decoded"] + tally["refused"]
    assert min(tally["decoded"], tally["refused"]) > 100
    assert (0, 1) == (tally["crashes and hangs"], tally["helpers"])


@pytest.mark.gen_test
@pytest.mark.parametrize("encoding", ["pcm16", "float32"])
async def test_each_random_frame_of_a_call_gets_one_answer(encoding):
    """In order; what the good ones give is at the model, to the sample."""
    rng = random.Random(encoding)
    source = AudioFormat(encoding, 44_100, 3)
    frames = [random_frame(rng, source) for _ in range(300)]
    fast = {"limits_messages_per_s": 10_000, "limits_errors_per_minute": 10_000}
    query = f"turn_detection=none&input_format={encoding}&input_rate=44100&input_channels=3"
    async with FakeUpstream() as fake, House(fake.url, **fast) as house:
        client = await house.connected(query)
        for frame in frames:
            await client.audio(frame)
        for frame in frames:
            heard = await client.read()
            assert ("audio_received" if is_good(frame, source) else "error") == heard["type"]
        await client.say("commit_audio")
        await fake.next_event("input_audio_buffer.commit")

        taken = sum(source.frames(len(frame)) for frame in frames if is_good(frame, source))
        texts = [e["audio"] for e in fake.connections[0].events if e["type"].endswith(".append")]
        heard_bytes = sum(len(text) * 3 // 4 - text.count("=") for text in texts)
        assert MODEL.bytes_per_frame * -(-taken * 24_000 // 44_100) == heard_bytes
