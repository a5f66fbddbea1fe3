"""Tests of tornado_app/usage/statement.py, without its process: the order, the sums, the pages."""

from contextlib import closing
from datetime import date
from decimal import Decimal

import msgspec
import pytest

from tests.usage.test_keeper import record
from tornado_app.usage.database import UsageDatabase
from tornado_app.usage.statement import Answer, Order, Statement, Unreadable, Wanted, answer, state

DAY_MS = 86_400_000
NAMES = ["", "alice", "alice\n", "bob", "é"]


def used(number, user, day=0, cost=None, **more):
    priced = {"cost": Decimal(cost), "currency": "USD"} if cost else {}
    return record(number, day * DAY_MS, user_id=user, tokens={"text_input": 1}, **priced, **more)


def through_json(value, kind):
    return msgspec.json.decode(msgspec.json.encode(value), type=kind)


@pytest.mark.parametrize("limit", [1, 2, 4, 5, 6])
def test_pages_have_each_name_once_and_the_same_whole(limit):
    records = [used(number, name) for number, name in enumerate(reversed(NAMES * 2))]
    found, wholes, after = [], [], None
    while not found or after is not None:
        page = state(records, Wanted(after=after, limit=limit))
        assert len(page.sums) <= limit
        found += page.sums
        wholes.append(page.whole.answers)
        after = page.next

    assert found == NAMES
    assert {len(records)} == {*wholes}


def test_nothing_is_a_page():
    page = state([], Wanted())

    assert ({}, 0, None) == (page.sums, page.whole.answers, page.next)


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        (Wanted(), [0, 1, 2, 3]),
        (Wanted(since=date(1970, 1, 2)), [1, 2, 3]),
        (Wanted(until=date(1970, 1, 2)), [0, 1, 2]),
        (Wanted(since=date(1970, 1, 2), until=date(1970, 1, 2)), [1, 2]),
        (Wanted(since=date(1970, 1, 3), until=date(1970, 1, 2)), []),
        (Wanted(since=date.min, until=date.max), [0, 1, 2, 3]),
        (Wanted(user="bob"), [2]),
        (Wanted(user=""), []),
    ],
)
def test_days_are_whole_and_a_user_is_one(tmp_path, wanted, numbers):
    """Exact to the last digit, through the JSON of both ways."""
    users, days = ["alice", "alice", "bob", "carol"], [0, 1, 1, 2]
    costs = [Decimal(10) ** -(10 + number) for number in range(4)]
    path = tmp_path / "usage.sqlite3"
    with closing(UsageDatabase(path)) as database:
        database.write(
            [used(n, user, days[n], str(costs[n]), model="m") for n, user in enumerate(users)]
        )

    order = through_json(Order(wanted, database=str(path)), Order)
    found = through_json(answer(order), Answer)

    assert isinstance(found, Statement)
    assert {users[number] for number in numbers} == found.sums.keys()
    expected = {"USD": sum(costs[number] for number in numbers)} if numbers else {}
    assert expected == found.whole.costs


def test_what_cannot_be_read_is_said_in_a_word(tmp_path):
    """With neither path nor address."""
    path = tmp_path / "usage.sqlite3"
    missing = answer(Order(Wanted(), database=str(path)))
    path.write_bytes(b"no database" * 100)
    none = answer(Order(Wanted(), database=str(path)))
    address = "postgresql://parley:a-password@127.0.0.1:notaport/none"
    unknown = answer(Order(Wanted(), postgres_url=address))

    assert Unreadable("SQLITE_CANTOPEN") == missing
    assert Unreadable("SQLITE_NOTADB") == none
    assert isinstance(unknown, Unreadable)
    assert unknown.why.isidentifier()
