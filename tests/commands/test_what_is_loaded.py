import json
import subprocess
import sys

# Each of them is seconds, or megabytes, of every process that has it.
RARE = {
    "httpx2",
    "jsonschema",
    "mcp",
    "pydantic",
    "scipy.signal",
    "soundfile",
    "onnxruntime",
    "psycopg",
    "opentelemetry.sdk",
    "hibari_tts",
    "moonshine_voice",
}
PROGRAM = f"""
import json, sys
import tornado_app.commands.serve
loaded = sorted({RARE!r} & sys.modules.keys())
print(json.dumps(loaded))
"""


def test_a_gateway_loads_what_it_needs():
    """What only some settings need is loaded by them."""
    program = [sys.executable, "-c", PROGRAM]
    told = subprocess.run(program, check=True, capture_output=True, text=True).stdout

    assert [] == json.loads(told)
