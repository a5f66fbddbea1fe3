"""Whole calls before several upstreams, of which some are out, each in a way of its own."""

import asyncio
import json
from contextlib import AsyncExitStack
from typing import Any

import pytest

from tests.calls.house import House, until, whole_log
from tests.calls.test_openai_opening import bearer, dial
from tests.calls.test_upstream_faults import deaf, fake, nothing, says_no
from tests.fakes.upstream import FakeConnection, FakeUpstream, realtime, unused_port

CANARY = "CANARY7f3a"
QUICK = {
    "upstream_reconnect_initial_ms": 10,
    "upstream_reconnect_max_ms": 20,
    "upstream_reconnect_attempts": 2,
    "upstream_fallback_after_ms": 50,
}
# Where the first is well, or says at once that it is not: on a busy machine it would lose a race.
NO_RACE = {"upstream_fallback_after_ms": 60_000}
NO_KEY = ("invalid_request_error", "invalid_api_key")


def answering(name: str, **how: Any) -> FakeUpstream:
    """One that is well, and answers what is typed by its own name."""
    upstream = FakeUpstream(**how)
    upstream.answers["response.create"] = lambda _: [
        {"type": "response.created", "response": {"id": "r", "status": "in_progress"}},
        {
            "type": "response.output_audio_transcript.done",
            "response_id": "r",
            "item_id": "i",
            "transcript": name,
        },
        {"type": "response.done", "response": {"id": "r", "status": "completed"}},
    ]
    return upstream


def table(name: str, url: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, "url": url, "api_key": f"key-{CANARY}-{name}"} | fields


class Row:
    """A gateway before these upstreams, in order: a, b, c ..."""

    def __init__(self, *upstreams: FakeUpstream | None, **settings: Any) -> None:
        self._stack = AsyncExitStack()
        self._upstreams = upstreams
        self._tables: dict[str, dict[str, Any]] = settings.pop("tables", {})
        self._settings = QUICK | settings

    async def __aenter__(self) -> House:
        urls = []
        for each in self._upstreams:
            if each is None:
                urls.append(f"ws://127.0.0.1:{unused_port()}/v1/realtime")
            else:
                urls.append((await self._stack.enter_async_context(each)).url)
        first, *others = urls
        tables = [
            table(name, url, **self._tables.get(name, {}))
            for name, url in zip("bcd", others, strict=False)
        ]
        house = House(first, upstream_name="a", upstream_fallbacks=tables, **self._settings)
        return await self._stack.enter_async_context(house)

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()


async def answered(house: House, **how: Any) -> str:
    """Who answers a new call."""
    client = await house.call(**how)
    return await answer_of(client)


async def answer_of(client: Any) -> str:
    await client.say("text", text="Who are you?")
    while not (told := (await client.next("transcript"))["data"]).get("final"):
        pass
    return str(told["text"])


DOWN = {
    "refuses connections": lambda: None,
    "accepts and never answers": lambda: fake("silent"),
    "hangs up": lambda: fake("hang_up"),
    "begins no session": lambda: fake(script=nothing),
    "bad key, 401": lambda: fake(401),
    "bad key, said and closed": lambda: fake(script=says_no(3000, *NO_KEY)),
    "no quota": lambda: fake(
        script=says_no(1013, "insufficient_quota", "credit_balance_exhausted")
    ),
    "no such model": lambda: fake(script=says_no(4004, "invalid_request_error", "model_not_found")),
    "busy": lambda: fake(503),
    "asks to be left alone": lambda: fake(429, refusal_headers="Retry-After: 30\r\n"),
}


@pytest.mark.parametrize("how", DOWN)
@pytest.mark.gen_test
async def test_the_next_one_has_the_call(how):
    """The client is told of nothing but a model that is there."""
    async with Row(DOWN[how](), answering("b")) as house:
        client = await house.call()

        assert "b" == await answer_of(client)
        assert "error" not in client.types
        statuses = [m["data"]["status"] for m in client.heard if m["type"] == "connection_status"]
        assert ["connecting", "connected"] == statuses


