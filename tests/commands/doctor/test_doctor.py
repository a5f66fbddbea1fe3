"""``run.py doctor`` before models and gateways of every kind.

As a person has it, a process, where that matters; else its report in this one, which has imported
all of it already.
"""

import asyncio
import contextlib
import json
import os
import sys

import pytest
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketHandler

from tests.calls.house import ROOT, SECRET, House, whole_log
from tests.commands.talk.parley import parley
from tests.fakes.upstream import FakeUpstream, unused_port
from tornado_app.commands.arguments import parser
from tornado_app.commands.doctor.command import case_of, examined

CANARY = "canary-9Xw7Lr2Tn5"
KEY = f"sk-{CANARY}"
ALL = [
    "settings", "token", "address", "server", "key", "model", "configuration", "call",
    "typed turn", "spoken turn", "tools",
]  # fmt: skip


def environment(tmp_path, changes):
    """Nothing of this computer's own settings; *changes* are settings."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PARLEY_", "OPENAI_"))}
    kept |= {"PARLEY_SERVER_STATE_DIR": str(tmp_path), "PARLEY_AUTH_SECRET": SECRET}
    kept |= {"PARLEY_MODEL_MODE": "echo", "PARLEY_SERVER_PORT": str(unused_port())}
    return kept | {f"PARLEY_{name.upper()}": str(value) for name, value in changes.items()}


def check(out, err):
    """No secret is in them, and no traceback."""
    for secret in (CANARY, SECRET, "eyJ"):
        assert secret not in out + err
    assert "Traceback" not in err


@pytest.fixture
def program(tmp_path):
    """Run it as a person does: exit code, and standard output."""

    async def run(*words, **changes):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "run.py", "doctor", *words),
            cwd=ROOT,
            env=environment(tmp_path, changes),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(100):
                out, err = (text.decode() for text in await process.communicate())
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        check(out, err)
        return process.returncode, out

    return run


@pytest.fixture
def doctor(tmp_path, monkeypatch, capsys):
    """The same of the command alone, on the loop of the test."""

    async def run(*words, **changes):
        monkeypatch.setattr(os, "environ", environment(tmp_path, changes))
        with whole_log("error"):
            async with asyncio.timeout(100):
                code = await examined(case_of(parser().parse_args(["doctor", *words])))
        out, err = capsys.readouterr()
        check(out, err)
        return code, out

    return run


def statuses(out):
    """What became of each step, of a report in JSON."""
    return {step["step"]: step["status"] for step in json.loads(out)["steps"]}


def of(out, name):
    [step] = [step for step in json.loads(out)["steps"] if step["step"] == name]
    return step


@pytest.mark.gen_test(timeout=120)
async def test_all_is_well(program):
    """The model of the settings is tried whole; an echo calls no functions."""
    code, out = await program("--json")

    assert 0 == code
    assert ALL == list(statuses(out))
    assert dict.fromkeys(ALL[:-1], "ok") | {"tools": "skipped"} == statuses(out)
    assert "after" in of(out, "spoken turn")["says"]
    assert "local" == json.loads(out)["model"]


@pytest.mark.gen_test(timeout=120)
async def test_a_model_that_understands(program):
    """Words are recognised, and a function is called."""
    pytest.importorskip("hibari", reason="the packages of speech are not installed")
    pytest.importorskip("moonshine_voice", reason="the packages of speech are not installed")
    code, out = await program(model_mode="speech")

    assert 0 == code
    assert "8 of 8 words were recognised." in out
    assert "A function was called, and its result was answered." in out
    assert "All is well: 11 steps went well." in out


@pytest.mark.parametrize("turn_detection", ["none", "semantic_vad"])
@pytest.mark.gen_test(timeout=120)
async def test_turns_as_the_settings_have_them(doctor, turn_detection):
    """Whoever ends them."""
    detections = json.dumps(["none", "server_vad", "semantic_vad"])
    code, out = await doctor(
        "--json", session_turn_detection=turn_detection, session_turn_detections=detections
    )

    assert (0, "ok") == (code, of(out, "spoken turn")["status"])


@pytest.mark.gen_test(timeout=120)
async def test_a_key_that_is_refused(program):
    """It says so, and what to look at; what needs a model is skipped."""
    async with FakeUpstream(handshake=401) as fake:
        code, out = await program("--json", upstream_url=fake.url, upstream_api_key=KEY)

    assert 1 == code
    assert "failed" == statuses(out)["key"]
    assert "upstream.api_key" in of(out, "key")["advice"]
    assert {"skipped"} == {statuses(out)[name] for name in ("model", "configuration", "tools")}


@pytest.mark.gen_test(timeout=120)
async def test_a_key_of_a_fallback_that_is_refused(doctor):
    """Each is tried, under its own name; the call goes to one that is well."""
    async with FakeUpstream(handshake=401) as fake:
        second = {"name": "second", "url": fake.url, "api_key": KEY}
        code, out = await doctor(
            "--json", upstream_url="local", upstream_fallbacks=json.dumps([second])
        )

    assert 1 == code
    assert "second: The key was refused (http_401)." == of(out, "key")["says"]
    assert "first" not in of(out, "key")["says"]
    assert "ok" == statuses(out)["call"]
    assert "other" == json.loads(out)["model"]


@pytest.mark.gen_test(timeout=120)
async def test_a_model_that_nobody_finds(doctor):
    """Its address, its query and its key are in no report."""
    url = f"ws://127.0.0.1:9/?key={CANARY}"
    code, out = await doctor(upstream_url=url, upstream_api_key=KEY, upstream_model="m")

    assert 1 == code
    assert "It cannot be reached" in out
    assert "Begin with: model." in out


@pytest.mark.gen_test(timeout=120)
async def test_a_configuration_that_the_model_refuses(doctor):
    """The model's word for it is there, and not the sentence in which it repeats a key."""
    error = {"type": "invalid_request_error", "code": "bad_voice", "message": f"{KEY} {CANARY}"}
    async with FakeUpstream() as fake:
        fake.answers["session.update"] = lambda event: [
            {"type": "error", "event_id": "e", "error": error | {"event_id": event["event_id"]}}
        ]
        code, out = await doctor("--json", upstream_url=fake.url, upstream_api_key=KEY)

    found = of(out, "configuration")
    assert (1, "failed") == (code, found["status"])
    assert "It refuses (bad_voice)." == found["says"]
    assert "ok" == statuses(out)["model"]


