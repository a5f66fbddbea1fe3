"""What others are told of a user in place of a name."""

import hashlib


def pseudonym(user_id: str) -> str:
    """The same for each call of a user; whoever knows the name can find out that it is theirs."""
    return hashlib.sha256(f"parley:{user_id}".encode()).hexdigest()
