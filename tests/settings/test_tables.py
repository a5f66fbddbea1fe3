"""Settings that are tables: tornado_app/settings/tables.py and fallbacks.py."""

import json

import pytest

from tests.settings.test_loading import DEFAULTS, PRODUCTION, outcome, problems
from tornado_app.settings.loading import ConfigFile, load
from tornado_app.settings.secret import Secret

KEY = "sk-CANARY-of-the-operator"
AZURE = "wss://resource.openai.azure.com/openai/v1/realtime?model=deployment"
FILE = f"""
[[upstream.fallbacks]]
name = "azure"
url = "{AZURE}"
api_key = {{ env = "AZURE_KEY" }}
auth_header = "api-key"
model = "deployment"
voices = {{ marin = "alloy" }}

[[upstream.fallbacks]]
name = "here"
url = "local"
"""


def fallback(**fields):
    return {"name": "azure", "url": AZURE} | fields


def listed(*tables):
    return {"PARLEY_UPSTREAM_FALLBACKS": json.dumps(tables)}


def test_a_file_of_them():
    """In order, each with the key from where it is kept."""
    settings = load(DEFAULTS, ConfigFile("my.toml", FILE), {"AZURE_KEY": f" {KEY}\n"})
    azure, here = settings.upstream.fallbacks

    assert ("azure", AZURE, "api-key", "deployment") == (
        azure.name,
        azure.url,
        azure.auth_header,
        azure.model,
    )
    assert KEY == azure.api_key.reveal()
    assert {"marin": "alloy"} == azure.voices
    assert ("here", "local", Secret("")) == (here.name, here.url, here.api_key)
    assert KEY not in repr(settings)


def test_keys_in_a_file_and_in_the_clear(tmp_path):
    """White space around the one in a file is not part of it."""
    path = tmp_path / "key"
    path.write_text(f"{KEY}\n")
    tables = [fallback(api_key={"file": str(path)}), fallback(name="b", api_key=KEY)]
    found = outcome(listed(*tables)).upstream.fallbacks

    assert [KEY, KEY] == [each.api_key.reveal() for each in found]


@pytest.mark.parametrize(
    ("tables", "expected"),
    [
        ([fallback(url="https://x")], "table 1, url: must be"),
        ([fallback(url="ws://user:word@x")], "table 1, url: must be"),
        ([{"name": "azure"}], "table 1: url is needed"),
        ([{"url": AZURE}], "table 1: name is needed"),
        ([fallback(name="My Azure")], "table 1, name: must be up to 32 lower-case letters"),
        ([fallback(), fallback()], "table 2, name: is that of table 1, too"),
        ([fallback(name="first")], "table 1, name: is that of upstream.name, too"),
        ([fallback(key=KEY)], "table 1, key: is no setting of such a table; it has name, url"),
        ([fallback(api_key={"env": "NOBODY"})], "table 1, api_key: NOBODY is not set"),
        ([fallback(api_key={"file": "/nowhere"})], "table 1, api_key: /nowhere cannot be read"),
        ([fallback(api_key=[KEY])], "table 1, api_key: must be text"),
        ([fallback(api_key=f"{KEY}\n")], "table 1, api_key: must be text"),
        ([fallback(api_key={"env": "A", "file": KEY})], "table 1, api_key: must be text"),
        ([fallback(api_key=f"{KEY}ü")], "table 1, api_key: must be printable ASCII"),
        ([fallback(auth_header="basic")], "table 1, auth_header: must be one of"),
        ([fallback(voices=["marin"])], "table 1, voices: must be names"),
        ([fallback(voices={"marin": "onyx"})], 'table 1, voices: "onyx" is no voice'),
        ([fallback(models={"mini": 3})], "table 1, models: must be names"),
        (
            [fallback(name="a", url="local"), fallback(name="b", url="local")],
            '"local" stands for one model',
        ),
        ([KEY], "table 1: must be a table"),
        ([fallback(name=f"n{n}") for n in range(9)], "must be at most 8 tables"),
    ],
)
def test_what_is_wrong(tables, expected):
    """Each is said with its table, and no value that may be a key."""
    found = "\n".join(problems(listed(*tables)))

    assert found.startswith("upstream.fallbacks")
    assert expected in found
    assert "CANARY" not in found


def test_no_list_at_all():
    """Whatever it is instead, it is not repeated."""
    [found] = problems({"PARLEY_UPSTREAM_FALLBACKS": KEY})

    assert "written as [[upstream.fallbacks]]" in found
    assert "CANARY" not in found


def test_all_that_is_wrong_at_once():
    """Not one after the other."""
    found = problems(listed(fallback(name="A", auth_header="no"), {"name": "b"}, fallback(x=1)))

    assert 4 == len(found)


def test_a_voice_that_is_called_otherwise_there():
    """Its own list counts by the names of that server; another server may have any."""
    assert outcome(listed(fallback(voices={"marin": "alloy"})))
    assert outcome(listed(fallback(url="wss://mine.example/v1", voices={"marin": "anna"})))


@pytest.mark.parametrize("url", ["ws://mine.example/v1", "wss://mine.example/v1", "local"])
def test_production(url):
    """No key over an open line."""
    found = outcome(PRODUCTION | {"PARLEY_UPSTREAM_URL": ""} | listed(fallback(url=url)))
    sentences = "" if not isinstance(found, list) else "\n".join(found)

    assert url.startswith("ws:") == ("must be wss:// in production" in sentences)


def test_a_breaker_that_opens_for_longer_than_the_longest():
    """It would never double."""
    environ = {"PARLEY_UPSTREAM_BREAKER_OPEN_S": "60", "PARLEY_UPSTREAM_BREAKER_OPEN_MAX_S": "30"}

    assert "upstream.breaker_open_max_s" in "\n".join(problems(environ))
