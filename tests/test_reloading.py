"""The settings are read again: with a signal to a process, and with calls that run."""

import asyncio
import contextlib
import json
import signal
import time
from decimal import Decimal
from pathlib import Path

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest
from tornado.websocket import websocket_connect

from tests.calls.house import VoiceClient, house_settings, whole_log
from tests.fakes.upstream import FakeUpstream
from tests.test_serving import program
from tornado_app.admission.tokens import issue
from tornado_app.commands.configuration import DEFAULTS, read_house, token_rules
from tornado_app.metrics.definitions import RELOADS
from tornado_app.reloading import House, Reading
from tornado_app.server import Server
from tornado_app.settings.loading import ConfigFile, load
from tornado_app.settings.reading import InvalidSettings
from tornado_app.settings.schema import Settings

CALLS = 40
CHUNKS = 25
SECRETS = [f"{number}-abcdefghijklmnopqrstuvwxyz-0123456789" for number in range(3)]


class Running:
    """A server in this process, and the settings that its operator writes."""

    def __init__(self, **settings: object) -> None:
        self.settings = house_settings(server_port=0, **settings)

    async def start(self) -> None:
        self._reading = Reading(lambda: self.settings, read_house)
        self.server = Server(self.settings, read_house(self.settings), self._as_written())
        await self.server.start()

    def _as_written(self) -> Reading:
        def settings() -> Settings:
            return self._reading.settings()

        def house(found: Settings) -> House:
            return self._reading.house(found)

        return Reading(settings, house)

    async def reload(self, **settings: object) -> list[dict[str, object]]:
        """With these, as the file has them now; the lines of the log."""

        def read() -> Settings:
            return house_settings(server_port=0, **settings)

        return await self.reload_by(Reading(read, read_house))

    async def reload_by(self, reading: Reading) -> list[dict[str, object]]:
        with whole_log("info") as log:
            self._reading = reading
            await self.server.reload()
            return [*map(json.loads, log.getvalue().splitlines())]

    async def call(
        self, number: int = 0, secret: str = SECRETS[0], origin: str = ""
    ) -> VoiceClient:
        rules = token_rules(house_settings(auth_secret=secret))
        token = issue(f"user-{number}", rules, time.time(), 600)
        headers = {"Authorization": f"Bearer {token}"} | ({"Origin": origin} if origin else {})
        url = f"ws://127.0.0.1:{self.server.port}/ws"
        client = VoiceClient(await websocket_connect(HTTPRequest(url, headers=headers)))
        await client.status("connected")
        return client

    async def refusal(self, **how: object) -> int:
        with pytest.raises(HTTPClientError) as refused:
            await self.call(**how)
        return refused.value.code


@contextlib.asynccontextmanager
async def running(**settings: object):
    async with FakeUpstream() as upstream:
        house = Running(upstream_url=upstream.url, auth_secret=SECRETS[0], **settings)
        house.upstream = upstream
        house.same = {"upstream_url": upstream.url, **settings}
        await house.start()
        try:
            yield house
        finally:
            await house.server.stop()


def of(lines: list[dict[str, object]], event: str, field: str = "setting") -> list[object]:
    return [line[field] for line in lines if line["event"] == event]


async def hang_up(*clients: VoiceClient) -> None:
    for client in clients:
        client.socket.close(1000)
        await client.closed()


@pytest.mark.gen_test
async def test_forty_calls_notice_nothing():
    """Not a chunk is lost, whatever is changed and however often, good or bad."""
    async with running() as house:
        clients = await asyncio.gather(*(house.call(number) for number in range(CALLS)))

        async def talk(client: VoiceClient) -> list[int]:
            for _ in range(CHUNKS):
                await client.audio(bytes(960))
                await asyncio.sleep(0.005)
            heard = [await client.next("audio_received") for _ in range(CHUNKS)]
            return [message["data"]["chunk"] for message in heard]

        talking = asyncio.gather(*map(talk, clients))
        secret = 0
        while not talking.done():
            secret = (secret + 1) % len(SECRETS)
            await house.reload(**house.same, auth_secret=SECRETS[secret])
            await house.reload(**house.same, auth_secret=SECRETS[secret], limits_connections=1)
            await asyncio.sleep(0.05)
        chunks = await talking
        await hang_up(*clients)

    assert [[*range(1, CHUNKS + 1)]] * CALLS == chunks
    assert not any("error" in client.types for client in clients)


