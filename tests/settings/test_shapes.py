"""What texts of settings have to look like: tornado_app/settings/shapes.py."""

import pytest

from tornado_app.settings.shapes import (
    is_guessable,
    is_loopback,
    is_postgres,
    is_redis,
    read_headers,
)


@pytest.mark.parametrize(
    ("url", "is_one"),
    [
        ("redis://localhost", True),
        ("rediss://user:pass@cache.example:6380/1", True),
        ("unix:///run/redis.sock?db=1", True),
        ("http://localhost", False),
        ("redis:localhost", False),
        ("redis://", False),
        ("unix://cache", False),
        ("redis://cache:99999", False),
        ("redis://cache:x", False),
        ("redis://[::1", False),
        ("redis://cache/\x7f", False),
    ],
)
def test_an_address_of_redis(url, is_one):
    assert is_one == is_redis(url)


@pytest.mark.parametrize(
    ("url", "is_one"),
    [
        ("postgresql://u:p@one,two/usage", True),
        ("postgres:///usage?host=/run/postgresql", True),
        ("postgresql:usage", False),
        ("mysql://one/usage", False),
        ("postgresql://one/\x00", False),
    ],
)
def test_an_address_of_postgres(url, is_one):
    assert is_one == is_postgres(url)


@pytest.mark.parametrize(
    ("url", "is_near"),
    [
        ("ws://127.0.0.2:1", True),
        ("ws://[::1]:1", True),
        ("ws://localhost", True),
        ("ws://10.0.0.1", False),
        ("wss://localhost.example", False),
        ("local", False),
    ],
)
def test_an_address_of_this_computer(url, is_near):
    assert is_near == is_loopback(url)


@pytest.mark.parametrize(
    ("text", "headers"),
    [
        ("", {}),
        ("Authorization=Basic%20YTpi", {"authorization": "Basic YTpi"}),
        (" a = 1 ,, b=2=3 , ", {"a": "1", "b": "2=3"}),
        ("a=", {"a": ""}),
    ],
)
def test_headers_are_written_as_opentelemetry_writes_them(text, headers):
    assert headers == read_headers(text)


@pytest.mark.parametrize("text", ["a", "=hidden", "a b=hidden", "a=hidden%0A1", "a=hiddené"])
def test_what_is_no_header_is_not_shown(text):
    with pytest.raises(ValueError, match="must be name=value") as caught:
        read_headers(text)

    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize(
    ("secret", "is_so"),
    [
        ("0123456" * 5, True),
        ("01234567" * 5, False),
        ("Zk3q9vPx1LwT7-ChangeMe-m5RsY2nHd8", True),
        ("Zk3q9vPx1LwT7bJm5RsY2nHd8GcF4aQe", False),
    ],
)
def test_a_secret_that_somebody_could_guess(secret, is_so):
    assert is_so == is_guessable(secret)
