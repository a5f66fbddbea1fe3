"""Which recordings are deleted."""

import os

from hypothesis import given
from hypothesis import strategies as st

from tornado_app.recordings.keeping import DAY_S, Kept, excess, kept, remove, set_right
from tornado_app.recordings.spooling import Spools

NOW = 1_800_000_000.0


def aged(*recordings):
    return [Kept(name, NOW - days * DAY_S, size_bytes) for name, days, size_bytes in recordings]


def gone(recordings, keep_days, keep_bytes):
    return [each.name for each in excess(recordings, NOW, keep_days, keep_bytes)]


def test_what_is_too_old_goes():
    assert ["old"] == gone(aged(("new", 29, 10), ("old", 31, 10)), 30, 1000)


def test_the_oldest_go_when_there_is_too_much():
    assert ["c", "b"] == gone(aged(("a", 1, 10), ("b", 2, 10), ("c", 3, 10)), 30, 15)


@given(
    st.lists(st.tuples(st.floats(0, 60), st.integers(0, 100)), max_size=20),
    st.integers(1, 30),
    st.integers(0, 500),
)
def test_what_is_left_is_within_both_bounds_and_newer_than_what_went(found, days, size_bytes):
    recordings = aged(*((str(number), *each) for number, each in enumerate(found)))
    removed = excess(recordings, NOW, days, size_bytes)
    left = [each for each in recordings if each not in removed]

    assert sum(each.size_bytes for each in left) <= size_bytes
    assert all(each.changed_at >= NOW - days * DAY_S for each in left)
    assert max((each.changed_at for each in removed), default=0.0) <= min(
        (each.changed_at for each in left), default=NOW
    )


def test_a_call_that_runs_is_not_among_them(tmp_path):
    spools = Spools(tmp_path)
    spools.append("sess_runs", b"x")
    (tmp_path / "sess_runs.flac.part").write_bytes(b"1234")
    for name in ("sess_made.flac", "sess_made.json", "sess_left.spool", "notes.txt"):
        (tmp_path / name).write_bytes(b"1234")

    found = {each.name: each.size_bytes for each in kept(tmp_path)}
    remove(tmp_path, "sess_made")
    spools.close("sess_runs")

    assert {"sess_made": 8, "sess_left": 4} == found
    assert {"sess_runs.spool", "sess_runs.flac.part", "sess_left.spool", "notes.txt"} == {
        path.name for path in tmp_path.iterdir()
    }


def test_a_recording_of_a_time_that_is_still_to_come_is_kept_no_longer(tmp_path):
    """A clock was wrong; one that is fast by some hours is none."""
    for name, days in (("sess_1.flac", 3650), ("sess_1.json", 3650), ("sess_2.flac", 0.5)):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (NOW + days * DAY_S,) * 2)
    set_right(tmp_path, kept(tmp_path), NOW)

    ages = {each.name: each.changed_at - NOW for each in kept(tmp_path)}
    assert {"sess_1": 0, "sess_2": DAY_S / 2} == ages
    gone_then = excess(kept(tmp_path), NOW + 31 * DAY_S, 30, 1000)
    assert {"sess_1", "sess_2"} == {each.name for each in gone_then}


def test_what_was_half_made_of_a_call_goes_with_it(tmp_path):
    """Its process was killed, and the rest is there or lost; it has somebody's voice."""
    for name in ("sess_1.spool", "sess_1.flac.part", "sess_2.flac.part", "sess_3.json.part"):
        (tmp_path / name).write_bytes(b"1234")
    (tmp_path / "download.part").touch()

    found = {each.name: each.size_bytes for each in kept(tmp_path)}
    for name in found:
        remove(tmp_path, name)

    assert {"sess_1": 8, "sess_2": 4, "sess_3": 4} == found
    assert [tmp_path / "download.part"] == [*tmp_path.iterdir()]
