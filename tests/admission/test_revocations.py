"""Who is taken back: tornado_app/admission/revocations.py."""

import pytest

from tornado_app.admission.claims import Caller
from tornado_app.admission.revocations import NONE, Revocations, read_revocations


@pytest.mark.parametrize(
    ("text", "users", "token_ids", "wrong_lines"),
    [
        (b"", (), (), ()),
        (b"# nobody\n\n   \n", (), (), ()),
        (b"user alice\njti t-1\n", ("alice",), ("t-1",), ()),
        (b"user  alice  \r\nuser bob", ("alice", "bob"), (), ()),
        (
            b"user auth0|5f7c\nuser \xc3\x85sa Lind # x\n",
            ("auth0|5f7c", "\u00c5sa Lind # x"),
            (),
            (),
        ),
        (b"alice\nuser\nUSER bob\njti: t\nuser carol", ("carol",), (), (1, 2, 3, 4)),
        (b"user " + b"a" * 129 + b"\nuser a\x07\n", (), (), (1, 2)),
    ],
)
def test_lines(text, users, token_ids, wrong_lines):
    """Each line that can be understood counts, whatever the others are."""
    found = read_revocations(text)

    assert Revocations(frozenset(users), frozenset(token_ids), wrong_lines) == found


def test_no_text():
    """All of it is refused."""
    with pytest.raises(ValueError, match="UTF-8"):
        read_revocations(b"user \xff\n")


def test_no_file_of_ours(monkeypatch):
    """One that would fill the memory."""
    monkeypatch.setattr("tornado_app.admission.revocations.FILE_BYTES", 2)
    assert NONE == read_revocations(b"\n\n")
    with pytest.raises(ValueError, match="longer than 2 bytes"):
        read_revocations(b"\n\n\n")


def test_a_caller_is_taken_back_by_name_or_by_token():
    """Whichever stands there."""
    revoked = Revocations(frozenset({"alice"}), frozenset({"t-1"}))

    assert revoked.takes_back(Caller("alice", frozenset(), 0.0, None))
    assert revoked.takes_back(Caller("bob", frozenset(), 0.0, "t-1"))
    assert not revoked.takes_back(Caller("bob", frozenset(), 0.0, "alice"))


def test_who():
    """A user whatever the token, a token whoever has it, and nobody who has none."""
    revoked = Revocations(frozenset({"alice"}), frozenset({"t-1"}))

    assert [True, True, False, False] == [
        revoked.has("alice", None),
        revoked.has("bob", "t-1"),
        revoked.has("bob", None),
        revoked.has("t-1", "alice"),
    ]
    assert not NONE.has("alice", None)


def test_nobody_is_saved_by_a_space():
    """A line cannot say whether one stands before or behind a name, so none there counts."""
    revoked = read_revocations(b"user alice\njti t-1\n")

    assert revoked.has(" alice ", None)
    assert revoked.has("bob", "t-1 ")
    assert not revoked.has("ali ce", "t -1")
