"""What operators are told who limit money and do not say what a model costs."""

from collections.abc import Iterator
from datetime import date

from tornado_app.session.token_types import TOKEN_TYPES
from tornado_app.settings.contradiction import Contradiction
from tornado_app.settings.schema import Quotas, Settings
from tornado_app.usage.prices import Prices

SPOKEN = tuple(kind for kind in TOKEN_TYPES if "image" not in kind)
"""What every call may have; pictures are let in by those who know what they cost."""


def unpriced(settings: Settings, prices: Prices, day: date) -> Iterator[Contradiction]:
    """Models that calls may have and for which *prices* has none: they would cost nothing."""
    if settings.usage.show_cost and not settings.usage.prices_file:
        names = ("usage.show_cost", "usage.prices_file")
        yield Contradiction(f"needs {names[1]}: else nothing costs anything", names)
    limited = [name for name in Quotas.__struct_fields__ if name.startswith("money_")]
    name = next((name for name in limited if getattr(settings.quotas, name)), None)
    if name is None:
        return
    session = settings.session
    for model in dict.fromkeys((settings.upstream.model, *session.models)):
        missing = [kind for kind in SPOKEN if prices.of_answer(model, {kind: 1}, day) is None]
        if missing:
            listed = "none" if len(missing) == len(SPOKEN) else f"no {', '.join(missing)}"
            yield _wrong(name, f"needs prices of {model}, and there is {listed} in")
    for model in dict.fromkeys((session.transcription_model, *session.transcription_models)):
        if model and prices.of_transcription(model, {}, 0.0, day) is None:
            yield _wrong(name, f"needs a price of {model} among [[transcriptions]], 0 or more, in")


def _wrong(name: str, reason: str) -> Contradiction:
    names = (f"quotas.{name}", "usage.prices_file")
    return Contradiction(f"{reason} {names[1]}", names)
