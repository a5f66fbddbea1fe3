"""The client's speech on its way to the model."""

import pytest
from msgspec.structs import replace

from tests.session.story import FORGETFUL, converted, response
from tornado_app.protocol import asked
from tornado_app.protocol.realtime.events import (
    Cleared,
    Committed,
    ErrorFacts,
    ResponseCreated,
    UpstreamError,
)
from tornado_app.protocol.realtime.orders import Append
from tornado_app.session import events
from tornado_app.session.commands import (
    ConvertUplink,
    DecodeUplink,
    FlushUplink,
    Log,
    ResetUplink,
    SendClient,
)
from workers.formats import OpusFormat

PACKET_20_MS, PACKET_120_MS = b"\xf8", b"\xfb\x06"


def test_a_chunk_is_converted_then_acknowledged_and_forwarded(story):
    """The acknowledgement speaks of what the client sent; it may wait for company."""
    story.connected().feed(events.ClientAudio(b"\0" * 960))
    assert [ConvertUplink(b"\0" * 960)] == story.fresh

    story.feed(events.UplinkReady(converted(20, 960)))

    assert [
        ("audio_received", {"size": 960, "duration_ms": 20, "level_dbfs": -30.0, "chunk": 1})
    ] == (story.messages)
    assert [Append(b"QUJD", 20)] == story.orders
    assert not next(c for c in story.fresh if isinstance(c, SendClient)).urgent


def test_a_chunk_that_fills_no_hop_is_acknowledged_and_sends_nothing(story):
    """The resampler may hold back the whole of a small chunk."""
    story.connected().feed(events.ClientAudio(b"\0" * 96))
    story.feed(events.UplinkReady(converted(2, 96, audio=b"")))

    assert ["audio_received"] == story.told
    assert [] == story.orders


def test_packets_wait_as_long_as_they_play(stage):
    """Of a codec the first bytes are asked, bare and in base64, and not the size."""
    story = stage(source=OpusFormat(48_000), hold_ms=200.0, backlog="refuse").connected()
    for payload in (PACKET_20_MS + bytes(400), PACKET_120_MS, "+wNAAA=="):
        assert story.feed(events.ClientAudio(payload)).did(ConvertUplink)
    assert 200 == buffered_ms(story)

    assert not story.feed(events.ClientAudio(PACKET_20_MS)).did(ConvertUplink)
    assert ["audio_backlog"] == story.errors


def test_what_is_no_packet_waits_as_the_longest(stage):
    """Its error comes from the pool, in its place, and it is not for nothing until then."""
    story = stage(source=OpusFormat(24_000)).connected()
    story.feed(events.ClientAudio(b""))
    assert 120 == buffered_ms(story)

    story.feed(events.UplinkReady(events.Unusable("audio: not an Opus packet.")))
    assert ["invalid_audio"] == story.errors
    assert 0 == buffered_ms(story)


def buffered_ms(story) -> float:
    return story.figures.buffered_ms


def test_bad_audio_gets_one_error_and_disturbs_nothing_else(story):
    """The chunk before it and the chunk after it go through."""
    story.connected()
    for payload in (b"\0" * 960, b"\0", b"\0" * 960):
        story.feed(events.ClientAudio(payload))
    story.feed(events.UplinkReady(converted(20, 960)))
    assert ["input_audio_buffer.append"] == story.asked

    story.feed(events.UplinkReady(events.Unusable("audio: 1 byte is half a frame.")))
    assert ["invalid_audio"] == story.errors
    expected = {"sentence": "audio: 1 byte is half a frame.", "field": "audio", "chunk": 2}
    assert expected.items() <= story.messages[0][1].items()

    story.feed(events.UplinkReady(converted(20, 960)))
    assert ["input_audio_buffer.append"] == story.asked


