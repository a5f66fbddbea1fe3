"""A text that must not be seen, and the files in which operators keep such."""

from pathlib import Path

DEVELOPMENT_PREFIX = "parley-development-only-"
"""Tells a development secret from a real one, on whatever computer it ends up."""
FILE_CHARACTERS = 16_384


class Secret:
    """A text that no log, error or repr shows."""

    # No dataclass: msgspec would look inside.
    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return "Secret(hidden)" if self._text else "Secret(empty)"


def is_line(text: str) -> bool:
    """Whether *text* can be a secret: nothing stands around it that was pasted with it, and nothing
    in it that no header can carry and nobody can see.
    """
    return text == text.strip() and text.isprintable()


def read_secrets(path: Path) -> list[str]:
    """The secrets in a file, one in each line; neither a line's end nor the mark that some editors
    put at the beginning of a text is part of one.

    Raises:
        ValueError: With a reason that shows nothing of what is in it.
    """
    try:
        with path.open(encoding="utf-8-sig") as file:
            text = file.read(FILE_CHARACTERS + 1).strip()
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror or type(error).__name__}") from None
    except UnicodeDecodeError:
        raise ValueError("cannot be read: it is not text") from None
    if not 0 < len(text) <= FILE_CHARACTERS:
        raise ValueError("is empty or too long")
    found = [line.strip() for line in text.split("\n") if line.strip()]
    if not all(map(is_line, found)):
        raise ValueError("holds characters that cannot be printed")
    return found


def read_secret(path: Path) -> str:
    """The one secret in a file.

    Raises:
        ValueError: As `read_secrets`, and if there are more.
    """
    found = read_secrets(path)
    if len(found) > 1:
        raise ValueError("holds more than one line")
    return found[0]
