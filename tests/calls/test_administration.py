"""What an operator sees of calls and does with them, over HTTP."""

import asyncio
import dataclasses
import json
import re
from pathlib import Path

import jwt
import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest

from tests.calls.house import House, VoiceClient, until, whole_log
from tests.calls.test_messages import created, done
from tests.fakes.upstream import FakeUpstream
from tornado_app.admission.claims import Caller
from tornado_app.handlers.admin.description import DESCRIPTION
from tornado_app.reloading import Outcome
from tornado_app.standing import Standings

KEY = "0123456789abcdef0123456789abcdef-anna"
OTHER_KEY = "fedcba9876543210fedcba9876543210-bot"


@pytest.fixture
def settings(tmp_path):
    return {
        "metrics_enabled": True,
        "admin_keys": [f"anna:{KEY}", f"bot:{OTHER_KEY}"],
        "admin_audit_file": str(tmp_path / "audit.jsonl"),
        "server_state_dir": str(tmp_path / "state"),
    }


async def ask(house, method, path, body=None, key=KEY, **headers):
    """Status and body of one request."""
    if key:
        headers["Authorization"] = f"Bearer {key}"
    request = HTTPRequest(
        f"http://127.0.0.1:{house.metrics_port}/admin/v1/{path}",
        method=method,
        headers=headers,
        body=None if body is None else json.dumps(body),
        allow_nonstandard_methods=True,
    )
    answer = await AsyncHTTPClient().fetch(request, raise_error=False)
    return answer.code, json.loads(answer.body)


async def session_id(client: VoiceClient) -> str:
    await client.say("get_status")
    return (await client.next("status"))["data"]["session_id"]


def deeds(settings) -> list[dict]:
    written = Path(settings["admin_audit_file"]).read_text("utf-8")
    return [json.loads(line) for line in written.splitlines()]


@pytest.mark.gen_test
async def test_calls_are_listed_by_page_and_by_what_is_wanted(settings):
    """Each once, whoever comes or goes meanwhile."""
    async with FakeUpstream() as fake, House(fake.url, **settings) as house:
        names = ["alice", "bob", "alice", "carol", "alice"]
        clients = [await house.connected(user=name) for name in names]
        status, first = await ask(house, "GET", "calls?limit=2")
        assert (200, ["alice", "bob"]) == (status, [call["user_id"] for call in first["calls"]])
        clients[1].socket.close()
        await until(lambda: len(house.gateway.connections) == 4, "the call is still there")
        await house.connected(user="dave")
        rest, after = [], first["next"]
        while after:
            _, page = await ask(house, "GET", f"calls?limit=2&after={after}")
            rest += page["calls"]
            after = page["next"]
        assert ["alice", "carol", "alice", "dave"] == [call["user_id"] for call in rest]
        _, hers = await ask(house, "GET", "calls?user_id=alice&state=connected")
        assert 3 == len(hers["calls"])
        assert hers["next"] is None
        _, nobody = await ask(house, "GET", "calls?user_id=alice&state=away")
        assert [] == nobody["calls"]


@pytest.mark.gen_test
async def test_one_call_has_its_figures(settings):
    """As its client counts them, and nothing of what was said."""
    async with FakeUpstream() as fake, House(fake.url, **settings) as house:
        client = await house.connected("input_rate=8000&turn_detection=none")
        await client.audio(bytes(3200))
        await client.next("audio_received")
        await client.say("text", text="a word that nobody else may see")
        await fake.next_event("response.create")
        for event in (created("r1"), done("r1")):
            await fake.send(event)
        await client.next("response_done")
        await client.say("nonsense")
        await client.error("unknown_type")
        status, call = await ask(house, "GET", f"calls/{await session_id(client)}")

    assert 200 == status
    assert ("alice", "127.0.0.1", "voice.v1", "connected") == tuple(
        call[name] for name in ("user_id", "ip", "dialect", "state")
    )
    assert {"encoding": "pcm16", "rate_hz": 8000, "channels": 1} == call["input"]
    assert 200.0 == call["received_ms"]
    assert (1, 1, {"unknown_type": 1}) == (call["chunks"], call["answers"], call["errors_by_code"])
    assert 127 == call["tokens"] == sum(call["tokens_by_type"].values())
    assert "nobody else" not in json.dumps(call)


