"""What a caller may have: tornado_app/standing.py."""

import pytest

from tests.calls.house import house_settings
from tornado_app.admission.claims import Caller
from tornado_app.errors import Refused
from tornado_app.standing import Standings

PLANS = "conf/plans.toml"


def standings(**changes):
    how = {"limits_plans_file": PLANS, "limits_plan_claim": ["plan"], **changes}
    return Standings(house_settings(**how))


def caller(scopes=(), **claims):
    return Caller("alice", frozenset(scopes), 2e9, None, claims)


@pytest.mark.parametrize(
    ("scopes", "claims", "allowed"),
    [
        ((), {}, 10),
        ((), {"plan": "free"}, 1),
        (("plan:free",), {}, 1),
        (("plan:free",), {"plan": "team"}, 10),
        (("speak",), {"plan": None}, 10),
    ],
)
def test_claim_or_scope_names_the_plan(scopes, claims, allowed):
    """The claim first; who names none has what everybody has."""
    found = standings().of(caller(scopes, **claims))
    assert allowed == found.settings.limits.connections_per_user


@pytest.mark.parametrize(
    ("scopes", "claims"),
    [((), {"plan": "gold"}), (("plan:gold",), {}), ((), {"plan": 7}), ((), {"plan": ""})],
)
def test_a_plan_that_there_is_not_opens_nothing(scopes, claims):
    """Else a name that is misspelled would be a way around every limit."""
    with pytest.raises(Refused) as refused:
        standings().of(caller(scopes, **claims))
    assert "token_invalid" == refused.value.code


def test_without_plans_scopes_mean_nothing():
    found = standings(limits_plans_file="").of(caller(("plan:gold",)))
    assert 10 == found.settings.limits.connections_per_user


def test_whoever_has_no_quota_of_money_needs_no_count_of_it():
    mine = standings(quotas_tokens_per_user_per_day=5)
    assert not mine.of(caller()).counts_money
    assert standings(usage_show_cost=True).of(caller()).counts_money
    mine = standings(quotas_money_per_organisation_per_month=5, limits_organisation_claim=["org"])
    assert not mine.of(caller()).counts_money
    assert mine.of(caller(org="acme")).counts_money


def test_quotas_are_of_the_plan_and_of_the_organisation():
    mine = standings(limits_organisation_claim=["org"])
    assert mine.has_quotas
    assert [] == list(mine.of(caller(org="acme")).quotas)
    (quota,) = mine.of(caller(plan="free")).quotas
    assert ("audio_s_per_user_per_day", "alice", 600) == (quota.limit, quota.whose, quota.allowed)
    found = mine.of(caller(plan="team", org="acme")).quotas
    assert {("organisation", "acme")} == {(each.owner, each.whose) for each in found}
    assert [] == list(mine.of(caller(plan="team")).quotas)
