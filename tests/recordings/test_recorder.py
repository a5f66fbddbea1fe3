"""What is written while a call runs, and what becomes of it when the process does not end well."""

import base64
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.calls.house import whole_log
from tornado_app.recordings import recorder
from tornado_app.recordings.finishing import Unusable, finish
from tornado_app.recordings.recorder import Recorder
from tornado_app.recordings.sound import Stopped
from tornado_app.recordings.spool import frames, pack
from tornado_app.session.record import (
    AnswerSound,
    Begun,
    Cut,
    Ended,
    Sent,
    Spoken,
    UserSound,
    Words,
)
from tornado_app.settings.schema import Recordings

ROOT = Path(__file__).resolve().parents[2]
BEGUN = Begun("sess_1", "alice", 1_800_000_000_000, "model", "marin", "both")
WAIT_S = 30.0


def pcm(value, duration_ms):
    return np.full(24 * duration_ms, value, "<i2").tobytes()


CALL = [
    BEGUN,
    UserSound(300, base64.b64encode(pcm(7, 100))),
    AnswerSound("a", pcm(9, 50)[:-1]),
    Sent(400, "a", 0, 50),
    AnswerSound("a", pcm(9, 50)[-1:] + pcm(11, 150)),
    Sent(400, "a", 50, 150),
    Words(450, "assistant", "a", "Good day"),
    Cut(500, "a", 100),
    Ended(700),
]


def settings(directory, **changes):
    values = {"calls": "all", "parts": "both", "keep_days": 30.0, "keep_bytes": 1 << 30}
    return Recordings(directory=str(directory), **(values | changes))


def spooled(directory, entries):
    path = directory / "sess_1.spool"
    path.write_bytes(b"".join(map(pack, entries)))
    return path


def until(condition, otherwise):
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.01)


def test_what_is_packed_is_read_again(tmp_path):
    """The audio by its place, so that nobody holds it."""
    path = spooled(tmp_path, CALL)
    with path.open("rb") as file:
        read = list(frames(file))
        places = [(place, size_bytes) for _, place, size_bytes in read if size_bytes]
        sounds = []
        for place, size_bytes in places:
            file.seek(place)
            sounds.append(file.read(size_bytes))

    assert [pcm(7, 100), pcm(9, 50)[:-1], pcm(9, 50)[-1:] + pcm(11, 150)] == sounds
    assert [type(entry) for entry in CALL] == [type(entry) for entry, _, _ in read]
    assert CALL[-4:] == [entry for entry, _, _ in read[-4:]]


def test_a_spool_becomes_what_was_heard(tmp_path):
    """To the sample, also where a piece was cut within one."""
    about = finish(spooled(tmp_path, CALL))

    left, right = soundfile.read(tmp_path / "sess_1.flac", dtype="int16")[0].T
    assert 24 * 700 == len(left)
    assert {7} == set(left[24 * 200 : 24 * 300])
    assert not left[: 24 * 200].any()
    assert not left[24 * 300 :].any()
    assert {9} == set(right[24 * 400 : 24 * 450])
    assert {11} == set(right[24 * 450 : 24 * 500])
    assert not right[24 * 500 :].any()
    assert about["is_whole"]
    assert json.loads((tmp_path / "sess_1.json").read_text()) == about
    assert not (tmp_path / "sess_1.spool").exists()
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize("lost_bytes", [1, 40, 200, 11_000])
def test_a_spool_that_broke_off_is_good_up_to_there(tmp_path, lost_bytes):
    path = spooled(tmp_path, CALL)
    path.write_bytes(path.read_bytes()[:-lost_bytes])

    about = finish(path)

    assert not about["is_whole"]
    left = soundfile.read(tmp_path / "sess_1.flac", dtype="int16")[0][:, 0]
    assert {7} == {*left[24 * 200 : 24 * 300]} or lost_bytes == 11_000


def test_a_turn_that_the_client_has_ended_began_with_its_sound(tmp_path):
    turn = [Spoken(350, "u", "committed"), Words(600, "user", "u", "Hello"), Ended(700)]
    about = finish(spooled(tmp_path, [*CALL[:2], *turn]))

    [said] = about["words"]
    assert (200, 350, "Hello") == (said["begin_ms"], said["end_ms"], said["text"])


def test_one_that_holds_nothing_is_none(tmp_path):
    with pytest.raises(Unusable):
        finish(spooled(tmp_path, []))


def test_whoever_stops_leaves_the_spool_and_nothing_half_made(tmp_path):
    path = spooled(tmp_path, CALL)
    with pytest.raises(Stopped):
        finish(path, lambda: True)

    assert [path] == list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("parts", "names"),
    [
        ("both", {".flac", ".vtt", ".json"}),
        ("audio", {".flac", ".json"}),
        ("words", {".vtt", ".json"}),
    ],
)
def test_there_is_what_was_asked_for(tmp_path, parts, names):
    begun = Begun("sess_1", "alice", 1, "model", "marin", parts)
    finish(spooled(tmp_path, [begun, Ended(5)]))

    assert names == {path.suffix for path in tmp_path.iterdir()}


