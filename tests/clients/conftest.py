"""The local model in its two modes, perhaps behind the gateway, and recorded speech."""

import wave
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from scipy.signal import resample_poly

from tests.clients.program import BYTES_PER_MS, called

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
        resampled = np.rint(resample_poly(samples.astype(float), 3, 2))
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
