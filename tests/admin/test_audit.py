"""Tests of tornado_app/admin/audit.py; what stands in it: tests/calls/test_administration.py."""

import os

import pytest
from structlog.testing import capture_logs

from tornado_app.admin.audit import AuditTrail, Deed


@pytest.mark.gen_test
async def test_half_a_line_lets_nobody_do_it(tmp_path, monkeypatch):
    """As on a disk that is full; and nothing of it is left to spoil the next."""
    write, path = os.write, tmp_path / "audit.jsonl"
    deed = Deed("anna", "listening_begun", "sess_1")
    with monkeypatch.context() as full:
        full.setattr(os, "write", lambda file, text: write(file, text[:2]))
        assert not await AuditTrail().write_first(deed, path)
    assert "" == path.read_text()
    assert await AuditTrail().write_first(deed, path)


def test_a_file_that_cannot_be_written_is_told_of_at_the_start(tmp_path):
    """One that can is there from then on, for its owner alone; what stands in it stays."""
    path = tmp_path / "audit.jsonl"
    with capture_logs() as lines:
        for begun in (None, path, tmp_path / "none" / "audit.jsonl", tmp_path):
            AuditTrail().begin(begun)
        path.write_text("{}\n")
        AuditTrail().begin(path)

    assert ["No such file or directory", "Is a directory"] == [line["error"] for line in lines]
    assert {("audit_failed", "error")} == {(line["event"], line["log_level"]) for line in lines}
    assert ("{}\n", 0o600) == (path.read_text(), path.stat().st_mode & 0o777)
