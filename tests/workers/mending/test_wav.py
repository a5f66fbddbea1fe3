"""WAV files that were written into a pipe, cut, or joined."""

import struct
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.files import wav_by_hand
from workers.mending.wav import streams

AUDIO = bytes(range(1, 241))
LIST = b"LIST" + struct.pack("<I", 10) + b"INFOIART\0\0"


def audio_of(data: bytes) -> list[bytes]:
    """What each stream holds; its header says so much."""
    found = []
    for file in streams(data):
        assert wav_by_hand(file[44:])[:12] == file[:12]
        assert len(file) - 44 == struct.unpack_from("<I", file, 40)[0]
        found.append(file[44:])
    return found


@pytest.mark.parametrize("riff_bytes", [0, 4, 36, 0x7FFFFFFF, 0xFFFFFFFF])
@pytest.mark.parametrize("data_bytes", [0, 241, 0x7FFFF000, 0x80000000, 0xFFFFFFDB, 0xFFFFFFFF])
def test_a_size_that_cannot_be_is_not_believed(data_bytes, riff_bytes):
    """Zero, all ones, or a guess, in either place: audio goes on to the end."""
    file = bytearray(wav_by_hand(AUDIO, data_bytes=data_bytes))
    file[4:8] = struct.pack("<I", riff_bytes)

    assert [AUDIO] == audio_of(bytes(file))


def test_a_size_that_can_be_is_believed():
    """What is behind the audio is no audio."""
    assert [AUDIO] == audio_of(wav_by_hand(AUDIO) + LIST)


@pytest.mark.parametrize("size", [2, 100, 101, 230])
def test_a_size_that_is_too_small_is_not_believed(size):
    """A recorder that was stopped has not brought it up to date: more audio is behind it."""
    assert [AUDIO] == audio_of(wav_by_hand(AUDIO, data_bytes=size))
    assert [AUDIO, AUDIO] == audio_of(wav_by_hand(AUDIO, data_bytes=size) + wav_by_hand(AUDIO))


@pytest.mark.parametrize("behind", [LIST, LIST[:9], b"abcd\x04\0\0\0more", b"\0" + LIST, b"junk"])
@pytest.mark.parametrize("audio", [AUDIO, AUDIO[:-1]])
def test_what_may_stand_behind_audio_is_none(audio, behind):
    """Whole or cut, with a byte of padding or without, or too short for anything."""
    assert [audio] == audio_of(wav_by_hand(audio) + behind)


def test_no_audio_in_front_of_other_chunks_is_no_audio():
    """A size of zero may be true."""
    assert [] == audio_of(wav_by_hand(b"") + LIST)


@pytest.mark.parametrize("ds64", [struct.pack("<QQQ", 0, 240, 120), bytes(24), b"\xff" * 24])
def test_an_rf64_is_read_by_what_is_there(ds64):
    """Its sizes stand elsewhere, and need not be right either (EBU Tech 3306)."""
    form = wav_by_hand(b"")[12:36]
    head = b"RF64\xff\xff\xff\xffWAVEds64" + struct.pack("<I", 28) + ds64 + bytes(4)

    assert [AUDIO] == audio_of(head + form + b"data\xff\xff\xff\xff" + AUDIO)


def test_an_rf64_that_knows_its_size_is_believed():
    """What is behind its audio is no audio."""
    head = b"RF64\xff\xff\xff\xffWAVEds64" + struct.pack("<IQQQI", 28, 0, 240, 120, 0)
    form = wav_by_hand(b"")[12:36]

    assert [AUDIO] == audio_of(head + form + b"data\xff\xff\xff\xff" + AUDIO + LIST)


PARTS = st.binary(max_size=50).map(lambda audio: b"\xff" + audio)  # no name of a chunk


@given(st.lists(st.tuples(PARTS, st.integers(0, 3)), max_size=5))
def test_joined_files_give_each_its_audio(parts):
    """Whatever their sizes say, odd ones with the byte of padding or without."""
    joined = b""
    for audio, way in parts:
        size = (len(audio), len(audio), 0xFFFFFFFF, 0)[way]
        padding = bytes(len(audio) & 1) if way == 0 else b""
        joined += wav_by_hand(audio, data_bytes=size) + padding

    assert [audio for audio, _ in parts] == audio_of(joined)


@given(st.integers(0, 284))
def test_a_cut_file_gives_what_is_left(left):
    """To the last byte."""
    found = audio_of(wav_by_hand(AUDIO)[:left])

    assert [AUDIO[: left - 44]] * (left > 44) == found


