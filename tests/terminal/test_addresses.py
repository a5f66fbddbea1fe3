"""What may be listened at, and where others on this computer find it."""

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from terminal.addresses import in_url, is_host, reachable, why_unheard

EVERY_IPV4 = ["*", "0.0.0.0", "0", "0.0", "0x0"]  # noqa: S104  that nobody calls them is what is tried
EVERY_IPV6 = ["::", "0:0:0:0:0:0:0:0", "0::0"]
ONE = ["127.0.0.1", "127.1", "localhost", "::1", "fe80::1%eth0", "10.0.0.7", "gateway.example"]
NONE = [
    *("", " ", "127.0.0.1 ", "127.0.0.1:80", "127.0.0.1,::1", "[::1]", "::1:8765:", "a:b"),
    *("http://127.0.0.1", "user@host", "/run/socket", "a\nb", "127.0.0.1\0x", "\udcff", "a\tb"),
]


@pytest.mark.parametrize("host", EVERY_IPV4)
def test_all_addresses_are_found_at_one(host):
    """Nobody can open an address that means all of them."""
    assert is_host(host)
    assert "127.0.0.1" == reachable(host)


@pytest.mark.parametrize("host", EVERY_IPV6)
def test_all_addresses_of_ipv6_are_found_at_one(host):
    """The same; it listens at no other."""
    assert is_host(host)
    assert "::1" == reachable(host)


@pytest.mark.parametrize("host", ONE)
def test_one_address_is_found_at_itself(host):
    """Whoever has named one knows it by that name."""
    assert is_host(host)
    assert host == reachable(host)


@pytest.mark.parametrize("host", NONE)
def test_what_is_no_address(host):
    """A resolver would say that there is no such name, or cut it off and take the rest."""
    assert not is_host(host)


@given(st.text(min_size=1).filter(is_host))
def test_whatever_may_be_named_has_a_place_in_an_address(host):
    """Nothing breaks on a name that no resolver knows."""
    assert in_url(reachable(host), 8765).endswith(":8765")


def test_how_a_place_is_written():
    """IPv6 in brackets, other alphabets as name servers have them."""
    assert "[::1]:8765" == in_url("::1", 8765)
    assert "xn--bcher-kva.example:8765" == in_url("bücher.example", 8765)
    assert "127.0.0.1:8765" == in_url("127.0.0.1", 8765)


def test_why_nobody_can_listen():
    """The reason alone; Python's own puts the address behind it once more."""
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(OSError, match="while attempting") as caught,
    ):
        socket.create_server(taken.getsockname())

    assert "Address already in use" == why_unheard(caught.value)
    assert "this is no name of a computer" == why_unheard(UnicodeError("label too long"))
