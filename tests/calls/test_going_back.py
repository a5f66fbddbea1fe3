"""A call that another upstream has, when the first is well again."""

import pytest

from tests.calls.house import until
from tests.calls.test_failover import Row, answer_of, answered, answering

SOON = {
    "upstream_breaker_open_s": 0.1,
    "upstream_return_after_s": 0.1,
    "upstream_fallback_after_ms": 500,  # nor is the other first because the computer is busy
}


async def moved(client) -> dict:
    """What it is told when it is at another model for a reason."""
    while (told := (await client.status("connected"))["data"]).get("reason") is None:
        pass
    return told


@pytest.mark.gen_test
async def test_a_call_goes_back_at_a_quiet_moment():
    """The client is told by one message, and the first answers from what was said to the second."""
    first, second = answering("a", handshake=503), answering("b")
    async with Row(first, second, **SOON) as house:
        client = await house.call()
        assert "b" == await answer_of(client)
        first.handshake = "accept"
        told = await moved(client)
        assert ("rebuilt", "upstream_back") == (told["context"], told["reason"])

        assert "a" == await answer_of(client)
        assert "a" == await answered(house, user="bob")
        statuses = [m["data"]["status"] for m in client.heard if m["type"] == "connection_status"]
        assert ["connecting", "connected", "connected"] == statuses
        assert "error" not in client.types
        [peer] = [each for each in first.connections if len(items(each)) == 3]
        assert ["Who are you?", "b", "Who are you?"] == [text_of(item) for item in items(peer)]
        await until(second.connections[-1].ended.is_set, "the other is kept")


@pytest.mark.gen_test
async def test_a_call_goes_back_to_one_that_was_silent():
    """It had only this call to show that it does not answer: it is tried beside it."""
    first, second = answering("a", handshake="silent"), answering("b")
    # Also the other has so long, on a computer that may be busy.
    async with Row(first, second, upstream_ready_timeout_s=2, **SOON) as house:
        client = await house.call()
        assert "b" == await answer_of(client)
        first.handshake = "accept"
        assert "upstream_back" == (await moved(client))["reason"]
        assert "a" == await answer_of(client)


def items(peer) -> list[dict]:
    kind = "conversation.item.create"
    return [event["item"] for event in peer.events if event["type"] == kind]


def text_of(item) -> str:
    return item["content"][0]["text"]
