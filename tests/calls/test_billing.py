"""Conversations of all kinds: what is written down adds up to what the local model has counted.

Some twenty of them; ``make billing`` has 200, others each time: BILLING is how many, SEED which.
"""

import asyncio
import os
from collections import Counter
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest

from local_realtime.server import LocalRealtime, ServerConfig
from tests.calls.billing import Bill, Talk, ToolEcho
from tests.calls.house import House, until
from tests.calls.tool_house import write_python
from tests.fakes.fault_proxy import FaultProxy
from tornado_app.session.token_types import (
    tokens_by_type,
    transcription_seconds,
    transcription_tokens,
)
from tornado_app.usage.database import UsageDatabase

COUNT = int(os.environ.get("BILLING", "20"))
SEED = os.environ.get("SEED") or "4"
AT_ONCE = 7
PRICES = """
[[answers]]
model = "*"
from = 2020-01-01
text_input = 4
cached_text_input = 0.4
audio_input = 32
cached_audio_input = 0.4
text_output = 24
audio_output = 64

[[transcriptions]]
model = "gpt-4o-transcribe"
from = 2020-01-01
text_input = 2.5
audio_input = 6
text_output = 10

[[transcriptions]]
model = "whisper-1"
from = 2020-01-01
minute = 0.006
"""


def settings(folder: Path) -> dict[str, object]:
    (folder / "prices.toml").write_text(PRICES)
    (folder / "tools.toml").write_text(write_python(folder)[0])
    return {
        "usage_database": str(folder / "usage.sqlite3"),
        "usage_prices_file": str(folder / "prices.toml"),
        "tools_file": str(folder / "tools.toml"),
        "session_transcription_model": "gpt-4o-transcribe",
        "session_resume_window_s": 30,
        # A computer that is busy is no model that is lost.
        "upstream_connect_timeout_s": 60,
        "upstream_ready_timeout_s": 60,
        "upstream_read_timeout_s": 120,
        "upstream_response_stall_s": 120,
        "upstream_reconnect_initial_ms": 20,
        "upstream_reconnect_max_ms": 100,
        "upstream_reconnect_attempts": 50,
        "limits_connections_per_user": 1000,
        "limits_audio_burst_ms": 600_000,
        "limits_audio_rate": 1000,
        "limits_messages_per_s": 10_000,
        "limits_message_burst": 10_000,
    }


def breaks_of_models(random: Random):
    """One link of six breaks, somewhere."""
    while True:
        yield (random.randint(5000, 200_000) if random.random() < 0.16 else 1 << 40), "reset"


async def converse(port: int, folder: Path) -> int:
    """All of them; how many links to the model broke."""
    async with (
        FaultProxy(port, breaks_of_models(Random(f"{SEED} models"))) as proxy,
        House(proxy.url, **settings(folder)) as house,
    ):
        talks = [Talk(number, Random(f"{SEED} {number}")) for number in range(COUNT)]
        for begin in range(0, COUNT, AT_ONCE):
            await asyncio.gather(*(one(talk, house) for talk in talks[begin : begin + AT_ONCE]))
        await until(lambda: not house.gateway.connections, "a call does not end", 60)
        return proxy.broken


async def one(talk: Talk, house: House) -> None:
    try:
        await talk.hold(house)
    except (AssertionError, TimeoutError) as wrong:
        wrong.add_note(f"conversation {talk.number}: SEED={SEED}")
        raise


@pytest.mark.timeout(120 + 10 * COUNT)
@pytest.mark.gen_test(timeout=100 + 10 * COUNT)
async def test_money_adds_up(tmp_path, monkeypatch):
    """To the last token of each type; what has no end is estimated, and says so."""
    print(f"BILLING={COUNT} SEED={SEED}")  # noqa: T201
    bill = Bill(monkeypatch)
    server = LocalRealtime(ServerConfig(pace=20), ToolEcho())
    try:
        broken = await converse(server.listen("127.0.0.1", 0), tmp_path)
    finally:
        await server.close()
    database = UsageDatabase(tmp_path / "usage.sqlite3", is_read_only=True)
    records = [*database.read(0, 10**14)]
    database.close()
    answers = [each for each in records if each.kind == "answer"]
    exact = {each.response_id: each for each in answers if not each.is_estimated}
    estimated = [each for each in answers if each.is_estimated]
    print(f"{len(exact)} answers, {len(estimated)} estimated, {broken} links broken")  # noqa: T201

    assert len(answers) == len(exact) + len({each.response_id for each in estimated})
    told = {name: Counter(tokens_by_type(bill.answers[name])) for name in exact}
    assert told == {name: Counter(record.tokens) for name, record in exact.items()}
    # What the model has counted and could tell nobody was broken off, and so it is marked; but for
    # what was on a link when that broke before the gateway knew that an answer had begun.
    untold = bill.answers.keys() - exact.keys() - {each.response_id for each in estimated}
    assert len(untold) <= broken
    check_turns(bill, [each for each in records if each.kind == "transcription"], broken)
    check_money(records)
    assert COUNT <= len([each for each in records if each.kind == "call"])
    assert any(each.kind == "tool" and each.status == "done" for each in records)


def check_turns(bill, turns, broken):
    """Each is one that the model has counted; what is missing was on a link when that broke."""
    billed = Counter(
        (tuple(sorted(transcription_tokens(usage).items())), transcription_seconds(usage))
        for usage in bill.turns
    )
    found = Counter((tuple(sorted(turn.tokens.items())), turn.seconds) for turn in turns)
    assert found <= billed
    assert (billed - found).total() <= broken
    assert {0.0} < {turn.seconds for turn in turns}, "no model counted seconds"


def check_money(records):
    """By plain sums over all of them, in whole billionths."""
    of_answers = {
        "text_input": 4000,
        "cached_text_input": 400,
        "audio_input": 32_000,
        "cached_audio_input": 400,
        "text_output": 24_000,
        "audio_output": 64_000,
    }
    of_turns = {"text_input": 2500, "audio_input": 6000, "text_output": 10_000}
    billionths = 0
    for record in records:
        prices = of_answers if record.kind == "answer" else of_turns
        billionths += sum(prices[kind] * count for kind, count in record.tokens.items())
        if record.kind == "transcription":
            billionths += round(record.seconds) * 100_000  # 0.006 a minute
    costs = [record.cost for record in records if record.kind in {"answer", "transcription"}]
    assert None not in costs
    assert Decimal(billionths) / 10**9 == sum(costs)
