"""A live identity provider that changes its keys, hangs, talks rubbish and goes away under load."""

import asyncio

import pytest

from tests.calls.house import House
from tests.calls.test_admission import refused_in_words
from tests.fakes.issuer import ISSUER, IssuerServer, SigningKey, until
from tests.fakes.upstream import FakeUpstream
from tornado_app.admission.issuers import fetching, remote, schedule

CALLERS = 4
IN_EACH_STATE = 6


class Load:
    """Callers who open and leave without a pause, each time with a token of the newest key."""

    def __init__(self, house: House, key: SigningKey) -> None:
        self.key = key
        self.opened = 0
        self._is_over = False
        self._house = house
        self._tasks = [asyncio.ensure_future(self._call(f"u{n}")) for n in range(CALLERS)]

    async def _call(self, user: str) -> None:
        while not self._is_over:
            client = await self._house.connected(token=self.key.token(sub=user))
            self.opened += 1
            client.socket.close()
            await client.closed()

    async def some(self) -> None:
        """Until a few more have come in; raises what any of them met."""
        enough = self.opened + IN_EACH_STATE
        async with asyncio.timeout(60):
            while self.opened < enough:
                for task in self._tasks:
                    if task.done():
                        task.result()
                await asyncio.sleep(0.005)

    async def stop(self) -> None:
        self._is_over = True
        await asyncio.gather(*self._tasks)


@pytest.mark.gen_test(timeout=170)
async def test_no_valid_user_is_refused(tmp_path, monkeypatch):
    """Whatever the provider does: known keys count, new ones are found, old ones go."""
    monkeypatch.setattr(schedule, "REST_S", 0.05)
    monkeypatch.setattr(schedule, "LONGEST_REST_S", 0.05)
    monkeypatch.setattr(fetching, "FETCH_S", 60.0)
    monkeypatch.setattr(remote, "WAIT_S", 60.0)
    file = tmp_path / "issuers.toml"
    first = SigningKey(kid="0")
    async with IssuerServer(first) as server, FakeUpstream() as fake:
        file.write_text(
            f'[issuers.one]\nissuer = "{ISSUER}"\naudience = ["parley"]\n'
            f'algorithms = ["ES256"]\njwks_url = "{server.jwks_url}"\n'
        )
        async with House(fake.url, auth_issuers_file=str(file)) as house:
            load = Load(house, first)
            try:
                for number in range(1, 4):
                    before, load_key = load.key, SigningKey(kid=str(number))
                    server.keys = [load_key, before]
                    load.key = load_key
                    await load.some()
                    server.keys = [load_key]
                    await look(house)
                    await until(lambda key=before: not_known(house, key))
                    await refused_in_words(house, "token_invalid", token=before.token())
                    await in_trouble(house, server, load)
            finally:
                await load.stop()


async def in_trouble(house: House, server: IssuerServer, load: Load) -> None:
    for trouble, well in (
        ({"hangs": True}, {"hangs": False}),
        ({"says": b"<html>nothing here</html>"}, {"says": None}),
        ({"says": b'{"keys": [{"kty": "RSA"}]}'}, {"says": None}),
        ({"status": 503}, {"status": 200}),
        ({"is_away": True}, {"is_away": False}),
    ):
        asked = len(server.asked)
        for name, value in trouble.items():
            setattr(server, name, value)
        await look(house)
        await until(lambda asked=asked: len(server.asked) > asked)
        await load.some()
        for name, value in well.items():
            setattr(server, name, value)
        server.release()
        await until(lambda: not house.health.issuers)


async def look(house: House) -> None:
    """As if the keys had become old, and were asked for in time."""
    [keys] = house.gateway.access.trust.keys.remote()
    await until(lambda: not keys._schedule.is_asking)
    keys._schedule.refresh_s = 0.0
    keys._look()
    keys._schedule.refresh_s = 300.0


def not_known(house: House, key: SigningKey) -> bool:
    [keys] = house.gateway.access.trust.keys.remote()
    return key.kid not in {known.key_id for known in keys.current().keys}