@pytest.mark.gen_test
async def test_a_call_is_ended_and_nobody_elses(settings):
    """With the operator's words for the client, and a line for the audit."""
    with whole_log("info") as log:
        async with FakeUpstream() as fake, House(fake.url, **settings) as house:
            client, other = await house.connected(), await house.connected()
            called = await session_id(client)
            told = {"words": "The line is being repaired.", "reason": "ticket 17"}
            assert 200 == (await ask(house, "POST", f"calls/{called}/end", told))[0]
            error = await client.error("ended_by_operator")
            assert (4412, "ended_by_operator") == await client.closed()
            assert 404 == (await ask(house, "POST", f"calls/{called}/end", {}, OTHER_KEY))[0]
            await other.say("ping")
            await other.next("pong")
        lines = [json.loads(line) for line in log.getvalue().splitlines()]

    assert "The line is being repaired." == error["error"]
    assert not error["data"]["retryable"]
    assert [("anna", "done", "ticket 17"), ("bot", "not_found", "")] == [
        (deed["operator"], deed["outcome"], deed["reason"]) for deed in deeds(settings)
    ]
    assert {"call_ended"} == {deed["action"] for deed in deeds(settings)}
    causes = {line["session_id"]: line["cause"] for line in lines if "cause" in line}
    assert "ended_by_operator" == causes[called]
    assert 2 == len([line for line in lines if line["event"] == "admin_action"])


@pytest.mark.gen_test
async def test_a_call_whose_client_is_away_is_ended(settings):
    """And cannot be resumed."""
    settings["session_resume_window_s"] = 30
    async with FakeUpstream() as fake, House(fake.url, **settings) as house:
        client = await house.connected()
        called = await session_id(client)
        client.socket.stream.close()
        await until(
            lambda: "away" in {each.readings.state for each in house.gateway.connections},
            "the client is not missed",
        )
        assert 200 == (await ask(house, "POST", f"calls/{called}/end"))[0]
        assert not house.gateway.connections
        assert 404 == (await ask(house, "GET", f"calls/{called}"))[0]


@pytest.mark.parametrize("kind", ["user", "token"])
@pytest.mark.gen_test
async def test_who_is_kept_out_loses_the_call_and_is_let_in_again(settings, kind):
    """All of them, and no other."""
    async with FakeUpstream() as fake, House(fake.url, **settings) as house:
        token = house.token("alice")
        number = jwt.decode(token, options={"verify_signature": False})["jti"]
        name = "alice" if kind == "user" else number
        calls = [await house.connected(token=token) for _ in range(2)]
        bystander = await house.connected(user="bob")
        status, ban = await ask(house, "POST", "bans", {"kind": kind, "name": name, "for_s": 60})
        assert (200, name, True) == (status, ban["name"], ban.pop("everywhere"))
        assert [(4401, "token_revoked")] * 2 == await asyncio.gather(
            *(client.closed() for client in calls)
        )
        with pytest.raises(HTTPClientError, match="401"):
            await house.call(token=token)
        assert {"bans": [ban], "everywhere": True} == (await ask(house, "GET", "bans"))[1]
        assert 200 == (await ask(house, "DELETE", f"bans/{kind}/{name}"))[0]
        again = {"kind": kind, "name": name}
        assert [200, 200] == [
            (await ask(house, "POST", "bans", again))[0],
            (await ask(house, "DELETE", f"bans/{kind}/{name}"))[0],
        ]
        assert {"bans": [], "everywhere": True} == (await ask(house, "GET", "bans"))[1]
        assert 404 == (await ask(house, "DELETE", f"bans/{kind}/{name}"))[0]
        await house.connected(token=token)
        await bystander.say("ping")
        await bystander.next("pong")

    done = [(deed["action"], deed["outcome"]) for deed in deeds(settings)]
    in_and_out = [("kept_out", "done"), ("let_in", "done")]
    assert [*in_and_out, *in_and_out, ("let_in", "not_found")] == done


