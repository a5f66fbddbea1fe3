"""What several processes of one machine tell, as one answer."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from itertools import chain
from typing import Any

from tornado_app.admin.calls import Mark

Told = Mapping[str, Any]
Summed = dict[str, Any]


def calls(pages: Sequence[Told], count: int) -> Summed:
    """One page of *count* calls, the oldest first, of the same page of each process."""
    all_of_them = sorted(chain.from_iterable(page["calls"] for page in pages), key=_mark)
    shown = all_of_them[:count]
    has_more = len(all_of_them) > count or any(page["next"] is not None for page in pages)
    return {"calls": shown, "next": str(_mark(shown[-1])) if has_more else None}


def limits(pages: Sequence[Told]) -> Summed:
    """What is counted together each process knows; memory is its own."""
    return {"limits": _each([page["limits"] for page in pages], sums=("process_bytes",))}


def owner(pages: Sequence[Told], *, are_shared: bool) -> Summed:
    """Of a user or an organisation; *are_shared*: quotas are counted together, in Redis."""
    quotas = [page["quotas"] for page in pages]
    sums = () if are_shared else {quota["limit"] for quota in chain.from_iterable(quotas)}
    counted = _each([page["limits"] for page in pages])
    return {**pages[0], "limits": counted, "quotas": _each(quotas, sums, has_own_bound=True)}


def figures(pages: Sequence[Told]) -> Summed:
    """Of the same span; of what was before the last of them began not all is known."""
    steps = _alike(chain.from_iterable(page["steps"] for page in pages), "at")
    wrong = _alike(chain.from_iterable(page["wrong"] for page in pages), "of", "name", "level")
    return {
        **pages[0],
        "began_at": max(page["began_at"] for page in pages),
        "at": max(page["at"] for page in pages),
        "steps": sorted(map(_step, steps), key=lambda each: each["at"]),
        "wrong": sorted(map(_wrong, wrong), key=lambda each: -each["last_at"]),
    }


def done(answers: Sequence[tuple[int, Told]]) -> tuple[int, Told]:
    """The status and the body: it is done when all have done it."""
    return next((each for each in answers if each[0] != 200), answers[0])


def reloaded(answers: Sequence[tuple[int, Told]]) -> tuple[int, Told]:
    """The status and the body, of those of each process."""
    found = chain.from_iterable(told.get("problems", ()) for _, told in answers)
    problems = list(dict.fromkeys(found))
    failed = next((each for each in answers if each[0] not in {200, 409}), None)
    if failed is not None:
        return failed
    if not problems:
        return answers[0]
    has_changed = any(status == 200 for status, _ in answers)
    error = (
        "Only some processes have changed: ask again." if has_changed else "Nothing has changed."
    )
    return 409, {"error": error, "problems": problems}


def _mark(call: Told) -> Mark:
    return Mark(call["opened_at"], call["session_id"])


def _alike(found: Iterable[Told], *names: str) -> list[list[Told]]:
    """Those that have the same under all of *names*, together."""
    groups: dict[tuple[Any, ...], list[Told]] = {}
    for each in found:
        groups.setdefault(tuple(each[name] for name in names), []).append(each)
    return [*groups.values()]


def _each(
    found: Iterable[Sequence[Told]], sums: Collection[str] = (), *, has_own_bound: bool = False
) -> list[Summed]:
    """Of each limit what most know; of *sums* all together, unless the bound is of each."""
    told = []
    for same in _alike(chain.from_iterable(found), "limit"):
        is_sum = same[0]["limit"] in sums
        put = sum if is_sum else max
        one: Summed = {**same[0], "used": put(each["used"] for each in same)}
        if is_sum and not has_own_bound:
            one["allowed"] = sum(each["allowed"] for each in same)
        told.append(one)
    return told


def _step(same: Sequence[Told]) -> Summed:
    """Of the same time: means by how many have waited, all else added up."""
    waits = sum(step["waits"] for step in same)

    def one(name: str) -> Any:
        if name == "at":
            return same[0][name]
        if name.startswith("calls"):  # each has its most at another moment
            return max(step["calls_together"] for step in same)
        if name == "cost":
            return f"{sum((Decimal(step[name]) for step in same), Decimal(0)):f}"
        if name.endswith("_ms"):
            all_of_them = sum(step["waits"] * (step[name] or 0) for step in same)
            return round(all_of_them / waits, 1) if waits else None
        return sum(step[name] for step in same)

    return {name: one(name) for name in same[0]}


def _wrong(same: Sequence[Told]) -> Summed:
    times = _alike(chain.from_iterable(each["times"] for each in same), "at")
    counted = [{"at": at[0]["at"], "count": sum(each["count"] for each in at)} for at in times]
    return {
        **same[0],
        "count": sum(each["count"] for each in same),
        "last_at": max(each["last_at"] for each in same),
        "times": sorted(counted, key=lambda each: each["at"]),
    }
