"""What a call may have us keep, in bytes: every kind of it, and all of it together."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.session.story import Story, converted, delta
from tests.session.test_machine import ANYTHING
from tornado_app.admission.budget import Budget, ProcessBudget
from tornado_app.protocol.realtime.events import AnswerTranscriptDelta, SessionUpdated
from tornado_app.protocol.realtime.orders import CreateItem
from tornado_app.protocol.voice_v1 import client_messages as messages
from tornado_app.session import commands, events
from workers.formats import AudioFormat

CALL_BYTES = 1 << 20
SMALL = {"call_bytes": CALL_BYTES, "hold_ms": 60_000.0, "messages_per_s": 1e6, "message_burst": 1e6}
CHUNK = events.ClientAudio(bytes(65_536))
FILE = events.ClientFile("A" * 100_000, "flac")
TURN = messages.Text("\N{GRINNING FACE}" * 32_768)


@pytest.fixture
def small(stage):
    return lambda **changes: stage(**SMALL | {"audio_rate": 1000.0} | changes)


def until_paused(story: Story, most: int = 100) -> int:
    """Send chunks until the client is read no further; how many were sent."""
    for number in range(1, most):
        if story.feed(CHUNK).did(commands.PauseClient):
            return number
    raise AssertionError("the client is never paused")


def answer_all(story: Story, count: int) -> None:
    for _ in range(count):
        story.feed(events.UplinkReady(converted(0.0)))


class TestAudio:
    def test_is_read_no_further_at_the_bound(self, small):
        """Behind a file nothing is converted: bytes are what fills, long before milliseconds."""
        story = small(source=wide()).connected().feed(FILE)
        count = until_paused(story)

        assert CALL_BYTES // 65_536 - 2 <= count <= CALL_BYTES // 65_536
        assert ["audio_backlog"] == story.errors
        assert story.budget.held_bytes <= CALL_BYTES + 65_536 + 256

    def test_is_read_again_when_half_has_gone(self, small):
        """Nothing was lost."""
        story = small(source=wide()).connected().feed(FILE)
        count = until_paused(story)
        answer_all(story, 2)
        assert not story.did(commands.ResumeClient)

        answer_all(story, count)

        assert 1 == sum(isinstance(c, commands.ResumeClient) for c in story.all)
        assert 0 == story.budget.held_bytes

    def test_is_not_taken_under_refuse(self, small):
        """Everything else is heard at once there, so the client is read on."""
        story = small(backlog="refuse", source=wide()).connected().feed(FILE)
        for _ in range(40):
            story.feed(CHUNK)

        assert not any(isinstance(c, commands.PauseClient) for c in story.all)
        assert story.budget.held_bytes <= CALL_BYTES
        assert 0 < story.session._backlog.dropped_ms

    def test_is_read_no_further_under_drop_oldest(self, small):
        """What waits for the pool cannot be dropped."""
        story = small(backlog="drop_oldest", source=wide()).connected().feed(FILE)
        until_paused(story)

        assert story.budget.held_bytes <= CALL_BYTES + 65_536 + 256

    def test_text_that_is_no_base64_counts_what_it_takes(self, small):
        """Four bytes for each mark, where base64 has one."""
        story = small(source=wide()).opened().feed(events.ClientAudio("\N{GRINNING FACE}" * 1000))

        assert 4000 <= story.budget.held_bytes


def wide():
    """So wide that a millisecond is 6 KB."""
    return AudioFormat("float32", 192_000, 8)


class TestFiles:
    def test_one_without_room_is_refused(self, small):
        """Before it is kept, with a code that says: later."""
        story = small(source=wide()).connected()
        until_paused(story)
        held_bytes = story.budget.held_bytes

        assert ["audio_backlog"] == story.feed(FILE).errors
        assert 1000 == story.messages[0][1]["retry_after_ms"]
        assert held_bytes == story.budget.held_bytes

    def test_what_it_was_decoded_to_is_counted_while_it_waits(self, small):
        """First the file, then its audio."""
        story = small().opened().feed(FILE)
        assert 100_000 <= story.budget.held_bytes
        answer_all(story, 1)
        story.feed(events.UplinkReady(converted(100.0, 75_000, bytes(640_000))))
        assert 640_000 <= story.budget.held_bytes

        assert 0 == story.model_ready().budget.held_bytes


class TestTurns:
    def test_are_refused_beyond_the_bound(self, small):
        """While the model is away; those that were taken go out when it is there."""
        story = small().opened()
        codes = [code for _ in range(20) for code in story.client(TURN).errors]
        taken = 20 - len(codes)

        assert {"server_busy"} == set(codes)
        assert CALL_BYTES // (4 * 32_768 + 512) == taken
        assert story.budget.held_bytes <= CALL_BYTES
        story.model_ready()
        while "release" in story.session.timers:
            story.tick(story.now)
        asked = [c.order for c in story.all if isinstance(c, commands.SendUpstream)]
        assert taken == sum(isinstance(order, CreateItem) for order in asked)
        assert 0 == story.budget.held_bytes

    def test_behind_a_commit_are_refused_beyond_the_bound(self, small):
        """A commit may wait for a file, and the file for others."""
        story = small().connected().speak(200).feed(FILE).client(messages.CommitAudio())
        for _ in range(20):
            story.client(TURN)
        assert story.budget.held_bytes <= CALL_BYTES

        for _ in range(3):  # what was before the file, the file, the commit
            story.feed(events.UplinkReady(converted(20, 960)))
        while "due" in story.session.timers:
            story.tick(story.now)
        assert {"server_busy"} == set(story.errors)

    def test_never_run_the_outbox_over(self, small):
        """What was kept goes out as the socket takes it: a full outbox would end the link."""
        outbox_bytes = 4 * 140_000
        story = small(outbox_bytes=outbox_bytes, call_bytes=8 << 20).opened()
        for _ in range(40):
            story.client(TURN)
        unsent_bytes = most_bytes = sent = 0
        story.model_ready()
        while True:
            for command in story.fresh:
                if isinstance(command, commands.SendUpstream):
                    sent += isinstance(command.order, CreateItem)
                    unsent_bytes += 131_072 * isinstance(command.order, CreateItem)
            most_bytes = max(most_bytes, unsent_bytes)
            if not unsent_bytes:
                break
            story.feed(events.UpstreamBacklog(unsent_bytes))
            held = story.fresh
            unsent_bytes = 0
            story.feed(events.UpstreamBacklog(0))
            story.fresh = held + story.fresh

        assert 40 == sent
        assert most_bytes <= outbox_bytes
        assert 0 == story.budget.held_bytes


class TestProcess:
    def test_a_full_process_pauses_who_has_more_than_a_share(self, small):
        """And nobody else."""
        process = ProcessBudget(1 << 20, 4)
        Budget(1 << 30, process).take(1 << 20)
        story = small(process=process, source=wide()).connected()

        assert process.share_bytes // 65_536 <= until_paused(story)

    def test_room_that_others_make_is_found(self, small):
        """Nothing happens in the call itself but the look at all calls, once a second."""
        process = ProcessBudget(1 << 20, 4)
        other = Budget(1 << 30, process)
        other.take(1 << 20)
        story = small(process=process, source=wide()).connected()
        until_paused(story)
        assert not story.feed(events.Look(0)).did(commands.ResumeClient)

        other.give(1 << 20)
        assert story.feed(events.Look(0)).did(commands.ResumeClient)


class TestAnswers:
    def test_what_waits_for_the_client_is_counted_at_every_look(self, small):
        """Audio, words, and what its own queue holds; nothing once it has been read."""
        story = small(ledger_entries=0).connected()
        story.is_full = True
        story.said(delta(1000))
        story.feed(events.Look(0, queued_bytes=10_000))
        assert 10_000 + 48_000 < story.process.held_bytes < 10_000 + 2 * 64_000 + 2000

        story.is_full = False
        story.feed(events.Look(0)).feed(events.Look(0))
        assert 0 == story.process.held_bytes

    def test_hold_their_own_client_back_from_nothing(self, small):
        """However much it has not read, it can speak, type, interrupt."""
        story = small(ledger_entries=0).connected()
        story.is_full = True
        story.said(delta(30_000)).feed(events.Look(0, queued_bytes=2 * CALL_BYTES))
        assert CALL_BYTES < story.process.held_bytes

        assert not story.speak(20).did(commands.PauseClient)
        assert "response.cancel" in story.client(messages.Interrupt()).asked
        assert [] == story.client(TURN).errors

    def test_words_of_an_answer_that_goes_on_are_counted(self, small):
        """Beside what the client has not read; both are kept."""
        story = (
            small(ledger_entries=0)
            .connected()
            .said(AnswerTranscriptDelta("resp_1", "item_a", "x" * 1000))
        )
        story.feed(events.Look(0, queued_bytes=10_000))

        assert 11_000 == story.process.held_bytes

    def test_a_call_that_ends_gives_all_back(self, small):
        """What its client has not read, and what was said: others have room again."""
        story = small().connected().said(AnswerTranscriptDelta("resp_1", "item_a", "x" * 1000))
        story.feed(events.Look(0, queued_bytes=10_000))
        assert 11_000 < story.process.held_bytes
        story.feed(events.ClientGone(1000))

        assert 0 == story.process.held_bytes

    def test_words_that_never_end_are_bounded(self, small):
        """Each item is cut, and of too many the oldest is forgotten."""
        story = small(ledger_entries=0).connected()
        for number in range(40):
            text = "\N{GRINNING FACE}" * 20_000
            story.said(AnswerTranscriptDelta("resp_1", f"item_{number}", text))
        story.feed(events.Look(0))

        assert CALL_BYTES // 4 < story.process.held_bytes < CALL_BYTES


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.one_of(ANYTHING, st.just(FILE)), st.floats(0, 3)), max_size=60),
    st.sampled_from(["push_back", "refuse", "drop_oldest"]),
    st.booleans(),
)
def test_what_is_counted_is_what_is_kept(happenings, backlog, ends):
    """Never less than is on its way through the pool; nothing when nothing waits."""
    story = Story(hold_ms=300.0, backlog=backlog, turn_detection="none").opened()
    waiting: list[int] = []

    def note() -> None:
        for command in story.fresh:
            match command:
                case commands.ConvertUplink(payload):
                    waiting.append(len(payload))
                case commands.DecodeUplink(text):
                    waiting.append(len(text))
                case commands.FlushUplink():
                    waiting.append(0)
                case commands.ResetUplink() | commands.Finish():
                    waiting.clear()

    for event, pause_s in happenings:
        story.feed(event, at=story.now + pause_s)
        note()
        if waiting and pause_s > 1:
            waiting.pop(0)
            story.feed(events.UplinkReady(converted(20, 960)))
            note()
        assert sum(waiting) <= story.budget.held_bytes == story.process.held_bytes
    while waiting:
        waiting.pop(0)
        story.feed(events.UplinkReady(converted(20, 960)))
        note()
    if ends:
        story.feed(events.ClientGone(None))
    else:
        story.feed(events.UpstreamBacklog(0)).tick(story.now).model_ready()
        for _ in range(20):
            story.feed(events.UpstreamBacklog(0)).tick(story.now).said(SessionUpdated())
    if story.session.ended or story.session._model.state == "connected":
        assert 0 == story.budget.held_bytes


@given(st.integers(1000, 10_000), st.integers(10, 400))
@settings(max_examples=30, deadline=None)
def test_speech_that_waits_for_a_model_that_is_away_holds_its_client_back_from_nothing(
    hold_ms, chunk_ms
):
    """Where the oldest is dropped: the bound in bytes has room for all that may wait."""
    call_bytes = math.ceil(hold_ms * (64 + 256 / 10) * 2)
    changes = {"backlog": "drop_oldest", "hold_ms": hold_ms, "audio_burst_ms": 1e9}
    story = Story(**SMALL | {"call_bytes": call_bytes} | changes).opened()
    for _ in range(int(hold_ms * 1.2 / chunk_ms) + 2):
        story.feed(events.ClientAudio(bytes(48 * chunk_ms)))
        story.feed(events.UplinkReady(converted(chunk_ms, 48 * chunk_ms, bytes(64 * chunk_ms))))

    assert not any(isinstance(c, commands.PauseClient) for c in story.all)
    assert story.budget.is_low
