"""Tests of tornado_app/audio/uplink_lane.py: what comes out is in the order in which it went in."""

from hypothesis import given
from hypothesis import strategies as st

from tornado_app.audio.uplink_lane import UplinkLane
from workers.blocks import Flush


class Lane:
    """Answers what it was given when it is told to."""

    def __init__(self, deliver) -> None:
        self.deliver = deliver
        self.waiting = []

    def put(self, payload) -> None:
        self.waiting.append(payload)

    def change(self, chain, *, has_begun, changed) -> None:
        assert not self.waiting, "a change began before the chunks before it were done"
        self.waiting.append((chain, has_begun))
        self.changed = changed

    def reset(self) -> None:
        self.waiting.clear()

    def answer(self) -> None:
        if self.waiting:
            answer = self.waiting.pop(0)
            if isinstance(answer, tuple):
                self.changed()
            self.deliver(answer)


class Job:
    def __init__(self, text, deliver) -> None:
        self.text = text
        self.deliver = deliver
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class Stage:
    """A lane between a pool and a decoder that do nothing by themselves."""

    def __init__(self) -> None:
        self.jobs = []
        self.heard = []
        self.on_heard = lambda: None
        self.uplink = UplinkLane(self, self, None, self._hear)

    def lane(self, _, deliver) -> Lane:
        self.inner = Lane(deliver)
        return self.inner

    def submit(self, text, _, deliver) -> Job:
        assert not self.inner.waiting, "a file began before the chunks before it were done"
        assert not self.decoding, "a lane has one file in flight"
        self.jobs.append(Job(text, deliver))
        return self.jobs[-1]

    @property
    def decoding(self) -> list[str]:
        return [job.text for job in self.jobs if not job.cancelled]

    def decode(self) -> None:
        live = [job for job in self.jobs if not job.cancelled]
        if live:
            self.jobs.remove(live[0])
            live[0].deliver(live[0].text)

    def _hear(self, outcome) -> None:
        self.heard.append(outcome)
        self.on_heard()


def test_a_file_begins_when_what_was_before_it_is_answered():
    """The stream's tail is out by then, so the file's audio comes behind it."""
    stage = Stage()
    stage.uplink.put("1")
    stage.uplink.flush()
    stage.uplink.put_file("2", "wav")
    stage.inner.answer()
    assert [] == stage.decoding

    stage.inner.answer()
    assert ["2"] == stage.decoding


def test_what_comes_behind_a_file_waits_for_it_and_then_goes_together():
    """So that the pool has it as one job, as if nothing had been between."""
    stage = Stage()
    stage.uplink.put_file("1", "wav")
    for payload in ("2", "3"):
        stage.uplink.put(payload)
    assert [] == stage.inner.waiting

    stage.decode()
    assert ["2", "3"] == stage.inner.waiting
    assert ["1"] == stage.heard


def test_files_are_decoded_one_after_the_other():
    """A session keeps no other session's file waiting behind more than one of its own."""
    stage = Stage()
    for text in ("1", "2", "3"):
        stage.uplink.put_file(text, "wav")
    assert ["1"] == stage.decoding

    for _ in range(3):
        stage.decode()
    assert ["1", "2", "3"] == stage.heard


def test_a_reset_forgets_the_file_in_flight_and_all_behind_it():
    """What is put after it goes at once."""
    stage = Stage()
    stage.uplink.put_file("old", "wav")
    stage.uplink.put("old too")
    stage.uplink.reset()
    stage.uplink.put("new")
    assert ([], ["new"]) == (stage.decoding, stage.inner.waiting)

    stage.inner.answer()
    assert ["new"] == stage.heard


def test_a_delivery_may_put_and_reset():
    """A session does so when it answers."""
    stage = Stage()

    def put() -> None:
        if len(stage.heard) == 1:
            stage.uplink.put_file("3", "wav")

    stage.on_heard = put
    stage.uplink.put_file("1", "wav")
    stage.uplink.put("2")
    stage.decode()
    stage.inner.answer()
    stage.decode()
    assert ["1", "2", "3"] == stage.heard

    stage.on_heard = stage.uplink.reset
    stage.uplink.put_file("4", "wav")
    stage.uplink.put("5")
    stage.decode()
    assert [] == stage.inner.waiting
    assert "5" not in stage.heard


def test_what_is_behind_a_hold_waits_for_its_format():
    """Then it goes on as it was, or behind the answer to the change."""
    stage = Stage()
    stage.uplink.hold()
    stage.uplink.put("1")
    stage.uplink.hold()
    stage.uplink.put("2")
    assert [] == stage.inner.waiting
    stage.uplink.release()
    assert ["1"] == stage.inner.waiting
    stage.inner.answer()

    stage.uplink.change("new", has_begun=True)
    stage.uplink.put("3")
    assert [("new", True)] == stage.inner.waiting
    stage.inner.answer()
    assert ["2", "3"] == stage.inner.waiting


def test_a_change_may_lead_to_the_next():
    """A session decides on one when the one before it is answered."""
    stage = Stage()
    for payload in ("1", "2"):
        stage.uplink.hold()
        stage.uplink.hold()
        stage.uplink.put(payload)
    changes = iter("bcd")
    stage.on_heard = lambda: (
        stage.uplink.change(next(changes), has_begun=True)
        if len(stage.heard) in {1, 3, 4}
        else None
    )
    stage.uplink.change("a", has_begun=True)
    while stage.inner.waiting:
        stage.inner.answer()

    assert [("a", True), ("b", True), "1", ("c", True), ("d", True), "2"] == stage.heard


STEPS = ["put", "flush", "file", "hold", "release", "change", "reset", "answer", "decode"]


@given(st.lists(st.sampled_from(STEPS), max_size=60))
def test_whatever_happens_all_is_delivered_once_and_in_order(steps):
    """Nothing is lost, nothing is twice, nothing overtakes; a reset alone takes something away."""
    stage, expected, holds = Stage(), [], []

    def decide(step, number):
        if step == "release":
            stage.uplink.release()
            holds.pop(0)
            return
        stage.uplink.change(str(number), has_begun=False)
        expected.insert(holds.pop(0), (str(number), False))
        holds[:] = [at + 1 for at in holds]

    for number, step in enumerate(steps):
        match step:
            case "put":
                stage.uplink.put(str(number))
                expected.append(str(number))
            case "flush":
                stage.uplink.flush()
                expected.append(Flush())
            case "file":
                stage.uplink.put_file(f"file {number}", "wav")
                expected.append(f"file {number}")
            case "hold":
                stage.uplink.hold()
                holds.append(len(expected))
            case "release" | "change":
                if holds and holds[0] == len(stage.heard):
                    decide(step, number)
            case "reset":
                stage.uplink.reset()
                holds.clear()
                expected = list(stage.heard)
            case "answer":
                stage.inner.answer()
            case "decode":
                stage.decode()
        assert expected[: len(stage.heard)] == stage.heard
    while stage.inner.waiting or stage.decoding or holds:
        if holds and holds[0] == len(stage.heard):
            decide("change", len(holds))
        stage.inner.answer()
        stage.decode()

    assert expected == stage.heard