@pytest.mark.gen_test
async def test_what_changes_holds_for_who_comes_next():
    """Secrets, origins, limits and defaults of calls; each is named, and no value."""
    async with running() as house:
        early = await house.call()
        changed = {
            "auth_secret": SECRETS[1],
            "server_allowed_origins": ["https://app.example"],
            "limits_connections_per_user": 1,
            "session_voice": "cedar",
        }
        lines = await house.reload(**{**house.same, **changed})
        old_secret = await house.refusal(number=1)
        other_page = await house.refusal(number=1, secret=SECRETS[1], origin="https://x.example")
        late = await house.call(1, SECRETS[1], "https://app.example")
        second = await house.refusal(number=1, secret=SECRETS[1])
        await early.say("ping")
        await early.next("pong")
        calls = {call.config.user_id: call.config for call in house.server.gateway.connections}
        await hang_up(early, late)

    assert (401, 403, 429) == (old_secret, other_page, second)
    assert "cedar" == calls["user-1"].model_session.voice
    assert "cedar" != calls["user-0"].model_session.voice
    names = ["auth.secret", "limits.connections_per_user", "server.allowed_origins"]
    assert [*names, "session.voice"] == of(lines, "setting_changed")
    assert [] == of(lines, "restart_needed")
    assert SECRETS[1] not in json.dumps(lines)


@pytest.mark.gen_test
async def test_what_is_fixed_is_named():
    """And the rest is taken all the same."""
    async with running() as house:
        lines = await house.reload(
            **house.same, auth_secret=SECRETS[0], audio_threads=7, session_voice="cedar"
        )

    assert ["session.voice"] == of(lines, "setting_changed")
    assert ["audio.threads"] == of(lines, "restart_needed")


@pytest.mark.gen_test
async def test_application_keys_come_and_go():
    """With the address that they are for."""
    key = "0123456789abcdef0123456789abcdef"
    codes = []
    async with running() as house:
        request = HTTPRequest(
            f"http://127.0.0.1:{house.server.port}/sessions",
            method="POST",
            headers={"Authorization": f"Bearer {key}"},
            body='{"user": "alice"}',
        )
        for keys in ([], [key], []):
            await house.reload(**house.same, auth_secret=SECRETS[0], auth_application_keys=keys)
            answer = await AsyncHTTPClient().fetch(request, raise_error=False)
            codes.append(answer.code)
    assert [404, 201, 404] == codes


@pytest.mark.gen_test
async def test_a_bad_file_changes_nothing(tmp_path):
    """It says all that is wrong, in the words of check-config; so does each file it names."""
    async with running() as house:
        before = house.server.gateway.settings
        config = tmp_path / "my.toml"
        policy = tmp_path / "policy.toml"
        policy.write_text("[nobody]\nx = 1\n")
        environ = {"PARLEY_AUTH_SECRET": SECRETS[1], "PARLEY_SERVER_PORT": "0"}

        async def tried(text: str) -> list[str]:
            config.write_text(text)

            def read() -> Settings:
                file = ConfigFile(str(config), config.read_text())
                return load(DEFAULTS.read_text(), file, environ)

            lines = await house.reload_by(Reading(read, read_house))
            assert {"reload_refused"} == {str(line["event"]) for line in lines}
            assert {"error"} == {str(line["level"]) for line in lines}
            return [str(line["reason"]) for line in lines]

        [not_toml] = await tried("[limits")
        two = await tried("[limits]\nconnections = 0\n[session]\nvoise = 'x'\n")
        [elsewhere] = await tried(f"[session]\npolicy_file = {json.dumps(str(policy))}\n")
        [tools] = await tried(f"[tools]\nfile = {json.dumps(str(tmp_path / 'nowhere'))}\n")
        [place] = await tried("[server]\nenvironment = 'development'\nhost = 7\n")
        assert before is house.server.gateway.settings
        assert {("refused",): 5} == house.server.gateway.tally.counts(RELOADS)
        call = await house.call()  # by the old secret
        await hang_up(call)

    assert "TOML" in not_toml
    assert 2 == len(two)
    assert "limits.connections" in two[0] + two[1]
    assert "nobody" in elsewhere
    assert "cannot be read" in tools
    assert "server.host" in place


@pytest.mark.gen_test
async def test_files_that_settings_name(tmp_path):
    """The policy and the tools are read again though their names are the same."""
    policy, tools = tmp_path / "policy.toml", tmp_path / "tools.toml"
    policy.write_text("")
    tools.write_text(_tool("first"))
    files = {"session_policy_file": str(policy), "tools_file": str(tools)}
    async with running(**files) as house:
        early = await house.call()
        tools.write_text(_tool("second"))
        policy.write_text("[fields]\nimages = {token = false}\n")
        lines = await house.reload(**house.same, auth_secret=SECRETS[0])
        late = await house.call(1)
        calls = {call.config.user_id: call for call in house.server.gateway.connections}
        had = [
            [function.name for function in calls[user].config.tools.functions]
            for user in ("user-0", "user-1")
        ]
        await hang_up(early, late)

    assert [["first"], ["second"]] == had
    assert ["session.policy_file", "tools.file"] == of(lines, "setting_changed"), lines


