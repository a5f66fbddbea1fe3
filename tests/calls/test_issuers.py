"""Tokens of identity providers, from the opening of a socket to the keys of a live server."""

import asyncio
import json
import time

import pytest

from tests.calls.house import WAIT_S, House, whole_log
from tests.calls.test_admission import check_refusal, refused_in_words
from tests.calls.test_first_message import sent_away, stranger
from tests.fakes.issuer import IssuerServer, SigningKey, until
from tests.fakes.upstream import FakeUpstream
from tornado_app.admission.issuers import fetching, remote, schedule
from tornado_app.admission.issuers.key_set import ALGORITHMS, HMAC
from tornado_app.admission.revocations import Revocations


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """A busy computer is no issuer that hangs."""
    monkeypatch.setattr(fetching, "FETCH_S", 60.0)
    monkeypatch.setattr(remote, "WAIT_S", 60.0)


@pytest.fixture
def issuers(tmp_path):
    """Writes a file of one issuer, and gives its name."""

    def write(source: str, algorithms=("ES256",), issuer="https://id.example", more="") -> str:
        path = tmp_path / "issuers.toml"
        path.write_text(
            f'[issuers.one]\nissuer = "{issuer}"\naudience = ["parley"]\n'
            f"algorithms = {json.dumps(algorithms)}\n{source}\n{more}\n"
        )
        return str(path)

    return write


def of(server: IssuerServer, more="") -> str:
    return f'jwks_url = "{server.jwks_url}"\n{more}'


@pytest.mark.gen_test
@pytest.mark.parametrize("algorithm", [name for name in ALGORITHMS if name not in HMAC])
async def test_a_token_of_the_issuer_opens_a_call(issuers, algorithm):
    """With each algorithm, under the user that it names, and what it says of the call is done."""
    key = SigningKey(algorithm)
    async with IssuerServer(key) as server, FakeUpstream() as fake:
        file = issuers(of(server), [algorithm])
        async with House(fake.url, auth_issuers_file=file) as house:
            token = key.token(sub="bob", parley_session={"voice": "cedar"}, jti="t-1")
            client = await house.connected(token=token)
            [connection] = house.gateway.connections
            assert ("bob", "t-1") == (connection.config.user_id, connection.config.token_id)
            assert "cedar" == connection.config.model_session.voice
            await client.audio(bytes(960))
            await client.next("audio_received")
            await house.connected(token=house.token("carol"))


@pytest.mark.gen_test
async def test_a_thousand_wait_for_one_question(issuers):
    """All that come while nobody knows the keys wait for one answer, and the loop for nobody."""
    key = SigningKey()
    tokens = [key.token(sub=f"u{n}") for n in range(1000)]
    async with IssuerServer(key) as server, FakeUpstream() as fake:
        server.hangs = True
        async with House(fake.url, auth_issuers_file=issuers(of(server))) as house:
            trust = house.gateway.access.trust
            waiting = [trust.awaited(token) for token in tokens]
            await until(lambda: server.asked)
            assert trust.keys.are_missing
            await house.connected()  # a token of our own waits for nobody's keys
            server.release()
            async with asyncio.timeout(WAIT_S):
                await asyncio.gather(*waiting)
            assert 1 == server.questions
            assert {trust.identify(token).user_id for token in tokens} == {
                f"u{n}" for n in range(1000)
            }
            assert not trust.keys.are_missing
            assert trust.awaited(tokens[0]) is None


