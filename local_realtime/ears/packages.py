"""Where the packages of speech keep their models.  Nothing is fetched, nothing of theirs is run."""

import sys
from importlib.util import find_spec
from pathlib import Path

import onnxruntime as ort

MODELS = Path(sys.prefix) / "models"
"""Where packages are that are never imported (requirements-models.txt)."""


def model_file(package: str, name: str) -> Path:
    """A file inside an installed package, or inside one of `MODELS`.

    Raises:
        ImportError: If it is not there.
    """
    spec = find_spec(package)
    folders = (spec.submodule_search_locations if spec else None) or ()
    for folder in (*folders, MODELS / package):
        path = Path(folder) / name
        if path.is_file():
            return path
    raise ImportError(f"{package} with {name} is not installed")


def open_model(path: Path) -> ort.InferenceSession:
    """A model that computes in the thread that calls it; several may."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
