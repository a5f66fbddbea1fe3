"""Who may not come in any more; tests/calls has the rest over sockets."""

import pytest

from tests.calls.house import house_settings, whole_log
from tornado_app.admission.bans import NOBODY
from tornado_app.admission.file_watch import FileWatch, Unreadable
from tornado_app.admission.revocations import Revocations
from tornado_app.taken_back import TakenBack, _unix_s


@pytest.fixture
def told():
    return []


@pytest.fixture
def read(tmp_path, told):
    """One reading of settings whose file takes alice back; nobody looks at files again."""
    (tmp_path / "revoked").write_text("user alice\n")
    settings = house_settings(
        auth_revoked_file=str(tmp_path / "revoked"), server_state_dir=str(tmp_path)
    )
    return lambda before=None: TakenBack(
        settings, FileWatch(lambda *_: None), lambda: told.append("more"), before
    )


def banned(user):
    now = _unix_s()
    return NOBODY.with_one("user", user, now + 60, now)


def test_the_operators_file_counts_at_once(read, told):
    """Nobody is told of what was so from the start."""
    taken_back = read()

    assert taken_back.has("alice", None)
    assert not taken_back.has("bob", "1")
    assert [] == told


def test_who_is_new_is_told_of(read, told):
    """By the file, or by a ban that was learnt elsewhere; one that is known changes nothing."""
    taken_back = read()
    taken_back._on_revocations(Revocations(frozenset({"bob"})))
    taken_back.learn_bans(banned("carol"))
    taken_back.learn_bans(taken_back.bans)

    assert ["more"] * 2 == told
    assert [False, True, True] == [taken_back.has(u, None) for u in ("alice", "bob", "carol")]


def test_bans_go_on_in_the_next_reading(read, told):
    """And what the files of the one before say does not count any more."""
    first = read()
    first.learn_bans(banned("carol"))
    second = read(first)
    first.end()
    told.clear()
    first._on_revocations(Revocations(frozenset({"bob"})))
    first._on_bans(banned("bob"))

    assert second.has("carol", None)
    assert ([], False) == (told, first.has("bob", None))


def test_a_file_that_cannot_be_read_changes_nothing(read, told):
    """Who was taken back stays so, and the operator is told."""
    with whole_log() as log:
        taken_back = read()
        taken_back._on_revocations(Unreadable("gone"))

    assert "revocations_unreadable" in log.getvalue()
    assert (True, []) == (taken_back.has("alice", None), told)
