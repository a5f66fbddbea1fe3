"""Recordings in and out."""

import contextlib
import io

import numpy as np
import pytest
import soundfile

from tests.fakes.files import wav_by_hand
from tests.workers import oracles
from workers import recordings
from workers.containers import decode_file
from workers.recordings import (
    UnreadableRecording,
    at_rate,
    read_recording,
    recording_from,
    write_recording,
)

STEPS = np.array([0, 1, -1, 1000, 32767, -32768] * 100) / np.float32(32768)


@pytest.mark.parametrize("suffix", ["wav", "flac"])
def test_what_is_written_is_read(tmp_path, suffix):
    """16-bit samples survive to the bit, at the rate they were written."""
    path = tmp_path / f"tone.{suffix}"

    write_recording(path, STEPS.astype(np.float32), 22050)
    samples, rate_hz = read_recording(path)

    assert 22050 == rate_hz
    assert np.float32 == samples.dtype
    np.testing.assert_array_equal(STEPS, samples)
    assert "PCM_16" == soundfile.info(path).subtype


def test_beyond_full_scale_is_clipped(tmp_path):
    """Loud samples become the last step."""
    write_recording(tmp_path / "loud.wav", np.array([2.0, -2.0], np.float32), 8000)

    samples, _ = read_recording(tmp_path / "loud.wav")

    assert [32767 / 32768, -1.0] == samples.tolist()


def test_an_ogg_holds_nearly_the_same(tmp_path):
    """A lossy container is close and as long."""
    tone = oracles.sine(440, 24000, 24000).astype(np.float32) / 2
    write_recording(str(tmp_path / "tone.ogg"), tone, 24000)

    samples, rate_hz = read_recording(str(tmp_path / "tone.ogg"))

    assert (24000, 24000) == (len(samples), rate_hz)
    assert -25 >= oracles.decibels(samples - tone, tone)


def test_channels_are_averaged(tmp_path):
    """Stereo is read as the mean of its channels."""
    soundfile.write(tmp_path / "stereo.wav", np.array([[0.5, 0.0], [-0.5, -0.25]]), 8000, "FLOAT")

    samples, _ = read_recording(tmp_path / "stereo.wav")

    assert [0.25, -0.375] == samples.tolist()


def test_an_empty_recording_is_read(tmp_path):
    """A file without frames is no error."""
    write_recording(tmp_path / "empty.wav", np.zeros(0, np.float32), 8000)

    samples, rate_hz = read_recording(tmp_path / "empty.wav")

    assert (0, 8000) == (len(samples), rate_hz)


def test_a_missing_file_is_told(tmp_path):
    """The sentence names the file."""
    with pytest.raises(UnreadableRecording) as refusal:
        read_recording(tmp_path / "none.wav")

    assert f"{tmp_path}/none.wav: there is no such file." == str(refusal.value)


def test_a_file_without_audio_is_told(tmp_path):
    """The sentence names the file and says why."""
    path = tmp_path / "text.wav"
    path.write_text("not audio")

    with pytest.raises(UnreadableRecording) as refusal:
        read_recording(path)

    assert str(refusal.value).startswith(f"{path} is not a recording that can be read.")


def test_a_float_recording_that_is_no_audio_in_places(tmp_path):
    """What is not finite is silence or full scale, and the rest is as it was."""
    samples = np.array([0.5, np.nan, np.inf, -np.inf, -0.5], np.float32)
    soundfile.write(tmp_path / "odd.wav", samples, 16_000, subtype="FLOAT")

    assert [0.5, 0.0, 1.0, -1.0, -0.5] == read_recording(tmp_path / "odd.wav")[0].tolist()


@pytest.mark.parametrize("container", ["wav", "flac", "ogg"])
def test_a_recording_that_was_cut(tmp_path, container):
    """What is before the cut is read, and where it is broken is said."""
    path = tmp_path / f"cut.{container}"
    soundfile.write(path, np.random.default_rng(1).normal(0, 0.1, 96_000), 16_000)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])

    samples, _ = read_recording(path)

    assert 0.3 < len(samples) / 96_000 < 0.7


def flac_of(samples) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, 16_000, format="FLAC")
    return buffer.getvalue()


def test_a_flac_that_was_cut_is_not_broken():
    """Every whole block is heard, as the gateway hears it, and so is what was joined behind it."""
    whole = flac_of(np.random.default_rng(1).normal(0, 0.1, 40_000))
    for left in range(len(whole) // 3, len(whole) - 1, 997):
        recording = recording_from(io.BytesIO(whole[:left] + whole), "pipe")
        heard = sum(map(len, recording.blocks()))

        assert heard == decode_file(whole[:left] + whole, "flac", 10_000)[0].size
        assert "" == recording.fault


def test_a_flac_that_is_damaged_is_broken():
    """What is before the damage is heard, and it is said that there is more."""
    whole = bytearray(flac_of(np.random.default_rng(1).normal(0, 0.1, 40_000)))
    whole[len(whole) // 2] ^= 0xFF
    recording = recording_from(io.BytesIO(bytes(whole)), "pipe")

    assert 0 < sum(map(len, recording.blocks())) < 40_000
    assert "pipe is broken from here on; what is before it was read." == recording.fault


def test_two_recordings_in_one_file(tmp_path):
    """The second is brought to the rate of the first."""
    path = tmp_path / "joined.wav"
    for rate_hz in (16_000, 8_000):
        soundfile.write(tmp_path / "part.wav", np.ones(rate_hz, "<i2"), rate_hz)
        with path.open("ab") as file:
            file.write((tmp_path / "part.wav").read_bytes())

    samples, rate_hz = read_recording(path)

    assert (32_000, 16_000) == (len(samples), rate_hz)


def test_a_recording_at_another_rate():
    """As long as it was, whatever libsndfile reads."""
    buffer = io.BytesIO()
    soundfile.write(buffer, np.ones(38_400, "<i2"), 384_000, format="WAV")
    buffer.seek(0)

    with contextlib.closing(recording_from(buffer, "pipe")) as recording:
        assert 4_800 == sum(map(len, at_rate(recording, 48_000)))


def test_a_long_file_that_was_written_into_a_pipe(tmp_path, monkeypatch):
    """It says that it holds nothing, and is looked at all the same."""
    monkeypatch.setattr(recordings, "MENDED_BYTES", 1000)
    path = tmp_path / "piped.wav"
    path.write_bytes(wav_by_hand(bytes(8000), data_bytes=0))

    assert 4000 == len(read_recording(path)[0])


def test_a_pipe_without_an_end(monkeypatch):
    """It is not read for ever."""
    monkeypatch.setattr(recordings, "PIPE_BYTES", 1 << 20)
    with pytest.raises(UnreadableRecording, match="pipe is longer than 1 MiB; use a file"):
        recording_from(io.BytesIO(bytes(2 << 20)), "pipe")
