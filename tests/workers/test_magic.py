"""Files are known by how they begin, and raw audio is not taken for one."""

import base64

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.files import KINDS, file_of
from workers.blocks import Block
from workers.chain import Chain
from workers.formats import AudioFormat
from workers.magic import TAKEN, container_of, file_in_place_of_audio, kind_of, may_hold_files
from workers.pcm import BadAudio
from workers.pool import LaneWork, run_batch

SOUND = (0.5 * np.sin(np.arange(3000) * 0.1)).astype(np.float32)
FILES = {kind: (KINDS[kind][0], file_of(kind, SOUND, 16_000)) for kind in KINDS} | {
    "Chrome": ("WebM", b"\x1aE\xdf\xa3\x9fB\x86\x81\x01B\xf7\x81\x01B\xf2\x81\x04B\xf3\x81\x08B"),
    "ffmpeg": ("WebM", b"\x1aE\xdf\xa3\x01\0\0\0\0\0\0\x1fB\x86\x81\x01B\xf7\x81\x01B\xf2\x81\x04"),
    "Safari": ("MP4", b"\0\0\0\x1cftypiso5\0\0\0\1isomiso5hlsf" + bytes(20)),
    "QuickTime": ("MP4", b"\0\0\0\x14ftypqt  \0\0\2\0qt  " + bytes(20)),
}
"""As people make them: what they are, and their bytes."""
CHUNKS = [(9000 * np.sin(np.arange(480) * 0.1 + at)).astype("<i2").tobytes() for at in range(4)]
FORMATS = [AudioFormat("pcm16", 24_000), AudioFormat("pcm16", 48_000), AudioFormat("pcma", 8_000)]


@pytest.mark.parametrize("kind", FILES)
def test_each_file_is_known(kind):
    """As one that is sent with its format, and as one that is sent as audio."""
    name, data = FILES[kind]

    assert (name, name) == (kind_of(data), file_in_place_of_audio(data))
    assert (name if name in TAKEN else None) == container_of(data)


@pytest.mark.parametrize(("name", "data"), [
    ("AIFF", b"FORM\0\0\0\0AIFF"), ("CAF", b"caff\0\1"), ("AU", b".snd\0"), ("MP3", b"ID3\3"),
    ("MP3", b"\xff\xfb\x90"), ("MP3", b"\xff\xf3\x88"), ("AAC", b"\xff\xf1\x50"),
    ("W64", b"riff\x2e\x91\xcf\x11"), ("VOC", b"Creative Voice File\x1a"), ("NIST", b"NIST_1A\n"),
])  # fmt: skip
def test_other_files_are_named(name, data):
    """Raw audio may begin with some of these bytes, and is not taken for a file."""
    assert (name, None) == (kind_of(data), file_in_place_of_audio(data))


@pytest.mark.parametrize("size", [0, 5, 127, 200])
def test_a_tag_of_id3_is_in_front_of_either(size):
    """Its size is in seven bits a byte; what is behind it tells."""
    tag = b"ID3\x04\0\0\0\0" + bytes([size >> 7, size & 0x7F]) + bytes(size)

    assert "flac" == kind_of(tag + FILES["flac-16"][1])
    assert "MP3" == kind_of(tag + b"\xff\xfb\x90") == kind_of(tag)


@pytest.mark.parametrize("head", [b"RIFF", b"fLaC", b"OggS", b"\x1aE\xdf\xa3", b"\0\0\0\x1cftyp"])
def test_audio_that_begins_with_those_bytes_is_audio(head):
    """Four bytes are two samples, and come by chance."""
    chunk = head + CHUNKS[0][len(head) :]
    chain = Chain.between(FORMATS[0], FORMATS[1], as_base64=False)
    block, _ = chain.run(chain.start(), chunk)

    assert len(chunk) == block.size_bytes


@given(st.binary(max_size=64))
def test_noise_is_no_file(data):
    """48 bits at least have to be right."""
    assert file_in_place_of_audio(data) is None


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("as_text", [False, True])
@pytest.mark.parametrize("source", FORMATS)
def test_a_file_sent_as_audio_is_refused_in_its_place(source, as_text, kind):
    """Beside chunks of its size in a batch, so that it is also found on the fast way."""
    name, data = FILES[kind]
    head = data[: len(CHUNKS[0])].ljust(len(CHUNKS[0]), b"\0")
    chain = Chain.between(source, AudioFormat("pcm16", 24_000), as_base64=False)
    begun = [chain.start()] * 5
    for _ in range(2):
        sent = [CHUNKS[0], CHUNKS[1], head, CHUNKS[2], CHUNKS[3]]
        payloads = [base64.b64encode(c).decode() if as_text else c for c in sent]
        works = [LaneWork(chain, s, [p]) for s, p in zip(begun, payloads, strict=True)]
        results = run_batch(works)
        outcomes = [result.results[0] for result in results]
        assert [Block, Block, BadAudio, Block, Block] == [type(o) for o in outcomes]
        begun = [result.state for result in results]

    assert "container" == outcomes[2].reason
    assert name in outcomes[2].sentence
    assert outcomes[2].sentence.startswith("format: ")
    assert outcomes[2].sentence.endswith(".")


@given(st.lists(st.integers(0, 255), min_size=1, max_size=6), st.integers(0, 5))
def test_a_file_is_found_at_any_place_among_chunks(firsts, place):
    """And nothing is found where there is none."""
    chunks = [bytes([first]) + CHUNKS[0][1:] for first in firsts]
    assert not may_hold_files(b"".join(chunks), len(chunks[0]))

    for _, data in FILES.values():
        with_file = [*chunks[:place], data[:960].ljust(960, b"\0"), *chunks[place:]]
        assert may_hold_files(b"".join(with_file), 960)
