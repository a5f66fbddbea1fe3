"""Nothing that is secret comes through, whoever repeats it."""

import pytest

from tests.calls.house import house_settings
from tornado_app.commands.doctor.veil import Veil

CANARY = "canary-7Qm2Lr7Vb4"


@pytest.mark.parametrize(
    "name",
    ["PARLEY_AUTH_SECRET", "OPENAI_API_KEY", "PARLEY_UPSTREAM_API_KEY", "PARLEY_AUTH_SEALING_KEY"],
)
def test_the_environment(monkeypatch, name):
    """Also when the settings cannot be read."""
    monkeypatch.setenv(name, CANARY)

    assert "it said [hidden]." == Veil().over(f"it said {CANARY}.")


@pytest.mark.parametrize(
    "line",
    [
        f'secret = "{CANARY}"',
        f"  api_key='{CANARY}'",
        f'application_keys = ["x", "{CANARY}"]',
        f'url = "wss://user:{CANARY}@host/"',
        f'url = "wss://host/?key={CANARY}"',
    ],
)
def test_a_file_of_settings(tmp_path, line):
    """Though it is no TOML as a whole."""
    (tmp_path / "own.toml").write_text(f"[server\n{line}\n")
    veil = Veil()
    veil.add_file(str(tmp_path / "own.toml"))

    assert CANARY not in veil.over(f"a {CANARY} b key={CANARY}")


def test_settings():
    """Each secret of them, those in a list too, and the query of an address."""
    veil = Veil()
    keys = [f"{CANARY}-{i}-zQ8v3kXw7Lr2Tn5Yb9Pd4Jm6H" for i in range(2)]
    veil.add_settings(
        house_settings(
            auth_application_keys=keys,
            upstream_api_key=f"{CANARY}-key",
            upstream_url=f"wss://model.example/?code={CANARY}-query",
        )
    )
    for secret in (*keys, f"{CANARY}-key", f"code={CANARY}-query"):
        assert CANARY not in veil.over(f"The server said {secret}!")


@pytest.mark.parametrize("name", ["shared_redis_url", "usage_postgres_url"])
def test_an_address_that_is_secret_as_a_whole(name):
    """Also where only its password is repeated."""
    veil = Veil()
    scheme = "redis" if "redis" in name else "postgresql"
    veil.add_settings(house_settings(**{name: f"{scheme}://user:{CANARY}@host/0"}))

    assert "no password [hidden] here" == veil.over(f"no password {CANARY} here")


def test_what_only_looks_like_one():
    """A token that nobody knew, a key of OpenAI's; and harmless words stay."""
    veil = Veil()

    assert "eyJhbGci" not in veil.over("no eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln")
    assert "proj" not in veil.over("no sk-proj-123456789")
    assert "They are right for production." == veil.over("They are right for production.")