@pytest.mark.gen_test
async def test_prices_hold_for_who_comes_next(tmp_path):
    """A call goes on by those that it began with; a file that is none changes nothing."""
    prices, lines_file = tmp_path / "prices.toml", tmp_path / "usage.jsonl"
    prices.write_text(_price(1))
    files = {"usage_prices_file": str(prices), "usage_lines_file": str(lines_file)}
    async with running(**files) as house:
        early = await house.call()
        prices.write_text(_price(2))
        lines = await house.reload(**house.same, auth_secret=SECRETS[0])
        prices.write_text("[[answers]]\nmodel = 1\nfrom = 2020-01-01\n")
        [refused] = await house.reload(**house.same, auth_secret=SECRETS[0])
        late = await house.call(1)
        for number, client in enumerate((early, late)):
            await client.say("text", text="Hello.")
            created = {"type": "response.created", "response": {"id": "r1"}}
            usage = {"total_tokens": 1_000_000}
            done = {"id": "r1", "status": "completed", "usage": usage, "output": []}
            for event in (created, {"type": "response.done", "response": done}):
                await (await house.upstream.connection(number)).send(event)
            await client.next("response_done")
        await hang_up(early, late)

    records = [*map(json.loads, lines_file.read_text().splitlines())]
    costs = {each["user_id"]: Decimal(each["cost"]) for each in records if each["kind"] == "answer"}
    assert ["usage.prices_file"] == of(lines, "setting_changed"), lines
    assert "reload_refused" == refused["event"]
    assert str(prices) in str(refused["reason"])
    assert {"user-0": 1, "user-1": 2} == costs


def _price(amount: int) -> str:
    return f'[[answers]]\nmodel = "*"\nfrom = 2020-01-01\ntext_output = {amount}\n'


def _tool(name: str) -> str:
    return f'[http.{name}]\ndescription = "x"\nmethod = "GET"\nurl = "http://127.0.0.1:9/"\n'


@pytest.mark.gen_test
async def test_what_is_only_tried_holds_for_nobody(tmp_path):
    """As one of several processes does before all go by it: it says what would be wrong."""
    tools = tmp_path / "tools.toml"
    tools.write_text(_tool("first"))
    async with running(tools_file=str(tools)) as house:
        before = house.server.gateway.settings
        tools.write_text(_tool("second") + '[python]\nmodule = "examples.tools.shop_tools"\n')
        with whole_log("info") as log:
            good = await house.server.try_reload()
            tools.write_text("[http.x]\n")
            bad = await house.server.try_reload()
        names = {function.name for function in house.server.gateway.tools.functions(())}

    assert ((), 2) == (good.problems, len(bad.problems))
    assert (before, {"first"}) == (house.server.gateway.settings, names)
    assert "" == log.getvalue()


@pytest.mark.gen_test
async def test_a_fault_while_it_is_read():
    """One that is found only when all is read again leaves all as it was."""
    async with running() as house:

        def refuse(_settings: Settings) -> None:
            raise InvalidSettings(["one", "two"])

        lines = await house.reload_by(Reading(lambda: house.settings, refuse))
    assert ["one", "two"] == of(lines, "reload_refused", "reason")


@pytest.mark.parametrize("processes", [1, 2])
def test_by_signal(tmp_path: Path, processes: int):
    """SIGHUP has a process read the file of a secret again, and SIGTERM ends it as ever.

    A parent hands both on to each of its own.
    """
    secret = tmp_path / "secret"
    secret.write_text(SECRETS[0])
    settings = {"server_processes": processes, "logging_format": "json"}
    with program(tmp_path, auth_secret_file=secret, **settings) as gateway:
        gateway.read_start()
        secret.write_text(SECRETS[1])
        gateway.process.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + 60
        while gateway.stderr.count('"reloaded"') < processes:
            assert time.monotonic() < deadline, gateway.stderr
            time.sleep(0.01)
        gateway.process.terminate()
        code = gateway.end()

    lines = [*map(json.loads, gateway.stderr.splitlines())]
    assert 0 == code
    assert ["auth.secret"] * processes == of(lines, "setting_changed")
    assert not any(text in gateway.stderr for text in SECRETS)