def test_a_manual_commit_sends_the_tail_commits_and_asks_for_an_answer(stage):
    """What the resampler held goes out before the commit; nothing waits for a round trip."""
    story = stage(turn_detection="none").connected().speak(200)
    story.client(asked.CommitAudio())
    assert [FlushUplink()] == story.fresh

    story.feed(events.UplinkReady(converted(3)))

    assert ["input_audio_buffer.append", "input_audio_buffer.commit", "response.create"] == (
        story.asked
    )
    assert ["audio_committed"] == story.said(Committed("item_u")).told
    assert [] == story.asked


def test_a_commit_waits_for_the_chunks_before_it(stage):
    """Chunks that are still in the pool belong to the turn."""
    story = stage(turn_detection="none").connected()
    story.feed(events.ClientAudio(b"\0" * 9600)).client(asked.CommitAudio())
    story.feed(events.UplinkReady(converted(200, 9600)))
    assert ["input_audio_buffer.append"] == story.asked

    story.feed(events.UplinkReady(converted(0, audio=b"")))
    assert ["input_audio_buffer.commit", "response.create"] == story.asked


def test_a_typed_turn_stays_behind_a_commit_that_is_on_its_way(stage):
    """The model hears turns in the order in which the client took them."""
    story = stage(turn_detection="none").connected().speak(200)
    story.client(asked.CommitAudio()).client(asked.Text("and then"))
    assert [] == story.asked

    story.feed(events.UplinkReady(converted(0, audio=b"")))

    assert ["input_audio_buffer.commit", "response.create", "conversation.item.create"] == (
        story.asked
    )
    assert [] == story.errors


@pytest.mark.parametrize("duration_ms", [0, 99])
def test_committing_too_little_is_an_error_and_asks_nothing(stage, duration_ms):
    """The model would refuse less than 100 ms, and answer all the same."""
    story = stage(turn_detection="none").connected()
    if duration_ms:
        story.speak(duration_ms)
    story.client(asked.CommitAudio())
    story.feed(events.UplinkReady(converted(0, audio=b"")))

    assert ["audio_buffer_empty"] == story.errors
    assert [] == story.asked


def test_a_commit_beside_vad_asks_for_an_answer_once_it_is_committed(story):
    """With VAD the model counts its own buffer, so its word is awaited."""
    story.connected().speak(200).client(asked.CommitAudio())
    story.feed(events.UplinkReady(converted(0, audio=b"")))
    assert ["input_audio_buffer.commit"] == story.asked

    story.said(Committed("item_u"))
    assert ["audio_committed"] == story.told
    assert ["response.create"] == story.asked


def test_a_commit_of_the_models_own_asks_for_nothing(story):
    """VAD's turn is answered without us."""
    story.connected().speak(200).said(Committed("item_u"))

    assert ["audio_committed"] == story.told
    assert [] == story.asked


def test_audio_that_the_model_has_made_a_turn_of_is_not_lost_with_it(story):
    """It was heard, and answered if there was time."""
    story.connected().speak(200).said(Committed("item_1"))

    assert [] == story.lost().errors


def test_a_commit_that_the_model_refuses_is_an_empty_buffer(story):
    """VAD had taken it already."""
    story.connected().client(asked.CommitAudio())
    story.feed(events.UplinkReady(converted(0, audio=b"")))
    refusal = ErrorFacts("invalid_request_error", "input_audio_buffer_commit_empty", event_id="x")

    assert ["audio_buffer_empty"] == story.said(UpstreamError(refusal)).errors


def test_clearing_forgets_what_is_on_its_way_and_what_the_model_has(story):
    """Pool, held audio and the model's buffer; the reply comes when the model has cleared."""
    story.connected().feed(events.ClientAudio(b"\0" * 960)).client(asked.ClearAudio())

    assert story.did(ResetUplink)
    assert ["input_audio_buffer.clear"] == story.asked
    assert [] == story.told
    assert ["audio_cleared"] == story.said(Cleared()).told


