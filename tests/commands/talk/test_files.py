"""What `talk` is given to say, and where it is to keep the answer: found out before any call."""

import io
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.calls.house import ROOT
from tornado_app.commands.cli import main
from tornado_app.commands.talk.failure import Failed
from tornado_app.commands.talk.keeper import Keeper

AMIABLE = str(ROOT / "tests" / "data" / "amiable.wav")
NOBODY = ("--url", "ws://127.0.0.1:9/ws")


@pytest.fixture(autouse=True)
def _environment(monkeypatch, tmp_path):
    monkeypatch.setenv("PARLEY_SERVER_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def refused(capsys):
    """Why a talk did not begin: one sentence, and what helps."""

    def talk(*words: str) -> tuple[str, list[str]]:
        assert 1 == main(["talk", *words, *NOBODY])
        printed = capsys.readouterr()
        assert "" == printed.out
        sentence, *help_ = printed.err.splitlines()
        assert "Traceback" not in printed.err
        return sentence, [line.strip() for line in help_]

    return talk


def noise(seconds=0.25, rate_hz=16_000, channels=1):
    shape = (round(seconds * rate_hz), channels)
    return np.random.default_rng(1).normal(0, 0.1, shape)


def reaches_the_call(sentence):
    return sentence.startswith("No gateway listens at 127.0.0.1:9.")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("none.wav", None, "none.wav: there is no such file."),
        ("none.raw", None, "none.raw: there is no such file."),
        ("empty.wav", b"", "empty.wav is empty."),
        ("words.wav", b"not a recording at all, only some words", "words.wav is not a recording"),
        ("speech.raw", bytes(32_000), "speech.raw is not a recording"),
        ("speech.pcm", bytes(32_000), "speech.pcm is not a recording"),
        ("cut.wav", b"RIFF\x24\x00\x00\x00WAVEfmt ", "cut.wav is not a recording"),
        ("cut.flac", b"fLaC\x00\x00\x00\x22", "cut.flac is not a recording"),
        ("cut.ogg", b"OggS\x00\x02", "cut.ogg is not a recording"),
        ("\x1b[31m\nred.wav", b"", "[31m red.wav is empty."),
    ],
)
def test_files_that_hold_no_recording(refused, tmp_path, name, content, words):
    """It says which, and of raw audio how it becomes one."""
    if content is not None:
        (tmp_path / name).write_bytes(content)
    sentence, help_ = refused(name)

    assert sentence.startswith(words)
    if "is not a recording" in sentence:
        assert [f"ffmpeg -f s16le -ar 16000 -ac 1 -i {name} recording.wav"] == help_


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a memo.m4a", b"\x00\x00\x00\x20ftypM4A \x00\x00\x00\x00"),
        ("from browser.webm", b"\x1aE\xdf\xa3\x9fB\x86\x81\x01B\xf7\x81\x01"),
    ],
)
def test_files_of_phones_and_browsers(refused, tmp_path, name, content):
    """The command that converts it is there to be copied, whatever the file's name."""
    (tmp_path / name).write_bytes(content)
    sentence, help_ = refused(name)

    assert re.fullmatch(rf"{name} is (MP4|WebM), which is not read here\. Convert it:", sentence)
    assert [f"ffmpeg -i '{name}' recording.wav"] == help_


def test_a_directory(refused, tmp_path):
    """As the system says it."""
    (tmp_path / "folder.wav").mkdir()

    assert ("folder.wav cannot be read: Is a directory.", []) == refused("folder.wav")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([""], "The name of a recording is empty."),
        (["", "--audio-in", "raw:16000:1"], "The name of a recording is empty."),
        (["-", AMIABLE, "-"], "Standard input comes once; name it once."),
    ],
)
def test_names_of_nothing(refused, words, sentence):
    """As of a variable that is not set."""
    assert (sentence, []) == refused(*words)


@pytest.mark.parametrize("text", ["", "  "])
def test_a_sentence_of_nothing(capsys, text):
    """It is told before what stands in front of it is said."""
    with pytest.raises(SystemExit, match="2"):
        main(["talk", AMIABLE, "--text", text, *NOBODY])

    assert "argument --text: must not be empty" in capsys.readouterr().err


