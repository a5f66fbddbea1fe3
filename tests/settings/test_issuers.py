"""The operator's file of identity providers, and what is wrong with it: settings/issuers.py."""

import json
import socket

import pytest

from tests.calls.house import house_settings
from tests.fakes.issuer import SigningKey, jwks
from tornado_app.admission.issuers.address import Address
from tornado_app.commands.cli import main
from tornado_app.settings.issuers import Issuers, KeyFile, Remote, read_issuers
from tornado_app.settings.reading import InvalidSettings

KEY, RSA = SigningKey(), SigningKey("RS256", "rsa")
PRODUCTION = {
    "server_environment": "production",
    "server_allowed_origins": ["https://example.com"],
    "upstream_url": "local",
}
GOOD = {
    "issuer": "https://id.example",
    "audience": ["parley"],
    "algorithms": ["ES256"],
    "discovery": True,
}


@pytest.fixture
def read(tmp_path):
    """Read a file of these tables; the issuers and the problems."""
    private = KEY.private.private_bytes(*_private_pem())
    for name, text in {
        "key.pem": KEY.pem,
        "rsa.pem": RSA.pem,
        "private.pem": private,
        "broken.pem": KEY.pem.replace(b"M", b"N"),
        "empty.pem": b"",
        "keys.json": jwks(KEY, RSA),
        "no_keys.json": b'{"keys": [{"kty": "oct", "k": "YWJj"}]}',
        "secret": b"q8Wn3Zt6Lp1Xv5Kd9Rb2Yc7Mf4Hg0Js-\n",
        "short": b"q8Wn3Zt6Lp1X",
        "guessable": b"secret" * 8,
    }.items():
        (tmp_path / name).write_bytes(text)

    def reading(*tables, text=None, **changes):
        lines = []
        for number, table in enumerate(tables):
            lines.append(f"[issuers.i{number}]")
            lines += [
                f"{key} = {_toml(value)}" for key, value in table.items() if value is not None
            ]
        (tmp_path / "issuers.toml").write_text("\n".join(lines) if text is None else text)
        settings = house_settings(auth_issuers_file=str(tmp_path / "issuers.toml"), **changes)
        return read_issuers(settings, tmp_path)

    return reading


def _private_pem():
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    return Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()


def _toml(value):
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_toml(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value)


def by(**source):
    return {**GOOD, "discovery": None, **source}


@pytest.mark.parametrize(
    "table",
    [
        GOOD,
        by(jwks_url="https://id.example/jwks"),
        by(jwks_url="http://127.0.0.1:8080/jwks"),
        by(jwks_file="keys.json"),
        by(pem_files=["key.pem"]),
        by(secrets=[{"file": "secret"}], algorithms=["HS256"]),
        GOOD | {"typ": ["at+jwt"], "user": "oid", "scopes": ["scp", ["a", "b"]], "session": ""},
    ],
    ids=str,
)
@pytest.mark.parametrize("environment", [{}, PRODUCTION], ids=["development", "production"])
def test_good(read, table, environment):
    """Each kind of source, in development and in production."""
    found, problems = read(table, **environment)

    assert [] == problems
    [issuer] = found.issuers
    assert ("i0", "https://id.example") == (issuer.rules.name, issuer.rules.issuer)