def test_clearing_keeps_what_was_committed_before(stage):
    """A commit that is still in the pool keeps its audio; only what came after it goes."""
    story = stage(turn_detection="none").connected().speak(200)
    story.client(asked.CommitAudio()).client(asked.ClearAudio())
    assert not story.did(ResetUplink)

    story.feed(events.UplinkReady(converted(3)))
    assert "input_audio_buffer.commit" in story.asked
    story.feed(events.UplinkReady(converted(0, audio=b"")))
    assert ["input_audio_buffer.clear"] == story.asked


def test_clearing_before_the_model_is_there_is_answered_at_once(story):
    """Nobody else holds anything yet."""
    story.opened().speak(100).client(asked.ClearAudio())
    assert ["audio_cleared"] == story.told

    assert [] == [order for order in story.model_ready().orders if isinstance(order, Append)]


def test_more_than_may_wait_is_refused_and_the_sum_is_told(stage):
    """hold_ms bounds what waits; refusals are told once a second, none of them silently."""
    story = stage(backlog="refuse").opened()
    for _ in range(10):
        story.speak(100)
    assert ["audio_received"] == story.told

    story.feed(events.ClientAudio(bytes(4800)))
    assert ["audio_backlog"] == story.errors
    assert 1000 == story.messages[0][1]["retry_after_ms"]
    story.feed(events.ClientAudio(bytes(4800)), at=0.5)
    assert [] == story.errors
    story.feed(events.ClientAudio(bytes(4800)), at=1.1)
    assert "200 ms of audio were not taken" in story.messages[0][1]["sentence"]


def test_the_rest_of_a_refusal_is_told_when_audio_is_taken_again(stage):
    """The count is complete when the way is free."""
    story = stage(backlog="refuse").opened()
    for _ in range(10):
        story.speak(100)
    story.feed(events.ClientAudio(bytes(4800))).feed(events.ClientAudio(bytes(4800)))
    story.model_ready().feed(events.ClientAudio(bytes(4800)), at=1.0)

    assert "100 ms of audio were not taken" in story.messages[0][1]["sentence"]
    assert story.did(ConvertUplink)


def test_a_socket_that_does_not_drain_counts_as_waiting(stage):
    """What the model's socket holds is bounded with the rest."""
    story = stage(backlog="refuse").connected().feed(events.UpstreamBacklog(64 * 990))

    assert ["audio_backlog"] == story.feed(events.ClientAudio(bytes(4800))).errors
    story.feed(events.UpstreamBacklog(0))
    assert story.feed(events.ClientAudio(bytes(4800))).did(ConvertUplink)


def test_base64_is_counted_by_what_it_decodes_to(stage):
    """1.2 MB of base64 would be 18 s of speech."""
    story = stage(backlog="refuse")
    assert ["audio_backlog"] == story.connected().feed(events.ClientAudio("A" * 70_000)).errors
    assert story.feed(events.ClientAudio("A" * 60_000)).did(ConvertUplink)


def test_audio_that_follows_a_commit_at_once_belongs_to_the_next(stage):
    """The model's "committed" comes a round trip later, when some of it is there already."""
    story = stage(turn_detection="none").connected().speak(500)
    story.client(asked.CommitAudio()).feed(events.UplinkReady(converted(0, audio=b"")))
    story.speak(500).said(Committed("item_1"))
    story.client(asked.CommitAudio()).feed(events.UplinkReady(converted(0, audio=b"")))

    assert [] == story.errors
    assert "input_audio_buffer.commit" in story.asked


def test_clearing_drops_kept_audio_and_keeps_typed_turns(story):
    """Before the model is there, too, cleared speech is never heard."""
    story.opened().speak(500)
    story.client(asked.Text("hello")).client(asked.ClearAudio())
    assert ["audio_cleared"] == story.told

    story.model_ready()
    assert ["conversation.item.create", "response.create"] == story.asked


def test_a_fault_of_a_worker_is_not_the_clients(stage):
    """However often, it does not count as a wrong message."""
    story = stage(errors_per_minute=1.0).connected()
    for _ in range(3):
        story.feed(events.ClientAudio(bytes(960)))
        story.feed(events.UplinkReady(events.Unusable(None)))
        assert ["internal"] == story.errors
    assert [] == story.closes


