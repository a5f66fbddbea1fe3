"""A file of TOML that is right as a whole, or not used: each of the operator's but the settings."""

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from terminal.files import read_whole


def read_tables(path: Path) -> dict[str, Any]:
    """What the file at *path* says.

    Raises:
        ValueError: With what is wrong, to be said behind the file's name.
    """
    try:
        text = read_whole(path)
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror or type(error).__name__}") from None
    return tables_of(text)


def tables_of(text: bytes, parse_float: Callable[[str], Any] = float) -> dict[str, Any]:
    """What *text* says; raises as `read_tables`."""
    try:
        return tomllib.loads(text.decode("utf-8-sig"), parse_float=parse_float)
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8") from None
    except (ValueError, RecursionError) as error:  # too many digits are none of tomllib's own
        raise ValueError(f"is not valid TOML: {error}") from None
