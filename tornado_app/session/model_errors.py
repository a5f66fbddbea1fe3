"""What an ``error`` of the model means for link and session, whoever conducts the call."""

from tornado_app.protocol.close import UPSTREAM_FAILED
from tornado_app.protocol.endings import (
    RATE_LIMIT,
    REJECTED,
    Ending,
    Failure,
    is_rate_limit,
    needs_a_person,
    safe_word,
)
from tornado_app.protocol.realtime.events import ErrorFacts
from tornado_app.protocol.waits import named_wait_s
from tornado_app.session.actions import Actions
from tornado_app.session.commands import NoteModel
from tornado_app.session.model_side import UPDATE_ID, ModelSide

LONG_WAIT_S = 5.0
"""A caller who is to wait so long for an upstream is better off with another."""


def judge(error: ErrorFacts, model: ModelSide, actions: Actions) -> Ending | Failure | None:
    """An ending if the session cannot go on, a failure if it cannot go on with this model.

    None: all is as it was.  If the model is connected, the error is about something that was asked
    of it; if not, a close follows, and `classify` will say what it was.
    """
    code = safe_word(error.code or "")
    model.on_error(error)
    actions.log("upstream_error", code=code, param=safe_word((error.param or "").replace(".", "_")))
    if (failure := refusal(error, model)) is not None:
        return failure
    if error.event_id == UPDATE_ID:
        model.shut()
        actions.log("upstream_rejected", cause="bad_session", detail=code)
        actions.do(NoteModel(False))
        return Ending("upstream_rejected", REJECTED, False, UPSTREAM_FAILED, "bad_session")
    if model.state == "connected" and needs_a_person(error.type or "", code):
        actions.log("upstream_rejected", cause=code or safe_word(error.type or ""))
    return None


def refusal(error: ErrorFacts, model: ModelSide) -> Failure | None:
    """How the link ends by *error*, of the model or of an answer: this upstream refuses for good or
    for long, and another may not.

    None: it does not, or there is no other.
    """
    if not model.has_others:
        return None
    code = safe_word(error.code or "")
    if error.event_id == UPDATE_ID:
        return Failure("open", "rejected", detail="bad_session")
    if model.state != "connected":
        return None
    if needs_a_person(error.type or "", code):
        return Failure("open", "rejected", detail=code or safe_word(error.type or ""))
    if is_rate_limit(error):
        wait_s = named_wait_s(error.message or "")
        if wait_s is not None and wait_s >= LONG_WAIT_S:
            return Failure("open", "rejected", detail=RATE_LIMIT, retry_after_s=wait_s)
    return None