def test_a_recording_of_nothing(refused, tmp_path):
    """An empty file that is a recording, too."""
    soundfile.write(tmp_path / "nothing.wav", np.zeros(0, "<i2"), 16_000)

    assert ("nothing.wav holds no audio.", []) == refused("nothing.wav")


@pytest.mark.parametrize("rate_hz", [4_000, 11_025, 384_000])
@pytest.mark.parametrize("channels", [1, 8])
def test_what_libsndfile_reads_can_be_said(refused, tmp_path, rate_hz, channels):
    """Any rate and number of channels, under any name, comes as far as the call."""
    for name, container in (("odd.name", "WAV"), ("-dash.raw", "FLAC"), ("[bold]", "AIFF")):
        if (container, rate_hz) != ("FLAC", 384_000):
            soundfile.write(
                tmp_path / name, noise(0.05, rate_hz, channels), rate_hz, format=container
            )

            assert reaches_the_call(refused("./" + name)[0])


def test_flac_whose_length_nobody_knows(refused, tmp_path):
    """An encoder that wrote into a pipe leaves zero there."""
    soundfile.write(tmp_path / "pipe.flac", noise(), 16_000)
    data = bytearray((tmp_path / "pipe.flac").read_bytes())
    data[21] &= 0xF0
    data[22:26] = bytes(4)
    (tmp_path / "pipe.flac").write_bytes(data)

    assert reaches_the_call(refused("pipe.flac")[0])


@pytest.mark.parametrize("data", [b"", b"words", None])
def test_standard_input(refused, monkeypatch, data):
    """A dash is a recording that comes through a pipe."""
    content = Path(AMIABLE).read_bytes() if data is None else data
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    sentence, _ = refused("-")

    assert reaches_the_call(sentence) if data is None else sentence.startswith("Standard input is ")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("no folder/answer.wav", "No such file or directory."),
        ("folder.wav", "Is a directory."),
        ("answer.unknown", "answer.unknown does not."),
        ("answer", "answer does not."),
        ("", "does not."),
        ("-", "- does not."),
    ],
)
def test_an_answer_that_cannot_be_kept(refused, tmp_path, name, words):
    """It is told before anybody is called, and names the file."""
    (tmp_path / "folder.wav").mkdir()
    sentence, _ = refused(AMIABLE, "--save", name)

    assert sentence.endswith(words)
    assert ["folder.wav", "state"] == sorted(path.name for path in tmp_path.iterdir())


def test_the_recording_is_not_written_over(refused, tmp_path):
    """Nor under another of its names."""
    soundfile.write(tmp_path / "speech.wav", noise(), 16_000)
    (tmp_path / "answer.wav").symlink_to("speech.wav")
    before = (tmp_path / "speech.wav").read_bytes()

    for name in ("speech.wav", "answer.wav"):
        assert refused("speech.wav", "--save", name)[0].startswith("--save would write over")
    assert before == (tmp_path / "speech.wav").read_bytes()


def test_a_call_that_fails_leaves_what_was_there(refused, tmp_path):
    """An older answer is replaced by a newer one only; of none there is no empty file."""
    (tmp_path / "old.wav").write_text("old")
    for name in ("old.wav", "new.wav"):
        assert reaches_the_call(refused(AMIABLE, "--save", name)[0])

    assert "old" == (tmp_path / "old.wav").read_text()
    assert not (tmp_path / "new.wav").exists()


class TestKeeper:
    def test_a_rate_that_the_container_does_not_have(self, tmp_path):
        """MP3 ends at 48 kHz."""
        with pytest.raises(Failed, match=r"cannot hold an answer of 96000 Hz; a \.wav can"):
            Keeper(str(tmp_path / "answer.mp3"), 96_000)

    def test_a_longer_answer_was_there(self, tmp_path):
        """Nothing of it is left."""
        path = tmp_path / "answer.wav"
        path.write_bytes(bytes(1_000_000))
        with Keeper(str(path), 24_000) as keeper:
            keeper.write(noise(rate_hz=24_000)[:, 0].astype(np.float32), 24_000)

        assert 6_000 == soundfile.info(path).frames

    def test_a_disk_that_is_full(self, tmp_path):
        """A sentence, at the end, as nobody knows before."""
        path = tmp_path / "full.wav"
        path.symlink_to("/dev/full")
        with Keeper(str(path), 24_000) as keeper, pytest.raises(Failed, match="No space left"):
            keeper.write(np.zeros(24_000, np.float32), 24_000)
