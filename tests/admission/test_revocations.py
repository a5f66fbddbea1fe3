"""Who is taken back: tornado_app/admission/revocations.py and file_watch.py."""

import asyncio
import os

import pytest

from tests.fakes.issuer import until
from tornado_app.admission.claims import Caller
from tornado_app.admission.file_watch import FileWatch, Unreadable
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


class Watching:
    """A watch of one file, and what it has told."""

    def __init__(self, path) -> None:
        self.told = []
        loop = asyncio.get_running_loop()
        self.watch = FileWatch(loop.call_soon_threadsafe)
        self.watch.add(path, read_revocations, self.told.append, NONE)

    async def __aenter__(self):
        self.watch.start()
        return self

    async def __aexit__(self, *_):
        await self.watch.stop()

    async def next(self):
        await until(lambda: self.told)
        return self.told.pop(0)


@pytest.mark.gen_test
async def test_a_change_is_told(tmp_path):
    """However it is written: in place, by another file, in the same second, with the same size."""
    path = tmp_path / "revoked"
    path.write_text("user a\n")
    async with Watching(path) as watching:
        assert {"a"} == (await watching.next()).users
        path.write_text("user b\n")
        assert {"b"} == (await watching.next()).users
        (tmp_path / "new").write_text("user c\n")
        os.utime(tmp_path / "new", ns=(0, path.stat().st_mtime_ns))
        (tmp_path / "new").rename(path)
        assert {"c"} == (await watching.next()).users
        path.write_text("")
        assert NONE == await watching.next()


@pytest.mark.gen_test
async def test_what_cannot_be_read_is_told_once(tmp_path):
    """And what is as before is not told when it is back, but what is new."""
    path = tmp_path / "revoked"
    path.write_text("user a\n")
    async with Watching(path) as watching:
        await watching.next()
        path.unlink()
        assert Unreadable("No such file or directory") == await watching.next()
        path.write_bytes(b"\xff")
        assert Unreadable("it is not UTF-8") == await watching.next()
        path.write_bytes(b"\xfe")
        os.utime(path, ns=(5, 5))
        path.write_text("user b\n")
        assert {"b"} == (await watching.next()).users


@pytest.mark.gen_test
async def test_it_ends(tmp_path):
    """Also one that has nothing to look at, and never began."""
    watch = FileWatch(asyncio.get_running_loop().call_soon_threadsafe)
    watch.start()
    await watch.stop()
