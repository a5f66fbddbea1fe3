import json
import subprocess
import sys

# Each of them is seconds, or megabytes, of every process that has it.
RARE = {
    "httpx2",
    "jsonschema",
    "mcp",
    "pydantic",
    "numpy.f2py.crackfortran",
    "numpy.ma.core",
    "unittest",
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
import numpy as np
print(json.dumps([loaded, int(np.ma.masked_equal([1, 2, 3], 2).sum())]))
"""


def test_a_gateway_loads_what_it_needs():
    """What only some settings need is loaded by them, and what of numpy nobody uses by who does."""
    program = [sys.executable, "-c", PROGRAM]
    told = subprocess.run(program, check=True, capture_output=True, text=True).stdout

    assert [[], 4] == json.loads(told)
