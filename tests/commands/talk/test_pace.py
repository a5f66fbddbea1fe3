"""How fast `talk` speaks: never faster than a gateway takes it, and no slower than it must."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.calls.house import house_settings
from tornado_app.commands.talk.pace import WINDOW_MS, Pace

CHUNK_MS = st.floats(1, 10_000)


class Bucket:
    """What a gateway counts: so much at once, and so much a second after that."""

    def __init__(self, rate, burst):
        self.rate, self.burst, self.level, self.now = rate, burst, burst, 0.0

    def take(self, amount, now):
        self.level = min(self.burst, self.level + self.rate * (now - self.now)) - amount
        self.now = now
        return self.level >= -1e-6


@given(st.lists(CHUNK_MS, min_size=1, max_size=200), st.booleans())
def test_no_limit_of_a_gateway_is_broken(sizes_ms, is_fast):
    """With the settings of conf/gateway.toml, whatever the chunks: --fast or not."""
    limits = house_settings().limits
    audio = Bucket(limits.audio_rate * 1000, limits.audio_burst_ms)
    messages = Bucket(limits.messages_per_s, limits.message_burst)
    pace, now = Pace(is_fast, 0.0), 0.0
    for size_ms in sizes_ms:
        pace.take(pace.sent_ms)
        now += pace.wait_s(now, size_ms)
        pace.send(size_ms)

        assert audio.take(size_ms, now)
        assert messages.take(1, now)


def test_it_is_fast():
    """A minute takes a quarter of one, less what goes at once; real time takes a minute."""
    took_s = {}
    for is_fast in (True, False):
        pace, now = Pace(is_fast, 0.0), 0.0
        for _ in range(600):
            now += pace.wait_s(now, 100)
            pace.send(100)
        took_s[is_fast] = now

    assert {True: 13, False: 60} == pytest.approx(took_s)


@given(CHUNK_MS)
def test_the_window(size_ms):
    """What a gateway has not acknowledged is bounded; one chunk, however long, always goes."""
    pace = Pace(True, 0.0)
    while pace.has_room(size_ms):
        pace.send(size_ms)
    assert pace.sent_ms <= max(WINDOW_MS, size_ms)

    pace.take(pace.sent_ms)
    assert pace.has_room(size_ms)


@pytest.mark.parametrize("is_fast", [True, False])
def test_what_was_held_back_is_not_made_up_for(is_fast):
    """After ten seconds of a gateway that did not read, the next chunks are as far apart."""
    pace = Pace(is_fast, 0.0)
    for _ in range(200):
        pace.send(100)
    pace.go_on(now=30.0)
    now, times = 30.0, []
    for _ in range(10):
        now += pace.wait_s(now, 100)
        pace.send(100)
        times.append(now)

    assert times[-1] - times[0] == pytest.approx(0.9 / (4 if is_fast else 1))


def test_a_pause_that_the_gateway_asks_for():
    """`retry_after_ms` is waited for, and what was refused is not waited for."""
    pace = Pace(True, 0.0)
    while pace.has_room(100):
        pace.send(100)
    pace.forget()
    pace.go_on(now=1.0, pause_s=2.0)

    assert pace.has_room(100)
    assert pace.wait_s(1.0, 100) >= 2.0
