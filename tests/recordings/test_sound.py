"""A FLAC file out of a spool: tornado_app/recordings/sound.py."""

import errno
import io
from pathlib import Path

import pytest

from tornado_app.recordings.sound import Side, Stretch, write_flac

SOUND = bytes(range(256)) * 400


class Failing(io.FileIO):
    """A file whose disk is gone at the first *call*."""

    def __init__(self, path: Path, call: str) -> None:
        super().__init__(path, "w+b")
        self.call = call

    def _fail_if(self, call: str) -> None:
        if call == self.call:
            raise OSError(errno.EIO, "it is gone")

    def seek(self, *where):
        self._fail_if("seek")
        return super().seek(*where)

    def tell(self):
        self._fail_if("tell")
        return super().tell()

    def write(self, data):
        self._fail_if("write")
        return super().write(data)


@pytest.mark.parametrize("call", ["seek", "tell", "write"])
def test_a_file_that_fails_is_no_recording(tmp_path, capfd, call):
    """Whatever of it: its spool is to stay, and nothing of that is for standard error."""
    sides = [Side(iter([Stretch(0, 0, len(SOUND))]), io.BytesIO(SOUND)) for _ in range(2)]
    with Failing(tmp_path / "sess_1.flac", call) as file, pytest.raises(OSError, match="gone"):
        write_flac(file, *sides, 100.0, lambda: False)

    assert "" == capfd.readouterr().err
