"""The counters of a gateway, as far as an operator's history is made of them."""

from collections import Counter

from tornado_app import logs
from tornado_app.admin.history import Counted, Wrong, fold
from tornado_app.gateway import Gateway
from tornado_app.metrics import definitions as d

SLOW_S = 2.0
"""A bound of `ANSWER_WAIT`; who waits longer for a model wonders whether it is there."""

BY_OPERATOR = "ended_by_operator"
"""What was wanted did not go wrong."""


def count(gateway: Gateway, calls_elsewhere: int) -> Counted:
    """*calls_elsewhere* are those of the other processes.  Thread: loop; a microsecond for each
    call.
    """
    tally = gateway.tally
    waits = tally.spreads(d.ANSWER_WAIT)
    by_model, by_gateway = waits.get(("model",)), waits.get(("gateway",))
    return Counted(
        calls=len(gateway.connections),
        calls_together=len(gateway.connections) + calls_elsewhere,
        opened=sum(tally.counts(d.CALLS_OPENED).values()),
        answers=sum(tally.counts(d.ANSWERS).values()),
        waits=sum(by_model.counts) if by_model else 0,
        wait_s=sum(spread.total for spread in waits.values()),
        gateway_s=by_gateway.total if by_gateway else 0.0,
        slow=sum(by_model.counts[d.WAIT_S.index(SLOW_S) + 1 :]) if by_model else 0,
        tokens=sum(tally.counts(d.TOKENS).values()),
        cost=gateway.records.usage.spent,
        wrong=_wrong(gateway),
    )


def _wrong(gateway: Gateway) -> dict[Wrong, float]:
    found = Counter[Wrong]()
    for (level, event), lines in logs.lines_written().items():
        found[Wrong("log", event, level)] += lines
    for (code, *_), refusals in gateway.tally.counts(d.REFUSALS).items():
        found[Wrong("refused", code)] += int(refusals)
    for (code, *_), errors in gateway.tally.counts(d.ERRORS).items():
        found[Wrong("told", code)] += int(errors)
    for connection in gateway.connections:
        for code, errors in connection.errors.items():
            found[Wrong("told", code)] += errors
    del found[Wrong("told", BY_OPERATOR)]
    return fold(found)
