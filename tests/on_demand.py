"""What takes a second to import: for the tests that call it, not for all who collect them."""

from importlib import import_module
from types import ModuleType


def scipy_signal() -> ModuleType:
    """Scipy's own filters and resamplers."""
    return import_module("scipy.signal")
