"""AIFF, AU, CAF, W64, VOC and NIST that were cut, joined, or written into a pipe."""

import io

import numpy as np
import pytest
import soundfile

from workers.recordings import recording_from

SAMPLES = 0.5 * np.sin(np.arange(5_001) * 0.1)
"""An odd number, after which some kinds have a byte of padding."""
KINDS = [
    ("AIFF", "PCM_16", "BIG"),
    ("AIFF", "PCM_16", "LITTLE"),
    ("AIFF", "FLOAT", "FILE"),
    ("AU", "PCM_16", "BIG"),
    ("AU", "FLOAT", "LITTLE"),
    ("AU", "ULAW", "BIG"),
    ("CAF", "PCM_16", "BIG"),
    ("CAF", "ALAC_16", "FILE"),
    ("CAF", "ALAW", "FILE"),
    ("W64", "PCM_24", "FILE"),
    ("VOC", "PCM_16", "FILE"),
    ("NIST", "PCM_16", "BIG"),
]


def file_of(kind, rate_hz=16_000) -> bytes:
    container, subtype, endian = kind
    buffer = io.BytesIO()
    soundfile.write(buffer, SAMPLES, rate_hz, format=container, subtype=subtype, endian=endian)
    return buffer.getvalue()


def read_at_once(data: bytes) -> np.ndarray:
    samples, _ = soundfile.read(io.BytesIO(data), dtype="float32")
    np.testing.assert_allclose(samples[: len(SAMPLES)], SAMPLES, atol=0.03)
    return samples


def heard(data: bytes) -> np.ndarray:
    recording = recording_from(io.BytesIO(data), "pipe")
    samples = np.concatenate([np.empty(0, np.float32), *recording.blocks()])
    assert not recording.fault
    return samples


@pytest.mark.parametrize("kind", KINDS, ids=" ".join)
def test_joined_files_are_heard_one_behind_the_other(kind):
    """The second was lost, or its header was heard; its rate may be another."""
    file, slower = file_of(kind), file_of(kind, 8_000)
    once = heard(file)

    np.testing.assert_allclose(once, read_at_once(file), atol=1e-6)
    assert np.array_equal(np.concatenate([once, once, once]), heard(file * 3))
    assert 3 * len(once) == len(heard(file + slower))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind[1] != "ALAC_16"], ids=" ".join)
@pytest.mark.parametrize("missing", [2, 100, 2_500])
def test_a_file_behind_one_that_was_cut_is_whole(kind, missing):
    """And all that is left of the first is heard."""
    file = file_of(kind)
    once, left = heard(file), heard(file[:-missing])

    assert len(once) - missing <= len(left) < len(once)
    assert np.array_equal(once[: len(left)], left)
    assert np.array_equal(np.concatenate([left, once]), heard(file[:-missing] + file))


@pytest.mark.parametrize("size", [0, 100, 0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF])
@pytest.mark.parametrize(
    ("container", "mark", "width"), [("AIFF", b"SSND", 4), ("CAF", b"data", 8), ("AU", b".snd", 4)]
)
def test_a_size_that_cannot_be_is_not_believed(container, mark, width, size):
    """Zero, all ones, a guess, or that of a recorder that was stopped."""
    file = file_of((container, "PCM_16", "BIG"))
    at = file.index(mark) + (8 if container == "AU" else 4)
    told = size.to_bytes(width, "big") if size < 0xFFFFFFFF else b"\xff" * width

    assert np.array_equal(heard(file), heard(file[:at] + told + file[at + width :]))


def test_what_stands_behind_the_audio_is_not_heard():
    """A size that can be is believed."""
    tail = b"ANNO\0\0\0\x04word"
    file = file_of(("AIFF", "PCM_16", "BIG"))

    assert np.array_equal(heard(file), heard(file + tail))
