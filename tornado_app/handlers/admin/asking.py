"""Who may ask, how their requests are read, and how they are answered."""

import json
from collections.abc import Mapping
from hmac import compare_digest
from typing import Any, TypeVar

import msgspec
from tornado.web import HTTPError

from terminal.words import is_text
from tornado_app.admin.administration import Administration, PassedOn
from tornado_app.admission.operator_keys import OperatorKeys
from tornado_app.admission.own_page import is_of_same_origin
from tornado_app.client_side.front_door import Doorstep
from tornado_app.errors import ErrorCode, Refused
from tornado_app.handlers.admin.passing_on import ASKED_FROM, FURTHER, PASSED_ON, TRIED
from tornado_app.handlers.bodies import BodyHandler
from tornado_app.handlers.quiet import NOWHERE_FOR_OPERATORS, as_json
from tornado_app.settings.schema import Settings
from tornado_app.settings.words import explain

Body = TypeVar("Body", bound=msgspec.Struct)

KEY_NEEDED = "It needs the header Authorization: Bearer, with the key of one of admin.keys."
FOR_NO_PAGE = "This address is for operators and their programs, not for pages of another origin."
NO_BODY_YET = b"{}"


class Failed(HTTPError):
    """Why nothing comes of a request, raised wherever that is found out."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(status)
        self.sentence = sentence


class AdminHandler(BodyHandler):
    """Nothing is read of somebody without a key.  Thread: loop."""

    def initialize(self, administration: Administration, doorstep: Doorstep) -> None:
        self.administration = administration
        self._doorstep = doorstep
        self.operator = ""
        """The name of the key that was shown."""

    def prepare(self) -> None:
        self.begin_body()
        keys = OperatorKeys(key.reveal() for key in self.settings_now.admin.keys)
        if not keys:
            self.fail(404, NOWHERE_FOR_OPERATORS)
        elif "Origin" in self.request.headers and not is_of_same_origin(self.request.headers):
            self._turn_away("origin_denied", 403, FOR_NO_PAGE)
        else:
            self._identify(keys)

    @property
    def settings_now(self) -> Settings:
        """As the operator has them; keys may change while it runs."""
        return self.administration.gateway.settings

    @property
    def passed_on(self) -> PassedOn:
        """By the parent, if it is known to be: whoever else says so asks this process alone."""
        which = self._by_parent(PASSED_ON)
        if which is None:
            return ""
        if which == TRIED:
            return "tried"
        return "further" if which == FURTHER else "first"

    @property
    def ip(self) -> str:
        """Where it was asked from: by way of the parent, if that says so."""
        return self._by_parent(ASKED_FROM) or self.request.remote_ip or ""

    def _by_parent(self, header: str) -> str | None:
        """What the parent says there beside the secret that it has; None: it is not the parent."""
        key, _, said = self.request.headers.get(header, "").partition(" ")
        known = self.administration.parent_key
        if not known or not compare_digest(key.encode(), known.encode()):
            return None
        return said

    def _identify(self, keys: OperatorKeys) -> None:
        scheme, _, key = self.request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            self._turn_away("token_missing", 401, KEY_NEEDED)
            return
        name = keys.name_of(key.strip())
        if name is None:
            self._turn_away("token_invalid", 401, f"This is none of them. {KEY_NEEDED}")
            return
        self.operator = name

    def _turn_away(self, code: ErrorCode, status: int, sentence: str) -> None:
        if self.passed_on not in {"further", "tried"}:
            self._doorstep.refusals.log(
                "client_refused", code=code, ip=self.ip, detail="administration"
            )
        self.refused = Refused(code, sentence)
        self.refuse(self.refused, status)

    def read(self, kind: type[Body]) -> Body:
        """What the body asks for; one that is left out asks for nothing in particular.

        Raises:
            Failed: If it is none of that *kind*.
        """
        self._body[:] = self._body or NO_BODY_YET
        try:
            body = self.read_body()
            # Half of a surrogate pair can be written in JSON, and is no text (RFC 8259, 8.2).
            if not is_text(json.dumps(body, ensure_ascii=False)):
                raise Failed(400, "The body must be text: half of a character stands in it.")
        except Refused as refused:
            raise Failed(400, refused.sentence) from None
        return _converted(body, kind, strict=True)

    def query(self, kind: type[Body]) -> Body:
        """What the query asks for, each name once; raises as `read`."""
        arguments = self.request.query_arguments
        try:
            if any(len(values) > 1 for values in arguments.values()):
                raise Failed(400, "Each parameter may stand there once.")
            texts = {name: values[0].decode("utf-8") for name, values in arguments.items()}
        except UnicodeDecodeError:
            raise Failed(400, "The query must be UTF-8.") from None
        return _converted(texts, kind, strict=False)

    def tell(self, status: int, body: dict[str, Any]) -> None:
        self.answer(status, as_json(body))

    def fail(self, status: int, sentence: str) -> None:
        """Finish with why not."""
        self.refuse(Refused("invalid_message", sentence), status)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        error = kwargs.get("exc_info", (None, None))[1]
        if isinstance(error, Failed):
            self.fail(status_code, error.sentence)
        else:
            super().write_error(status_code, **kwargs)

    def log_exception(self, *exc_info: Any) -> None:
        if not isinstance(exc_info[1], Failed):  # which is told, and is no fault of ours
            super().log_exception(*exc_info)

    def http_error(self, refused: Refused) -> bytes:
        return as_json({"error": refused.sentence})


def _converted(values: Mapping[str, Any], kind: type[Body], *, strict: bool) -> Body:
    try:
        return msgspec.convert(values, kind, strict=strict)
    except msgspec.ValidationError:
        raise Failed(400, explain(values, kind, strict=strict)) from None
