"""Pictures of the client: who may show them, how large, and how many."""

import pybase64

from tornado_app.admission.limits import Bucket
from tornado_app.errors import Refused
from tornado_app.protocol import asked
from tornado_app.protocol.picture_files import FORMATS, NoPicture, Size, size_of
from tornado_app.session.actions import Actions
from tornado_app.session.config import PictureRules
from workers.formats import base64_bytes

NOT_ALLOWED = (
    "image is not for this client: the server's policy, or the token, has to allow pictures."
)

HAIR = 1e-6
"""Rounding must not ask a client who waited as told to wait once more."""


class Pictures:
    """Thread: loop."""

    def __init__(self, rules: PictureRules, actions: Actions) -> None:
        self._rules = rules
        self._actions = actions
        self._taken = 0
        self._rate = Bucket(rules.per_minute / 60, rules.per_minute)

    def refusal(self, message: asked.Image) -> Refused | None:
        """Why a picture is not taken; None: it is, and counts."""
        found = self.judge(message)
        if isinstance(found, Refused):
            return found
        self.count(message, found)
        return None

    def judge(self, message: asked.Image, beside: int = 0) -> Size | Refused:
        """How large it is, or why it is not taken; nothing counts yet.

        *beside*: with so many others, which are taken with it or not at all.  What is cheap to know
        is asked first: only what could be taken is looked into.
        """
        rules = self._rules
        if not rules.are_allowed:
            return Refused("permission_denied", NOT_ALLOWED, "type")
        if self._taken + beside >= rules.per_call:
            sentence = f"A call may show {rules.per_call} pictures, and this one has."
            if beside:
                sentence = f"A call may show {rules.per_call} pictures; this would be one more."
            return Refused("permission_denied", sentence, "type")
        if len(message.image) > -(-rules.size_bytes // 3) * 4:
            sentence = f"image: a picture may have at most {rules.size_bytes} bytes."
            return Refused("message_too_large", sentence, "image")
        found = _look(message)
        if isinstance(found, Refused):
            return found
        if max(found) > rules.side_px:
            sentence = (
                f"image: a picture may have at most {rules.side_px} pixels on a side; this one is "
                f"{found.width_px} by {found.height_px}."
            )
            return Refused("message_too_large", sentence, "image")
        return self._too_often(beside + 1) or found

    def count(self, message: asked.Image, found: Size) -> None:
        """It is taken."""
        self._rate.spend(self._actions.now, 1)
        self._taken += 1
        self._actions.log(
            "picture_taken",
            format=message.format,
            size_bytes=base64_bytes(message.image),
            width_px=found.width_px,
            height_px=found.height_px,
        )

    def _too_often(self, pictures: int) -> Refused | None:
        most = self._rules.per_minute
        too_many = self._rate.used(self._actions.now) + pictures - most
        if too_many <= HAIR:
            return None
        sentence = f"A call may show {most:g} pictures a minute."
        # More than that at once no waiting helps.
        retry_after_ms = int(too_many * 60_000 / most) + 1 if pictures <= most else None
        return Refused("rate_limited", sentence, "type", retry_after_ms)


def _look(message: asked.Image) -> Size | Refused:
    kind = next((known for known in FORMATS if known == message.format), None)
    if kind is None:
        sentence = f"format must be one of {', '.join(FORMATS)}."
        return Refused("unsupported_format", sentence, "format")
    try:
        data = pybase64.b64decode(message.image, validate=True)
    except ValueError:
        return Refused("invalid_message", "image must be a base64 string.", "image")
    try:
        return size_of(kind, data)
    except NoPicture as why:
        sentence = f"image must be a picture as format says: it {why}."
        return Refused("unsupported_format", sentence, "image")
