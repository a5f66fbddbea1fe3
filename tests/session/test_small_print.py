"""What a session answers is known by the client's own id and by the number of its audio."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.session.story import FORGETFUL, Story, converted, response
from tornado_app.errors import InvalidMessage
from tornado_app.protocol import asked
from tornado_app.protocol.realtime import events as realtime
from tornado_app.protocol.realtime.orders import AnyOrder, CreateItem, CreateResponse
from tornado_app.session import events
from tornado_app.session.commands import ConvertUplink, DecodeUplink, FlushUplink, ResetUplink
from tornado_app.session.events import Unusable
from workers.formats import AudioFormat


def numbers(story: Story) -> list[tuple[str, int | None, object]]:
    """What the last event was answered with: type, chunk, ref."""
    return [(kind, data.get("chunk"), data.get("ref")) for kind, data in story.messages]


def audio(ref: str | None = None, size_bytes: int = 960) -> events.ClientAudio:
    return asked.Audio(bytes(size_bytes), ref=ref)


def wav(ref: str | None = None, size_bytes: int = 1000) -> events.ClientFile:
    return asked.AudioFile("A" * (size_bytes * 4 // 3), "wav", ref=ref)


def test_the_first_status_tells_what_was_negotiated():
    """And no other does."""
    story = Story(
        source=AudioFormat("pcmu", 8000, 2),
        target=AudioFormat("float32", 48_000, 1),
        binary_output=True,
        ignored=("intput_rate",),
    ).opened()

    [(kind, data)] = story.messages
    assert "connection_status" == kind
    assert {
        "session": "realtime",
        "input": {"format": "pcmu", "rate_hz": 8000, "channels": 2, "encoding": "any"},
        "output": {"format": "float32", "rate_hz": 48_000, "channels": 1, "encoding": "binary"},
        "voice": "marin",
        "model": "gpt-realtime-2.1",
        "turn_detection": "server_vad",
        "answers_in": "audio",
        "speed": 1.0,
        "transcription_language": "",
        "max_output_tokens": 4096,
        "images": False,
        "ignored": ("intput_rate",),
    } == data["negotiated"]
    story.model_ready()
    assert [None] == [data.get("negotiated") for _, data in story.messages]
    assert [None] == [data.get("negotiated") for _, data in story.lost().messages[:1]]


def test_audio_is_counted_frames_and_files_alike():
    """From 1, in the order in which it came; each acknowledgement bears its own number and name."""
    story = Story().connected()
    for event in (audio("a"), audio(), wav("b"), audio("c")):
        story.feed(event)
    told = []
    for _ in range(5):  # the file has the tail of the stream before it
        told += numbers(story.feed(events.UplinkReady(converted(20, 960))))

    received = [line for line in told if line[0] == "audio_received"]
    assert [1, 2, 3, 4] == [chunk for _, chunk, _ in received]
    assert ["a", None, "b", "c"] == [ref for _, _, ref in received]


def test_audio_that_was_wrong_is_counted_too():
    """By its shape, by its content, by its size: what comes behind it keeps its number."""
    story = Story().connected()
    wrong = InvalidMessage("invalid_message", "audio is missing.", "audio", ref="a", is_audio=True)
    assert [("error", 1, "a")] == numbers(story.feed(events.ClientRefused(wrong)))
    story.feed(audio("b"))
    story.feed(audio("c"))
    bad = Unusable("audio: is not base64.")
    assert [("error", 2, "b")] == numbers(story.feed(events.UplinkReady(bad)))
    assert [] == numbers(story.feed(wav("d", size_bytes=300_000)))
    good = story.feed(events.UplinkReady(converted(20, 960)))
    assert [("audio_received", 3, "c"), ("error", 4, "d")] == numbers(good)


def test_a_fault_of_the_pool_is_about_its_chunk():
    """Nothing of the client's was wrong; it can send this piece again."""
    story = Story().connected()
    story.feed(audio("a")).feed(audio("b"))

    assert [("error", 1, "a")] == numbers(story.feed(events.UplinkReady(Unusable(None))))


