"""The endpoint of examples/tools answers Parley, and nobody else."""

import asyncio
import json
import os
import sys
import time

import pytest
from tornado.httpclient import AsyncHTTPClient

from tests.examples.house import ROOT, answers
from tests.fakes.upstream import unused_port
from tornado_app.tools.signature import SIGNATURE, TIMESTAMP, signature

KEY = "0123456789abcdef0123456789abcdef"
BODY = json.dumps({"user_id": "alice", "arguments": {"city": "Paris"}}).encode()


@pytest.mark.gen_test
async def test_it_answers_what_is_signed_and_new():
    """401 without a signature, with another's, with one of another body, or with an old one."""
    port, now = unused_port(), int(time.time())
    environ = os.environ | {"WEATHER_SIGNING_KEY": KEY, "WEATHER_PORT": str(port)}
    program = ROOT / "examples/tools/weather_endpoint.py"
    process = await asyncio.create_subprocess_exec(sys.executable, program, env=environ)

    async def asked(at, signed):
        headers = {TIMESTAMP: str(at), SIGNATURE: signed, "Content-Type": "application/json"}
        url = f"http://127.0.0.1:{port}/weather"
        client = AsyncHTTPClient()
        return await client.fetch(url, method="POST", body=BODY, headers=headers, raise_error=False)

    try:
        await answers(port)
        good = await asked(now, signature(KEY.encode(), now, BODY))
        refused = [
            await asked(now, ""),
            await asked("x", "v1="),
            await asked(now, signature(b"another", now, BODY)),
            await asked(now + 1, signature(KEY.encode(), now, BODY)),
            await asked(now, signature(KEY.encode(), now, BODY + b" ")),
            await asked(now - 900, signature(KEY.encode(), now - 900, BODY)),
        ]
    finally:
        process.terminate()
        await process.wait()

    assert {"city": "Paris", "weather": "sunny", "degrees": 21} == json.loads(good.body)
    assert {401} == {answer.code for answer in refused}
