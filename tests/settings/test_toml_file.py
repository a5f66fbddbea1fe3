"""Tests of tornado_app/settings/toml_file.py: one sentence for whatever a file may be instead."""

from decimal import Decimal

import pytest

from tests.calls.house import ROOT, house_settings
from tornado_app.commands.configuration import read_house
from tornado_app.settings.issuers import read_issuers
from tornado_app.settings.plans import read_plans
from tornado_app.settings.reading import InvalidSettings
from tornado_app.settings.toml_file import read_tables, tables_of
from tornado_app.tools.found import read_tools
from tornado_app.usage.usage import prices_of

NO_TABLES = {
    "no TOML": (b"[free", "is not valid TOML: "),
    "too deep": (b"a = " + b"[" * 10_000, "is not valid TOML: "),
    "too many digits": (b"a = " + b"9" * 5_000, "is not valid TOML: "),
    "no text": (b"a = '\xff'", "is not UTF-8"),
}


def test_it_is_read_with_and_without_a_mark_of_its_encoding(tmp_path):
    """As editors of Windows write it."""
    path = tmp_path / "a.toml"
    for mark in (b"", b"\xef\xbb\xbf"):
        path.write_bytes(mark + "a = 'ä'".encode())
        assert {"a": "ä"} == read_tables(path)


def test_numbers_are_as_exact_as_they_are_asked_for():
    """A price is no float."""
    assert {"a": Decimal("0.1")} == tables_of(b"a = 0.1", Decimal)


def prices(settings):
    try:
        prices_of(settings.usage)
    except ValueError as error:
        return [str(error)]
    return []


def policy(settings):
    try:
        read_house(settings)
    except InvalidSettings as invalid:
        return invalid.problems
    return []


READERS = {
    "session_policy_file": policy,
    "limits_plans_file": lambda settings: read_plans(settings, ROOT)[1],
    "auth_issuers_file": lambda settings: read_issuers(settings, ROOT)[1],
    "tools_file": lambda settings: read_tools(settings.tools, lambda *_: None).problems,
    "usage_prices_file": prices,
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(("text", "sentence"), NO_TABLES.values(), ids=NO_TABLES)
def test_every_file_of_the_operators_is_refused_in_a_sentence(tmp_path, reader, text, sentence):
    """And never with a traceback."""
    path = tmp_path / "a.toml"
    path.write_bytes(text)

    problems = READERS[reader](house_settings(**{reader: str(path)}))

    assert any(sentence in problem for problem in problems)


@pytest.mark.parametrize("reader", [each for each in READERS if each != "usage_prices_file"])
def test_one_that_is_not_there_is_said_with_the_reason(tmp_path, reader):
    """That of the prices is read by whoever says it."""
    problems = READERS[reader](house_settings(**{reader: str(tmp_path / "none.toml")}))

    assert any("cannot be read: No such file or directory" in problem for problem in problems)