def test_a_file_behind_one_that_was_cut_is_whole():
    """Within a head, a list that stands in front of the audio, or the audio; to its last byte."""
    whole = wav_by_hand(AUDIO)
    listed = whole[:36] + LIST + whole[36:]
    for file in (whole, listed):
        head = len(file) - len(AUDIO)
        for left in range(len(file)):
            kept = [AUDIO[: left - head]] * (left > head)
            assert [*kept, AUDIO] == audio_of(file[:left] + whole), left


ID3V1 = b"TAG" + b"title".ljust(125, b"\0")
ID3V2 = b"ID3\x03\0\0\0\0\0\x0a" + bytes(10)
APE = b"APETAGEX" + struct.pack("<IIII", 2000, 32, 0, 0xA0000000) + bytes(8)


@pytest.mark.parametrize("tag", [ID3V1, ID3V2, APE, ID3V2 + ID3V1])
@pytest.mark.parametrize("audio", [AUDIO, AUDIO[:-1]])
def test_a_tag_behind_the_audio_is_not_heard(audio, tag):
    """In no chunk, as programs for MP3 put it there: it was a click at the end."""
    file = wav_by_hand(audio) + tag

    assert [audio] == audio_of(file)
    assert [audio, AUDIO] == audio_of(file + wav_by_hand(AUDIO))


@pytest.mark.parametrize("padding", [b"", b"\0", b"x"])
@pytest.mark.parametrize("name", [b"LIST", b"JUNK", b"abcd"])
def test_audio_behind_a_chunk_of_an_odd_size_is_heard(name, padding):
    """With a byte of padding, or from a program that forgets it: all of the file was lost."""
    whole = wav_by_hand(AUDIO)
    chunk = name + struct.pack("<I", 5) + b"INFOx" + padding

    assert [AUDIO] == audio_of(whole[:36] + chunk + whole[36:])
    assert [AUDIO] == audio_of(whole[:12] + chunk + whole[12:])


@pytest.mark.parametrize("size", [0, 3, 6, 5000, 0x7FFFFFFF, 0xFFFFFFFF])
@pytest.mark.parametrize("name", [b"LIST", b"JUNK", b"abcd", b"fmt "])
def test_audio_behind_a_chunk_of_a_size_that_cannot_be_is_heard(name, size):
    """Behind the format, in front of it, or the format itself: all of the file was lost."""
    whole = wav_by_hand(AUDIO)
    chunk = name + struct.pack("<I", size) + b"INFOISFT\x04\0\0\0Lavf"
    files = [whole[:36] + chunk + whole[36:], whole[:12] + chunk + whole[12:]]
    if name == b"fmt ":
        files = [whole[:16] + struct.pack("<I", size) + whole[20:]]

    for file in files:
        assert [AUDIO, AUDIO] == audio_of(file + whole)
        assert all(found[20:36] == whole[20:36] for found in streams(file))


@pytest.mark.parametrize("size", [16, 5000, 0xFFFFFFFF])
def test_what_a_chunk_behind_the_audio_says_is_not_heard(size):
    """Whatever its size is, and though it names what audio would stand in."""
    chunk = b"LIST" + struct.pack("<I", size) + b"INFOdata\x04\0\0\0more"

    assert [AUDIO] == audio_of(wav_by_hand(AUDIO) + chunk)
    assert [AUDIO, AUDIO] == audio_of(wav_by_hand(AUDIO) + chunk + wav_by_hand(AUDIO))


def test_audio_in_front_of_its_format_is_heard():
    """Another file's format is none of it."""
    whole = wav_by_hand(AUDIO)
    form, data = whole[12:36], whole[36:]
    file = whole[:12] + data + form

    assert [AUDIO] == audio_of(file)
    assert [AUDIO, AUDIO] == audio_of(file + whole)
    assert form not in next(streams(whole[:12] + data + whole))


@given(st.binary(max_size=300))
def test_nothing_falls_over(data):
    """Whatever stands behind the name."""
    list(streams(b"RIFF\0\0\0\0WAVE" + data))


def lines_run(data):
    """How much work a file makes, without a clock: the lines of ours that are run for it."""
    count = 0

    def trace(frame, event, _):
        nonlocal count
        if not frame.f_code.co_filename.endswith("wav.py"):
            return None
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        for _ in streams(data):
            pass
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize(
    "piece",
    [b"data\0\0\0\0", wav_by_hand(b"")[:-8] + b"data\0\0\0\0", b"data\0\0\0\0LIST\0\0\0\0"],
)
@pytest.mark.parametrize("end", [b"", b"\0" * 9])
def test_twice_the_file_is_twice_the_work(piece, end):
    """Whatever it is made of: 64 KB of empty chunks once took 20 s."""
    begin = wav_by_hand(b"")
    once, twice = (lines_run(begin + piece * count + end) for count in (100, 200))

    assert twice < 2.5 * once
