"""The programs of docs/tokens.md, as they stand there, make tokens that are taken."""

import asyncio
import base64
import json
import os
import re
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from urllib.error import HTTPError

import jwt
import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPClientError
from tornado.web import create_signed_value

from tests.calls.house import House, house_settings
from tests.clients.node_client import needs_node_client
from tests.fakes.upstream import FakeUpstream, unused_port
from tornado_app.admission.tokens import TokenRejected, TokenRules, issue, verify
from tornado_app.commands.configuration import read_policy
from tornado_app.terms import Terms

TEXT = (Path(__file__).parents[1] / "docs" / "tokens.md").read_text(encoding="utf-8")
SEALING_KEY = base64.urlsafe_b64encode(bytes(range(32))).decode()
SECRET = "x7Kq2mVb9RtLw4Zc8NpYs3Hd6FgJ1aQe"
RULES = TokenRules(SECRET.encode(), ("HS256",), leeway_s=10, max_lifetime_s=86_400)


def program(heading, language="python"):
    """The first code in that language below that heading."""
    code = rf"^## {heading}\n.*?^```{language}\n(.*?)^```"
    return re.search(code, TEXT, re.MULTILINE | re.DOTALL)[1]


@pytest.mark.gen_test
async def test_a_server_of_ones_own_makes_tokens(tmp_path):
    """For who is logged in, and for nobody else."""
    script, port = tmp_path / "server.py", unused_port()
    script.write_text(program("In Python"))
    environ = dict(os.environ, PARLEY_AUTH_SECRET=SECRET, COOKIE_SECRET="c" * 32, PORT=str(port))
    process = await asyncio.create_subprocess_exec(sys.executable, script, env=environ)
    url, cookie = f"http://127.0.0.1:{port}/token", create_signed_value("c" * 32, "user", "alice")
    try:
        with pytest.raises(HTTPClientError, match="401"):
            await answered(url, {})
        answer = await answered(url, {"Cookie": f"user={cookie.decode()}"})
    finally:
        process.terminate()
        await process.wait()

    assert "alice" == verify(json.loads(answer.body)["token"], RULES, time.time()).user_id


async def answered(url, headers):
    """What the server says, once it listens."""
    while True:
        try:
            return await AsyncHTTPClient().fetch(url, method="POST", body="", headers=headers)
        except ConnectionRefusedError:
            await asyncio.sleep(0.02)


@needs_node_client
def test_node_makes_tokens(tmp_path):
    """Without a library."""
    script = tmp_path / "token.mjs"
    script.write_text(
        program("In Node", "js") + f"\nprocess.stdout.write(tokenFor('bob', '{SECRET}'));\n"
    )
    token = subprocess.run(["node", script], check=True, capture_output=True, text=True).stdout

    assert "bob" == verify(token, RULES, time.time()).user_id


def test_what_python_seals_is_what_holds_for_the_call():
    """With joserfc, as the page has it."""
    made = {}
    exec(compile(program("Sealed"), "docs/tokens.md", "exec"), made)  # noqa: S102
    token = made["token_for"]("carol", SECRET, SEALING_KEY)
    settings = house_settings(auth_sealing_key=SEALING_KEY)
    caller = verify(token, RULES, time.time())
    settled = Terms(settings, read_policy(settings)).settle(caller, {}, time.time()).model_session

    assert "You help carol, who is calling from Kyoto." == settled.instructions
    assert ["user", "assistant"] == [turn.role for turn in settled.history]
    assert "cedar" == settled.voice
    assert "Kyoto" not in str(caller.claims)


@pytest.mark.gen_test
async def test_python_asks_the_gateway():
    """With nothing but the standard library and the key; what is wrong is a sentence."""
    made = {}
    exec(compile(program("By asking the gateway"), "docs/tokens.md", "exec"), made)  # noqa: S102
    settings = {"auth_application_keys": [SECRET], "auth_sealing_key": SEALING_KEY}
    async with FakeUpstream() as fake, House(fake.url, **settings) as house:
        ask = partial(made["session_token"], house.http(""), SECRET, "dora")
        token = await asyncio.to_thread(ask, {"instructions": "Sing for {user_id}."})
        await house.call(token=token)
        update = await fake.next_event("session.update")
        with pytest.raises(HTTPError) as refused:
            await asyncio.to_thread(ask, {"speed": 9})

    assert "Sing for dora." == update["session"]["instructions"]
    with refused.value as answer:
        assert "speed must be a number" in json.load(answer)["error"]


OTHER = b"y" * 32


@pytest.mark.parametrize(
    "token",
    [
        issue("alice", TokenRules(OTHER, ("HS256",), 10, 86_400), time.time(), 60),
        jwt.encode({"sub": "alice"}, OTHER, "HS256"),
    ],
    ids=["of another Parley", "of somebody else"],
)
def test_what_goes_wrong_is_what_is_said(token):
    """The sentences of the table are the server's."""
    with pytest.raises(TokenRejected) as rejected:
        verify(token, RULES, time.time())

    assert "another secret" in rejected.value.sentence
    assert f"| {rejected.value.sentence} |" in TEXT
