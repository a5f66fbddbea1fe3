"""What is noted of a call that its client conducts, if it is recorded."""

from base64 import b64encode

import pytest

from tests.session.relaying.call import Call
from tests.session.relaying.test_relaying import written
from tests.session.story import converted
from tornado_app.admission.budget import Budget
from tornado_app.session import commands, events
from tornado_app.session.record import AnswerSound, Begun, Cut, Sent, Spoken, UserSound, Words
from tornado_app.session.recorded import RecordedSession
from workers.formats import AudioFormat

SECOND = b64encode(bytes(48_000)).decode()


class RecordedCall(Call):
    def __init__(self, parts="both", **changes):
        super().__init__(recorded=parts, **changes)
        budget = Budget(self.config.call_bytes, self.process)
        self.session = RecordedSession(self.config, budget, lambda: 1.0)

    @property
    def noted(self):
        records = (each for each in self.all if isinstance(each, commands.Record))
        return [entry for each in records for entry in each.entries]


def talked(call):
    call.begun()
    call.asks("input_audio_buffer.append", audio=SECOND)
    call.asks("input_audio_buffer.append", audio="***")
    call.asks("conversation.item.create", item=written("hello"))
    call.asks("response.create").begins("resp_1").begins_item("resp_1", "item_a")
    where = {"response_id": "resp_1", "item_id": "item_a"}
    call.says("response.output_audio.delta", **where, delta=SECOND)
    call.says("response.output_audio_transcript.done", **where, transcript="A towel.")
    call.says("input_audio_buffer.speech_started", item_id="item_u", audio_start_ms=0)
    cut = {"item_id": "item_a", "content_index": 0, "audio_end_ms": 400}
    call.asks("conversation.item.truncate", **cut)
    done = "conversation.item.input_audio_transcription.completed"
    return call.says(done, item_id="item_u", transcript="Stop.")


def test_both_sides_are_noted():
    (begun, *noted) = talked(RecordedCall()).noted

    assert isinstance(begun, Begun)
    assert [
        UserSound(0.0, SECOND.encode()),
        Words(0.0, "user", "", "hello"),
        AnswerSound("item_a", bytes(48_000)),
        Sent(0.0, "item_a", 0.0, 1000.0),
        Words(0.0, "assistant", "item_a", "A towel."),
        Spoken(0.0, "item_u", "begun"),
        Cut(0.0, "item_a", None),
        Cut(0.0, "item_a", 400.0),
        Words(0.0, "user", "item_u", "Stop."),
    ] == noted


@pytest.mark.parametrize(
    ("parts", "kinds"), [("audio", Words), ("words", (UserSound, AnswerSound))]
)
def test_what_is_not_wanted_is_not_noted(parts, kinds):
    assert not [entry for entry in talked(RecordedCall(parts)).noted if isinstance(entry, kinds)]


def test_the_models_format_is_the_recorders():
    call = RecordedCall().begun()
    pcmu = {"format": {"type": "audio/pcmu"}}
    call.asks("session.update", session={"type": "realtime", "audio": {"input": pcmu}})

    assert {"input": {}} == call.sent[0]["session"]["audio"]


def test_each_turn_begins_ends_and_is_committed():
    """As the model says it."""
    call = RecordedCall().begun()
    call.says("input_audio_buffer.speech_started", item_id="item_u", audio_start_ms=0)
    call.says("input_audio_buffer.speech_stopped", item_id="item_u", audio_end_ms=500)
    call.says("input_audio_buffer.committed", item_id="item_u", previous_item_id=None)

    noted = [entry for entry in call.noted if isinstance(entry, Spoken)]
    assert [Spoken(0.0, "item_u", what) for what in ("begun", "ended", "committed")] == noted


def test_an_answer_in_writing_is_noted_as_words():
    """With nothing heard of it."""
    call = RecordedCall().begun().asks("response.create").begins("resp_1")
    where = {"response_id": "resp_1", "item_id": "item_a"}
    call.says("response.output_text.done", **where, text="A towel.")

    (_, words) = call.noted
    assert Words(0.0, "assistant", "item_a", "A towel.") == words


def test_speech_of_another_format_is_noted_as_the_model_has_it():
    """When it comes back from the pool."""
    call = RecordedCall(source=AudioFormat("pcm16", 48_000, 1)).begun()
    call.asks("input_audio_buffer.append", audio=SECOND)
    assert [] == [entry for entry in call.noted if isinstance(entry, UserSound)]
    call.feed(events.UplinkReady(converted(500.0, 48_000)))

    assert [UserSound(0.0, b"QUJD")] == [e for e in call.noted if isinstance(e, UserSound)]


def test_each_piece_of_an_answer_stands_behind_the_ones_before_it():
    """Of the same item; the next item begins anew."""
    call = RecordedCall().begun().asks("response.create").begins("resp_1")
    for item in ("item_a", "item_a", "item_a", "item_b"):
        where = {"response_id": "resp_1", "item_id": item}
        call.says("response.output_audio.delta", **where, delta=SECOND)

    assert [
        Sent(0.0, "item_a", 0.0, 1000.0),
        Sent(0.0, "item_a", 1000.0, 1000.0),
        Sent(0.0, "item_a", 2000.0, 1000.0),
        Sent(0.0, "item_b", 0.0, 1000.0),
    ] == [entry for entry in call.noted if isinstance(entry, Sent)]


def test_speech_that_is_written_unusually_is_noted_as_any_other():
    call = RecordedCall().begun()
    call.asks_text('{"audio":"QUJD\\/w==","type":"input_audio_buffer.append"}')

    assert [UserSound(0.0, b"QUJD/w==")] == [e for e in call.noted if isinstance(e, UserSound)]