@pytest.mark.gen_test
async def test_calls_are_written_beside_each_other(tmp_path):
    keeper = Recorder(settings(tmp_path))
    keeper.start()
    for number in range(5):
        keeper.put(f"sess_{number}", CALL[:3])
    for number in range(5):
        keeper.put(f"sess_{number}", CALL[3:])
        keeper.end(f"sess_{number}")
    until(lambda: 5 == len(list(tmp_path.glob("*.json"))), "not all are made")
    await keeper.stop(WAIT_S)

    assert 15 == len(list(tmp_path.iterdir()))
    assert 0 == keeper.failed


@pytest.mark.gen_test
async def test_a_directory_that_is_none_is_told_of_before_any_call(tmp_path):
    (tmp_path / "kept").touch()
    keeper = Recorder(settings(tmp_path / "kept"))
    keeper.start()

    until(lambda: keeper.failed, "nobody has looked")
    await keeper.stop(WAIT_S)


@pytest.mark.gen_test
async def test_a_queue_that_is_full_costs_that_recording(tmp_path, monkeypatch):
    """It ends where something is missing, and is finished up to there; the next call is whole."""
    monkeypatch.setattr(recorder, "QUEUE_BYTES", 100_000)
    keeper = Recorder(settings(tmp_path))  # not begun: nothing is taken out
    keeper.put("sess_full", CALL[:2])
    for _ in range(100):
        keeper.put("sess_full", [AnswerSound("a", pcm(9, 50))])
    keeper.put("sess_full", [Ended(9999)])
    keeper.start()
    until(lambda: keeper.failed, "nothing was too much")
    keeper.end("sess_full")
    keeper.put("sess_next", CALL)
    keeper.end("sess_next")
    until(lambda: 2 == len(list(tmp_path.glob("*.json"))), "not all are made")
    await keeper.stop(WAIT_S)

    whole = {
        path.stem: json.loads(path.read_text())["is_whole"] for path in tmp_path.glob("*.json")
    }
    assert {"sess_full": False, "sess_next": True} == whole
    assert 1 == keeper.failed


KILLED = """
import sys, time
from tests.recordings.test_recorder import CALL, settings, until
from tornado_app.recordings.recorder import Recorder
keeper = Recorder(settings(sys.argv[1]))
keeper.start()
keeper.put("sess_1", CALL[:-1])
print("put", flush=True)
time.sleep(60)
"""


@pytest.mark.gen_test
async def test_a_process_that_is_killed_leaves_what_the_next_one_finishes(tmp_path):
    """And the next one lets the spool alone for as long as somebody writes it."""
    process = subprocess.Popen(  # noqa: ASYNC220  to be killed
        [sys.executable, "-c", KILLED, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE
    )
    try:
        spool = tmp_path / "sess_1.spool"
        size_bytes = sum(len(pack(entry)) for entry in CALL[:-1])
        until(lambda: spool.exists() and spool.stat().st_size == size_bytes, "nothing is written")
        assert finish(spool) is None
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    keeper = Recorder(settings(tmp_path))
    keeper.start()
    until((tmp_path / "sess_1.json").exists, "it is not finished")
    await keeper.stop(WAIT_S)

    right = soundfile.read(tmp_path / "sess_1.flac", dtype="int16")[0][:, 1]
    assert {9} == set(right[24 * 400 : 24 * 450])
    assert not json.loads((tmp_path / "sess_1.json").read_text())["is_whole"]


@pytest.mark.gen_test
async def test_what_is_too_much_is_deleted_when_there_is_more(tmp_path):
    keeper = Recorder(settings(tmp_path, keep_bytes=1))
    keeper.start()
    keeper.put("sess_1", CALL)
    keeper.end("sess_1")
    until(tmp_path.exists, "nothing is written")
    await keeper.stop(WAIT_S)

    assert [] == list(tmp_path.iterdir())


@pytest.mark.gen_test
async def test_what_cannot_be_deleted_keeps_nothing_else(tmp_path):
    """It is told of, and all others that are too old go."""
    in_the_way = tmp_path / "sess_oldest.flac"
    in_the_way.mkdir()
    nobodys = tmp_path / "sess_nobodys.spool"
    nobodys.mkdir()
    for number, old in enumerate(("sess_old.flac", "sess_old.json")):
        (tmp_path / old).write_bytes(b"1234")
        os.utime(tmp_path / old, (1000.0 + number, 1000.0 + number))
    os.utime(in_the_way, (0.0, 0.0))
    to_come = tmp_path / "sess_to_come.flac"
    to_come.touch()
    os.utime(to_come, (2e10, 2e10))
    keeper = Recorder(settings(tmp_path))
    with whole_log("info") as log:
        keeper.start()
        until(lambda: not (tmp_path / "sess_old.flac").exists(), "they are not deleted")
        await keeper.stop(WAIT_S)

    assert {in_the_way, nobodys, to_come} == {*tmp_path.iterdir()}
    assert to_come.stat().st_mtime < 1e10, "no clock is wrong for ever"
    assert "recording_failed" in log.getvalue()


def test_what_another_process_has_just_finished_is_not_made_again(tmp_path, monkeypatch):
    """It may have been exported, or deleted, since."""
    path = spooled(tmp_path, CALL)
    flock = fcntl.flock

    def late(file, how):
        monkeypatch.setattr(fcntl, "flock", flock)
        assert finish(path) is not None
        for made in tmp_path.iterdir():
            made.unlink()
        flock(file, how)

    monkeypatch.setattr(fcntl, "flock", late)
    assert finish(path) is None
    assert [] == [*tmp_path.iterdir()]
