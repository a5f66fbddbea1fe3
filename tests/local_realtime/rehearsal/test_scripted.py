"""Playing a script, event by event; no socket, no clock."""

import json

import pytest

from local_realtime.rehearsal.script import parse_script
from local_realtime.rehearsal.scripted import MAX_WAITING_EVENTS, Run
from local_realtime.session.outbox import Close, Cut, Raw


class Play:
    """One connection of a script; what it says is collected."""

    def __init__(self, *steps, run=None):
        self.now = 100.0
        self.told, self.complaints = [], []
        text = "\n".join(step if isinstance(step, str) else json.dumps(step) for step in steps)
        self.run = run or Run(parse_script("s", text), self.told.append, self.complaints.append)
        self.session = self.run.session("m-1", self.now)
        self.said = self.session.open()

    def hear(self, kind, **fields):
        return self.frame(json.dumps({"type": kind, **fields}))

    def frame(self, frame):
        said = self.session.handle(frame, self.now)
        self.said += said
        return said

    def wait(self, seconds):
        self.now += seconds
        said = self.session.tick(self.now) if self.session.due <= self.now else []
        self.said += said
        return said

    @property
    def kinds(self):
        return [step["type"] if isinstance(step, dict) else type(step) for step in self.said]


def expect(kind, **options):
    return {"expect": {"type": kind}, **options}


def send(kind, **fields):
    return {"send": {"type": kind, **fields}}


def test_steps_are_taken_in_order():
    """What is sent waits for what is expected before it."""
    play = Play(send("a"), expect("b"), send("c"), expect("d"), send("e"))
    assert play.kinds == ["a"]

    play.hear("b")
    assert play.kinds == ["a", "c"]

    play.hear("d")
    assert play.kinds == ["a", "c", "e", Close]
    assert play.told == ["Connection 1: played to the end."]


def test_events_have_ids_of_their_own():
    """One that the script gives stays."""
    play = Play(send("a"), send("b"), send("c", event_id="mine"))
    ids = [event["event_id"] for event in play.said[:3]]

    assert ids[0].startswith("event_")
    assert len(set(ids)) == 3
    assert ids[2] == "mine"


def test_what_was_received_and_sent_can_be_used():
    """By name, or as the last; in what is sent and in what is expected."""
    play = Play(
        {"expect": {"type": "a"}, "as": "first"},
        {"send": {"type": "b", "id": "${first.x.0}", "new": "${new.item}"}, "as": "mine"},
        {"expect": {"type": "c", "id": "${mine.new}"}},
        send("d", echo="${last.y}", model="${model}", number="${connection}"),
    )
    (sent,) = play.hear("a", x=[7])
    *_, last, _ = play.hear("c", id=sent["new"], y={"z": None})

    assert sent["id"] == 7
    assert {key: last[key] for key in ("echo", "model", "number")} == {
        "echo": {"z": None},
        "model": "m-1",
        "number": 1,
    }


def test_a_mismatch_ends_the_session_with_a_sentence():
    """For the client as an error and 4000, for the one who runs it with file and connection."""
    play = Play("# a comment", expect("session.update"), send("never"))
    error, close = play.hear("response.create", event_id="x")
    sentence = (
        'line 2: expected {"type": "session.update"}, '
        'got {"type": "response.create", "event_id": "x"} '
        '(type: expected "session.update", got "response.create").'
    )

    assert (error["error"]["code"], error["error"]["message"]) == ("script_mismatch", sentence)
    assert close == Close(4000, "invalid_request_error.script_mismatch")
    assert play.complaints == [f"s, connection 1, {sentence}"]
    assert play.run.exit_code == 1


def test_ignored_events_are_passed_over_unless_they_are_expected():
    """Until another list takes the place of the first."""
    play = Play({"ignore": ["a"]}, expect("b"), expect("a"), {"ignore": []}, expect("c"))
    for kind in "aaba":
        assert play.hear(kind) == []
    error, _ = play.hear("a")

    assert "line 5" in error["error"]["message"]


def test_a_pause_holds_back_what_comes():
    """Events that come meanwhile are looked at afterwards."""
    play = Play({"pause_ms": 500}, expect("a"), send("b"), {"pause_ms": 10}, send("c"))
    play.hear("a")
    play.wait(0.4)
    assert play.kinds == []
    assert play.session.due == pytest.approx(100.5)

    play.wait(0.1)
    assert play.kinds == ["b"]

    play.wait(0.01)
    assert play.kinds == ["b", "c", Close]


