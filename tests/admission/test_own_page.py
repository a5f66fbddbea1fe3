"""Tests of tornado_app/admission/own_page.py."""

import pytest

from tornado_app.admission.origins import OriginRules
from tornado_app.admission.own_page import (
    ELSEWHERE,
    NOT_A_PAGE,
    OTHER_PAGE,
    UNKNOWN_HOST,
    PageRequest,
    is_of_same_origin,
    objection,
)

NOBODY = OriginRules.read([])
NAMED = OriginRules.read(["https://voice.example.com", "http://192.168.1.5:8765"])


def asked(host, origin, peer="127.0.0.1", **others):
    headers = {"Host": host, "Origin": origin, "Sec-Fetch-Site": "same-origin"}
    headers |= {name.replace("_", "-"): value for name, value in others.items()}
    return PageRequest({k: v for k, v in headers.items() if v is not None}, peer)


@pytest.mark.parametrize(
    ("host", "peer"),
    [
        ("localhost:8765", "127.0.0.1"),
        ("127.0.0.1:8765", "127.0.0.1"),
        ("127.8.8.8", "::ffff:127.0.0.1"),
        ("[::1]:8765", "::1"),
        ("LOCALHOST:8765", "::1"),
    ],
)
@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("site", ["same-origin", None])
def test_the_page_of_this_computer_is_ours(host, peer, scheme, site):
    """At every port, as ports are forwarded; and in a browser that says less of a request."""
    request = asked(host, f"{scheme}://{host.lower()}", peer, Sec_Fetch_Site=site)

    assert objection(request, NOBODY) is None


@pytest.mark.parametrize(
    ("request_", "sentence"),
    [
        # a page of somebody else's
        (asked("localhost:8765", "https://evil.example"), OTHER_PAGE),
        (asked("localhost:8765", "https://evil.example", Sec_Fetch_Site="cross-site"), OTHER_PAGE),
        (asked("localhost:8765", "http://localhost:8765", Sec_Fetch_Site="same-site"), OTHER_PAGE),
        (asked("localhost:8765", "http://localhost:8765", Sec_Fetch_Site="none"), OTHER_PAGE),
        # another program of this computer, at another port
        (asked("localhost:8765", "http://localhost:3000"), OTHER_PAGE),
        (asked("localhost:8765", "http://127.0.0.1:8765"), OTHER_PAGE),
        # a sandboxed frame, a file
        (asked("localhost:8765", "null"), OTHER_PAGE),
        # no page at all, or a navigation to here, as of a form or a frame
        (asked("localhost:8765", None), NOT_A_PAGE),
        (asked("localhost:8765", "http://localhost:8765", Sec_Fetch_Dest="document"), NOT_A_PAGE),
        (asked("localhost:8765", "http://localhost:8765", Sec_Fetch_Dest="iframe"), NOT_A_PAGE),
        # a name that was made to point to this computer
        (asked("evil.example:8765", "http://evil.example:8765"), UNKNOWN_HOST),
        (asked("localhost.evil.example", "http://localhost.evil.example"), UNKNOWN_HOST),
        (asked("127.0.0.1.nip.io:8765", "http://127.0.0.1.nip.io:8765"), UNKNOWN_HOST),
        (asked("127.1:8765", "http://127.1:8765"), UNKNOWN_HOST),
        (asked("0.0.0.0:8765", "http://0.0.0.0:8765"), UNKNOWN_HOST),
        (asked("192.168.1.9:8765", "http://192.168.1.9:8765", "192.168.1.7"), UNKNOWN_HOST),
        # a host that is none
        (asked("", "http://localhost"), OTHER_PAGE),
        (asked("localhost:8765,localhost:8765", "http://localhost:8765"), OTHER_PAGE),
        (asked("user@localhost", "http://localhost"), OTHER_PAGE),
        (asked("*.localhost", "http://*.localhost"), OTHER_PAGE),
        (asked("localhost", "ftp://localhost"), OTHER_PAGE),
        # somebody on the network who says that this is localhost
        (asked("localhost:8765", "http://localhost:8765", "192.168.1.7"), ELSEWHERE),
        (asked("localhost:8765", "http://localhost:8765", "not an address"), ELSEWHERE),
        # and somebody behind a load balancer on this computer
        (asked("127.0.0.1", "http://127.0.0.1", X_Forwarded_For="203.0.113.9"), ELSEWHERE),
        (asked("127.0.0.1", "http://127.0.0.1", Forwarded="for=203.0.113.9"), ELSEWHERE),
        (asked("127.0.0.1", "http://127.0.0.1", Via="1.1 proxy"), ELSEWHERE),
    ],
)
def test_whatever_else_is_not(request_, sentence):
    """With a sentence that says what to do about it."""
    assert sentence == objection(request_, NOBODY)


def test_an_origin_that_the_operator_has_named_is_ours_too():
    """From wherever it comes; another one is not, and neither is another page that asks there."""
    for origin in ("https://voice.example.com", "http://192.168.1.5:8765"):
        host = origin.partition("://")[2]
        request = asked(host, origin, "203.0.113.9", X_Forwarded_For="203.0.113.9")
        assert objection(request, NAMED) is None

    host = "voice.example.com"
    assert OTHER_PAGE == objection(asked(host, "https://evil.example"), NAMED)
    assert OTHER_PAGE == objection(asked("evil.example", f"https://{host}"), NAMED)
    assert UNKNOWN_HOST == objection(asked(host, f"http://{host}"), NAMED)


@pytest.mark.parametrize(
    ("headers", "is_same"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "same-site", "Origin": "http://a", "Host": "a"}, False),
        ({"Sec-Fetch-Site": "none"}, False),
        ({"Origin": "http://a.example", "Host": "a.example"}, True),
        ({"Origin": "http://a.example:8080", "Host": "a.example:8080"}, True),
        ({"Origin": "http://a.example:8080", "Host": "a.example"}, False),
        ({"Origin": "http://b.example", "Host": "a.example"}, False),
        ({"Origin": "null", "Host": "a.example"}, False),
        ({"Host": "a.example"}, False),
        ({}, False),
    ],
)
def test_a_page_came_from_where_it_asks(headers, is_same):
    """By its browser's word, and by the older one of those that do not say it."""
    assert is_same == is_of_same_origin(headers)