def test_what_was_cleared_keeps_its_numbers():
    """They are answered by nothing, and what comes back behind is known for what it is."""
    story = Story().connected()
    story.feed(audio()).feed(audio()).client(asked.ClearAudio())
    story.feed(audio("new"))

    good = story.feed(events.UplinkReady(converted(20, 960)))
    assert [("audio_received", 3, "new")] == numbers(good)


def test_audio_that_is_too_much_is_named():
    """The newest that was not taken, as several may be told at once."""
    story = Story(backlog="refuse", hold_ms=1000.0).opened()
    story.feed(audio(size_bytes=48 * 900))
    assert [("error", 2, "b")] == numbers(story.feed(audio("b", size_bytes=48 * 200)))
    story.feed(audio(size_bytes=48 * 200))
    story.feed(audio(size_bytes=48 * 200))
    late = story.feed(audio("e", size_bytes=48 * 200), at=1.5)
    assert [("error", 5, "e")] == numbers(late)


def test_a_client_that_is_paused_is_told_after_which_chunk():
    """What is behind it is read later, and not lost."""
    story = Story(hold_ms=1000.0).opened()
    story.feed(audio(size_bytes=48 * 900))

    assert [("error", 2, "b")] == numbers(story.feed(audio("b", size_bytes=48 * 200)))


def test_a_message_over_the_rate_is_known():
    """By its id, and by its number if it was audio."""
    story = Story(messages_per_s=1.0, message_burst=1.0).opened()
    story.client(asked.Ping())

    assert [("error", None, "t")] == numbers(story.client(asked.Text("Hi", ref="t")))
    assert [("error", 1, "a")] == numbers(story.feed(audio("a")))
    assert [("error", None, "s")] == numbers(story.feed(events.StatusAsked({}, "s")))
    wrong = InvalidMessage("unknown_type", "no such type", "type", ref="w")
    assert [("error", None, "w")] == numbers(story.feed(events.ClientRefused(wrong)))
    no_audio = InvalidMessage("invalid_message", "no audio", "audio", ref="x", is_audio=True)
    assert [("error", 2, "x")] == numbers(story.feed(events.ClientRefused(no_audio)))


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        (events.ClientSaid(asked.Ping("r")), "pong"),
        (events.StatusAsked({}, "r"), "status"),
        (events.ClientSaid(asked.Interrupt(ref="r")), "interrupted"),
        (events.ClientRefused(InvalidMessage("invalid_json", "no JSON", ref="r")), "error"),
    ],
)
def test_a_reply_bears_the_id_of_what_it_answers(event, kind):
    """And what is said of nobody's asking bears none."""
    story = Story().opened()

    assert [(kind, None, "r")] == numbers(story.feed(event))
    assert all(ref is None for _, _, ref in numbers(story.model_ready()))


def still_waiting(before: int, story: Story) -> int:
    """How much the pool owes after the last event."""
    for command in story.fresh:
        if isinstance(command, ResetUplink):
            before = 0
        elif isinstance(command, ConvertUplink | DecodeUplink | FlushUplink):
            before += 1
    return before


def named(order: AnyOrder) -> str:
    """What we called an order to the model."""
    return order.event_id


def refused_by_model(story: Story, event_id: str, code: str = "", kind: str = "") -> Story:
    error = realtime.ErrorFacts(type=kind or "invalid_request_error", code=code, event_id=event_id)
    return story.said(realtime.UpstreamError(error))


def finished(response_id: str = "resp_1", status: str = "completed") -> realtime.ResponseFinished:
    return realtime.ResponseFinished(response(response_id, status))


