"""Whole calls before the local model with each of its faults: what the caller is told."""

import asyncio
import json
from contextlib import asynccontextmanager

import pytest

from local_realtime.rehearsal.bad_frames import BAD_FRAMES
from local_realtime.rehearsal.faults import KINDS, parse_faults
from local_realtime.server import LocalRealtime, ServerConfig
from tests.calls.house import House, VoiceClient, whole_log

QUICK = {
    "upstream_reconnect_initial_ms": 10,
    "upstream_reconnect_max_ms": 20,
    "upstream_reconnect_attempts": 1,
}
HASTY = {"upstream_connect_timeout_s": 0.3, "upstream_ready_timeout_s": 0.3}

REJECTED = ("upstream_rejected", (4502, "upstream_failed"))
UNAVAILABLE = ("upstream_unavailable", (4502, "upstream_failed"))
TIMED_OUT = ("upstream_timeout", (4502, "upstream_failed"))
EXPIRED = ("session_expired", (4504, "session_expired"))

AT_ONCE = ["connecting", "disconnected"]
AFTER_ANOTHER_TRY = ["connecting", "reconnecting", "disconnected"]
CONNECTED_TWICE = ["connecting", "connected", "reconnecting", "connected", "disconnected"]

ENDS = {
    "bad-key": (REJECTED, AT_ONCE),
    "no-credit": (REJECTED, AT_ONCE),
    "retired-model": (REJECTED, AT_ONCE),
    "missing-model": (REJECTED, AT_ONCE),
    "invalid-model": (REJECTED, AT_ONCE),
    "beta-header": (REJECTED, AT_ONCE),
    "http-status=401": (REJECTED, AT_ONCE),
    "http-status=404": (REJECTED, AT_ONCE),
    "http-status=429": (UNAVAILABLE, AFTER_ANOTHER_TRY),
    "http-status=500": (UNAVAILABLE, AFTER_ANOTHER_TRY),
    "http-status=503": (UNAVAILABLE, AFTER_ANOTHER_TRY),
    "handshake-delay": (TIMED_OUT, AFTER_ANOTHER_TRY),
    "stall@0": (TIMED_OUT, AFTER_ANOTHER_TRY),
    "stall@session.created": (TIMED_OUT, AFTER_ANOTHER_TRY),
    "reset@0": (UNAVAILABLE, AFTER_ANOTHER_TRY),
    "session-expiry=0.1": (EXPIRED, CONNECTED_TWICE),
    "server-error@1": (UNAVAILABLE, AFTER_ANOTHER_TRY),
    "server-error": (UNAVAILABLE, CONNECTED_TWICE),
    "close=1000": (UNAVAILABLE, CONNECTED_TWICE),
    "close=1001": (UNAVAILABLE, CONNECTED_TWICE),
    "close=1013": (UNAVAILABLE, CONNECTED_TWICE),
    "close=4004": (REJECTED, ["connecting", "connected", "disconnected"]),
    "drop": (UNAVAILABLE, CONNECTED_TWICE),
    "drop=mid-frame": (UNAVAILABLE, CONNECTED_TWICE),
    "reset": (UNAVAILABLE, CONNECTED_TWICE),
    "reset=mid-frame": (UNAVAILABLE, CONNECTED_TWICE),
}
BAD_FRAMES_THAT_HARM_NOBODY = {
    "invalid-json",
    "deep-json",
    "no-object",
    "no-type",
    "no-fields",
    "bad-base64",
    "binary",
    "ping-flood",
}
ENDS |= {
    f"malformed={what}": (UNAVAILABLE, CONNECTED_TWICE)
    for what in sorted(BAD_FRAMES.keys() - BAD_FRAMES_THAT_HARM_NOBODY)
}
SILENT = {
    "upstream_ping_interval_s": 0.1,
    "upstream_read_timeout_s": 0.3,
}
SETTINGS = {"handshake-delay": HASTY, "stall@0": HASTY, "stall@session.created": HASTY}

COMPLETED = ("completed", [])
GOES_ON = {
    "error-event": ("completed", ["upstream_unavailable"]),
    "error-event=rate-limit-exceeded": ("completed", ["rate_limited"]),
    "unknown-event": COMPLETED,
    "duplicate-events@5": COMPLETED,
    "slow-answers=50": COMPLETED,
    "slow-events=2": COMPLETED,
    "done-delay=50": COMPLETED,
    "late-deltas": COMPLETED,
    "as-recorded": COMPLETED,
    "slow-writer=200000": COMPLETED,
    "slow-reader=20000": COMPLETED,
    "no-pongs": COMPLETED,
    "transcription-failed": COMPLETED,
    "response-failed": ("failed", ["upstream_rejected"]),
    "response-failed=server-error": ("failed", ["upstream_unavailable"]),
    "rate-limited": ("failed", ["rate_limited"]),
    "response-incomplete": ("incomplete", []),
    "response-incomplete=content-filter": ("incomplete", []),
}
GOES_ON |= {f"malformed={what}": COMPLETED for what in sorted(BAD_FRAMES_THAT_HARM_NOBODY)}
GOES_ON["malformed=bad-base64"] = ("completed", ["upstream_unavailable"])


@asynccontextmanager
async def model(faults):
    """The address of a local model with these faults."""
    server = LocalRealtime(ServerConfig(pace=0, faults=parse_faults(faults)))
    port = server.listen("127.0.0.1", 0)
    try:
        yield f"ws://127.0.0.1:{port}/v1/realtime"
    finally:
        await server.close()


async def how_it_ended(client: VoiceClient) -> str:
    """The answer to what was said; a frame without fields is told as one that has no name, which
    may come before it: who speaks then interrupts it.
    """
    while True:
        done = await client.next("response_done", 10)
        if done["data"]["response_id"]:
            return done["data"]["status"]