@pytest.mark.gen_test
async def test_sockets_wait_for_a_key_that_is_not_known(issuers, monkeypatch):
    """In the header, the subprotocol and the first message; what comes behind that is kept."""
    monkeypatch.setattr(schedule, "REST_S", 0.05)
    old, new = SigningKey(kid="old"), SigningKey(kid="new")
    async with IssuerServer(old) as server, FakeUpstream() as fake:
        how = {"auth_issuers_file": issuers(of(server)), "auth_allow_first_message": True}
        async with House(fake.url, **how) as house:
            await until(lambda: not house.gateway.access.trust.keys.are_missing)
            server.keys, server.hangs = [old, new], True
            first = await stranger(house)
            await first.say("authenticate", token=new.token(sub="first"))
            await first.audio(bytes(9600))
            await first.say("ping", id="p")
            opened = [asyncio.ensure_future(house.connected(token=new.token()))]
            offer = ["voice.v1", f"bearer.{new.token()}"]
            opened.append(asyncio.ensure_future(house.connected(token="", subprotocols=offer)))
            await house.connected(token=old.token())
            await until(lambda: server.questions == 2)
            assert not any(each.done() for each in opened)
            server.release()
            async with asyncio.timeout(WAIT_S):
                await asyncio.gather(*opened)
            while not {"audio_received", "pong"} <= set(first.types):
                await first.read()
            assert first.types.index("audio_received") < first.types.index("pong")
            first.check_numbers()
            assert {"first", "alice"} == {c.config.user_id for c in house.gateway.connections}


@pytest.mark.gen_test
async def test_a_call_goes_on_with_a_token_of_a_new_key(issuers, monkeypatch):
    """While its key is asked for the call goes on, and it counts from then on."""
    monkeypatch.setattr(schedule, "REST_S", 0.05)
    old, new = SigningKey(kid="old"), SigningKey(kid="new")
    async with (
        IssuerServer(old) as server,
        FakeUpstream() as fake,
        House(fake.url, auth_issuers_file=issuers(of(server))) as house,
    ):
        client = await house.connected(token=old.token(jti="first"))
        server.keys, server.hangs = [new], True
        await client.say("refresh_token", token=new.token(jti="second"), id="r")
        await until(lambda: server.questions == 2)
        await client.say("ping", id="p")
        assert "p" == (await client.next("pong"))["data"]["ref"]
        server.release()
        assert "r" == (await client.next("token_refreshed"))["data"]["ref"]
        house.gateway.access.trust.taken_back._on_revocations(
            Revocations(token_ids=frozenset({"first"}))
        )
        await client.say("refresh_token", token=old.token(), id="again")
        assert "again" == (await client.error("token_invalid"))["data"]["ref"]
        house.gateway.access.trust.taken_back._on_revocations(
            Revocations(token_ids=frozenset({"second"}))
        )
        await client.error("token_revoked")
        assert (4401, "token_revoked") == await client.closed()


@pytest.mark.gen_test
async def test_names_of_keys_that_nobody_has_cause_few_questions(issuers, monkeypatch):
    """However many are made up, the issuer is asked once in a while, and each is refused."""
    monkeypatch.setattr(schedule, "REST_S", 0.3)
    key = SigningKey()
    async with (
        IssuerServer(key) as server,
        FakeUpstream() as fake,
        House(fake.url, auth_issuers_file=issuers(of(server))) as house,
    ):
        await until(lambda: not house.gateway.access.trust.keys.are_missing)
        began = time.monotonic()
        forged = [SigningKey(kid=f"../../{n}' or 1=1").token() for n in range(50)]
        for n in range(0, 50, 10):
            each = [refused_in_words(house, "token_invalid", token=t) for t in forged[n : n + 10]]
            assert {(4401, "token_invalid")} == set(await asyncio.gather(*each))
            await house.connected(token=key.token(sub=f"u{n}"))
        assert server.questions <= 2 + (time.monotonic() - began) / 0.3


@pytest.mark.gen_test
async def test_a_token_that_is_wrong_anyhow_asks_nobody(issuers):
    """Neither its audience nor its end becomes better by a key."""
    key, other = SigningKey(), SigningKey(kid="k2")
    async with (
        IssuerServer(key) as server,
        FakeUpstream() as fake,
        House(fake.url, auth_issuers_file=issuers(of(server))) as house,
    ):
        await until(lambda: not house.gateway.access.trust.keys.are_missing)
        for claims in ({"aud": "other"}, {"exp": 1}, {"sub": None}):
            assert house.gateway.access.trust.awaited(other.token(**claims)) is None
        assert house.gateway.access.trust.awaited(other.token()) is not None