def test_the_answer_to_a_turn_bears_its_id():
    """From its beginning to its end; what the model begins by itself bears none."""
    story = Story().connected().client(asked.Text("Hi", ref="t"))
    story.said(realtime.ResponseCreated(response()))
    assert [("response_started", None, "t")] == numbers(story)
    assert [("response_done", None, "t")] == numbers(story.said(finished()))
    story.said(realtime.ResponseCreated(response("resp_2")))
    assert [("response_started", None, None)] == numbers(story)
    assert [("response_done", None, None)] == numbers(story.said(finished("resp_2")))


@pytest.mark.parametrize("kind", ["invalid_request_error", "server_error"])
def test_a_typed_turn_that_the_model_refuses_is_known(kind):
    """Each of several, in whatever order they are refused."""
    story = Story().connected()
    names = {}
    for ref in ("a", "b", None, "c"):
        story.client(asked.Text("Hi", ref=ref))
        [name] = [named(o) for o in story.orders if isinstance(o, CreateItem)]
        names[name] = ref
    for name, ref in reversed(names.items()):
        assert [("error", None, ref)] == numbers(refused_by_model(story, name, kind=kind))


def test_ids_of_typed_turns_are_not_kept_for_ever():
    """A client may type all day."""
    story = Story(messages_per_s=1000.0, message_burst=1000.0).connected()
    story.client(asked.Text("Hi", ref="first"))
    [first] = [named(o) for o in story.orders if isinstance(o, CreateItem)]
    for number in range(200):
        story.client(asked.Text("Hi", ref=f"t{number}"))

    assert [("error", None, None)] == numbers(refused_by_model(story, first))


@pytest.mark.parametrize(
    ("happen", "code"),
    [
        (lambda story: refused_by_model(story, story.request, "no_credit"), "upstream_rejected"),
        (lambda story: story.tick(15.0), "upstream_timeout"),
        (lambda story: story.lost(), "upstream_unavailable"),
    ],
    ids=["refused", "late", "lost"],
)
def test_an_answer_that_does_not_begin_is_known_by_its_turn(happen, code):
    """The last one, if it is an answer to several."""
    story = Story(**FORGETFUL).connected().client(asked.Text("Hi", ref="t"))
    [story.request] = [named(o) for o in story.orders if isinstance(o, CreateResponse)]
    happen(story)

    errors = [data for kind, data in story.messages if kind == "error"]
    assert [(code, "t")] == [(data["code"], data.get("ref")) for data in errors]


@pytest.mark.parametrize(
    "happen",
    [
        lambda story: story.said(finished(status="failed")),
        lambda story: story.tick(1000.0),
    ],
    ids=["failed", "stalled"],
)
def test_an_answer_that_ends_badly_is_known_by_its_turn(happen):
    """Its end and the error, both."""
    story = Story(read_timeout_s=1e6, ping_interval_s=1e6).connected()
    story.client(asked.Text("Hi", ref="t"))
    story.said(realtime.ResponseCreated(response()))
    happen(story)

    assert {("response_done", None, "t"), ("error", None, "t")} <= set(numbers(story))


def test_a_turn_that_waits_for_another_keeps_its_id():
    """It is asked for when the running answer has ended."""
    story = Story().connected().client(asked.Text("Hi", ref="a"))
    story.said(realtime.ResponseCreated(response()))
    story.client(asked.Text("No", ref="b"))
    assert ("interrupted", None, "b") in numbers(story)
    assert [("response_done", None, "a")] == numbers(story.said(finished(status="cancelled")))
    story.said(realtime.ResponseCreated(response("resp_2")))
    assert [("response_started", None, "b")] == numbers(story)


def test_a_typed_turn_behind_a_commit_keeps_its_id():
    """Both wait for the pool, and each is known when it comes to it."""
    story = Story(turn_detection="none").connected().speak(200)
    story.client(asked.CommitAudio(ref="c")).client(asked.Text("And this", ref="t"))
    story.feed(events.UplinkReady(converted(0)))
    [text] = [named(o) for o in story.orders if isinstance(o, CreateItem)]
    assert [("audio_committed", None, "c")] == numbers(story.said(realtime.Committed("item_1")))

    assert [("error", None, "t")] == numbers(refused_by_model(story, text))