@pytest.mark.gen_test
async def test_who_is_kept_out_stays_out_when_the_keys_are_taken_away(settings):
    """Also of a gateway that begins without any."""
    async with FakeUpstream() as fake:
        async with House(fake.url, **settings) as house:
            assert 200 == (await ask(house, "POST", "bans", {"kind": "user", "name": "alice"}))[0]
        async with House(fake.url, **settings | {"admin_keys": []}) as house:
            with pytest.raises(HTTPClientError, match="401"):
                await house.call()
            await house.connected(user="bob")


@pytest.mark.gen_test
async def test_a_ban_that_cannot_be_written_changes_nothing(settings):
    """It is said, and stands in the audit as what was asked."""
    nowhere = settings | {"server_state_dir": "/proc/parley"}  # where root cannot write either
    async with FakeUpstream() as fake, House(fake.url, **nowhere) as house:
        client = await house.connected()
        status, answer = await ask(house, "POST", "bans", {"kind": "user", "name": "alice"})
        await client.say("ping")
        await client.next("pong")

    assert 500 == status
    assert answer["error"].startswith("It could not be written down, and nothing has changed")
    assert ["refused"] == [deed["outcome"] for deed in deeds(settings)]


@pytest.mark.gen_test
async def test_a_file_of_bans_that_is_half_written_is_named(settings, tmp_path):
    """To whoever keeps somebody out or lets them in."""
    bans = tmp_path / "state" / "bans.json"
    async with House("ws://127.0.0.1:9", **settings) as house:
        await ask(house, "POST", "bans", {"kind": "user", "name": "alice"})
        bans.write_text(bans.read_text()[:20])
        more = await ask(house, "POST", "bans", {"kind": "user", "name": "bob"})
        less = await ask(house, "DELETE", "bans/user/alice")

    assert [409, 409] == [more[0], less[0]]
    for answer in (more[1], less[1]):
        assert answer["error"].startswith("Nothing has changed, as bans.json cannot be read: ")


@pytest.mark.parametrize(
    ("key", "headers", "status"),
    [
        ("", {}, 401),
        ("0123456789abcdef0123456789abcdef", {}, 401),
        (KEY, {"Origin": "http://localhost"}, 403),
        (KEY + "é", {}, 401),
        ("a client's token", {}, 401),
    ],
)
@pytest.mark.gen_test
async def test_without_a_key_there_is_nothing(settings, key, headers, status):
    """Not even to somebody who may call; and nothing is done."""
    async with FakeUpstream() as fake, House(fake.url, **settings) as house:
        client = await house.connected()
        called = await session_id(client)
        key = house.token("alice") if key == "a client's token" else key
        for method, path in (
            ("GET", "calls"),
            ("GET", f"calls/{called}"),
            ("POST", f"calls/{called}/end"),
            ("POST", "bans"),
            ("POST", "drain"),
            ("POST", "reload"),
            ("POST", "limits/user/alice/reset"),
            ("GET", "usage"),
            ("GET", "openapi.json"),
            ("DELETE", "calls"),
        ):
            found, body = await ask(house, method, path, key=key, **headers)
            assert status == found
            assert {"error"} == body.keys()
        assert [] == house.told
        await client.say("ping")
        await client.next("pong")