def test_a_commit_beside_vad_that_is_lost_with_the_model_is_told(stage):
    """The client must not wait for an answer that nobody will ask for."""
    story = stage(**FORGETFUL).connected().speak(200).client(asked.CommitAudio())
    story.feed(events.UplinkReady(converted(0, audio=b""))).lost()

    assert "upstream_unavailable" in story.errors


def test_an_interruption_withdraws_a_commit_that_is_on_its_way(stage):
    """The turn stays in the conversation; nobody answers it."""
    story = stage(turn_detection="none").connected().speak(200)
    story.client(asked.CommitAudio()).client(asked.Text("and this")).client(asked.Interrupt())
    story.feed(events.UplinkReady(converted(0, audio=b"")))

    assert ["input_audio_buffer.commit", "conversation.item.create"] == story.asked


def test_a_refused_commit_is_not_answered(stage):
    """Its response.create was sent along with it; the answer to nothing new is stopped."""
    story = stage(turn_detection="none").connected().speak(200)
    story.client(asked.CommitAudio()).feed(events.UplinkReady(converted(0, audio=b"")))
    refusal = ErrorFacts("invalid_request_error", "input_audio_buffer_commit_empty", event_id="x")
    story.said(UpstreamError(refusal)).said(ResponseCreated(response()))

    assert ["response.cancel"] == story.asked