async def breaks_off(peer: FakeConnection) -> None:
    await realtime(peer)
    peer.drop(rst=True)


@pytest.mark.gen_test
async def test_those_that_begin_a_session_and_break_off():
    """Each time, so that a call would never be taken: the next has it, and others learn of it."""
    settings = {
        "upstream_reconnect_attempts": 9,
        "upstream_breaker_failures": 2,
        "upstream_fallback_after_ms": 5000,  # nobody is dialled beside one that is only slow here
    }
    first, second = fake(script=breaks_off), fake(script=breaks_off)
    async with Row(first, second, answering("c"), **settings) as house:
        client = await house.call()
        assert "c" == await answer_of(client)
        assert "error" not in client.types
        assert (1, 1) == (len(first.connections), len(second.connections))
        assert "c" == await answered(house, user="bob")
        assert {"a", "b"} == house.gateway.models.several.out.keys()
        assert "c" == await answered(house, user="carol")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("refuses connections", "accepts and never answers"),
        ("accepts and never answers", "begins no session"),
        ("bad key, said and closed", "busy"),
        ("accepts and never answers", "bad key, 401"),
    ],
)
@pytest.mark.gen_test
async def test_two_of_three_are_down_in_different_ways(first, second):
    """A silent one costs a fraction of a second, and not its whole deadline."""
    settings = {"upstream_connect_timeout_s": 60, "upstream_ready_timeout_s": 60}
    async with Row(DOWN[first](), DOWN[second](), answering("c"), **settings) as house:
        assert "c" == await answered(house)


@pytest.mark.gen_test
async def test_a_model_that_takes_no_configuration():
    """It begins a session and is silent then: the call goes on to the next."""
    async with Row(deaf(fake()), answering("b")) as house:
        assert "b" == await answered(house)


@pytest.mark.gen_test
async def test_a_configuration_that_one_refuses():
    """It may be right for another."""
    error = {"type": "invalid_request_error", "code": "invalid_value", "event_id": "parley_session"}
    first = fake()
    first.answers["session.update"] = lambda _: [{"type": "error", "error": error}]
    async with Row(first, answering("b")) as house:
        assert "b" == await answered(house)


@pytest.mark.parametrize(
    "error",
    [
        {"type": "insufficient_quota", "code": "insufficient_quota"},
        {"type": "requests", "code": "rate_limit_exceeded", "message": "Please try again in 20s."},
    ],
)
@pytest.mark.gen_test
async def test_an_account_that_runs_empty_while_a_call_runs(error):
    """The question goes to the next, with all that was said before; so do those of others."""
    first, second = answering("a"), answering("b")
    async with Row(first, second, **NO_RACE) as house:
        client = await house.call()
        assert "a" == await answer_of(client)
        first.answers["response.create"] = lambda _: [
            {"type": "response.created", "response": {"id": "r2", "status": "in_progress"}},
            {
                "type": "response.done",
                "response": {"id": "r2", "status": "failed", "status_details": {"error": error}},
            },
        ]
        assert "b" == await answer_of(client)
        told = [e["item"] for e in second.connections[-1].events if "item" in e]
        assert {"a": error["code"]} == house.gateway.models.several.out
        assert "b" == await answered(house, user="bob")

    assert ["Who are you?", "a", "Who are you?"] == [i["content"][0]["text"] for i in told]
    assert "error" not in client.types


@pytest.mark.gen_test
async def test_a_model_that_dies_while_a_call_runs():
    """Nobody waits for one that is gone; the conversation is carried over."""
    first, second = answering("a"), answering("b")
    async with Row(first, second, **NO_RACE) as house:
        client = await house.call()
        assert "a" == await answer_of(client)
        first.handshake = 503
        first.drop(rst=True)
        assert "rebuilt" == (await client.status("connected"))["data"]["context"]
        assert "b" == await answer_of(client)


