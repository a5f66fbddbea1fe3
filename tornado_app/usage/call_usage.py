"""What one call uses, from the facts that its session tells: those of its log and its metrics."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from tornado_app.protocol.figures import CostFigures
from tornado_app.protocol.realtime.functions import Function, HandedServer, tool_entry
from tornado_app.protocol.realtime.given import given_in
from tornado_app.protocol.realtime.model_session import ModelSession
from tornado_app.session.config import SessionConfig
from tornado_app.session.totals import Totals
from tornado_app.usage.prices import Prices
from tornado_app.usage.record import Kind, Record

USER_MS = 100
ANSWER_MS = 50
"""For a token of audio, the user's and the model's."""
WORD_BYTES = 4
"""Of text for a token, on the average; at the most it is one for each."""
MOST_OUTPUT_TOKENS = 4096
"""Of an answer, where nothing bounds it."""
BEGUN_MOST = 128
"""As many as a session knows: 64 that run, and 64 that were given up and are not counted yet."""
OVER_KEPT = 64


class CallUsage:
    """Thread: loop.  An answer that has begun is one record in the end, whatever becomes of it."""

    def __init__(
        self,
        config: SessionConfig,
        totals: Callable[[], Totals],
        put: Callable[[Record], None],
        *,
        prices: Prices,
        organisation: str = "",
        trace_id: str = "",
    ) -> None:
        """*totals*: what there was in the call so far."""
        self._config = config
        self._totals = totals
        self._put = put
        self._prices = prices
        self._organisation = organisation
        self._trace_id = trace_id
        self._model = config.model_session.model
        self._begun: dict[str, Totals] = {}
        """Answers that run, and what there had been before: they were given no more."""
        self._over: dict[str, None] = {}
        """The last answers that have a record: what is said of them later is not another one."""
        self._known_input: dict[str, int] = {}
        """Of the last answer that was counted: the next has all of it in its input again."""
        self._known_output: dict[str, int] = {}
        """And what the model has said in it."""
        self._counted: Totals | None = None
        """What there had been of the call when it began, which is counted in it."""
        self.cost = Decimal(0)
        """Of all that has a price, exactly."""
        self._unpriced = 0
        self._count = 0

    @property
    def figures(self) -> CostFigures:
        """What a client may be told of it."""
        return CostFigures(format(self.cost, "f"), self._prices.currency, self._unpriced)

    def most_of_next(self, now: float, most_output_tokens: int) -> Decimal:
        """What the answers that run and the next one may cost at the most, by what is known of them
        at *now*: what the model was given and has said, speech since, and the longest answer, which
        has *most_output_tokens*; 0: that is not bounded.  0, if nobody answers.
        """
        said = self._known_output
        heard = said.get("audio_output", 0)
        since = self._since(bytes_per_token=1)
        told = {"audio_input": heard, "text_input": sum(said.values()) - heard}
        known = _sum(self._known_input, told)
        if self._counted is None:
            known = first_given(self._config.model_session, self._config.tools.told)
        session = replace(self._config.model_session, model=self._model)
        day = _day(self._config.unix_ms(now))
        given = _sum(known, since)
        most = most_of_answer(self._prices, session, given, most_output_tokens, day)
        return most * max(1, len(self._begun))

    def hear(self, event: str, fields: Mapping[str, Any], now: float) -> None:
        """A fact, at *now* of the monotonic clock."""
        at = self._config.unix_ms(now)
        match event:
            case "upstream_dialled":
                self._model = fields["asked_model"]
            case "response_begun":
                self._begin(fields["response_id"], at)
            case "response_done":
                self._answered(fields, at)
            case "upstream_lost" | "rolled_over":
                self._end_begun(event, at)
            case "upstream_rejected" if "stage" in fields:  # else one answer, or one request
                self._end_begun(event, at)
            case "transcribed":
                self._transcribed(fields, at)
            case "tool_done" | "tool_failed":
                self._tool(fields, at)
            case "session_closed":
                self._end_begun(fields["cause"], at)
                self._closed(fields, at)

    def _begin(self, response_id: str, at: int) -> None:
        if len(self._begun) >= BEGUN_MOST:
            self._estimate(next(iter(self._begun)), "forgotten", at)
        self._begun[response_id] = self._totals()
        self._over.pop(response_id, None)  # another model, with names of its own

    def _end(self, response_id: str) -> None:
        self._begun.pop(response_id, None)
        self._over[response_id] = None
        if len(self._over) > OVER_KEPT:
            del self._over[next(iter(self._over))]

    def _answered(self, fields: Mapping[str, Any], at: int) -> None:
        response_id, tokens = fields["response_id"], fields["tokens_by_type"]
        is_uncounted = fields["tokens"] is None
        if response_id in self._over and (response_id or is_uncounted):
            return
        if is_uncounted and response_id in self._begun:
            self._estimate(response_id, fields["status"], at)
            return
        before = self._begun.get(response_id) or self._totals()
        self._end(response_id)
        if tokens:
            self._counted = before
            self._known_input = {name: count for name, count in tokens.items() if "input" in name}
            self._known_output = {n: count for n, count in tokens.items() if "input" not in n}
        cost = self._prices.of_answer(self._model, tokens, _day(at))
        self._write(
            "answer", at, model=self._model, status=fields["status"], tokens=tokens, cost=cost,
            response_id=response_id,
        )  # fmt: skip

    def _end_begun(self, status: str, at: int) -> None:
        for response_id in tuple(self._begun):
            self._estimate(response_id, status, at)

    def _estimate(self, response_id: str, status: str, at: int) -> None:
        """The model has answered, and never said how much: what it was given before, what was said
        since, and what of the answer the user was sent.
        """
        answered_ms = self._totals().answered_ms - self._begun[response_id].answered_ms
        self._end(response_id)
        since = self._since(bytes_per_token=WORD_BYTES)
        answered = {"audio_output": math.ceil(answered_ms / ANSWER_MS)}
        tokens = _sum(_sum(self._known_input, since), answered)
        cost = self._prices.of_answer(self._model, tokens, _day(at))
        self._write(
            "answer", at, model=self._model, status=status, tokens=tokens, cost=cost,
            response_id=response_id, is_estimated=True,
        )  # fmt: skip

    def _since(self, bytes_per_token: int) -> dict[str, int]:
        """What the model was given since it was last counted."""
        now, counted = self._totals(), self._counted
        if counted is None:
            text, pictures, heard_ms = now.given_text, now.given_pictures, now.received_ms
        else:
            text = now.given_text - counted.given_text
            pictures = now.given_pictures - counted.given_pictures
            heard_ms = now.received_ms - counted.received_ms
        since = {
            "audio_input": math.ceil(heard_ms / USER_MS),
            "text_input": math.ceil(text / bytes_per_token),
            "image_input": pictures,
        }
        return {kind: count for kind, count in since.items() if count}

    def _transcribed(self, fields: Mapping[str, Any], at: int) -> None:
        model, tokens, seconds = (
            fields[name] for name in ("asked_model", "tokens_by_type", "seconds")
        )
        cost = self._prices.of_transcription(model, tokens, seconds, _day(at))
        self._write("transcription", at, model=model, seconds=seconds, tokens=tokens, cost=cost)

    def _tool(self, fields: Mapping[str, Any], at: int) -> None:
        seconds = fields["duration_ms"] / 1000
        self._write("tool", at, model=fields["name"], status=fields["outcome"], seconds=seconds)

    def _closed(self, fields: Mapping[str, Any], at: int) -> None:
        self._write(
            "call",
            at,
            model=self._model,
            status=fields["cause"],
            seconds=fields["duration_s"],
            received_s=fields["received_ms"] / 1000,
            answered_s=fields["answered_ms"] / 1000,
        )

    def _write(self, kind: Kind, at: int, *, cost: Decimal | None = None, **more: Any) -> None:
        self._count += 1
        self.cost += cost or 0
        self._unpriced += cost is None and kind in {"answer", "transcription"}
        config = self._config
        self._put(
            Record(
                id=f"{config.session_id}-{self._count}",
                kind=kind,
                at=at,
                session_id=config.session_id,
                user_id=config.user_id,
                organisation=self._organisation,
                cost=cost,
                currency="" if cost is None else self._prices.currency,
                trace_id=self._trace_id,
                **more,
            )
        )


def most_of_answer(
    prices: Prices,
    session: ModelSession,
    given: Mapping[str, int],
    most_output_tokens: int,
    day: date,
) -> Decimal:
    """As `CallUsage.most_of_next`, to what the model is *given*."""
    if session.only_transcribes:
        return Decimal(0)
    made = most_output_tokens or MOST_OUTPUT_TOKENS
    return prices.most_of_answer(session.model, given, made, day) or Decimal(0)


def first_given(
    session: ModelSession, server_tools: Sequence[Function | HandedServer]
) -> dict[str, int]:
    """What a model is given before anybody has said anything, in tokens at the most."""
    tools = [tool_entry(each) for each in (*server_tools, *session.tools)]
    said = [turn.text for turn in session.history]
    given = given_in([session.instructions, tools, said])
    return {"text_input": given.text}


def _sum(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    names = {**one, **other}
    return {name: one.get(name, 0) + max(0, other.get(name, 0)) for name in names}


def _day(unix_ms: int) -> date:
    return datetime.fromtimestamp(unix_ms / 1000, UTC).date()
