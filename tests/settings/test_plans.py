"""The file of plans: tornado_app/settings/plans.py."""

import pytest

from tests.calls.house import ROOT, house_settings
from tornado_app.settings.plans import PLANNED, read_plans

SETTINGS = house_settings(limits_plans_file="plans.toml")


def read(tmp_path, text):
    (tmp_path / "plans.toml").write_text(text)
    return read_plans(SETTINGS, tmp_path)


def test_a_plan_has_what_it_says_and_all_else_as_everybody(tmp_path):
    plans, problems = read(
        tmp_path, "[free]\nlimits.connections_per_user = 1\nsession.max_call_s = 60\n[team]\n"
    )
    assert [] == problems
    assert (1, 60.0) == (
        plans["free"].limits.connections_per_user,
        plans["free"].session.max_call_s,
    )
    assert SETTINGS.limits.connections == plans["free"].limits.connections
    assert SETTINGS == plans["team"]


def test_the_example_is_right():
    settings = house_settings(limits_plans_file="conf/plans.toml")
    plans, problems = read_plans(settings, ROOT)
    assert [] == problems
    assert {"free", "team"} == set(plans)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[free]\nlimits.conections = 1", "free.limits.conections: is nothing that a plan may say"),
        ("[free]\nauth.secret = 'x'", "free.auth.secret: is nothing that a plan may say"),
        (
            "[free]\nlimits.connections_per_user = 0",
            "free.limits.connections_per_user: must be an integer from 1 to 1000000",
        ),
        (
            "[free]\nlimits = 3",
            "free.limits: is no setting; it is a table, to be written as [free.limits]",
        ),
        ("[free]\nconnections = 3", "free.connections: is no setting; write limits.connections,"),
        ("free = 3", "free: is a plan, to be written as [free]"),
        ("[free", "plans.toml is not valid TOML"),
    ],
)
def test_what_is_wrong_is_said(tmp_path, text, problem):
    (found,) = read(tmp_path, text)[1]
    assert found.startswith("plans.toml")
    assert problem.removeprefix("plans.toml") in found


def test_a_file_that_is_not_there(tmp_path):
    ((problem),) = read_plans(SETTINGS, tmp_path)[1]
    assert "plans.toml cannot be read: No such file or directory" == problem


def test_every_setting_that_a_plan_may_say_is_one():
    for name in PLANNED:
        section, _, key = name.partition(".")
        assert hasattr(getattr(SETTINGS, section), key)