@pytest.mark.gen_test
async def test_it_is_not_at_the_door_for_clients(settings):
    """Nor anywhere, if there is no key."""
    async with FakeUpstream() as fake, House(fake.url, **settings) as house:
        request = HTTPRequest(
            house.http("/admin/v1/calls"), headers={"Authorization": f"Bearer {KEY}"}
        )
        assert 404 == (await AsyncHTTPClient().fetch(request, raise_error=False)).code
    async with FakeUpstream() as fake, House(fake.url, **settings | {"admin_keys": []}) as house:
        assert 404 == (await ask(house, "GET", "calls"))[0]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "calls?limit=0", None, 400),
        ("GET", "calls?limit=x", None, 400),
        ("GET", "calls?user=alice", None, 400),
        ("GET", "calls?user_id=a&user_id=b", None, 400),
        ("GET", "calls?after=nonsense", None, 400),
        ("GET", "calls?user_id=%ff", None, 400),
        ("GET", "calls/sess_nobody", None, 404),
        ("POST", "calls", {}, 405),
        ("POST", "calls/sess_nobody/end", {"words": "a\nb"}, 400),
        ("POST", "calls/sess_nobody/end", {"words": "a\n"}, 400),
        ("POST", "bans", {"kind": "user", "name": "alice\n"}, 400),
        ("DELETE", "bans/user/alice?reason=a%0A", None, 400),
        ("POST", "calls/sess_nobody/end", {"words": 1}, 400),
        ("POST", "calls/sess_nobody/end", {"wrods": "x"}, 400),
        ("POST", "calls/sess_nobody/end", {"words": "x" * 501}, 400),
        ("POST", "calls/sess_nobody/end", {"words": "\ud800"}, 400),
        ("POST", "bans", {"kind": "user", "name": "\udc00"}, 400),
        ("POST", "bans", {"kind": "user", "name": "alice", "reason": "\ud83d"}, 400),
        ("POST", "calls/sess_nobody/end", [], 400),
        ("POST", "bans", {}, 400),
        ("POST", "bans", {"kind": "user", "name": ""}, 400),
        ("POST", "bans", {"kind": "user", "name": "a", "for_s": 0}, 400),
        ("POST", "bans", {"kind": "user", "name": "a", "for_s": 1e300}, 400),
        ("POST", "bans", {"kind": "planet", "name": "a"}, 400),
        ("DELETE", "bans/planet/a", None, 404),
        ("DELETE", "bans/user", None, 404),
        ("DELETE", "bans/user/nobody", None, 404),
        ("GET", "limits/planet/a", None, 404),
        ("GET", f"limits/user/{'a' * 129}", None, 404),
        ("GET", "limits/user/a?plan=gold", None, 404),
        ("POST", "limits/user", {}, 404),
        ("POST", "limits/user/a/reset", {"limit": 1}, 400),
        ("GET", "nowhere", None, 404),
    ],
)
@pytest.mark.gen_test
async def test_what_is_asked_wrongly_is_said(settings, method, path, body, status):
    """In one sentence, without a trace."""
    async with House("ws://127.0.0.1:9", **settings) as house:
        with whole_log("debug") as log:
            found, answer = await ask(house, method, path, body)

    assert status == found
    assert "Traceback" not in log.getvalue()
    assert isinstance(answer["error"], str)


@pytest.mark.parametrize(
    ("method", "path", "body", "sentence"),
    [
        ("GET", "calls?limit=501", None, "limit must be an integer from 1 to 500."),
        ("GET", "calls?levels=yes!", None, "levels must be true or false."),
        ("GET", "figures?span=week", None, 'span must be one of "day", "hour".'),
        ("GET", "usage?since=x", None, "since must be a day such as 2026-12-01."),
        ("GET", "calls/sess_x/listening?after=-1", None, "after must be an integer of at least 0."),
        ("POST", "bans", {}, 'kind is missing; it must be one of "token", "user".'),
        (
            "POST",
            "bans",
            {"kind": "user", "name": ""},
            "name must be text in one line, of 1 to 128 characters.",
        ),
        (
            "POST",
            "calls/sess_x/end",
            {"words": "a\nb"},
            "words must be text in one line, of at most 500 characters.",
        ),
        (
            "POST",
            "calls/sess_x/end",
            {"wrods": "x"},
            '"wrods" is not known here; there may be words, reason.',
        ),
    ],
)
@pytest.mark.gen_test
async def test_a_refusal_says_what_is_allowed(settings, method, path, body, sentence):
    """In our own words, by the name of the field."""
    async with House("ws://127.0.0.1:9", **settings) as house:
        assert (400, {"error": sentence}) == await ask(house, method, path, body)


@pytest.mark.gen_test
async def test_a_reload_that_fails_is_written_down(settings):
    """Whoever asked has a fault of ours, and the audit has what was asked."""

    async def fail():
        raise OSError("no room")

    house = House("ws://127.0.0.1:9", **settings)
    house.hooks = dataclasses.replace(house.hooks, reload=fail)
    async with house:
        status, _ = await ask(house, "POST", "reload", {"reason": "ticket 17"})

    assert 500 == status
    assert [("reloaded", "refused", "ticket 17")] == [
        (deed["action"], deed["outcome"], deed["reason"]) for deed in deeds(settings)
    ]


