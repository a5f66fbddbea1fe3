"""What tools answer is read as it was written: nothing grows when an encoding is taken off it."""

from collections.abc import Mapping

AS_IT_IS = ("", "identity")


def is_encoded(headers: Mapping[str, str]) -> bool:
    """Whether a body is in an encoding; their names have no case (RFC 9110, 8.4.1)."""
    return headers.get("content-encoding", "").strip().lower() not in AS_IT_IS