@pytest.mark.gen_test
async def test_an_issuer_that_never_answers_keeps_nobody_for_ever(issuers, monkeypatch):
    """Its clients are told to try again; everybody else notices nothing."""
    monkeypatch.setattr(remote, "WAIT_S", 0.3)
    key = SigningKey()
    async with IssuerServer(key) as server, FakeUpstream() as fake:
        server.hangs = True
        how = {"auth_issuers_file": issuers(of(server)), "auth_allow_first_message": True}
        async with House(fake.url, **how) as house:
            assert (1013, "server_busy") == await refused_in_words(
                house, "server_busy", token=key.token()
            )
            first = await stranger(house)
            await first.say("authenticate", token=key.token())
            assert (1013, "server_busy") == await sent_away(first, "server_busy")
            status, body, response = await house.refusal(token=key.token())
            assert (503, "5") == (status, response.headers["Retry-After"])
            check_refusal(body, "server_busy")
            await house.connected()


@pytest.mark.gen_test
async def test_keys_by_discovery(issuers):
    """The provider's own document says where they are, and whose."""
    key = SigningKey()
    async with IssuerServer(key) as server, FakeUpstream() as fake:
        file = issuers("discovery = true", issuer=server.url)
        async with House(fake.url, auth_issuers_file=file) as house:
            await house.connected(token=key.token(iss=server.url))
            assert ["/.well-known/openid-configuration", "/jwks"] == server.asked


@pytest.mark.gen_test
@pytest.mark.parametrize(
    ("trouble", "cause"),
    [
        ({"says": b"<html>"}, "no_key_set"),
        ({"says": b'{"keys": 7}'}, "no_key_set"),
        ({"says": b'{"keys": []}'}, "no_usable_key"),
        ({"says": b'{"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}'}, "no_usable_key"),
        ({"says": b"x" * (2 << 20)}, "too_large"),
        ({"status": 500}, "http_500"),
        ({"status": 302}, "http_302"),
        ({"is_away": True}, "RemoteProtocolError"),
        ({"issuer": "https://other.example"}, "other_issuer"),
    ],
    ids=str,
)
async def test_an_issuer_in_trouble_is_borne(issuers, monkeypatch, trouble, cause):
    """Its last keys count for a while, which is told once, and once more when it is over."""
    monkeypatch.setattr(schedule, "REST_S", 0.02)
    monkeypatch.setattr(schedule, "LONGEST_REST_S", 0.02)
    key = SigningKey()
    async with IssuerServer(key) as server, FakeUpstream() as fake:
        file = issuers("discovery = true", issuer=server.url)
        with whole_log() as log:
            async with House(fake.url, auth_issuers_file=file) as house:
                await house.connected(token=key.token(iss=server.url))
                [keys] = house.gateway.access.trust.keys.remote()
                good = {name: getattr(server, name) for name in trouble}
                for name, value in trouble.items():
                    setattr(server, name, value)
                ask_again(keys)
                before = len(server.asked)
                await until(lambda: len(server.asked) > before + 6)
                assert {"one": "stale"} == house.health.issuers
                assert not house.gateway.access.trust.keys.are_missing
                await house.connected(token=key.token(iss=server.url, sub="bob"))

                keys._schedule.stale_s = 0.0  # its time is over
                keys._look()
                assert {"one": "missing"} == house.health.issuers
                assert house.gateway.access.trust.keys.are_missing
                assert keys.current() is None

                for name, value in good.items():
                    setattr(server, name, value)
                keys._schedule.stale_s = 3600.0
                await until(lambda: not house.gateway.access.trust.keys.are_missing)
                await house.connected(token=key.token(iss=server.url, sub="carol"))
    lines = [line for line in log.getvalue().splitlines() if "issuer_keys" in line]
    assert ["issuer_keys", "issuer_keys_stale", "issuer_keys_missing", "issuer_keys"] == [
        json.loads(line)["event"] for line in lines
    ]
    assert cause == json.loads(lines[1])["cause"]
    assert not any("127.0.0.1" in line for line in lines)


def ask_again(keys) -> None:
    """As if the keys had become old."""
    keys._schedule.refresh_s = 0.02
    keys._look()
    keys._schedule.refresh_s = 300.0
