"""The responses of a session: one in the conversation at a time, a few beside it."""

import math
from collections import deque
from dataclasses import replace

from local_realtime.errors import Refused, server_error
from local_realtime.ids import new_id
from local_realtime.session.context_window import ContextWindow
from local_realtime.session.conversation import Conversation
from local_realtime.session.outbox import Outbox, Think
from local_realtime.session.responder import Answer, Failure, Piece, Turn
from local_realtime.session.response import NEVER, Response
from local_realtime.session.response_plan import Plan
from local_realtime.session.usage import Meter

MAX_OUT_OF_BAND = 8
LIMITS_DELAY_S = 0.04
"""`rate_limits.updated` comes so long after `response.done`, as recorded from the API."""

LOCAL_TOKEN_LIMIT = 1_000_000
"""Nothing is rationed here; clients expect to be told a number."""


class Responses:
    def __init__(self, conversation: Conversation, outbox: Outbox, pace: float) -> None:
        self.voice_is_fixed = False
        self.quiet_since = NEVER
        """When the last answer will have been played out; never, before and during an answer."""

        self._conversation = conversation
        self._conversation_id = new_id("conv")
        self._outbox = outbox
        self._pace = pace
        self._meter = Meter()
        self._window = ContextWindow()
        self._active: dict[str, Response] = {}
        self._limits_due: deque[float] = deque()

    @property
    def main(self) -> Response | None:
        """The one that belongs to the conversation, if it is in progress."""
        return next((r for r in self._active.values() if not r.plan.is_out_of_band), None)

    @property
    def due(self) -> float:
        dues = (response.due for response in self._active.values())
        return min((*dues, *self._limits_due), default=math.inf)

    def create(self, plan: Plan) -> None:
        """Start a response, and ask for its answer.

        Raises:
            Refused: If there is one already, or too many beside it, or too much to answer.
        """
        main = self.main
        if main and not plan.is_out_of_band:
            message = (
                f"Conversation already has an active response in progress: {main.id}. "
                "Wait until the response is finished before creating a new one."
            )
            raise Refused("conversation_already_has_active_response", message)
        if len(self._active) - bool(main) >= MAX_OUT_OF_BAND:
            message = f"At most {MAX_OUT_OF_BAND} out-of-band responses may be in progress."
            raise Refused("rate_limit_exceeded", message)
        plan = self._within_context(plan)
        conversation = None if plan.is_out_of_band else self._conversation
        response = Response(plan, conversation, self._conversation_id, self._outbox, self._pace)
        self._active[response.id] = response
        if not plan.is_out_of_band:
            self.quiet_since = NEVER
        self._outbox.command(Think(response.id, _turn(plan)))

    def _within_context(self, plan: Plan) -> Plan:
        window = self._window if plan.is_whole_conversation else ContextWindow()
        seen = window.fit(plan.context, plan.truncation, plan.traits.input_tokens)
        return replace(plan, context=replace(plan.context, items=seen))

    def awaits(self, response_id: str) -> bool:
        """Whether there is still somebody to answer."""
        return response_id in self._active

    def take(self, response_id: str, piece: Piece, now: float) -> None:
        """The next piece of an answer.  Too late for a cancelled response."""
        if isinstance(piece, Failure):
            self.fail(response_id, now, Refused(piece.code, piece.message, kind="server_error"))
            return
        response = self._active.get(response_id)
        if response:
            is_voice = response.plan.is_spoken and isinstance(piece, Answer)
            self.voice_is_fixed = self.voice_is_fixed or is_voice
            response.take(piece, now)

    def answered(self, response_id: str, now: float) -> None:
        """The answer is whole."""
        response = self._active.get(response_id)
        if response:
            response.answered(now)

    def fail(self, response_id: str, now: float, error: Refused | None = None) -> None:
        """There will be no answer, or no more of it."""
        response = self._active.get(response_id)
        if response is None:
            return
        error = error or server_error(response_id)
        inner = {"type": error.kind, "code": error.code, "message": error.message}
        response.finish("failed", {"type": "failed", "error": inner}, self._meter)
        self._end(response, now)

    def tick(self, now: float) -> None:
        """Send one piece of every response whose time has come, and what follows its end."""
        while self._limits_due and self._limits_due[0] <= now:
            self._limits_due.popleft()
            self._tell_limits()
        for response in list(self._active.values()):
            if response.due <= now and response.step():
                response.complete(self._meter)
                self._end(response, now)

    def cancel(self, response_id: str | None, reason: str, now: float) -> None:
        """Cancel the given response, or the conversation's own.

        Raises:
            Refused: If it is not in progress.
        """
        response = self._active.get(response_id) if response_id else self.main
        if response is None:
            message = "Cancellation failed: no active response found"
            raise Refused("response_cancel_not_active", message)
        response.cancel(reason, self._meter)
        self._end(response, now)

    def _end(self, response: Response, now: float) -> None:
        del self._active[response.id]
        if not response.plan.is_out_of_band:
            self.quiet_since = max(now, response.playback_ends)
        self._limits_due.append(now + LIMITS_DELAY_S)

    def _tell_limits(self) -> None:
        limit = {
            "name": "tokens",
            "limit": LOCAL_TOKEN_LIMIT,
            "remaining": LOCAL_TOKEN_LIMIT,
            "reset_seconds": 0.0,
        }
        self._outbox.emit("rate_limits.updated", rate_limits=[limit])


def _turn(plan: Plan) -> Turn:
    return Turn(
        items=plan.context.items,
        instructions=plan.context.instructions,
        is_spoken=plan.is_spoken,
        voice=plan.voice,
        speed=plan.speed,
        tools=plan.context.tools,
        tool_choice=plan.tool_choice,
        parallel_tool_calls=plan.parallel_tool_calls,
        max_output_tokens=plan.max_output_tokens,
    )
