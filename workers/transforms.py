"""scipy's transforms, and of what they load at once only what transforms need.

scipy copies every name of numpy, and with that loads parts which nobody here uses: a compiler of
Fortran, masked arrays, helpers of tests.  Those are loaded when somebody asks for them
(`importlib.util.LazyLoader`), which saves each process some MB and a tenth of a second of a core.
"""

import sys
from importlib.util import LazyLoader, find_spec, module_from_spec

import numpy as np

PARTS = ("ctypeslib", "f2py", "ma", "polynomial", "testing")


def _load_on_demand(part: str) -> None:
    name = f"numpy.{part}"
    spec = find_spec(name)
    if name in sys.modules or spec is None or spec.loader is None:
        return
    loader = spec.loader = LazyLoader(spec.loader)
    module = sys.modules[name] = module_from_spec(spec)
    setattr(np, part, module)
    loader.exec_module(module)


for _part in PARTS:
    _load_on_demand(_part)

from scipy import fft, fftpack  # noqa: E402  after what it would load

__all__ = ["fft", "fftpack"]
