"""MP3 files that were cut, joined, or do not know how long they are."""

import contextlib
import io

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from workers.mending.mp3 import has_frames, streams
from workers.recordings import Recording, recording_from

ID3V1 = b"TAG" + bytes(125)
ID3V2 = b"ID3\x04\0\0\0\0\0\x14" + b"TIT2".ljust(20, b"\0")


def mp3(rate_hz: int, channels: int = 1) -> bytes:
    samples = 0.5 * np.sin(np.arange(30_000)[:, None] * (0.1 + 0.05 * np.arange(channels)))
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate_hz, format="MP3")
    return buffer.getvalue()


FILES = {kind: mp3(*kind) for kind in ((48_000, 1), (44_100, 2), (16_000, 1), (8_000, 2))}
FILE = FILES[48_000, 1]
DELAY = 576
"""In samples: what an encoder puts in front, and says so in the head."""
HEAD_BYTES = 96 * 4
"""More than the first frame of `FILE`, which says how many there are."""


def heard(data: bytes) -> np.ndarray:
    recording = Recording("x.mp3", data, "MP3")
    samples = np.concatenate([np.empty(0, np.float32), *recording.blocks()])
    assert not recording.fault
    return samples


@pytest.mark.parametrize("kind", FILES)
def test_a_whole_file_is_one_stream_as_it_is(kind):
    """To the byte, and each sample of it is heard."""
    assert [FILES[kind]] == list(streams(FILES[kind]))
    assert 30_000 == len(heard(FILES[kind]))


@pytest.mark.parametrize("first", FILES)
@pytest.mark.parametrize("second", FILES)
@pytest.mark.parametrize(
    "between",
    [b"", ID3V1, ID3V2, ID3V1 + ID3V2, bytes(5000)],
    ids=["nothing", "ID3v1", "ID3v2", "both", "zeros"],
)
def test_joined_files_are_one_stream_each(first, second, between):
    """Whatever their rates and channels are; the second was not heard at all."""
    joined = FILES[first] + between + FILES[second]

    assert [FILES[first], FILES[second]] == list(streams(joined))


def test_a_file_of_another_kind_needs_no_head():
    """What differs cannot be of the same stream."""
    second = FILES[16_000, 1]
    headless = second[second.index(second[:2], 2) :]
    first, found = streams(FILE + headless)

    assert FILE == first
    assert found.endswith(headless)


def test_joined_files_are_heard_one_behind_the_other():
    """Every sample of each, and no click between them."""
    once = heard(FILE)

    assert np.array_equal(np.concatenate([once, once]), heard(FILE + ID3V2 + FILE))


@pytest.mark.parametrize("count", [0, 1, 10])
def test_a_count_that_is_too_small_is_not_believed(count):
    """A recorder that was stopped has not brought it up to date."""
    at = FILE.index(b"Xing") + 8 if b"Xing" in FILE else FILE.index(b"Info") + 8

    assert [FILE] == list(streams(FILE[:at] + count.to_bytes(4, "big") + FILE[at + 4 :]))


def frames_at(data: bytes) -> list[int]:
    """Where its frames begin, if none has such bytes in it."""
    return [at for at in range(len(data)) if data[at : at + 2] == data[:2]]


@pytest.mark.parametrize("kind", FILES)
def test_a_file_without_a_count_is_heard_to_its_end(kind):
    """A decoder guessed how long it is by its first frame, and half of it was lost."""
    file = FILES[kind]
    samples = heard(file[frames_at(file)[1] :])

    late = samples[DELAY:]
    assert 30_000 <= len(late)
    np.testing.assert_allclose(heard(file)[2_000:], late[2_000:30_000], atol=1e-3)


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("frame", [0, 5])
@pytest.mark.parametrize("behind", [1, 20])
def test_what_begins_within_a_frame_is_heard(kind, frame, behind):
    """As the recording of a stream does: it was no recording at all."""
    file = FILES[kind]
    begin, lost = frames_at(file)[frame], frames_at(file)[frame + 1]
    cut = io.BytesIO(file[begin + behind :])

    with contextlib.closing(recording_from(cut, "pipe")) as recording:
        samples = np.concatenate(list(recording.blocks()))
    assert np.array_equal(heard(file[lost:]), samples)


@pytest.mark.parametrize("kind", FILES)
def test_a_frame_that_needs_one_that_is_lost_makes_no_noise(kind, capfd):
    """A decoder made some of what it had, and complained where a person reads."""
    file = FILES[kind]
    for begin in frames_at(file)[1:-2]:
        samples = heard(file[begin:])
        assert 0.6 > np.abs(samples).max()
        assert np.abs(samples[3_000:-2_000]).max(initial=1) > 0.4

    assert "" == capfd.readouterr().err


@given(st.binary(max_size=6000))
def test_noise_has_no_frames(data):
    """Three have to follow each other."""
    assert not has_frames(data)


@given(st.integers(HEAD_BYTES * 4, len(FILE)))
def test_a_file_behind_one_that_was_cut_is_whole(cut):
    """Wherever: what is left of the first is in front of it."""
    first, second = streams(FILE[:cut] + FILE)

    assert second == FILE
    assert FILE[:cut].startswith(first)
    assert cut - len(first) < 4


def test_what_lies_between_frames_ends_nothing():
    """A decoder gave up behind a thousand bytes."""
    at = next(at for at in range(len(FILE) // 2, len(FILE)) if FILE[at : at + 2] == FILE[:2])

    assert [FILE] == list(streams(FILE[:at] + b"x" * 3000 + FILE[at:]))


@given(st.binary(max_size=600))
def test_nothing_falls_over(data):
    """Nothing that is no frame is made one."""
    list(streams(b"\xff\xfb" + data))
    list(streams(FILE[:500] + data + FILE[500:]))
