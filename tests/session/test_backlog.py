"""Speech that comes faster than it can go on."""

import pytest

from tests.session.story import FORGETFUL, converted
from tornado_app.protocol import asked
from tornado_app.protocol.realtime.orders import Append
from tornado_app.session import events
from tornado_app.session.commands import ConvertUplink, Log, PauseClient, ResumeClient

SECOND_UNSENT = events.UpstreamBacklog(64 * 1000)


def pieces(story) -> list[bytes]:
    return [order.audio for order in story.orders if isinstance(order, Append)]


def released(story):
    """Let out what goes in portions; what has become of all of it is fresh then."""
    fresh = story.fresh
    while pieces(story.tick(story.now)):
        fresh = fresh + story.fresh
    story.fresh = fresh
    return story


def speak(story, name: str, duration_ms: float = 100, at: float | None = None):
    """A chunk whose converted form can be told from others."""
    story.feed(events.ClientAudio(bytes(story.config.source.size_bytes(duration_ms))), at)
    first = story.fresh
    story.feed(events.UplinkReady(converted(duration_ms, 1, name.encode())))
    story.fresh = first + story.fresh
    return story


def dropped_ms(story) -> float:
    return story.figures.dropped_ms


class TestPushBack:
    """The client is read no further, and loses nothing."""

    def test_a_client_with_too_much_waiting_is_told_once_and_paused(self, story):
        """What passes the bound is taken all the same, as is what was read with it."""
        story.opened()
        for _ in range(10):
            assert not story.speak(100).did(PauseClient)
        story.feed(events.ClientAudio(bytes(4800)))

        assert story.did(ConvertUplink)
        assert story.did(PauseClient)
        assert ["audio_backlog"] == story.errors
        assert "Nothing was lost" in story.messages[-1][1]["sentence"]
        assert "retry_after_ms" not in story.messages[-1][1]
        story.feed(events.ClientAudio(bytes(4800)))
        assert [ConvertUplink(bytes(4800))] == story.fresh
        assert 0.0 == dropped_ms(story)

    def test_it_is_read_again_when_the_model_has_taken_half(self, story):
        """Not before: reading is not to stop and start with every chunk."""
        story.connected().feed(SECOND_UNSENT).speak(100)
        assert story.feed(events.ClientAudio(bytes(4800))).fresh

        assert not story.feed(events.UpstreamBacklog(64 * 450)).did(ResumeClient)
        assert story.feed(events.UplinkReady(converted(100))).did(ResumeClient)
        assert not story.feed(events.UpstreamBacklog(0)).did(ResumeClient)

    def test_it_is_read_again_when_the_model_is_there(self, story):
        """All that was kept goes out, in order."""
        story.opened()
        for number in range(11):
            speak(story, f"{number}")

        story.model_ready()
        assert story.did(ResumeClient)
        assert [f"{number}".encode() for number in range(11)] == pieces(story)

    def test_pauses_are_told_once_a_second(self, story):
        """However often one begins."""
        story.connected()
        told = []
        for tenth in range(30):
            story.feed(SECOND_UNSENT, at=tenth / 10)
            story.speak(100)
            told += story.errors
            assert story.feed(events.UpstreamBacklog(0)).did(ResumeClient)

        assert ["audio_backlog"] * 3 == told

    def test_a_client_that_is_not_read_is_not_silent(self, stage):
        """Its pongs lie unread; once it is read, it has the whole time again."""
        story = stage(reconnect_attempts=0, ready_timeout_s=1000.0).opened()
        for _ in range(11):
            story.speak(100)
        for at in range(30, 301, 30):
            assert [] == story.tick(float(at)).closes

        assert story.model_ready().did(ResumeClient)
        assert [] == story.tick(330.0).closes
        assert [] == story.tick(360.0).closes
        assert [(4408, "idle_timeout")] == story.tick(360.25).closes

    def test_a_model_that_never_comes_ends_it_by_the_rules_that_are(self, stage):
        """Being paused keeps nobody alive."""
        story = stage(reconnect_attempts=0).opened()
        for _ in range(11):
            story.speak(100)

        story.tick(10.0)
        assert [4502] == [code for code, _ in story.closes]


class TestRate:
    """How fast audio may come."""

    def test_the_burst_is_free_and_then_the_client_is_paused(self, stage):
        """It owes what it was too fast, and a tenth of a second at least."""
        story = stage(audio_rate=2.0, audio_burst_ms=1000.0).connected()
        assert not story.speak(1000).did(PauseClient)
        assert story.speak(500).did(PauseClient)
        assert ["audio_backlog"] == story.errors

        assert not story.tick(0.2).did(ResumeClient)
        assert story.tick(0.25).did(ResumeClient)
        assert not story.speak(500, at=0.5).did(PauseClient)

    def test_it_stays_paused_while_the_model_is_slow(self, stage):
        """The later of the two reasons holds."""
        story = stage(audio_rate=2.0, audio_burst_ms=1000.0).connected().feed(SECOND_UNSENT)
        assert story.speak(1500).did(PauseClient)

        assert not story.tick(5.0).did(ResumeClient)
        assert story.feed(events.UpstreamBacklog(0)).did(ResumeClient)

    def test_real_time_and_somewhat_more_is_never_paused(self, story):
        """A minute at three times the speed of speech."""
        story.connected()
        for number in range(600):
            story.speak(300, at=number / 10)
            assert not story.did(PauseClient)

    def test_a_client_that_is_refused_is_refused_what_is_too_fast(self, stage):
        """Nothing is paused, and a later chunk passes."""
        story = stage(backlog="refuse", audio_rate=2.0, audio_burst_ms=1000.0).connected()
        story.speak(600).speak(600)
        assert not story.feed(events.ClientAudio(bytes(4800))).did(ConvertUplink)
        assert ["audio_backlog"] == story.errors
        assert "100 ms of audio were not taken" in story.messages[0][1]["sentence"]

        assert story.feed(events.ClientAudio(bytes(4800)), at=0.2).did(ConvertUplink)
        assert 100.0 == dropped_ms(story)


