"""What names users, or has their words, is readable by nobody else, whatever the umask."""

import asyncio
import os
import stat
from functools import partial

import pytest

from tests.recordings.test_recorder import CALL, spooled
from tests.usage.test_keeper import record
from tornado_app.admin.audit import AuditTrail, Deed
from tornado_app.admission.bans import Bans
from tornado_app.admission.bans_file import change
from tornado_app.commands.cli import main
from tornado_app.recordings.finishing import finish
from tornado_app.recordings.spool import pack
from tornado_app.recordings.spooling import Spools
from tornado_app.settings.development import development_secret
from tornado_app.usage.database import UsageDatabase
from tornado_app.usage.lines import UsageLines


@pytest.fixture(autouse=True)
def _umask():
    before = os.umask(0)
    yield
    os.umask(before)


def test_every_file_that_is_made(tmp_path, monkeypatch):
    """Those of SQLite, too, which makes two more while it is open."""
    database = UsageDatabase(tmp_path / "usage.sqlite3")
    lines = UsageLines(tmp_path / "usage.jsonl", 1 << 20)
    for place in (database, lines):
        place.write([record(1)])
    asyncio.run(AuditTrail().note(Deed("anna", "end_call"), tmp_path / "audit.jsonl"))
    ban = partial(Bans.with_one, kind="user", name="bob", until_unix_s=9e9, unix_s=0.0)
    change(tmp_path / "bans.json", ban)
    development_secret(tmp_path)
    Spools(tmp_path).append("sess_2", pack(CALL[0]))
    finish(spooled(tmp_path, CALL))
    monkeypatch.setenv("PARLEY_RECORDINGS_DIRECTORY", str(tmp_path))
    assert 0 == main(["recordings", "--export", "sess_1", "--to", str(tmp_path / "copies")])

    made = [*tmp_path.rglob("*")]
    assert {"bans.lock", "usage.sqlite3-wal", "sess_1.flac"} < {path.name for path in made}
    assert [] == [path.name for path in made if stat.S_IMODE(path.stat().st_mode) & 0o077]
    database.close()