def test_nothing_comes_in_time():
    """The wait begins when the step does."""
    play = Play({"pause_ms": 1000}, expect("a", within_ms=200))
    play.wait(1.0)
    assert play.said == []
    error, _ = play.wait(0.2)

    assert error["error"]["message"] == (
        'line 2: expected {"type": "a"}, got nothing within 200 ms.'
    )


def test_what_is_no_event_is_a_mismatch():
    """Binary frames and texts that are no JSON."""
    for frame in (b"\x00", "no json", "[]"):
        error, _ = Play(expect("a")).frame(frame)
        assert error["error"]["code"] == "script_mismatch"


def test_ends_that_a_script_can_make():
    """A close with a code, a reset, and text that is no event."""
    assert Play({"close": 1001, "reason": "bye"}).said == [Close(1001, "bye")]
    assert Play({"reset": True}).said == [Cut(with_reset=True)]
    raw, _ = Play({"send_text": "{"}).said
    assert raw == Raw(b"\x81\x01{")


@pytest.mark.parametrize(
    ("steps", "code", "problem"),
    [
        ([{"expect_close": "*"}], 1000, None),
        ([{"expect_close": "*"}], None, None),
        ([{"expect_close": 1000}], 1000, None),
        ([{"pause_ms": 9}, {"expect_close": 1000}], 1000, None),
        ([{"expect_close": 1000}], 1001, "line 1: the client closed with 1001, expected 1000."),
        ([expect("a")], None, 'line 1: the client closed without a close frame, expected {"type'),
        ([{"pause_ms": 9}, send("a")], 1000, "line 2: the client closed with 1000 before the"),
    ],
)
def test_the_client_closes(steps, code, problem):
    """Where that is expected, or not."""
    play = Play(*steps)
    play.session.closed(code)

    assert play.run.exit_code == (0 if problem is None else 1)
    assert not play.complaints if problem is None else problem in play.complaints[0]


def test_a_client_that_does_not_close():
    """An event in place of the close, or nothing."""
    error, _ = Play({"expect_close": "*"}).hear("a")
    late, _ = Play({"expect_close": "*", "within_ms": 5}).wait(0.005)

    assert 'expected a close, got {"type": "a"}' in error["error"]["message"]
    assert "expected a close, got nothing within 5 ms" in late["error"]["message"]


def test_a_client_may_go_after_the_end():
    """It is told once how a connection went."""
    play = Play({"close": 1000})
    play.session.closed(1000)
    play.session.closed(None)

    assert (play.told, play.complaints) == (["Connection 1: played to the end."], [])


def test_a_placeholder_that_leads_nowhere_fails():
    """At the line that has it."""
    error, _ = Play({"expect": {"type": "a"}, "as": "b"}, send("c", d="${b.e.f}")).hear("a")

    assert error["error"]["message"].startswith("line 2: ${b.e.f}: there is no 'e' in")


def test_an_event_has_a_type_that_is_a_text():
    """Also where it is filled in."""
    error, _ = Play({"expect": {"type": "a"}, "as": "b"}, send("${b.n}")).hear("a", n=1)

    assert "line 2: the type of an event is a text, not 1" in error["error"]["message"]


def test_what_waits_is_bounded():
    """A client that floods a pause fails the script."""
    play = Play({"pause_ms": 1000})
    for _ in range(MAX_WAITING_EVENTS):
        assert play.hear("a") == []
    error, _ = play.hear("a")

    assert "events came before they were expected" in error["error"]["message"]


def test_a_run_is_good_when_every_connection_was():
    """Nobody is not good enough, and the end comes when all sections have been played."""
    ended = []
    steps = [{"connection": 1}, {"close": 1000}, {"connection": 2}, expect("a")]
    first = Play(*steps)
    run = first.run
    run.at_end = lambda: ended.append(True)
    run.left()
    assert (run.exit_code, ended) == (0, [])

    second = Play(run=run)
    second.hear("a")
    run.left()
    assert (run.exit_code, ended) == (0, [True])

    Play(run=run).hear("b")
    assert run.exit_code == 1


def test_nobody_has_played():
    """A run without a connection has shown nothing."""
    assert Run(parse_script("s", '{"reset": true}'), print, print).exit_code == 1
