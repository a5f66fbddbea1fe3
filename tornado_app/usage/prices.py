"""What models cost: a table of the operator's, exact to the last digit.

Prices are for a million tokens of a type, or for a minute, from a day on.  The name of a model may
end in ``*``; of several that fit the longest counts, and of its prices the last that has begun.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from tornado_app.settings.toml_file import tables_of
from tornado_app.settings.words import wrong_fields

MILLION = 1_000_000
FILE_BYTES = 1 << 20
OUTPUT = ("text_output", "audio_output")

NOT_BELOW_ZERO = "a number of 0 or more"

Amount = Annotated[Decimal | None, Meta(description=NOT_BELOW_ZERO)]
Name = Annotated[str, Meta(min_length=1, max_length=200)]


class Price(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, rename={"since": "from"}
):
    """Of one model from one day on; None: it has none of these."""

    model: Name
    since: date
    text_input: Amount = None
    audio_input: Amount = None
    image_input: Amount = None
    cached_text_input: Amount = None
    cached_audio_input: Amount = None
    cached_image_input: Amount = None
    text_output: Amount = None
    audio_output: Amount = None
    minute: Amount = None
    """Of audio that is written down, by models that count no tokens."""

    def of(self, kind: str) -> Decimal | None:
        """For a million tokens of that `TokenType`.  Those that a model does not name are taken for
        text that it wrote, as thinking is.
        """
        name = "text_output" if kind == "unnamed" else kind
        amount: Decimal | None = getattr(self, name)
        return amount

    def fits(self, model: str) -> bool:
        if self.model.endswith("*"):
            return model.startswith(self.model[:-1])
        return model == self.model

    @property
    def amounts(self) -> Iterable[tuple[str, Decimal]]:
        fields = ((name, getattr(self, name)) for name in self.__struct_fields__)
        return ((name, value) for name, value in fields if isinstance(value, Decimal))


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    currency: Annotated[
        str, Meta(pattern=r"\A[A-Z]{3}\Z", description="three capital letters, such as USD")
    ] = "USD"
    answers: Annotated[
        tuple[dict[str, Any], ...], Meta(description="tables, written as [[answers]]")
    ] = ()
    transcriptions: Annotated[
        tuple[dict[str, Any], ...], Meta(description="tables, written as [[transcriptions]]")
    ] = ()


class Prices:
    """Thread: any; nothing of it changes."""

    def __init__(
        self,
        currency: str = "USD",
        answers: Sequence[Price] = (),
        transcriptions: Sequence[Price] = (),
    ) -> None:
        self.currency = currency
        self._answers = answers
        self._transcriptions = transcriptions

    def of_answer(self, model: str, tokens: Mapping[str, int], day: date) -> Decimal | None:
        """What an answer cost; None: that cannot be known, because there is no price."""
        return _cost(_found(self._answers, model, day), tokens, 0.0)

    def most_of_answer(
        self, model: str, given: Mapping[str, int], made: int, day: date
    ) -> Decimal | None:
        """What an answer costs at the most that is *given* so many tokens, of which the model has
        none in its cache, and that has *made* so many; None, as `of_answer`.
        """
        counts = Counter[str]()
        for kind, count in given.items():
            counts[kind.removeprefix("cached_")] += count
        dearest = (self.of_answer(model, {kind: made}, day) for kind in OUTPUT)
        costs = [cost for cost in dearest if cost is not None]
        cost = self.of_answer(model, counts, day)
        return None if cost is None or not costs else cost + max(costs)

    def of_transcription(
        self, model: str, tokens: Mapping[str, int], seconds: float, day: date
    ) -> Decimal | None:
        """What it cost to write a turn down; None, as `of_answer`."""
        return _cost(_found(self._transcriptions, model, day), tokens, seconds)


def read_prices(text: bytes) -> Prices:
    """Raises ValueError with a sentence for each thing that is wrong, and where."""
    if len(text) > FILE_BYTES:
        raise ValueError(f"it is longer than {FILE_BYTES} bytes")
    try:
        tables = _with_decimals(tables_of(text, Decimal))
    except ValueError as error:
        raise ValueError(f"it {error}") from None
    wrong = [f"{name}: {reason}" for name, reason in wrong_fields(tables, _File)]
    if wrong:
        raise ValueError(*wrong)
    file = msgspec.convert(tables, _File)
    answers = _prices("answers", file.answers, wrong)
    transcriptions = _prices("transcriptions", file.transcriptions, wrong)
    if wrong:
        raise ValueError(*wrong)
    return Prices(file.currency, answers, transcriptions)


def _prices(name: str, tables: Iterable[dict[str, Any]], wrong: list[str]) -> list[Price]:
    """Those that can be used; what is wrong with the others goes to *wrong*."""
    prices = []
    for number, table in enumerate(tables, 1):
        reasons = list(wrong_fields(table, Price))
        if not reasons:
            price = msgspec.convert(table, Price)
            reasons = [
                (kind, f"must be {NOT_BELOW_ZERO}")
                for kind, amount in price.amounts
                if not amount.is_finite() or amount < 0
            ]
            prices.append(price)
        wrong += (f"{name}, table {number}, {key}: {reason}" for key, reason in reasons)
    return prices


def _with_decimals(value: Any) -> Any:
    """Whole numbers are as exact as others, and of another type in TOML."""
    match value:
        case bool() | None:
            return value
        case int():
            return Decimal(value)
        case dict():
            return {name: _with_decimals(each) for name, each in value.items()}
        case list():
            return [_with_decimals(each) for each in value]
    return value


def _found(prices: Iterable[Price], model: str, day: date) -> Price | None:
    fitting = [price for price in prices if price.fits(model) and price.since <= day]
    return max(fitting, key=lambda price: (len(price.model), price.since), default=None)


def _cost(price: Price | None, tokens: Mapping[str, int], seconds: float) -> Decimal | None:
    if price is None:
        return None
    total = Decimal(0)
    for kind, count in tokens.items():
        amount = price.of(kind)
        if amount is None and count:
            return None
        total += (amount or Decimal(0)) * count / MILLION
    if seconds:
        if price.minute is None:
            return None
        total += price.minute * Decimal(str(seconds)) / 60
    return total
