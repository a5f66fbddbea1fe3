"""Who is calling behind a load balancer: tornado_app/admission/proxies.py."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tornado_app.admission.proxies import ClientAddress, client_address, networks, problems

TRUSTED = networks(["10.0.0.0/8", "fd00::/8", "127.0.0.1/32"])


def address(peer, *forwarded_for, proto=(), scheme="http"):
    return client_address(peer, scheme, forwarded_for, proto, TRUSTED)


@pytest.mark.parametrize(
    ("expected", "peer", "headers"),
    [
        pytest.param("203.0.113.9", "203.0.113.9", [], id="direct"),
        pytest.param("203.0.113.9", "203.0.113.9", ["1.1.1.1"], id="direct-peer-lies"),
        pytest.param("10.0.0.1", "10.0.0.1", [], id="proxy-without-header"),
        pytest.param("198.51.100.7", "10.0.0.1", ["198.51.100.7"], id="one-hop"),
        pytest.param("198.51.100.7", "10.0.0.1", ["198.51.100.7, 10.0.0.2"], id="two-hops"),
        pytest.param("198.51.100.7", "10.0.0.1", ["198.51.100.7", "10.0.0.2"], id="two-headers"),
        pytest.param("198.51.100.7", "10.0.0.1", ["6.6.6.6, 198.51.100.7"], id="client-spoofs"),
        pytest.param("198.51.100.7", "10.0.0.1", ["10.0.0.9, 198.51.100.7"], id="spoofs-trusted"),
        pytest.param("10.0.0.2", "10.0.0.1", ["10.0.0.2"], id="client-inside"),
        pytest.param("10.0.0.2", "10.0.0.1", ["evil, 10.0.0.2"], id="malformed-after-good"),
        pytest.param("10.0.0.1", "10.0.0.1", ["unknown"], id="malformed"),
        pytest.param("10.0.0.1", "10.0.0.1", [""], id="empty"),
        pytest.param("10.0.0.1", "10.0.0.1", ["1.1.1.1, "], id="trailing-comma"),
        pytest.param("198.51.100.7", "10.0.0.1", ["198.51.100.7:51234"], id="port"),
        pytest.param("2001:db8::1", "10.0.0.1", ["2001:db8::1"], id="ipv6"),
        pytest.param("2001:db8::1", "10.0.0.1", ["[2001:DB8::1]"], id="ipv6-brackets"),
        pytest.param("2001:db8::1", "fd00::1", ["[2001:db8::1]:443"], id="ipv6-port"),
        pytest.param("10.0.0.1", "10.0.0.1", ["[2001:db8::1"], id="open-bracket"),
        pytest.param("10.0.0.1", "10.0.0.1", ["[2001:db8::1]x"], id="after-bracket"),
        pytest.param("10.0.0.1", "10.0.0.1", ["[2001:db8::1]:1]"], id="second-bracket"),
        pytest.param("10.0.0.1", "10.0.0.1", ["1.1.1.1:x"], id="bad-port"),
        pytest.param("10.0.0.1", "10.0.0.1", ["1.1.1.1:x8"], id="half-a-port"),
        pytest.param("198.51.100.7", "10.0.0.1", ["198.51.100.7:8"], id="short-port"),
        pytest.param("10.0.0.1", "10.0.0.1", ["fe80::1%<b>"], id="zone-is-any-text"),
        pytest.param("10.0.0.1", "10.0.0.1", ["1.1.1.1\nforged"], id="line-break"),
        pytest.param("198.51.100.7", "::ffff:10.0.0.1", ["198.51.100.7"], id="mapped-peer"),
        pytest.param("198.51.100.7", "10.0.0.1", ["::ffff:198.51.100.7"], id="mapped-entry"),
        pytest.param("", "", ["1.1.1.1"], id="no-peer"),
        pytest.param("/run/parley.sock", "/run/parley.sock", ["1.1.1.1"], id="unix-socket"),
    ],
)
def test_address(expected, peer, headers):
    """The client is the first from the right that no trusted proxy is."""
    assert expected == address(peer, *headers).ip


@pytest.mark.parametrize(
    ("expected", "peer", "scheme", "proto"),
    [
        pytest.param("https", "10.0.0.1", "http", ["https"], id="terminated-before"),
        pytest.param("https", "10.0.0.1", "http", ["WSS"], id="traefik"),
        pytest.param("http", "10.0.0.1", "https", ["ws"], id="plain-outside"),
        pytest.param("https", "10.0.0.1", "http", ["http, https"], id="nearest-proxy-last"),
        pytest.param("http", "10.0.0.1", "http", ["gopher"], id="nonsense"),
        pytest.param("https", "10.0.0.1", "https", [], id="absent"),
        pytest.param("http", "203.0.113.9", "http", ["https"], id="untrusted"),
        pytest.param("https", "/run/parley.sock", "https", ["http"], id="unix-socket"),
    ],
)
def test_scheme(expected, peer, scheme, proto):
    """The scheme is the nearest trusted proxy's word, or the connection's own."""
    assert expected == address(peer, proto=proto, scheme=scheme).scheme


def test_nobody_is_trusted_by_default():
    """Without trusted networks no header is believed, not even from loopback."""
    actual = client_address("127.0.0.1", "http", ["1.1.1.1"], ["https"], ())

    assert ClientAddress("127.0.0.1", "http") == actual


def test_long_chain_is_not_followed_to_its_end():
    """A client that writes trusted addresses without end does not keep the loop busy."""
    assert address("10.0.0.1", "1.1.1.1" + ", 10.0.0.2" * 16).ip == "10.0.0.2"
    assert address("10.0.0.1", "1.1.1.1" + ", 10.0.0.2" * 15).ip == "1.1.1.1"


@given(st.text(), st.lists(st.text()))
def test_any_text_is_survived(peer, headers):
    """Whatever stands in the headers, there is an answer, and from a proxy it is an address."""
    assert isinstance(address(peer, *headers), ClientAddress)
    assert networks([address("10.0.0.1", *headers).ip])


def test_problems():
    """What is no network is named."""
    wrong = problems(["10.0.0.0/8", "10.0.0.1/8", "proxy.local", "::1"])

    assert len(wrong) == 2
    assert "10.0.0.1/8" in wrong[0]
    assert "proxy.local" in wrong[1]
