"""Tests of tornado_app/admin/audit.py; what stands in it: tests/calls/test_administration.py."""

import os

import pytest

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
