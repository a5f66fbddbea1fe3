"""Tokens and users that are taken back before their time: a file with a line for each.

    # who and why
    user alice
    jti 4f0c2b7e9a

What stands behind the first space is the name to the end of the line, as it is in the token, but
for spaces before and behind it, which nobody would see.
"""

from dataclasses import dataclass

from tornado_app.admission.claims import LONGEST_NAME, Caller

FILE_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Revocations:
    """Whom nobody lets in any more."""

    users: frozenset[str] = frozenset()
    token_ids: frozenset[str] = frozenset()
    wrong_lines: tuple[int, ...] = ()
    """The numbers of lines that say nothing that can be understood; the others count."""

    def has(self, user_id: str, token_id: str | None) -> bool:
        return user_id.strip() in self.users or (token_id or "").strip() in self.token_ids

    def takes_back(self, caller: Caller) -> bool:
        return self.has(caller.user_id, caller.token_id)


NONE = Revocations()


def read_revocations(text: bytes) -> Revocations:
    """Whatever stands there.

    Raises:
        ValueError: With a sentence, if it is no text.
    """
    if len(text) > FILE_BYTES:
        raise ValueError(f"it is longer than {FILE_BYTES} bytes")
    try:
        lines = text.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8") from None
    found: dict[str, set[str]] = {"user": set(), "jti": set()}
    wrong = []
    for number, line in enumerate(lines, 1):
        kind, _, name = line.strip().partition(" ")
        if not kind or kind.startswith("#"):
            continue
        if kind in found and _is_name(name.strip()):
            found[kind].add(name.strip())
        else:
            wrong.append(number)
    return Revocations(frozenset(found["user"]), frozenset(found["jti"]), tuple(wrong))


def _is_name(name: str) -> bool:
    return 0 < len(name) <= LONGEST_NAME and name.isprintable()
