"""The mailbox: order, one wake-up for many posts, and what happens when something fails."""

import asyncio
import threading

import pytest
from structlog.testing import capture_logs

from tornado_app.mailbox import AT_ONCE, TURN_S, Mailbox


def no_time() -> float:
    """A clock by which nothing takes long, however busy the computer is."""
    return 0.0


class CountingLoop:
    """Keeps what is scheduled, instead of running it."""

    def __init__(self) -> None:
        self.scheduled = []

    def call_soon_threadsafe(self, callback) -> None:
        self.scheduled.append(callback)

    call_soon = call_soon_threadsafe


def test_many_posts_cost_one_wake_up() -> None:
    """Whatever is posted before the loop gets to it is delivered together, in order."""
    loop, heard = CountingLoop(), []
    mailbox = Mailbox(loop, clock=no_time)

    for number in range(100):
        mailbox.post_threadsafe(heard.append, number)
    [deliver] = loop.scheduled
    deliver()

    assert list(range(100)) == heard


def test_a_post_during_delivery_waits_for_the_next_turn() -> None:
    """A callback that posts again does not keep the loop from its other work."""
    loop, heard = CountingLoop(), []
    mailbox = Mailbox(loop, clock=no_time)
    mailbox.post_threadsafe(mailbox.post_threadsafe, heard.append, "later")

    loop.scheduled[0]()
    before = list(heard)
    loop.scheduled[1]()

    assert (before, heard, len(loop.scheduled)) == ([], ["later"], 2)


def test_a_failing_callback_is_logged_and_stops_nobody() -> None:
    """One bad callback costs a log line, not its neighbours."""
    loop, heard = CountingLoop(), []
    mailbox = Mailbox(loop, clock=no_time)
    mailbox.post_threadsafe(heard.append, 1)
    mailbox.post_threadsafe(heard.index, "absent")
    mailbox.post_threadsafe(heard.append, 2)

    with capture_logs() as lines:
        loop.scheduled[0]()

    assert (heard, [line["event"] for line in lines]) == ([1, 2], ["mailbox_callback_failed"])


def test_a_cancelled_callback_stops_nobody_either() -> None:
    """That is no `Exception`, and what is behind it must be delivered all the same."""
    loop, heard = CountingLoop(), []
    mailbox = Mailbox(loop, clock=no_time)
    cancelled = asyncio.Future(loop=asyncio.new_event_loop())
    cancelled.cancel()
    mailbox.post_threadsafe(cancelled.result)
    mailbox.post_threadsafe(heard.append, 1)
    with capture_logs():
        loop.scheduled[0]()

    cancelled.get_loop().close()
    assert [1] == heard


def test_posts_to_a_closed_loop_are_counted() -> None:
    """A thread that outlives the loop gets no exception and leaves nothing behind."""
    loop = asyncio.new_event_loop()
    loop.close()
    mailbox = Mailbox(loop, clock=no_time)

    for _ in range(3):
        mailbox.post_threadsafe(print, "never")

    assert (mailbox.refused, len(mailbox._waiting)) == (3, 0)


@pytest.mark.gen_test
async def test_nothing_is_lost_between_threads() -> None:
    """Eight threads post at once; everything arrives, each thread's posts in their order."""
    heard: list[tuple[int, int]] = []
    done = asyncio.Event()
    mailbox = Mailbox(asyncio.get_running_loop())

    def keep(poster: int, number: int) -> None:
        heard.append((poster, number))
        if len(heard) == 8 * 2000:
            done.set()

    def post(poster: int) -> None:
        for number in range(2000):
            mailbox.post_threadsafe(keep, poster, number)

    threads = [threading.Thread(target=post, args=(poster,)) for poster in range(8)]
    for thread in threads:
        thread.start()
    async with asyncio.timeout(10):
        await done.wait()
    for thread in threads:
        thread.join()

    assert [list(range(2000))] * 8 == [[n for p, n in heard if p == poster] for poster in range(8)]


class Work:
    """Takes its time, by a clock of its own."""

    def __init__(self) -> None:
        self.now = 7.0
        self.heard = []

    def clock(self) -> float:
        return self.now

    def do(self, number: int, takes_s: float = TURN_S / 4) -> None:
        self.heard.append(number)
        self.now += takes_s


