"""What `parley_tools` has marked in the operator's module, and which parameter is the caller."""

import types
import typing

from parley_tools import Caller


def marks_of(value: object, mark: str) -> object:
    """None: it has none, as what stands for something that is not there yet, and says so loudly."""
    try:
        return getattr(value, mark, None)
    except Exception:  # noqa: BLE001  what a module imports may raise anything
        return None


def is_caller(hint: object) -> bool:
    """Whether a parameter of this type is filled in, also one that need not be given: the model,
    which says what its user has it say, may not say who calls.
    """
    if typing.get_origin(hint) in {typing.Annotated, typing.Union, types.UnionType}:
        return any(map(is_caller, typing.get_args(hint)))
    return hint is Caller
