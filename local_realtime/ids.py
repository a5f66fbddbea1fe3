"""Ids of the shape the API uses: a prefix and base-62 characters."""

import secrets
import string

BASE_62 = (string.digits + string.ascii_letters).encode()
LETTER_OF_BYTE = bytes(BASE_62[byte % len(BASE_62)] for byte in range(256))


def random_letters(length: int) -> str:
    return secrets.token_bytes(length).translate(LETTER_OF_BYTE).decode()


def new_id(prefix: str) -> str:
    """An id such as ``resp_4vUlKq0Zb3xTnWc8mYd1F``."""
    return f"{prefix}_{random_letters(21)}"


def new_call_id() -> str:
    """That of a function call, which is shorter: ``call_b0Zb3xTnWc8mYd1F``."""
    return f"call_{random_letters(16)}"