def test_one_turn_of_the_loop_takes_only_so_long() -> None:
    """A flood leaves the loop time for everybody else, and is delivered in order all the same."""
    loop, work = CountingLoop(), Work()
    mailbox = Mailbox(loop, clock=work.clock)
    for number in range(6):
        mailbox.post_threadsafe(work.do, number)

    loop.scheduled[0]()
    assert ([0, 1, 2, 3], 2) == (work.heard, len(loop.scheduled))

    loop.scheduled[1]()
    assert list(range(6)) == work.heard


def test_what_takes_longer_than_a_turn_is_a_turn_by_itself() -> None:
    """Each delivery is one at least, so that all come."""
    loop, work = CountingLoop(), Work()
    mailbox = Mailbox(loop, clock=work.clock)
    for number in range(3):
        mailbox.post_threadsafe(work.do, number, 2 * TURN_S)

    for turn in range(3):
        loop.scheduled[turn]()
        assert list(range(turn + 1)) == work.heard
    assert 3 == len(loop.scheduled)


class RestingLoop(CountingLoop):
    """Keeps timers as well, and a time that stands still but for rests."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 100.0
        self.timers = []

    def time(self) -> float:
        return self.now

    def call_later(self, delay_s, callback) -> object:
        self.timers.append((delay_s, callback))
        return callback

    def deliver(self) -> None:
        [callback], self.scheduled = self.scheduled, []
        callback()

    def rest(self) -> None:
        [(delay_s, callback)], self.timers = self.timers, []
        assert 0.004 == delay_s
        self.now += delay_s
        callback()


def busy(loop: RestingLoop, heard: list) -> Mailbox:
    """A mailbox that has just delivered as often as is done at once."""
    mailbox = Mailbox(loop, gather_s=0.004, clock=no_time)
    for number in range(AT_ONCE):
        mailbox.post_threadsafe(heard.append, number)
        loop.deliver()
    return mailbox


def test_a_few_deliveries_come_at_once() -> None:
    """A link that opens has several things to say, and one call waits for no other."""
    loop, heard = RestingLoop(), []
    mailbox = Mailbox(loop, gather_s=0.004, clock=no_time)
    for number in range(10 * AT_ONCE):
        if number % (AT_ONCE - 1) == 0:
            loop.now += 0.02
        mailbox.post_threadsafe(heard.append, number)
        loop.deliver()

    assert list(range(10 * AT_ONCE)) == heard
    assert [] == loop.timers


def test_under_load_deliveries_are_a_rest_apart() -> None:
    """Posts soon after the others wait for the timer and wake nobody, as long as there are some."""
    loop, heard = RestingLoop(), []
    mailbox = busy(loop, heard)
    mailbox.post_threadsafe(heard.append, "soon")
    mailbox.post_threadsafe(heard.append, "sooner")
    before, wake_ups = len(heard), list(loop.scheduled)
    loop.rest()
    mailbox.post_threadsafe(heard.append, "still")
    loop.rest()
    loop.rest()

    assert (AT_ONCE, []) == (before, wake_ups)
    assert ["soon", "sooner", "still"] == heard[AT_ONCE:]
    assert [] == loop.timers


def test_after_a_rest_without_posts_the_next_wakes_the_loop() -> None:
    """Nothing is left lying when the timer finds nothing."""
    loop, heard = RestingLoop(), []
    mailbox = busy(loop, heard)
    loop.rest()
    mailbox.post_threadsafe(heard.append, "later")
    loop.deliver()

    assert "later" == heard[-1]


def test_more_than_one_turn_takes_does_not_rest() -> None:
    """A flood is delivered turn after turn, with the loop's other work in between."""
    loop, work = RestingLoop(), Work()
    mailbox = Mailbox(loop, gather_s=0.004, clock=work.clock)
    for number in range(8 * AT_ONCE):
        mailbox.post_threadsafe(work.do, number)
    for _ in range(2 * AT_ONCE):
        loop.deliver()

    assert list(range(8 * AT_ONCE)) == work.heard
    assert [] == loop.scheduled


@pytest.mark.parametrize("count", [5, 7])
def test_what_one_turn_leaves_is_delivered_without_another_post(count) -> None:
    """After a pause, when deliveries are not yet a rest apart."""
    loop, work = RestingLoop(), Work()
    mailbox = Mailbox(loop, gather_s=0.004, clock=work.clock)
    for number in range(count):
        mailbox.post_threadsafe(work.do, number)
    loop.deliver()
    loop.deliver()

    assert list(range(count)) == work.heard
    assert ([], []) == (loop.scheduled, loop.timers)