@pytest.mark.parametrize("turn_detection", ["none", "server_vad"])
def test_a_commit_of_too_little_is_known_by_its_id(turn_detection):
    """Whether it is found here or by the model, and though another is on its way."""
    story = Story(turn_detection=turn_detection).connected()
    story.client(asked.CommitAudio(ref="c"))
    story.feed(events.UplinkReady(converted(0)))
    if turn_detection != "none":
        refused_by_model(story, "parley_commit_1", "input_audio_buffer_commit_empty")

    assert [("error", None, "c")] == numbers(story)


def test_what_is_cleared_at_the_model_is_known_by_its_id():
    """Here and there; a commit of the model's own bears none."""
    story = Story().opened()
    assert [("audio_cleared", None, "a")] == numbers(story.client(asked.ClearAudio(ref="a")))
    story.model_ready().client(asked.ClearAudio(ref="b"))
    assert [("audio_cleared", None, "b")] == numbers(story.said(realtime.Cleared()))
    assert [("audio_committed", None, None)] == numbers(story.said(realtime.Committed("item_1")))


def test_a_commit_beside_turn_detection_has_its_answer():
    """It is asked for when the model has committed, and bears the id of the commit."""
    story = Story().connected().speak(200).client(asked.CommitAudio(ref="c"))
    story.feed(events.UplinkReady(converted(0)))
    story.said(realtime.Committed("item_1"))
    assert [("audio_committed", None, "c")] == numbers(story)
    story.said(realtime.ResponseCreated(response()))
    assert [("response_started", None, "c")] == numbers(story)


def test_what_is_lost_with_the_model_is_known_for_what_it_is():
    """A commit by its id, speech by its number; neither lends the other its own."""
    story = Story(reconnect_attempts=0).connected().speak(200).client(asked.CommitAudio(ref="c"))
    story.feed(events.UplinkReady(converted(0)))
    story.speak(300).client(asked.Ping("p"))

    errors = [line for line in numbers(story.lost()) if line[0] == "error"]
    assert [("error", None, "c"), ("error", 2, None), ("error", None, None)] == errors


_events = st.lists(
    st.sampled_from(["audio", "file", "wrong", "ready", "bad", "clear", "commit", "text"]),
    max_size=40,
)


@given(_events)
def test_each_audio_is_answered_once_at_most_under_its_own_number(kinds):
    """Whatever comes between: acknowledged or refused in order, never under another's name."""
    story = Story(errors_per_minute=10_000.0, hold_ms=60_000.0).connected()
    sent, answered, waiting = 0, [], 0
    for kind in kinds:
        if kind in {"audio", "file", "wrong"}:
            sent += 1
        name = f"n{sent}"
        match kind:
            case "audio":
                story.feed(audio(name))
            case "file":
                story.feed(wav(name))
            case "wrong":
                wrong = InvalidMessage("invalid_message", "wrong", ref=name, is_audio=True)
                story.feed(events.ClientRefused(wrong))
            case "clear":
                story.client(asked.ClearAudio())
            case "commit":
                story.client(asked.CommitAudio())
            case "text":
                story.client(asked.Text("Hi"))
            case _ if waiting:
                waiting -= 1
                result = converted(20, 960) if kind == "ready" else Unusable("audio: is bad.")
                story.feed(events.UplinkReady(result))
        answered += [line for line in numbers(story) if line[1] is not None and line[2]]
        waiting = still_waiting(waiting, story)
        story.fresh = []
    assert all(ref == f"n{chunk}" for _, chunk, ref in answered)
    assert len({chunk for _, chunk, _ in answered}) == len(answered)
