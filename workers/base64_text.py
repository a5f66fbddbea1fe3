"""Base64 of many chunks in one call.

pybase64 gives up the interpreter's lock in every call, which costs more than the call does when
another thread is waiting for it.
"""

from collections.abc import Sequence
from contextlib import suppress

import pybase64


def encode_all(chunks: Sequence[bytes]) -> list[bytes]:
    """Return each chunk as padded base64, in ASCII."""
    filled: list[bytes] = []
    for chunk in chunks:
        filled += chunk, bytes(-len(chunk) % 3)
    joined = pybase64.b64encode(b"".join(filled))
    texts, begin = [], 0
    for chunk in chunks:
        padding = -len(chunk) % 3
        end = begin + (len(chunk) + padding) // 3 * 4
        text = joined[begin : end - padding]
        # What a filling of zeros has become is cut off: the bits that reach into the text are 0.
        texts.append(text + b"=" * padding if padding else text)
        begin = end
    return texts


def encode_equal(joined: bytes, count: int) -> list[bytes]:
    """Return *count* chunks of one size, given joined, as `encode_all` does."""
    if len(joined) // count % 3:
        return encode_all(cut(joined, count))
    return cut(pybase64.b64encode(joined), count)


def cut(joined: bytes, count: int) -> list[bytes]:
    """Cut *joined* into *count* pieces of one size."""
    size = len(joined) // count
    return [joined[at : at + size] for at in range(0, len(joined), size)] if size else [b""] * count


def decode_all(texts: Sequence[str]) -> list[bytes | None]:
    """Return what each text holds, None where it is not base64.

    Allowed is the standard alphabet, padded, without white space.
    """
    if any(len(text) % 4 for text in texts):
        return [_decode(text) for text in texts]
    paddings = [(text[-2:] == "==") + (text[-1:] == "=") for text in texts]
    # Padding ends a text, so letters stand in for it; their zero bits are cut off below.
    filled = [
        text[:-padding] + "A" * padding if padding else text
        for text, padding in zip(texts, paddings, strict=True)
    ]
    joined = _decode("".join(filled))
    if joined is None:
        return [_decode(text) for text in texts]
    chunks: list[bytes | None] = []
    begin = 0
    for text, padding in zip(texts, paddings, strict=True):
        end = begin + len(text) // 4 * 3
        chunks.append(joined[begin : end - padding])
        begin = end
    return chunks


def decode_joined(texts: Sequence[str]) -> bytes | None:
    """Return what texts of one length hold, joined; None if it is not base64.

    Texts with padding are left to `decode_all`.
    """
    joined = "".join(texts)
    return None if len(texts[0]) % 4 or "=" in joined else _decode(joined)


def _decode(text: str) -> bytes | None:
    # Nothing is raised from the ValueError, which would keep the text alive in its frames.
    with suppress(ValueError):
        return pybase64.b64decode(text, validate=True)
    return None
