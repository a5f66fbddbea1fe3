"""The check of a signature, as docs/tools.md has it in Python and in Node."""

import json
import re
import subprocess
import time
from pathlib import Path

import pytest

from tests.clients.node_client import needs_node_client
from tornado_app.tools.signature import SIGNATURE, TIMESTAMP, signature

TEXT = (Path(__file__).parents[2] / "docs/tools.md").read_text(encoding="utf-8")
KEY = b"k" * 32
BODY = '{"user_id":"alice","arguments":{"city":"Köln"}}'.encode()


def program(language):
    section = TEXT.partition("### Who asks")[2]
    return re.search(rf"^```{language}\n(.*?)^```", section, re.MULTILINE | re.DOTALL)[1]


def requests():
    """Headers, body, and whether they are good."""
    now = int(time.time())
    good = {TIMESTAMP: str(now), SIGNATURE: signature(KEY, now, BODY)}
    old = {TIMESTAMP: str(now - 900), SIGNATURE: signature(KEY, now - 900, BODY)}
    return [
        (good, BODY, True),
        (good, BODY + b" ", False),
        (good | {TIMESTAMP: str(now + 1)}, BODY, False),
        (good | {SIGNATURE: signature(b"x" * 32, now, BODY)}, BODY, False),
        (good | {SIGNATURE: "v1=ä"}, BODY, False),
        (old, BODY, False),
        ({}, BODY, False),
    ]


def test_of_a_known_message():
    """RFC 2104 over what the document says."""
    # printf 1.body | openssl dgst -sha256 -hmac key
    known = "91b5374b153842ad05b2c4eab9349b8321b14703165bd3fb8b034dfb8be98ae5"

    assert f"v1={known}" == signature(b"key", 1, b"body")


def test_in_python():
    """It takes what is good, and nothing else."""
    names = {}
    exec(program("python"), names)  # noqa: S102  it is our own document
    for headers, body, is_good in requests():
        assert is_good == names["is_parleys"](KEY, headers, body), headers


@needs_node_client
@pytest.mark.parametrize("number", range(7))
def test_in_node(tmp_path, number):
    """The same."""
    headers, body, is_good = requests()[number]
    lower = {name.lower(): value for name, value in headers.items()}
    script = tmp_path / "check.mjs"
    script.write_text(
        program("js")
        + f"const body = Buffer.from({json.dumps(body.hex())}, 'hex');\n"
        + f"console.log(isParleys('{KEY.decode()}', {json.dumps(lower)}, body));\n"
    )
    done = subprocess.run(["node", script], check=True, capture_output=True, text=True)

    assert json.dumps(is_good) == done.stdout.strip()