class TestDropOldest:
    """The model hears what was said last."""

    @pytest.fixture
    def story(self, stage):
        return stage(backlog="drop_oldest", turn_detection="none")

    def test_what_waits_longest_goes_when_there_is_no_model(self, story):
        """It is told and counted, and the rest goes out in order."""
        story.opened()
        for number in range(13):
            speak(story, f"{number:02}", at=number / 10)
        assert 300.0 == dropped_ms(story)

        released(story.model_ready())
        assert [f"{number:02}".encode() for number in range(3, 13)] == pieces(story)
        codes = [c for c in story.all if isinstance(c, Log) and c.event == "audio_dropped"]
        assert [100] == [log.fields["dropped_ms"] for log in codes]
        speak(story, "13", at=2.5)
        assert "200 ms of audio were dropped" in story.messages[0][1]["sentence"]

    def test_what_waits_longest_goes_when_the_model_is_slow(self, stage):
        """What is in its socket already cannot be taken back; what is behind that can."""
        story = stage(backlog="drop_oldest", hold_ms=1500.0).connected()
        story.feed(events.UpstreamBacklog(64 * 1100))
        for number in range(6):
            assert [] == pieces(speak(story, f"{number}"))

        story.feed(events.UpstreamBacklog(0))
        assert [b"2", b"3", b"4", b"5"] == pieces(story)
        assert [b"6"] == pieces(speak(story, "6"))

    def test_what_was_kept_goes_out_in_portions(self, stage):
        """Else all of it would lie in the socket, from which nothing can be dropped."""
        story = stage(backlog="drop_oldest", hold_ms=5000.0).opened()
        for number in range(15):
            speak(story, f"{number:02}")
        assert 10 == len(pieces(story.model_ready()))
        assert [] == pieces(speak(story, "15"))

        assert not pieces(story.feed(events.UpstreamBacklog(64 * 1001)).tick(0.1))
        assert [b"10", b"11", b"12", b"13", b"14", b"15"] == (
            pieces(story.feed(events.UpstreamBacklog(0)))
        )

    def test_what_was_dropped_was_not_sent(self, story):
        """The figures add up: what came is what goes to the model, and what does not."""
        story = story.opened()
        for _ in range(15):
            story.speak(100)
        figures = story.figures

        assert (1500.0, 1000.0, 500.0) == (
            figures.received_ms,
            figures.sent_ms,
            figures.dropped_ms,
        )
        assert [] == story.model_ready().errors

    def test_orders_keep_their_place_behind_the_audio(self, story):
        """A commit is not dropped, and its turn is what is left of it."""
        story.opened()
        for number in range(8):
            speak(story, f"{number}")
        story.client(asked.CommitAudio()).feed(events.UplinkReady(converted(0, audio=b"")))
        for number in range(4):
            speak(story, f"{number + 8}")

        released(story.model_ready())
        assert ["input_audio_buffer.append"] * 6 + ["input_audio_buffer.commit"] == story.asked[:7]

    def test_a_turn_of_which_too_little_is_left_is_empty(self, story):
        """What was dropped counts for no commit."""
        story.opened().speak(900)
        speak(story, "rest", 200)
        story.speak(850)
        story.client(asked.CommitAudio()).feed(events.UplinkReady(converted(0, audio=b"")))
        assert [] == story.errors

        story.client(asked.CommitAudio()).feed(events.UplinkReady(converted(0, audio=b"")))
        assert ["audio_buffer_empty"] == story.errors

    def test_what_was_kept_behind_a_slow_socket_is_lost_with_it(self, stage):
        """As what was in the socket; nothing of it is said to another model."""
        story = stage(backlog="drop_oldest", turn_detection="none", **FORGETFUL)
        story.connected().feed(SECOND_UNSENT).feed(events.UpstreamBacklog(64 * 1001))
        story.lost()
        assert "upstream_unavailable" in story.errors

        story.tick(story.now + 1)
        assert [] == pieces(story.model_ready())

    def test_a_client_is_not_read_while_half_is_being_converted(self, story):
        """From there nothing can be dropped, so that what is newest would have to be."""
        story.connected().feed(events.UpstreamBacklog(64 * 100))
        for _ in range(5):
            assert not story.feed(events.ClientAudio(bytes(4800))).did(PauseClient)
        assert story.feed(events.ClientAudio(bytes(4800))).did(PauseClient)
        assert ["audio_backlog"] == story.errors
        assert "600 ms of audio wait to be converted" in story.messages[-1][1]["sentence"]

        for _ in range(3):
            assert not story.feed(events.UplinkReady(converted(100))).did(ResumeClient)
        assert story.feed(events.UplinkReady(converted(100))).did(ResumeClient)
        assert 0.0 == dropped_ms(story)

    def test_a_client_is_read_while_the_model_is_slow(self, story):
        """What it says is what the model is to hear."""
        story.connected().feed(events.UpstreamBacklog(64 * 500))
        for number in range(10):
            assert not speak(story, f"{number}").did(PauseClient)

    def test_more_than_all_that_may_wait_is_not_taken(self, story):
        """There is nothing left to drop for it."""
        assert not story.opened().feed(events.ClientAudio(bytes(48 * 1100))).did(ConvertUplink)
        assert ["audio_backlog"] == story.errors
