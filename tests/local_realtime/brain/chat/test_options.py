"""How a chat model is named."""

import argparse

import pytest

from local_realtime.brain.chat.endpoint import ChatEndpoint
from local_realtime.brain.chat.options import add_chat_options, chat_of
from local_realtime.responders.mode import Unavailable, choose_mind

KEY = "sk-secret-of-the-tests"


def named(*arguments, **variables):
    environ = {f"LOCAL_REALTIME_CHAT_{name}": value for name, value in variables.items()}
    parser = argparse.ArgumentParser()
    add_chat_options(parser, environ)
    return chat_of(parser.parse_args(arguments), environ)


def test_nobody_thinks_unless_named():
    """A key alone is no endpoint."""
    assert named() is named(API_KEY=KEY) is None


def test_arguments_win_over_variables():
    """The key is a variable only, and nothing shows it."""
    variables = {"URL": "http://a/v1", "MODEL": "m", "API_KEY": KEY, "STALL_TIMEOUT_S": "3"}
    endpoint = named("--chat-model", "n", "--chat-first-timeout-s", "9", **variables)

    assert ChatEndpoint("http://a/v1", "n", KEY, first_timeout_s=9, stall_timeout_s=3) == endpoint
    assert KEY not in repr(endpoint)
    assert "http" not in repr(endpoint)


@pytest.mark.parametrize(
    ("url", "host", "port", "target"),
    [
        ("http://127.0.0.1:11434/v1", "127.0.0.1", 11434, "/v1/chat/completions"),
        ("http://127.0.0.1:8080/v1/", "127.0.0.1", 8080, "/v1/chat/completions"),
        ("https://a.example/v1/chat/completions", "a.example", 443, "/v1/chat/completions"),
        ("http://[::1]", "::1", 80, "/chat/completions"),
        ("https://a/d?api-version=1", "a", 443, "/d/chat/completions?api-version=1"),
    ],
)
def test_the_base_address_and_the_whole_one_are_both_good(url, host, port, target):
    """As other programs take either."""
    endpoint = ChatEndpoint(url)

    assert (host, port, target) == (endpoint.host, endpoint.port, endpoint.target)


@pytest.mark.parametrize(
    "url",
    [
        *("127.0.0.1:11434", "ws://a", "http://", "http://u:p@a", "http://a/#b", "http://a b"),
        *("http://a:x", "http://a:99999", "http://a/\r\nX: y", "http://\u00e9", "http://a..b"),
    ],
)
def test_what_is_no_address_is_refused(url):
    """Before anything listens."""
    with pytest.raises(ValueError, match=r".+"):
        named("--chat-url", url)


def test_a_key_that_cannot_be_sent_is_refused():
    """It would break the header, and is not shown."""
    with pytest.raises(ValueError, match="printable ASCII") as refused:
        named("--chat-url", "http://a", API_KEY=f"{KEY}\r\nX: y")

    assert KEY not in str(refused.value)


@pytest.mark.parametrize("seconds", ["0", "-1", "601", "nan", "soon"])
def test_a_timeout_that_is_none_is_refused(capsys, seconds):
    """From the command line and from the environment, in one sentence."""
    for arguments, variables in (
        (["--chat-stall-timeout-s", seconds], {}),
        ([], {"STALL_TIMEOUT_S": seconds}),
    ):
        with pytest.raises(SystemExit):
            named(*arguments, **variables)

        assert "must be a number from 0.1 to 600" in capsys.readouterr().err


def test_an_echo_does_not_think():
    """Whoever asks for both is told so."""
    with pytest.raises(Unavailable, match="An echo asks no chat model"):
        choose_mind("echo", ChatEndpoint("http://a"))