@pytest.mark.gen_test
async def test_calls_learn_from_each_other():
    """What refused one is not dialled by the next; it is tried beside them, and has them again."""
    first = fake(401)
    settings = {"upstream_breaker_open_s": 0.1, "upstream_breaker_open_max_s": 0.3}
    async with Row(first, answering("b"), **NO_RACE, **settings) as house:
        with whole_log() as log:
            assert "b" == await answered(house)
            assert {"a": "http_401"} == house.gateway.models.several.out
            assert "b" == await answered(house)
            first.handshake = "accept"
            first.answers |= answering("a").answers
            await until(lambda: not house.gateway.models.several.out, "it is never tried again")
            assert "a" == await answered(house)
        events = [json.loads(line)["event"] for line in log.getvalue().splitlines()]

    assert 1 == events.count("model_rejects") == events.count("upstream_back")


@pytest.mark.gen_test
async def test_one_that_is_tried_keeps_callers_off_no_other():
    """No caller dials it while it is tried, however long that takes."""
    first = fake(503)
    settings = {"upstream_breaker_failures": 1, "upstream_breaker_open_s": 0.1}
    async with Row(first, answering("b"), upstream_connect_timeout_s=60, **settings) as house:
        assert "b" == await answered(house)
        first.handshake = "silent"
        several = house.gateway.models.several
        await until(lambda: several._trials._running, "nobody finds out whether it is well")
        answers = await asyncio.gather(*(answered(house, user=f"u{n}") for n in range(5)))

        assert ["b"] * 5 == answers
        assert {"a": "handshake"} == several.out


@pytest.mark.gen_test
async def test_one_that_is_late_soon_after_it_was_tried_is_tried_again(monkeypatch):
    """When it has rested: until then nobody else may come to tell."""
    monkeypatch.setattr("tornado_app.upstream.trials.REST_S", 1.0)
    settings = {"upstream_connect_timeout_s": 60, "upstream_ready_timeout_s": 2}
    async with Row(fake("silent"), answering("b"), **settings) as house:
        several = house.gateway.models.several
        several._trials._tried_at["a"] = several._clock()
        client = await house.call()
        assert "b" == await answer_of(client)
        client.socket.close()
        await until(lambda: several.out, "nobody tries it again")
        assert {"a": "timeout"} == several.out


@pytest.mark.gen_test
async def test_what_a_scraper_finds():
    """Which are out, and how many dials were passed on, by the operator's names."""
    async with Row(fake(401), answering("b"), metrics_enabled=True, **NO_RACE) as house:
        for _ in range(3):
            assert "b" == await answered(house)
        page = await house.scrape()

    assert (1, 0) == (page("upstream_out", upstream="a"), page("upstream_out", upstream="b"))
    assert 1 == page("upstream_passed_over_total", upstream="a")
    assert 0 == page("model_rejected")


@pytest.mark.gen_test
async def test_one_that_is_silent_is_found_out_by_short_calls_as_well():
    """They end before it is known that it is not only slow: it is tried beside them."""
    # Also the other has so long, on a computer that may be busy.
    settings = {"upstream_connect_timeout_s": 60, "upstream_ready_timeout_s": 2}
    async with Row(fake("silent"), answering("b"), **settings) as house:
        client = await house.call()
        assert "b" == await answer_of(client)
        client.socket.close()
        await until(lambda: house.gateway.models.several.out, "it is believed to be slow for ever")

        assert {"a": "timeout"} == house.gateway.models.several.out


@pytest.mark.gen_test
async def test_all_are_out():
    """Then the client is told, by what leaves most hope."""
    down = [fake(401), fake(503), None]
    async with Row(*down) as house:
        client = await house.call()
        assert "upstream_unavailable" == (await client.next("error"))["data"]["code"]
        assert (4502, "upstream_failed") == await client.closed()


