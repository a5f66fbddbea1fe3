"""The servers of examples/application: who is logged in gets a token, and calls with it."""

import asyncio
import base64
import json
import os
import sys
import time
from contextlib import asynccontextmanager

import pytest
from tornado.httpclient import AsyncHTTPClient

pytest.importorskip("onnxruntime", reason="the packages of speech are not installed")
pytest.importorskip("hibari", reason="the packages of speech are not installed")

from tests.calls.house import SECRET, House, until
from tests.calls.test_opus_speech import local_model
from tests.examples.house import ROOT, answers, printed
from tests.fakes.upstream import unused_port
from tornado_app.admission.tokens import verify
from tornado_app.commands.configuration import read_policy
from tornado_app.terms import Terms

APPLICATION_KEY = "zQ8v3kXw7Lr2Tn5Yb9Pd4Jm6Hc1Gf0As"
SEALING_KEY = base64.urlsafe_b64encode(bytes(range(32))).decode()
ALICE = {"name": "alice", "password": "wonderland"}


@asynccontextmanager
async def application(server, environ):
    """The address of that server, a process of its own."""
    port = unused_port()
    environ = os.environ | environ | {"APPLICATION_PORT": str(port)}
    process = await asyncio.create_subprocess_exec(
        sys.executable, ROOT / f"examples/application/{server}.py", env=environ
    )
    try:
        await answers(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        await process.wait()


async def post(url, body=None, **headers):
    """Status, JSON and headers."""
    text = json.dumps(body or {})
    headers["Content-Type"] = "application/json"
    client = AsyncHTTPClient()
    answer = await client.fetch(url, method="POST", body=text, headers=headers, raise_error=False)
    return answer.code, answer.body, answer.headers


async def check_door(url, house):
    """Nobody but who is logged in gets a token; in it stands what holds for the call."""
    assert 403 == (await post(f"{url}/login", ALICE | {"password": "x"}))[0]
    assert 403 == (await post(f"{url}/login", {"name": "nobody", "password": ""}))[0]
    assert 401 == (await post(f"{url}/token"))[0]
    assert 401 == (await post(f"{url}/token", Cookie="login=guessed"))[0]
    status, _, headers = await post(f"{url}/login", ALICE)
    assert 200 == status
    cookie = headers["Set-Cookie"]
    assert "httponly" in cookie.lower()
    status, body, headers = await post(f"{url}/token", Cookie=cookie.partition(";")[0])
    assert (200, "no-store") == (status, headers["Cache-Control"])
    now = time.time()
    caller = verify(json.loads(body)["token"], house.rules, now)
    terms = Terms(house.settings, read_policy(house.settings))
    settled = terms.settle(caller, {}, now).model_session
    assert "You help alice, who lives in Oxford. Be brief." == settled.instructions
    assert "Oxford" not in str(caller.claims)


@pytest.mark.gen_test(timeout=180)
async def test_a_logged_in_user_calls_with_the_token(tmp_path):
    """In Tornado and FastAPI, of a token that is signed there or asked for; the client performs."""
    settings = {
        "auth_application_keys": [APPLICATION_KEY],
        "auth_sealing_key": SEALING_KEY,
        "session_transcription_model": "any",
        "session_resume_window_s": 20,
    }
    question = ROOT / "examples/questions/colour.wav"
    async with local_model() as (model, _), House(model, **settings) as house:
        keys = {"PARLEY_AUTH_SECRET": SECRET, "PARLEY_AUTH_SEALING_KEY": SEALING_KEY}
        key = {"PARLEY_APPLICATION_KEY": APPLICATION_KEY, "PARLEY_URL": house.http("")}
        for server in ("tornado_server", "fastapi_server"):
            for environ in (keys, key):
                async with application(server, environ) as url:
                    await check_door(url, house)
                    where = {"APPLICATION_URL": url, "GATEWAY_URL": house.url}
                    answer = tmp_path / "answer.wav"
                    said = await printed("examples/client.py", question, answer, **where)
                    assert "The page is blue." in said
                    assert "assistant: Now is blue." in said
                    await until(lambda: not house.gateway.connections, "the call waits on")
