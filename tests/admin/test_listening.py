"""Who listens, when several things are asked for at once: tornado_app/admin/listening.py."""

import asyncio
import contextlib
import random
import time
from types import SimpleNamespace

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