def test_what_it_means(read):
    """Names of claims are as written, or as everybody's; the rest is of [auth]."""
    found, _ = read(
        GOOD | {"user_prefix": "a:", "typ": ["application/AT+jwt"], "session": ["x", "y"]},
        by(jwks_file="keys.json", issuer="https://b", user_prefix="", session=""),
        text=None,
        auth_leeway_s=7,
        auth_session_claim="said",
    )
    one, other = found.issuers

    assert Remote(Address("https://id.example", ""), 300.0, 3600.0) == one.source
    assert isinstance(other.source, KeyFile)
    assert (7, ("at+jwt",)) == (one.rules.leeway_s, one.rules.types)
    names = one.rules.claims
    assert (("sub",), "a:", ("x", "y"), "said") == (
        names.user,
        names.user_prefix,
        names.session,
        names.session_as,
    )
    assert (("scope",), ("scopes",)) == names.scopes
    assert other.rules.claims.session is None


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (GOOD | {"issuer": None}, "i0.issuer: is needed"),
        (GOOD | {"issuer": ""}, "i0.issuer: must be text of 1 to 500"),
        (GOOD | {"audience": []}, "i0.audience: must be a list"),
        (GOOD | {"audience": "parley"}, "i0.audience: must be a list"),
        (GOOD | {"algorithms": ["none"]}, "i0.algorithms: must be a list"),
        (GOOD | {"algorithms": ["ES256K"]}, "i0.algorithms: must be a list"),
        (GOOD | {"algorithms": []}, "i0.algorithms: must be a list"),
        (GOOD | {"algorithms": ["ES256", "HS256"]}, "a public key is no secret"),
        (
            GOOD | {"algoritms": ["ES256"]},
            "i0.algoritms: is no setting of an issuer; it has issuer",
        ),
        (GOOD | {"discovery": False}, "i0: needs one of discovery, jwks_url"),
        (GOOD | {"jwks_url": "https://a"}, "i0: needs one of discovery, jwks_url"),
        (GOOD | {"issuer": "id.example"}, "i0.issuer: must be https://"),
        (GOOD | {"issuer": "https://a:b@id.example"}, "i0.issuer: must be https://"),
        (by(jwks_url="ftp://id.example/jwks"), "i0.jwks_url: must be https://"),
        (by(jwks_url="https://id.example:x/"), "i0.jwks_url: must be https://"),
        (by(jwks_file="nowhere.json"), "i0.jwks_file: nowhere.json cannot be read: No such file"),
        (by(jwks_file="key.pem"), "i0.jwks_file: key.pem cannot be used: no_key_set"),
        (by(jwks_file="no_keys.json"), "cannot be used: no_usable_key"),
        (by(pem_files=["private.pem"]), "it holds a private key"),
        (by(pem_files=["broken.pem"]), "it holds a block that cannot be read"),
        (by(pem_files=["empty.pem"]), "it holds no public key"),
        (by(pem_files=["rsa.pem"]), "rsa.pem has no key for ES256"),
        (by(secrets=[{"file": "secret"}]), "must be of HS256, HS384, HS512 with secrets"),
        (by(secrets=[{"file": "short"}], algorithms=["HS256"]), "must have at least 32 bytes"),
        (by(secrets=[{"file": "secret"}], algorithms=["HS512"]), "must have at least 64 bytes"),
        (
            by(secrets=[{"file": "/dev/null"}], algorithms=["HS256"]),
            "/dev/null is empty or too long",
        ),
        (by(secrets=[{"file": "none"}], algorithms=["HS256"]), "none cannot be read: No such file"),
        (by(secrets=[{"env": "NO_SUCH"}], algorithms=["HS256"]), "NO_SUCH is not set"),
        (by(secrets=[{"text": "x"}], algorithms=["HS256"]), "item 1: must be { env"),
        (by(secrets=["x"], algorithms=["HS256"]), "i0.secrets: must be a list"),
        (GOOD | {"user": 7}, "i0.user: must be the name of a claim, or a list"),
        (GOOD | {"user": []}, "i0.user: must be the name of a claim, or a list"),
        (GOOD | {"scopes": [["a", ""]]}, "i0.scopes: must be the name of a claim, or a list"),
        (GOOD | {"user_prefix": "a\n"}, "i0.user_prefix: has characters"),
        (GOOD | {"refresh_s": 1}, "i0.refresh_s: must be a number from 10"),
        (GOOD | {"refresh_s": 600, "stale_s": 700}, "i0.stale_s: must be at least twice"),
    ],
    ids=str,
)
def test_wrong(read, table, expected):
    """Each is one sentence that names the place."""
    [problem] = read(table)[1]

    assert expected in problem


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (GOOD | {"issuer": "http://id.example"}, "i0.issuer: must be https:// in production"),
        (by(jwks_url="http://id.example/jwks"), "i0.jwks_url: must be https:// in production"),
        (by(secrets=[{"file": "guessable"}], algorithms=["HS256"]), "easily guessed"),
    ],
    ids=str,
)
def test_unsafe(read, table, expected):
    """What development takes and production does not."""
    assert [] == read(table)[1]
    [problem] = read(table, **PRODUCTION)[1]
    assert expected in problem


def test_everything_at_once(read):
    """Of all tables, in one run."""
    first = {"issuer": 7, "audience": [], "algorithms": ["HS256"], "tpy": 1}
    second = GOOD | {"algorithms": ["HS256"], "user": ""}
    _, problems = read(first, second)

    assert 7 == len(problems), problems


