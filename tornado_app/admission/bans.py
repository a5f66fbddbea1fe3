"""Users and tokens that an operator keeps out for a time, as all processes of a machine read them.

    {"users": {"alice": 1796083200.0}, "tokens": {}}

Each until that Unix time in seconds.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from tornado_app.admission.claims import LONGEST_NAME

MOST = 10_000
FILE_BYTES = 4 << 20

Kind = Literal["user", "token"]
Name = Annotated[str, Meta(min_length=1, max_length=LONGEST_NAME)]


class Bans(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing of it changes."""

    users: dict[Name, float] = {}
    tokens: dict[Name, float] = {}
    """By their number, `jti`."""

    def of(self, kind: Kind) -> Mapping[str, float]:
        return self.users if kind == "user" else self.tokens

    def has(self, user_id: str, token_id: str | None, unix_s: float) -> bool:
        """Whether that user, or that token, is kept out then."""
        return self.users.get(user_id, 0.0) > unix_s or (
            token_id is not None and self.tokens.get(token_id, 0.0) > unix_s
        )

    def with_one(self, kind: Kind, name: str, until_unix_s: float, unix_s: float) -> "Bans":
        """One more, or another time for one; without those whose time is over.

        Raises:
            ValueError: With a sentence, if there are `MOST` already.
        """
        current = self._current(unix_s)
        current[kind][name] = until_unix_s
        if sum(map(len, current.values())) > MOST:
            raise ValueError(f"{MOST} users and tokens are kept out already.")
        return Bans(current["user"], current["token"])

    def without(self, kind: Kind, name: str, unix_s: float) -> "Bans":
        """One less, and without those whose time is over.

        Raises:
            LookupError: If they are not kept out.
        """
        current = self._current(unix_s)
        del current[kind][name]
        return Bans(current["user"], current["token"])

    def _current(self, unix_s: float) -> dict[Kind, dict[str, float]]:
        return {
            "user": {name: until for name, until in self.users.items() if until > unix_s},
            "token": {name: until for name, until in self.tokens.items() if until > unix_s},
        }


NOBODY = Bans()


def read_bans(text: bytes) -> Bans:
    """Raises ValueError with a sentence, if it is none of ours."""
    if len(text) > FILE_BYTES:
        raise ValueError(f"it is longer than {FILE_BYTES} bytes")
    try:
        return msgspec.json.decode(text, type=Bans)
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from None
