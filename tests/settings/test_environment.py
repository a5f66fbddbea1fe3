"""Tests of tornado_app/settings/environment.py: what Kubernetes and others call as we do."""

import pytest

from tornado_app.settings.environment import foreign_warning, variables

SECTIONS = ("server", "limits", "model")


def links(service: str) -> dict[str, str]:
    """As a pod beside *service* is given them."""
    return {
        f"{service}_SERVICE_HOST": "10.96.0.17",
        f"{service}_SERVICE_PORT": "80",
        f"{service}_SERVICE_PORT_HTTP": "80",
        f"{service}_PORT": "tcp://10.96.0.17:80",
        f"{service}_PORT_80_TCP": "tcp://10.96.0.17:80",
        f"{service}_PORT_80_TCP_PROTO": "tcp",
        f"{service}_PORT_80_TCP_PORT": "80",
        f"{service}_PORT_80_TCP_ADDR": "10.96.0.17",
    }


@pytest.mark.parametrize(
    "service",
    ["PARLEY", "PARLEY_SERVER", "PARLEY_LIMITS", "PARLEY_MODEL_GATEWAY", "PARLEY_GATEWAY"],
)
def test_a_service_beside_us_sets_nothing(service):
    """Even if its name begins as a section of ours does."""
    found = variables(links(service) | {"PARLEY_LIMITS_CONNECTIONS": "5"}, SECTIONS)

    assert {"PARLEY_LIMITS_CONNECTIONS": "5"} == found.ours
    assert sorted(links(service)) == found.foreign


def test_what_the_operator_sets_wins_over_a_service():
    """A pod's own variables take the place of those: then it is no address."""
    environ = links("PARLEY_SERVER") | {"PARLEY_SERVER_PORT": "9000"}

    assert {"PARLEY_SERVER_PORT": "9000"} == variables(environ, SECTIONS).ours


def test_names_of_our_sections_are_ours():
    """Whether or not there is such a setting."""
    found = variables({"PARLEY_SERVER_PROT": "1", "PARLEY_SEVER_PORT": "1", "PATH": "x"}, SECTIONS)

    assert ["PARLEY_SERVER_PROT"] == list(found.ours)
    assert ["PARLEY_SEVER_PORT"] == found.foreign


def test_what_chooses_the_code_is_no_foreign_name():
    """`PARLEY_COMPILED` is looked at before there are settings, and nobody is warned of it."""
    assert ({}, []) == variables({"PARLEY_COMPILED": "no"}, SECTIONS)


def test_no_name_is_said_to_mean_itself():
    """A service called `parley-server` has the name of one of our settings for its port."""
    said = foreign_warning(["PARLEY_SERVER_PORT"], ["PARLEY_SERVER_PORT", "PARLEY_SERVER_HOST"])

    assert said == "No settings of Parley, and left alone: PARLEY_SERVER_PORT."


def test_the_warning_asks_what_was_meant():
    """A name that is nearly one of ours may be a mistake."""
    said = foreign_warning(["PARLEY_PORT", "PARLEY_SEVER_PORT"], ["PARLEY_SERVER_PORT"])

    assert said == (
        "No settings of Parley, and left alone: PARLEY_PORT, "
        "PARLEY_SEVER_PORT (did you mean PARLEY_SERVER_PORT?)."
    )