@pytest.mark.gen_test(timeout=120)
async def test_settings_that_are_wrong(program, tmp_path):
    """A finding like any other; a secret that stands in the file with them is not shown."""
    config = tmp_path / "own.toml"
    config.write_text(f'[auth]\nsecret = ["{CANARY}"]\n[server]\nprot = 1\n')
    code, out = await program("--json", "--config", str(config))

    assert 1 == code
    assert "server.prot" in of(out, "settings")["says"]
    assert {"skipped"} == set(list(statuses(out).values())[1:])


@pytest.mark.gen_test(timeout=120)
async def test_a_gateway_that_runs(doctor):
    """Its address is called, with a token made from the secret of both."""
    async with parley() as house:
        code, out = await doctor("--json", "--url", house.url)

    assert (0, "a gateway that runs") == (code, json.loads(out)["tried"])
    assert "server" not in statuses(out)
    assert "ok" == statuses(out)["spoken turn"]


@pytest.mark.gen_test(timeout=120)
async def test_a_token_that_was_given(doctor):
    """It needs no settings of this computer's, and the call is the token's."""
    async with parley(fault="") as house:
        token = house.token(parley_session={"output": "text"})
        code, out = await doctor(
            "--json", "--url", house.url, "--token", token, limits_connections="x"
        )

    assert ("failed", "ok") == (statuses(out)["settings"], statuses(out)["token"])
    assert "in writing" in of(out, "typed turn")["says"]
    assert "skipped" == statuses(out)["tools"]
    assert 1 == code


@pytest.mark.gen_test(timeout=120)
async def test_a_gateway_whose_model_is_away(doctor):
    """All that a client is told; its log knows more."""
    async with FakeUpstream(handshake=401) as fake, House(fake.url) as house:
        code, out = await doctor("--json", "--url", house.url)

    assert (1, "failed") == (code, of(out, "key")["status"])
    assert "The model refused this session" in of(out, "key")["says"]
    assert "log" in of(out, "key")["advice"]
    assert "skipped" == of(out, "model")["status"]


@pytest.mark.gen_test(timeout=120)
async def test_a_gateway_whose_model_is_reached_by_nobody(doctor):
    """It is not the key that is wrong."""
    async with House(f"ws://127.0.0.1:{unused_port()}", upstream_reconnect_attempts=0) as house:
        code, out = await doctor("--json", "--url", house.url)

    found = [of(out, step)["status"] for step in ("key", "model", "configuration")]
    assert (1, ["skipped", "failed", "skipped"]) == (code, found)
    assert "could not be reached" in of(out, "model")["says"]
    assert "upstream_lost" in of(out, "model")["advice"]


class Parrot(WebSocketHandler):
    """Something that repeats whatever it was told, secrets first."""

    async def open(self):
        sentence = f"You said {self.request.headers['Authorization']} {self.request.query}"
        message = {"type": "error", "data": {"code": "internal"}, "error": sentence}
        await self.write_message(json.dumps(message))


class NotReady(RequestHandler):
    def get(self):
        self.set_status(503)
        self.write({"reason": f"draining {self.request.query} Bearer {CANARY}"})


@pytest.mark.parametrize("words", [(), ("--json",)])
@pytest.mark.gen_test(timeout=120)
async def test_a_gateway_that_repeats_secrets(program, words):
    """The token, and the query of the address, are in no sentence of the report."""
    server = HTTPServer(Application([("/ws", Parrot), ("/readyz", NotReady)]))
    sockets = bind_sockets(0, "127.0.0.1")
    server.add_sockets(sockets)
    port = sockets[0].getsockname()[1]
    url = f"ws://me:{CANARY}@127.0.0.1:{port}/ws?key={CANARY}"
    try:
        code, out = await program("--url", url, "--token", f"{CANARY}.{CANARY}.x", *words)
    finally:
        server.stop()
        await server.close_all_connections()

    assert 1 == code
    assert "You said" in out
    assert "hidden" in out


@pytest.mark.gen_test(timeout=120)
async def test_nobody_listens(doctor):
    """One failure, which says what to do, and the rest is skipped."""
    code, out = await doctor("--json", "--url", "ws://127.0.0.1:9")

    assert 1 == code
    assert "Start the gateway" in of(out, "address")["advice"]
    assert ["address"] == [name for name, status in statuses(out).items() if status == "failed"]


@pytest.mark.gen_test
async def test_an_address_that_is_none(program):
    """Arguments that are wrong are no finding."""
    assert (2, "") == await program("--url", "gateway")


@pytest.mark.gen_test(timeout=120)
async def test_a_recording_of_ones_own(doctor, tmp_path):
    """One that is not there is a failed step, not the end."""
    missing = str(tmp_path / "missing.wav")
    code, out = await doctor("--json", "--recording", missing)

    assert (1, "failed") == (code, of(out, "spoken turn")["status"])
    assert "--recording" in of(out, "spoken turn")["advice"]