def wav(size_bytes: int = 3000) -> events.ClientFile:
    """Base64 of so many bytes; what is in them is the decoder's business."""
    return events.ClientFile("A" * (size_bytes * 4 // 3), "wav")


def test_a_file_is_decoded_behind_the_tail_of_the_stream(story):
    """What the resampler holds of the chunks before it goes out first, and is no chunk."""
    story.connected().feed(wav())
    assert [FlushUplink(), DecodeUplink("A" * 4000, "wav")] == story.fresh

    story.feed(events.UplinkReady(converted(0, audio=b"dGFp")))
    assert [Append(b"dGFp", 0)] == story.orders
    assert [] == story.told

    story.feed(events.UplinkReady(converted(400, 3000)))
    assert [
        ("audio_received", {"size": 3000, "duration_ms": 400, "level_dbfs": -30.0, "chunk": 1})
    ] == (story.messages)
    assert [Append(b"QUJD", 400)] == story.orders


def test_a_fault_in_the_rest_of_the_stream_is_not_the_files(story):
    """It is told under the number of the last chunk before the file."""
    story.connected().speak(20).feed(wav())
    story.feed(events.UplinkReady(events.Unusable("No audio.")))
    assert ("invalid_audio", 1) == (story.messages[0][1]["code"], story.messages[0][1]["chunk"])

    story.feed(events.UplinkReady(converted(100, 3000)))
    assert [("audio_received", 2)] == [(kind, data["chunk"]) for kind, data in story.messages]


def test_a_file_keeps_its_place_among_chunks_and_commits(stage):
    """The answers of pool and decoder come in the order of the questions."""
    story = stage(turn_detection="none").connected()
    story.feed(events.ClientAudio(b"\0" * 960)).feed(wav()).client(asked.CommitAudio())
    for result in (converted(20, 960), converted(3), converted(400, 3000)):
        assert ["input_audio_buffer.append"] == story.feed(events.UplinkReady(result)).asked

    story.feed(events.UplinkReady(converted(0, audio=b"")))
    assert "input_audio_buffer.commit" in story.asked


@pytest.mark.parametrize(
    ("code", "retry_after_ms"),
    [("invalid_audio", None), ("unsupported_format", None), ("server_busy", 1000)],
)
def test_a_bad_file_gets_one_error_and_disturbs_nothing_else(story, code, retry_after_ms):
    """The chunk behind it goes through; who comes too early is told when to come again."""
    story.connected().feed(wav()).feed(events.ClientAudio(b"\0" * 960))
    story.feed(events.UplinkReady(converted(0, audio=b"")))
    unusable = events.Unusable("format: the file is not wav", code, retry_after_ms)
    story.feed(events.UplinkReady(unusable))
    assert [("error", code, retry_after_ms)] == [
        (name, data["code"], data.get("retry_after_ms")) for name, data in story.messages
    ]

    story.feed(events.UplinkReady(converted(20, 960)))
    assert ["audio_received"] == story.told


def test_a_file_over_its_limit_is_refused_unread(story):
    """By its size without base64; padding does not count."""
    limit = story.config.uplink.file_bytes
    exact = "A" * (-(-limit // 3) * 4)
    padding = -limit % 3
    story.connected().feed(events.ClientFile(exact[: len(exact) - padding] + "=" * padding, "wav"))
    assert story.did(DecodeUplink)

    assert not story.feed(wav(limit + 3)).did(DecodeUplink)
    story.feed(events.UplinkReady(converted(0, audio=b"")))
    story.feed(events.UplinkReady(converted(100, limit)))
    assert ["audio_received", "error"] == story.told
    assert ["message_too_large"] == story.errors


def test_only_some_files_may_wait(story):
    """The client sends the next when one of them was acknowledged."""
    story.connected()
    for _ in range(4):
        assert story.feed(wav()).did(DecodeUplink)
    assert not story.feed(wav()).did(DecodeUplink)

    story.feed(events.UplinkReady(converted(0, audio=b"")))
    story.feed(events.UplinkReady(converted(100, 3000)))
    assert story.feed(wav()).did(DecodeUplink)
    for _ in range(3):
        story.feed(events.UplinkReady(converted(0, audio=b"")))
        story.feed(events.UplinkReady(converted(100, 3000)))
    assert ["audio_received", "error"] == story.told  # where the fifth was
    assert ["audio_backlog"] == story.errors
    assert (5, 1000) == (story.messages[1][1]["chunk"], story.messages[1][1]["retry_after_ms"])


def test_a_file_that_has_no_room_is_told_when_its_length_is_known(story):
    """It is not acknowledged, and hold_ms holds as for chunks."""
    story.opened().speak(700).feed(wav())
    story.feed(events.UplinkReady(converted(0, audio=b"")))
    story.feed(events.UplinkReady(converted(400, 3000)))

    assert ["audio_backlog"] == story.errors
    assert ["error"] == story.told
    assert "400 ms of audio were not taken" in story.messages[0][1]["sentence"]
    assert [] == story.orders


def test_clearing_forgets_a_file_that_is_on_its_way(story):
    """And room for others is there again."""
    story.connected()
    for _ in range(4):
        story.feed(wav())
    assert story.client(asked.ClearAudio()).did(ResetUplink)

    assert story.feed(wav()).did(DecodeUplink)


def test_samples_that_were_clipped_are_counted(story):
    """Of chunks and tails; the last line of the session has the sum."""
    story.connected()
    for clipped in (3, 0, 4):
        story.feed(events.ClientAudio(b"\0" * 960))
        story.feed(events.UplinkReady(replace(converted(20, 960), clipped_samples=clipped)))
    story.feed(events.StatusAsked({}))
    assert 7 == story.messages[0][1]["audio"]["clipped_samples"]

    story.feed(events.ClientGone(1000))
    assert [7] == [c.fields["clipped_samples"] for c in story.fresh if isinstance(c, Log)]


@pytest.mark.parametrize(("code", "ended"), [("invalid_audio", True), ("server_busy", False)])
def test_a_file_that_others_left_no_room_for_is_no_mistake(stage, code, ended):
    """A client is ended for wrong files, and not for those that the server had no time for."""
    story = stage(errors_per_minute=2.0).connected()
    for _ in range(4):
        story.feed(wav())
        story.feed(events.UplinkReady(converted(0, audio=b"")))
        story.feed(events.UplinkReady(events.Unusable("No.", code, 1000)))

    assert ended == story.session.ended