def statuses(client: VoiceClient):
    return [
        heard["data"]["status"]
        for heard in client.heard
        if isinstance(heard, dict) and heard["type"] == "connection_status"
    ]


def errors(client: VoiceClient):
    return [
        heard["data"]["code"]
        for heard in client.heard
        if isinstance(heard, dict) and heard["type"] == "error"
    ]


def mistakes(log):
    """The gateway's own; the local model's HTTP server counts a 503 on demand as one."""
    lines = map(json.loads, log.getvalue().splitlines())
    return [line for line in lines if line["level"] == "error" and "tornado" not in str(line)]


def test_every_fault_is_tried():
    """None is left out of the two tables and the tests below."""
    below = {"stall,no-pongs", "slow-reader", "first-connections"}
    names = {name for text in [*ENDS, *GOES_ON, *below] for name in parse_faults(text)}

    assert set(KINDS) == names


@pytest.mark.parametrize(("fault", "expected"), ENDS.items(), ids=ENDS)
@pytest.mark.gen_test
async def test_a_fault_that_ends_the_call(fault, expected):
    """One error, the close code of the protocol, and as many tries as make sense."""
    (code, close), expected_statuses = expected
    settings = QUICK | SETTINGS.get(fault, {})
    with whole_log() as log:
        async with model(fault) as url, House(url, **settings) as house:
            client = await house.call()
            closed = await client.closed(10)
            client.check_numbers()

    assert (close, [code]) == (closed, errors(client)[-1:])
    assert expected_statuses == statuses(client)
    assert client.heard[-1]["data"]["retryable"] == (code != "upstream_rejected")
    assert not mistakes(log)


@pytest.mark.parametrize(("fault", "expected"), GOES_ON.items(), ids=GOES_ON)
@pytest.mark.gen_test
async def test_a_fault_that_the_call_survives(fault, expected):
    """The caller hears how the answer ended, and may ask again over the same link."""
    status, codes = expected
    with whole_log() as log:
        async with model(fault) as url, House(url, **QUICK) as house:
            client = await house.connected()
            for _ in range(2):
                await client.say("text", text="one two")
                assert status == await how_it_ended(client)
            await client.say("ping")
            await client.next("pong")
            client.check_numbers()

    assert ["connecting", "connected"] == statuses(client)
    assert set(codes) == set(errors(client))
    assert not mistakes(log)


@pytest.mark.parametrize("how", ["reset=mid-frame", "drop", "close=1012", "server-error"])
@pytest.mark.gen_test
async def test_a_model_that_breaks_off_once(how):
    """The answer has failed, the next model goes on with it, and the next answer is whole."""
    fault = f"{how}@response.output_audio.delta,first-connections"
    async with model(fault) as url, House(url, **QUICK) as house:
        client = await house.connected()
        await client.say("text", text="one two")
        failed = await client.next("response_done")
        connected = await client.status("connected")
        rest = await client.next("response_done")
        await client.say("text", text="three")
        done = await client.next("response_done")
        client.check_numbers()

    ends = [each["data"] for each in (failed, rest, done)]
    assert ["failed", "completed", "completed"] == [end["status"] for end in ends]
    assert [True, None, None] == [end.get("continues") for end in ends]
    assert "rebuilt" == connected["data"]["context"]


@pytest.mark.gen_test
async def test_a_model_that_has_died_with_its_socket_open():
    """Pings find out; after the last try it is `upstream_timeout`."""
    async with model("stall,no-pongs") as url, House(url, **QUICK, **SILENT) as house:
        client = await house.connected()
        closed = await client.closed(10)

    assert TIMED_OUT == (errors(client)[-1], closed)
    assert CONNECTED_TWICE == statuses(client)


@pytest.mark.gen_test
async def test_a_model_that_has_stalled_answers_no_turn(monkeypatch):
    """The link is alive: the caller is told that no answer began, and the call goes on."""
    # The one deadline that is no setting.
    monkeypatch.setattr("tornado_app.house_rules.RESPONSE_TIMEOUT_S", 0.2)
    async with model("stall") as url, House(url, **QUICK) as house:
        client = await house.connected()
        await client.say("text", text="hello")
        error = await client.error("upstream_timeout")

    assert error["data"]["retryable"]
    assert ["connecting", "connected"] == statuses(client)


@pytest.mark.gen_test
async def test_a_model_that_does_not_read():
    """It never becomes ready, since it does not see its configuration."""
    async with model("slow-reader=0") as url, House(url, **QUICK, **HASTY) as house:
        client = await house.call()
        closed = await client.closed(10)

    assert TIMED_OUT == (errors(client)[-1], closed)
    assert AFTER_ANOTHER_TRY == statuses(client)


@pytest.mark.gen_test
async def test_a_model_that_reads_too_slowly():
    """It is ready, and then takes less than is said: audio is refused, then the link given up."""
    settings = QUICK | {"upstream_write_timeout_s": 0.3, "audio_hold_ms": 1000}
    settings |= {"limits_audio_rate": 1000}  # the client's own limit is not the point
    # The configuration is 1 kB; a second of audio is 64 kB, and 3 MB lie in the system's buffers.
    async with model("slow-reader=5000") as url, House(url, **settings) as house:
        client = await house.connected()
        speaking = asyncio.ensure_future(speak_on(client))
        await client.status("reconnecting")
        speaking.cancel()
        client.check_numbers()

    assert {"audio_backlog", "upstream_unavailable"} >= set(errors(client))


async def speak_on(client: VoiceClient) -> None:
    """Speech, a second in each message, for as long as this may run."""
    while True:
        await client.audio(bytes(48_000))
        await asyncio.sleep(0.01)  # 100 times as fast as speech