@pytest.mark.gen_test
async def test_all_refuse():
    """The second caller is told at once, without a dial; readiness says it to the balancer."""
    async with Row(fake(401), fake(script=says_no(3000, *NO_KEY))) as house:
        for _ in range(2):
            client = await house.call()
            await client.error("upstream_rejected")
            await client.closed()
        assert house.gateway.models.is_rejected
        status, body = await house.get("/readyz")

    # On a busy computer another reason may come first.
    assert 503 == status
    assert body["reason"] in {"upstream_rejected", "loop_slow"}
    assert {"listed": 2, "out": 2} == body["upstreams"]


@pytest.mark.gen_test
async def test_names_and_voices_of_each():
    """The model is asked in its own words; the client is told who answers, and nothing else."""
    second = answering("b")
    names = {
        "model": "deployment",
        "voices": {"marin": "alloy", "cedar": "ash"},
        "transcription_model": "scribe",
        "auth_header": "api-key",
    }
    with whole_log() as log:
        async with Row(None, second, tables={"b": names}) as house:
            client = await house.call("voice=cedar")
            connected = await client.status("connected")
            peer = await second.connection()
            update = await peer.next_event("session.update")
            await client.say("configure", voice="marin")
            changed = await peer.next_event("session.update")

    audio = update["session"]["audio"]
    assert "ash" == audio["output"]["voice"]
    assert "alloy" == changed["session"]["audio"]["output"]["voice"]
    assert "scribe" == audio["input"]["transcription"]["model"]
    assert f"key-{CANARY}-b" == peer.headers["api-key"]
    assert "deployment" == connected["data"]["model"]
    heard = json.dumps(client.heard)
    assert CANARY not in heard + log.getvalue()
    assert second.url not in heard + log.getvalue()
    [line] = [x for x in map(json.loads, log.getvalue().splitlines()) if "connected" in x["event"]]
    assert "b" == line["upstream"]


@pytest.mark.gen_test
async def test_a_client_of_the_realtime_api():
    """It has the same way, and is told of a session like any other."""
    second = answering("b")
    tables = {"b": {"voices": {"marin": "alloy"}}}
    async with Row(fake(script=says_no(3000, *NO_KEY)), second, tables=tables) as house:
        client = await dial(house, **bearer(house.token()))
        await client.next("session.created")
        update = await (await second.connection()).next_event("session.update")
        await client.say("response.create")
        await client.next("response.done")

    assert "alloy" == update["session"]["audio"]["output"]["voice"]
    assert "error" not in client.types


@pytest.mark.gen_test
async def test_a_slow_one_that_is_first_in_the_end():
    """It is slow, and the others are dead: it has the call, and its breaker stays closed."""
    late = asyncio.Event()

    async def slow(peer: FakeConnection) -> None:
        await late.wait()
        await realtime(peer)

    first = answering("a", script=slow)
    async with Row(first, None, fake(script=says_no(3000, *NO_KEY))) as house:
        client = await house.call()
        await first.connection()
        await until(lambda: "c" in house.gateway.models.several.out, "the last was not tried")
        late.set()

        assert "a" == await answer_of(client)
        assert house.gateway.models.several.out.keys() <= {"b", "c"}


@pytest.mark.gen_test
async def test_a_client_that_hangs_up_while_they_are_dialled():
    """Nothing of it stays behind, and none waits for its deadline: that is a minute away."""
    settings = {"upstream_connect_timeout_s": 60, "upstream_ready_timeout_s": 60}
    silent = fake("silent"), fake(script=nothing), fake("silent")
    async with Row(*silent, **settings) as house:
        client = await house.call()
        await until(lambda: len([t for t in house.threads if t.startswith("up-")]) == 3, "no race")
        client.socket.close()
        await until(lambda: not house.gateway.connections, "the call goes on")
        await until(lambda: not [t for t in house.threads if t.startswith("up-")], "a link is left")
