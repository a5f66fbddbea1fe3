"""Who listens, when several things are asked for at once: tornado_app/admin/listening.py."""

import asyncio
import contextlib
import random
import time
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tornado_app.admin.listening import ListenedToAlready, Listening
from tornado_app.watching.ear import Ear


class Call:
    """As `Listening` knows a connection."""

    ended = False

    def __init__(self, session_id):
        self.config = SimpleNamespace(session_id=session_id, opened_at=time.monotonic())
        self.ears = []

    def listen(self):
        self.ears.append(Ear(0))
        return self.ears[-1]

    def end_listening(self):
        self.ears[-1].end(0)

    @property
    def is_heard(self):
        return any(not ear.is_over for ear in self.ears)


@given(st.integers(0, 2**32))
def test_a_key_listens_to_one_call_whatever_is_asked_meanwhile(seed):
    """Writing down takes as long as it likes, and a call never has two who listen."""
    chance = random.Random(seed)
    calls = {f"sess_{number}": Call(f"sess_{number}") for number in range(3)}
    gateway = SimpleNamespace(
        calls=SimpleNamespace(find=calls.get),
        settings=SimpleNamespace(admin=SimpleNamespace(listeners=("anna", "bot"))),
    )
    written = []

    async def note(deed):
        for _ in range(chance.randrange(4)):
            await asyncio.sleep(0)
        written.append(deed)
        return True

    async def story():
        listening = Listening(gateway, note, note)

        def check():
            heard = [name for name, call in calls.items() if call.is_heard]
            listeners = [listening.listener_of(name) for name in heard]
            assert None not in listeners
            assert len(set(listeners)) == len(listeners)
            assert all(sum(not ear.is_over for ear in call.ears) <= 1 for call in calls.values())

        async def ask(operator, what, session_id):
            with contextlib.suppress(LookupError, ListenedToAlready):
                await getattr(listening, what)(operator, session_id, "")
            check()

        async with asyncio.TaskGroup() as group:
            for _ in range(30):
                for _ in range(chance.randrange(4)):
                    await asyncio.sleep(0)
                    check()
                operator, what = chance.choice(["anna", "bot"]), chance.choice(["begin", "end"])
                group.create_task(ask(operator, what, chance.choice([*calls])))
        check()
        for operator in ("anna", "bot"):
            for session_id in calls:
                await ask(operator, "end", session_id)
        assert not any(call.is_heard for call in calls.values())

    asyncio.run(story())


@pytest.mark.parametrize("is_written", [True, False])
def test_who_asks_twice_is_told_the_same(is_written):
    """Also while that they listen is being written down: nobody is told so who does not."""
    call = Call("sess_1")
    gateway = SimpleNamespace(
        calls=SimpleNamespace(find={"sess_1": call}.get),
        settings=SimpleNamespace(admin=SimpleNamespace(listeners=("anna",))),
    )

    async def story():
        disk = asyncio.Event()

        async def write(deed):
            await disk.wait()
            return is_written

        listening = Listening(gateway, write, write)
        asking = [asyncio.ensure_future(listening.begin("anna", "sess_1", "")) for _ in range(2)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not any(each.done() for each in asking)
        disk.set()
        return await asyncio.gather(*asking, return_exceptions=True)

    told = [type(each) for each in asyncio.run(story())]
    assert [type(None) if is_written else OSError] * 2 == told
    assert [is_written] == [call.is_heard]
