"""How issuers are asked: tornado_app/admission/issuers/fetching.py, with a live server."""

import asyncio
import json

import pytest

from tests.fakes.issuer import IssuerServer, SigningKey, jwks, until
from tornado_app.admission.issuers import fetching
from tornado_app.admission.issuers.fetching import BODY_BYTES, Address, Failed, KeyFetcher


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """A busy computer is no issuer that hangs."""
    monkeypatch.setattr(fetching, "FETCH_S", 60.0)


async def answer(*addresses: Address, uses_environment=False):
    """What comes of asking there, one after the other."""
    loop = asyncio.get_running_loop()
    fetcher = KeyFetcher(loop.call_soon_threadsafe, uses_environment=uses_environment)
    fetcher.start()
    found = []
    try:
        for address in addresses:
            told = loop.create_future()
            fetcher.fetch(address, told.set_result)
            found.append(await told)
    finally:
        await fetcher.stop()
    return found


@pytest.mark.gen_test
async def test_keys_are_where_the_operator_or_the_issuer_says():
    """The document of discovery stands below the issuer's own name."""
    async with IssuerServer(SigningKey(kid="first")) as server:
        named, discovered = await answer(
            Address("https://id.example", server.jwks_url), Address(server.url, "")
        )

    assert ["first"] == [key.key_id for key in named.keys]
    assert ["first"] == [key.key_id for key in discovered.keys]
    assert ["/jwks", "/.well-known/openid-configuration", "/jwks"] == server.asked
    assert {"parley"} == server.agents


@pytest.mark.gen_test
async def test_no_proxy_is_asked_for_this_computer(monkeypatch):
    """Whoever has the environment's used need not name what is not behind it."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    async with IssuerServer(SigningKey(kid="first")) as server:
        (found,) = await answer(
            Address("https://id.example", server.jwks_url), uses_environment=True
        )

    assert ["first"] == [key.key_id for key in found.keys]


SHOWN = json.loads(jwks(SigningKey()))
AS_LARGE_AS_MAY_BE = json.dumps(SHOWN).encode().ljust(BODY_BYTES)


@pytest.mark.gen_test
@pytest.mark.parametrize(
    ("says", "status", "cause"),
    [
        (b"", 200, "no_key_set"),
        (b'{"keys": []}', 200, "no_usable_key"),
        (None, 404, "http_404"),
        (None, 302, "http_302"),
        (AS_LARGE_AS_MAY_BE + b" ", 200, "too_large"),
        (AS_LARGE_AS_MAY_BE, 200, None),
    ],
)
async def test_an_answer_without_keys_is_a_word(says, status, cause):
    """For the log."""
    async with IssuerServer(SigningKey()) as server:
        server.says, server.status = says, status
        [found] = await answer(Address("https://id.example", server.jwks_url))

    assert cause == (found.cause if isinstance(found, Failed) else None)


@pytest.mark.gen_test
async def test_one_issuer_cannot_hand_out_the_keys_of_another():
    """Nor is a server asked that says so; one that is away is none."""
    async with IssuerServer(SigningKey()) as server:
        server.issuer = "https://other.example"
        [found] = await answer(Address(server.url, ""))
        assert Failed("other_issuer") == found
        assert "/jwks" not in server.asked

        server.is_away = True
        [found] = await answer(Address("https://id.example", server.jwks_url))
        assert isinstance(found, Failed)


@pytest.mark.gen_test
@pytest.mark.parametrize(
    ("said", "cause"),
    [
        (None, "no_discovery_document"),
        ({}, "bad_jwks_uri"),
        ({"jwks_uri": 7}, "bad_jwks_uri"),
        ({"jwks_uri": "file:///etc/passwd"}, "bad_jwks_uri"),
    ],
)
async def test_a_document_that_says_nothing_of_keys_is_a_word(said, cause):
    """And nothing else is asked."""
    async with IssuerServer(SigningKey()) as server:
        document = [] if said is None else {"issuer": server.url, **said}
        server.document = json.dumps(document).encode()
        [found] = await answer(Address(server.url, ""))

    assert Failed(cause) == found
    assert "/jwks" not in server.asked


@pytest.mark.gen_test
async def test_an_issuer_that_hangs_is_given_up(monkeypatch):
    """And is told to nobody when the gateway ends before."""
    loop, told = asyncio.get_running_loop(), []
    async with IssuerServer(SigningKey()) as server:
        server.hangs = True
        address = Address("https://id.example", server.jwks_url)
        fetcher = KeyFetcher(loop.call_soon_threadsafe, uses_environment=False)
        fetcher.start()
        fetcher.fetch(address, told.append)
        await until(lambda: server.questions == 1)
        await fetcher.stop()
        assert fetcher._loop.is_closed()

        monkeypatch.setattr(fetching, "FETCH_S", 0.05)
        assert [Failed("timeout")] == await answer(address)
    assert [] == told


@pytest.mark.parametrize(
    ("address", "is_plain"),
    [
        (Address("https://id.example", ""), False),
        (Address("http://id.example", ""), True),
        (Address("http://id.example", "https://id.example/jwks"), False),
        (Address("https://id.example", "http://id.example/jwks"), True),
    ],
)
def test_who_is_asked_without_tls_is_what_the_operator_wrote(address, is_plain):
    """The address of the keys, if there is one."""
    assert is_plain == address.is_plain


@pytest.mark.gen_test
async def test_a_fetcher_that_was_never_started_ends_all_the_same():
    """And so does its loop."""
    loop = asyncio.get_running_loop()
    fetcher = KeyFetcher(loop.call_soon_threadsafe, uses_environment=False)
    await fetcher.stop()

    assert fetcher._loop.is_closed()
