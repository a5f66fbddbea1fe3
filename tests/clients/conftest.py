"""The local model in its two modes, perhaps behind the gateway; speech; and clients' stories."""

import json
import wave
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from tests.clients.node_client import NODE_SCRIPTS
from tests.clients.other_clients import DEADLINE_S, PYTHON, SCRIPTS
from tests.clients.program import BYTES_PER_MS, MODEL, ROOT, called, output_of
from tests.fakes.encryption import encrypted
from tests.on_demand import scipy_signal

DATA = Path(__file__).parents[1] / "data"


@pytest.fixture(scope="package")
def speaking():
    """The local model that hears and speaks."""
    pytest.importorskip("onnxruntime", reason="the packages of speech are not installed")
    pytest.importorskip("hibari", reason="the packages of speech are not installed")
    with called("speech") as program:
        yield program


@pytest.fixture(scope="package")
def echoing():
    """The local model that plays back what it hears, sample for sample."""
    with called("echo") as program:
        yield program


@pytest.fixture(scope="session")
def agents():
    """What is imported only where it is called, and not in all that collect its tests."""
    return import_module("tests.clients.agents_calls")


@pytest.fixture(scope="session")
def recording():
    """A sentence of tests/data by name, as 24 kHz PCM16."""

    def load(name: str) -> bytes:
        with wave.open(str(DATA / f"{name}.wav")) as file:
            samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        resampled = np.rint(scipy_signal().resample_poly(samples.astype(float), 3, 2))
        return np.clip(resampled, -32768, 32767).astype("<i2").tobytes()

    return load


@pytest.fixture(scope="session")
def silence():
    """Digital silence of so many milliseconds."""
    return lambda duration_ms: bytes(duration_ms * BYTES_PER_MS)


@pytest.fixture(scope="session")
def chunks():
    """PCM in pieces of 100 ms, as a microphone would give it."""

    def cut(pcm: bytes) -> list[bytes]:
        size = 100 * BYTES_PER_MS
        return [pcm[start : start + size] for start in range(0, len(pcm), size)]

    return cut


@pytest.fixture
def npm_story(tmp_path, recording):
    """Runs a story of node/openai_calls.mjs against a program, and gives what it tells."""
    speech = tmp_path / "speech.pcm"
    speech.write_bytes(recording("amiable"))

    async def run(kind, name, program, key=None):
        async with encrypted(int(program.port), tmp_path) as wire:
            call = {"baseURL": f"https://{wire.address}/v1", "model": MODEL}
            call |= {"apiKey": key or program.key, "speech": str(speech)}
            environment = {"NODE_EXTRA_CA_CERTS": str(wire.certificate)}
            environment |= {"PARLEY_CALL": json.dumps(call)}
            script = NODE_SCRIPTS / "openai_calls.mjs"
            told, complaints = await output_of("node", script, kind, name, **environment)
        assert "" == complaints
        return {key: value for line in told.splitlines() for key, value in json.loads(line).items()}

    return run


@pytest.fixture
def others_story(tmp_path, recording):
    """Runs a script of others/ against a program, and gives what it tells."""
    speech, question = tmp_path / "speech.pcm", tmp_path / "question.pcm"
    speech.write_bytes(recording("amiable"))
    question.write_bytes(recording(ROOT / "examples" / "questions" / "weather"))

    async def run(client, name, program):
        async with encrypted(int(program.port), tmp_path) as wire:
            call = {
                # Clients of Azure dial nothing else.
                "base_url": f"https://{wire.address}/v1" if name == "azure" else program.base_url,
                "key": "sk-wrong" if name == "wrong_key" else program.key,
                "model": MODEL,
                "speech": str(speech),
                "question": str(question),
            }
            environment = {"PARLEY_CALL": json.dumps(call), "OTEL_SDK_DISABLED": "true"}
            environment |= {"SSL_CERT_FILE": str(wire.certificate)}
            script = SCRIPTS / f"{client}_calls.py"
            told, _ = await output_of(PYTHON, script, name, deadline_s=DEADLINE_S, **environment)
        lines = [json.loads(line) for line in told.splitlines() if line.startswith("{")]
        return {key: value for line in lines for key, value in line.items()}

    return run
