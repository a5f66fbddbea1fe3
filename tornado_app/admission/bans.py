"""Users and tokens that an operator keeps out for a time, as processes and machines know it.

    {"users": {"alice": {"until": 1796083200.0, "decided_at": 1796079600000,
                         "kept_until": 1796083200.0}}, "tokens": {}}

Whatever two of them know is put together without loss, in any order and however often, and the
last decision counts.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from tornado_app.admission.claims import LONGEST_NAME

MOST = 10_000
FILE_BYTES = 16 << 20

Kind = Literal["user", "token"]
KINDS: tuple[Kind, ...] = ("user", "token")
Name = Annotated[str, Meta(min_length=1, max_length=LONGEST_NAME)]


class Ban(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was decided last of one.  Times are Unix times."""

    until: float
    """In seconds; 0: they were let in again."""
    decided_at: int
    """In milliseconds, and later than of all that whoever decided knew."""
    kept_until: float
    """In seconds: so long somebody may know an older decision by which they are out."""

    def with_other(self, other: "Ban") -> "Ban":
        """The later one, kept as long as any; of two at once, the one that keeps out longer."""
        last = max(self, other, key=lambda ban: (ban.decided_at, ban.until))
        kept_until = max(self.kept_until, other.kept_until)
        return (
            last if last.kept_until == kept_until else Ban(last.until, last.decided_at, kept_until)
        )


class Bans(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing of it changes."""

    users: dict[Name, Ban] = {}
    tokens: dict[Name, Ban] = {}
    """By their number, `jti`."""

    def of(self, kind: Kind) -> Mapping[str, Ban]:
        return self.users if kind == "user" else self.tokens

    def has(self, user_id: str, token_id: str | None, unix_s: float) -> bool:
        """Whether that user, or that token, is kept out then."""
        return self.until("user", user_id) > unix_s or (
            token_id is not None and self.until("token", token_id) > unix_s
        )

    def until(self, kind: Kind, name: str) -> float:
        """In Unix seconds; 0: they are not kept out."""
        ban = self.of(kind).get(name)
        return 0.0 if ban is None else ban.until

    def kept_out(self, unix_s: float) -> Iterator[tuple[Kind, str, float]]:
        """Who is, and until when."""
        for kind in KINDS:
            for name, ban in sorted(self.of(kind).items()):
                if ban.until > unix_s:
                    yield kind, name, ban.until

    def with_one(self, kind: Kind, name: str, until_unix_s: float, unix_s: float) -> "Bans":
        """One more, or another time for one; without what is over.

        Raises:
            ValueError: With a sentence, if there are `MOST` already.
        """
        is_new = self.until(kind, name) <= unix_s
        if is_new and sum(1 for _ in self.kept_out(unix_s)) >= MOST:
            raise ValueError(f"{MOST} users and tokens are kept out already.")
        return self._deciding(kind, name, until_unix_s, unix_s)

    def without(self, kind: Kind, name: str, unix_s: float) -> "Bans":
        """One less, and without what is over.

        Raises:
            LookupError: If they are not kept out.
        """
        if self.until(kind, name) <= unix_s:
            raise LookupError(name)
        return self._deciding(kind, name, 0.0, unix_s)

    def merged(self, other: "Bans", unix_s: float) -> "Bans":
        """What both know, without what is over; the same object, if that is all that this has.

        Of more than `MOST` those whom somebody has let in are forgotten first, and then those that
        were decided on first.
        """
        found = {kind: {**self.of(kind)} for kind in KINDS}
        for kind, known in found.items():
            for name, ban in other.of(kind).items():
                # What is over here and not yet forgotten there counts for neither: else what both
                # know would depend on who had forgotten before they met.
                if ban.kept_until > unix_s:
                    mine = known.get(name)
                    if mine is None or mine.kept_until <= unix_s:
                        known[name] = ban
                    else:
                        known[name] = mine.with_other(ban)
        merged = _bounded(found, unix_s)
        return self if merged == self else merged

    @property
    def over_at(self) -> float:
        """When all of it is over, in Unix seconds."""
        return max(
            (ban.kept_until for kind in KINDS for ban in self.of(kind).values()), default=0.0
        )

    def _deciding(self, kind: Kind, name: str, until: float, unix_s: float) -> "Bans":
        before = self.of(kind).get(name) or Ban(0.0, 0, 0.0)
        decided_at = max(int(unix_s * 1000), before.decided_at + 1)
        found = {each: {**self.of(each)} for each in KINDS}
        found[kind][name] = Ban(until, decided_at, max(until, before.kept_until))
        return _bounded(found, unix_s)


NOBODY = Bans()


def read_bans(text: bytes) -> Bans:
    """Raises ValueError with a sentence, if it is none of ours."""
    if len(text) > FILE_BYTES:
        raise ValueError(f"it is longer than {FILE_BYTES} bytes")
    try:
        return msgspec.json.decode(text, type=Bans)
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from None


def _bounded(found: Mapping[Kind, Mapping[str, Ban]], unix_s: float) -> Bans:
    all_of_them = [
        (kind, name, ban)
        for kind, bans in found.items()
        for name, ban in bans.items()
        if ban.kept_until > unix_s
    ]
    if len(all_of_them) > MOST:
        all_of_them.sort(key=lambda each: (each[2].until > 0, each[2].decided_at, *each[:2]))
        del all_of_them[:-MOST]
    kept: dict[Kind, dict[str, Ban]] = {kind: {} for kind in KINDS}
    for kind, name, ban in all_of_them:
        kept[kind][name] = ban
    return Bans(kept["user"], kept["token"])
