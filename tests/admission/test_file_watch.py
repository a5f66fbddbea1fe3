"""Files that change while the gateway runs: tornado_app/admission/file_watch.py."""

import asyncio
import os
import threading
import time

import pytest

from tests.fakes.issuer import until
from tornado_app.admission import file_watch
from tornado_app.admission.file_watch import FileWatch, Unreadable
from tornado_app.admission.revocations import NONE, read_revocations


class Watching:
    """A watch of one file, and what it has told; and of another, to know when it has looked."""

    def __init__(self, path) -> None:
        self.told = []
        self._other, self._looks, self._size = path.with_suffix(".other"), [], 0
        self._other.write_bytes(b"")
        self.watch = FileWatch(asyncio.get_running_loop().call_soon_threadsafe)
        self.watch.add(path, read_revocations, self.told.append, NONE)
        self.watch.add(self._other, len, self._looks.append, 0)

    async def __aenter__(self):
        self.watch.start()
        return self

    async def __aexit__(self, *_):
        await self.watch.stop()

    async def next(self):
        await until(lambda: self.told)
        return self.told.pop(0)

    async def look(self):
        """Until the file has been looked at once more; the first time may have begun before."""
        for _ in range(2):
            self._size += 1
            self._other.write_bytes(bytes(self._size))
            await until(lambda: self._size in self._looks)


def put(path, content: bytes) -> None:
    """In one go: nobody who looks meanwhile finds half of it."""
    new = path.with_suffix(".new")
    new.write_bytes(content)
    new.rename(path)


def write_over(path, content: bytes) -> None:
    """In the same file, of as many bytes."""
    with path.open("r+b") as file:
        file.write(content)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "revoked"


@pytest.fixture
def unsettled(monkeypatch):
    """A busy computer is no file that has settled."""
    monkeypatch.setattr(file_watch, "SETTLED_S", 3600.0)


@pytest.mark.gen_test
async def test_a_change_is_told(path):
    """However it is written: in place, by another file, in the same second, with the same size."""
    path.write_text("user a\n")
    async with Watching(path) as watching:
        assert {"a"} == (await watching.next()).users
        write_over(path, b"user b\n")
        assert {"b"} == (await watching.next()).users
        new = path.with_suffix(".new")
        new.write_text("user c\n")
        os.utime(new, ns=(0, path.stat().st_mtime_ns))
        new.rename(path)
        assert {"c"} == (await watching.next()).users
        path.write_text("")
        assert NONE == await watching.next()


@pytest.mark.gen_test
async def test_two_states_of_one_time_are_told(path, unsettled):
    """Of a file that was written just now the time does not tell whether it was written again."""
    path.write_text("user a\n")
    async with Watching(path) as watching:
        assert {"a"} == (await watching.next()).users
        assert watching.watch.age_s(path) >= 0
        written_at = path.stat().st_mtime_ns
        write_over(path, b"user b\n")
        os.utime(path, ns=(0, written_at))
        assert {"b"} == (await watching.next()).users


@pytest.mark.gen_test
@pytest.mark.parametrize("content", [b"user a\n", b"\xff"])
async def test_what_is_read_again_is_not_told_again(path, unsettled, content):
    """Good or bad, if it is as before."""
    path.write_bytes(content)
    async with Watching(path) as watching:
        await watching.next()
        await watching.look()
        assert [] == watching.told


@pytest.mark.gen_test
@pytest.mark.parametrize("written_at", [5, 4_000_000_000], ids=["long ago", "still to come"])
async def test_a_file_that_has_settled_is_not_read_again(path, written_at):
    """Its time says enough."""
    reads = []
    path.write_bytes(b"a")
    os.utime(path, (written_at, written_at))
    watching = Watching(path)
    watching.watch.add(path, reads.append, watching.told.append, "nothing")
    async with watching:
        await watching.look()
        await watching.look()
    assert [b"a"] == reads


@pytest.mark.gen_test
async def test_what_cannot_be_read_is_told_once(path):
    """And what is as before is not told when it is back, but what is new."""
    path.write_text("user a\n")
    async with Watching(path) as watching:
        await watching.next()
        path.unlink()
        assert Unreadable("No such file or directory") == await watching.next()
        put(path, b"\xff")
        assert Unreadable("it is not UTF-8") == await watching.next()
        put(path, b"\xfe")
        os.utime(path, ns=(5, 5))
        put(path, b"user b\n")
        assert {"b"} == (await watching.next()).users


@pytest.mark.gen_test
async def test_how_long_ago_a_file_was_good(path):
    """Since the last look, as long as it is as it was read; of one that cannot be read, since it
    could; of one that nobody watches, nothing.
    """
    path.write_text("user a\n")
    os.utime(path, ns=(5, 5))
    async with Watching(path) as watching:
        await watching.next()
        before = time.monotonic()
        await watching.look()
        age_s = watching.watch.age_s(path)
        assert 0 <= age_s < time.monotonic() - before

        put(path, b"\xff")
        await watching.next()
        before = time.monotonic()
        await watching.look()
        at_least_s = time.monotonic() - before
        assert watching.watch.age_s(path) >= at_least_s
        assert watching.watch.age_s(path.parent) is None


@pytest.mark.gen_test
async def test_it_ends(path):
    """And its thread, which bears the name that the documents give it; also one that has nothing
    to look at, and never began.
    """
    async with Watching(path) as watching:
        assert watching.watch.age_s(path) >= 0
        assert "file-watch" in {thread.name for thread in threading.enumerate()}
    assert "file-watch" not in {thread.name for thread in threading.enumerate()}

    watch = FileWatch(asyncio.get_running_loop().call_soon_threadsafe)
    watch.start()
    await watch.stop()