def test_of_several_each_says_whose_users_they_are(read):
    """And no two have one name."""
    other = GOOD | {"user_prefix": ""}
    _, problems = read(GOOD, other, auth_issuer="https://id.example")

    assert "each needs user_prefix" in problems[0]
    assert [
        "issuers.i0.issuer: is that of auth.issuer, too",
        "issuers.i1.issuer: is that of auth.issuer, too",
    ] == problems[1:]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "issuers: must be 1 to 32 tables"),
        ("issuers = 7", "issuers: must be 1 to 32 tables"),
        ("[[issuers]]\n", "issuers: must be 1 to 32 tables"),
        ("[issuers]\na = 7", "issuers.a: must be a table, written as [issuers.a]"),
        ("use_environment_proxies = 7", "use_environment_proxies: must be true or false"),
        ("[other]\n", "other: the file may have [issuers.NAME]"),
        ("[", "it is not valid TOML"),
    ],
)
def test_no_such_file(read, text, expected):
    """What is around the tables."""
    assert any(expected in problem for problem in read(text=text)[1])


def test_none():
    """No file, no issuers."""
    assert (Issuers(), []) == read_issuers(house_settings(), None)


def test_the_example_is_right(read):
    """conf/issuers.toml can be used as it stands."""
    from tests.calls.house import ROOT  # noqa: PLC0415

    found, problems = read(text=(ROOT / "conf/issuers.toml").read_text(), **PRODUCTION)

    assert ([], ["keycloak"]) == (problems, [issuer.rules.name for issuer in found.issuers])


class TestSecretsOfOurOwn:
    """`auth.previous_secret`, and production without a secret."""

    RANDOM = "Zk3q9vPx1LwT7bJm5RsY2nHd8GcF4aQe"

    @pytest.mark.parametrize(
        ("changes", "expected"),
        [
            ({"auth_previous_secret": "short"}, "must be at least 32 bytes for HS256"),
            ({"auth_previous_secret": RANDOM, "auth_secret": RANDOM}, "is the same as auth.secret"),
            ({"auth_previous_secret": RANDOM, "auth_secret": ""}, "needs auth.secret"),
            (PRODUCTION | {"auth_secret": ""}, "auth.secret (PARLEY_AUTH_SECRET): must be set"),
            (
                PRODUCTION
                | {
                    "auth_secret": "",
                    "auth_issuers_file": "any.toml",
                    "auth_application_keys": [RANDOM],
                },
                "auth.application_keys (PARLEY_AUTH_APPLICATION_KEYS): needs auth.secret",
            ),
            (
                PRODUCTION | {"auth_secret": RANDOM, "auth_previous_secret": "secret" * 8},
                "auth.previous_secret (PARLEY_AUTH_PREVIOUS_SECRET): is a placeholder",
            ),
        ],
    )
    def test_wrong(self, changes, expected):
        """Each is one sentence."""
        with pytest.raises(InvalidSettings) as caught:
            house_settings(**changes)
        [problem] = caught.value.problems

        assert expected in problem

    def test_production_needs_none_where_there_are_issuers(self):
        """Then their tokens are the only ones."""
        changes = PRODUCTION | {"auth_secret": "", "auth_issuers_file": "any.toml"}

        assert not house_settings(**changes).auth.secret


def test_check_config_says_it_all(tmp_path, capsys, monkeypatch):
    """What is wrong with the issuers and with those who are taken back, and asks nobody."""
    (tmp_path / "issuers.toml").write_text(
        '[issuers.a]\nissuer = "http://id.example"\naudience = ["p"]\nalgorithms = ["none"]\n'
        '[issuers.b]\nissuer = "http://b.example"\naudience = ["p"]\nalgorithms = ["RS256"]\n'
        'discovery = true\nuser_prefix = "b:"\n'
    )
    (tmp_path / "revoked").write_text("user alice\nbob\n")
    for name, value in {
        "SERVER_ENVIRONMENT": "production",
        "SERVER_ALLOWED_ORIGINS": '["https://example.com"]',
        "UPSTREAM_URL": "local",
        "AUTH_ISSUERS_FILE": str(tmp_path / "issuers.toml"),
        "AUTH_REVOKED_FILE": str(tmp_path / "revoked"),
    }.items():
        monkeypatch.setenv(f"PARLEY_{name}", value)
    monkeypatch.setattr(socket, "socket", None)

    assert 2 == main(["check-config"])
    lines = capsys.readouterr().err.splitlines()
    for expected in (
        "issuers: with more than one, each needs user_prefix",
        "issuers.a.algorithms: must be a list",
        "issuers.a: needs one of discovery, jwks_url, jwks_file, pem_files, secrets",
        "issuers.b.issuer: must be https:// in production, except on loopback",
        'line 2 must be "jti ID" or "user NAME"',
    ):
        assert 1 == sum(expected in line for line in lines), expected
    assert 5 == len(lines)