@pytest.mark.gen_test
async def test_the_whole_is_asked(settings):
    """To drain and to reload, with what became of it; how full it is."""
    async with House("ws://127.0.0.1:9", **settings) as house:
        assert 202 == (await ask(house, "POST", "drain", {"reason": "new version"}))[0]
        house.reloaded = Outcome(("limits.connections",), ("server.port",))
        assert (200, {"changed": ["limits.connections"], "waiting": ["server.port"]}) == await ask(
            house, "POST", "reload"
        )
        house.reloaded = Outcome(problems=("limits.connections: must be a number",))
        status, answer = await ask(house, "POST", "reload")
        assert (409, ["limits.connections: must be a number"]) == (status, answer["problems"])
        _, full = await ask(house, "GET", "limits")
        assert {"connections", "process_bytes"} == {each["limit"] for each in full["limits"]}

    assert ["drain", "reload", "reload"] == house.told
    assert [("drained", "done"), ("reloaded", "done"), ("reloaded", "refused")] == [
        (deed["action"], deed["outcome"]) for deed in deeds(settings)
    ]


@pytest.mark.gen_test
async def test_what_a_user_has_used_is_seen_and_reset(settings):
    """By the numbers of a plan or of none, and nobody else's."""
    settings |= {
        "quotas_tokens_per_user_per_day": 1000,
        "quotas_audio_s_per_organisation_per_month": 60,
        "limits_plans_file": "conf/plans.toml",
        "limits_plan_claim": ["plan"],
    }
    async with FakeUpstream() as fake, House(fake.url, **settings) as house:
        client = await house.connected("turn_detection=none")
        meters = {user: quota_of(house, user) for user in ("alice", "bob")}
        for meter in meters.values():
            meter.look(0.0, 900)
        _, hers = await ask(house, "GET", "limits/user/alice")
        _, in_plan = await ask(house, "GET", "limits/user/alice?plan=free")
        reset = {"reason": "ticket 18"}
        told = await ask(house, "POST", "limits/user/alice/reset", reset)
        seen = [(await ask(house, "GET", f"limits/user/{user}"))[1] for user in meters]
        meters["alice"].look(0.0, 901)
        _, later = await ask(house, "GET", "limits/user/alice")
        await client.say("ping")
        await client.next("pong")
        _, all_of_acme = await ask(house, "GET", "limits/organisation/acme")

    def of(answer, limit):
        return next(
            (each["used"], each["allowed"])
            for each in answer["limits"] + answer["quotas"]
            if each["limit"] == limit
        )

    assert (1, 10) == of(hers, "connections_per_user")
    assert (1, 1) == of(in_plan, "connections_per_user")
    assert (900, 1000) == of(hers, "tokens_per_user_per_day")
    assert (0, None) == of(hers, "audio_s_per_user_per_day")
    assert (0, 600) == of(in_plan, "audio_s_per_user_per_day")
    assert (200, {"owner": "user", "name": "alice", "everywhere": True}) == told
    used = [of(answer, "tokens_per_user_per_day")[0] for answer in (*seen, later)]
    assert [0, 900, 1] == used
    assert (0, 60) == of(all_of_acme, "audio_s_per_organisation_per_month")
    assert [("limits_reset", "user alice", "ticket 18")] == [
        (deed["action"], deed["target"], deed["reason"]) for deed in deeds(settings)
    ]


def quota_of(house, user):
    """What counts for a call of *user*, as it was counted by some other call."""
    caller = Caller(user, frozenset(), 2e9, None, {})
    quotas = Standings(house.settings).of(caller).quotas
    return house.gateway.access.metering.new_meter(quotas)


def test_every_address_stands_in_the_document():
    """With its method, and no other does."""
    described = json.loads(DESCRIPTION)
    addresses = {
        f"{method.upper()} {described['servers'][0]['url']}{path}"
        for path, methods in described["paths"].items()
        for method in methods
    }
    text = Path("docs/administration.md").read_text("utf-8")

    assert addresses == set(re.findall(r"^\| `([A-Z]+ /[^`]+)` \|", text, re.MULTILINE))
