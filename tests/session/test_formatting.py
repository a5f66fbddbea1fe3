"""Tests of tornado_app/session/formatting.py: formats that change while a call runs."""

from base64 import b64decode
from collections import Counter
from itertools import pairwise

import pytest

from tests.session.story import Story, converted, delta, response
from tests.session.test_configuring import UPDATED, configure, only, refusal
from tornado_app.policy.grants import Policy
from tornado_app.policy.settling import CallRules
from tornado_app.protocol import asked
from tornado_app.protocol.realtime import events as realtime
from tornado_app.session import commands, events
from tornado_app.session.formatting import HELD, STAYS
from workers.formats import AudioFormat, OpusFormat

TAIL = converted(0, 0, b"")
LANE = (
    commands.ConvertUplink,
    commands.HoldUplink,
    commands.ReleaseUplink,
    commands.ChangeUplink,
    commands.FlushUplink,
    commands.DecodeUplink,
    commands.ResetUplink,
)


def lane(story: Story) -> list[str]:
    """What the client's lane was told by the last event."""
    return [type(each).__name__ for each in story.fresh if isinstance(each, LANE)]


def formats_of(data, side="input"):
    return tuple(data[side].values())


def test_a_change_of_what_is_sent_asks_the_model_nothing():
    """It is taken at once, and what follows is counted in the new format."""
    story = Story().connected().client(configure("a", input_format="float32", input_rate=16_000))

    assert ["HoldUplink", "ChangeUplink"] == lane(story)
    assert AudioFormat("float32", 16_000) == story.fresh[1].source
    assert [] == story.orders
    assert ("float32", 16_000, 1, "any") == formats_of(only(story))
    assert "a" == only(story)["ref"]
    story.feed(events.UplinkReady(TAIL)).feed(events.ClientAudio(bytes(6400)))
    assert 100 == story.figures.buffered_ms


def test_a_change_of_what_is_sent_takes_its_place_between_the_chunks():
    """It waits for the answers to what is before it, and is not overtaken by what is behind."""
    story = Story().connected()
    story.feed(events.ClientAudio(bytes(960)))
    assert ["HoldUplink"] == lane(story.client(configure("a", input_rate=8_000)))
    story.feed(events.ClientAudio(bytes(320)))
    story.client(asked.Ping("p"))
    assert [] == story.told

    story.feed(events.UplinkReady(converted(20, 960)))
    assert ["audio_received", "configured"] == story.told
    [change] = [c for c in story.fresh if isinstance(c, commands.ChangeUplink)]
    assert change.has_begun
    assert [] == story.feed(events.UplinkReady(converted(0, 0, b"VEFJTA=="))).told
    assert ["input_audio_buffer.append"] == story.asked
    assert ["audio_received", "pong"] == story.feed(events.UplinkReady(converted(20, 320))).told


@pytest.mark.parametrize("field", ["input_rate", "output_rate"])
def test_a_storm_of_changes_is_refused_and_ends_nothing(field):
    """In its turn, with the time to wait; other changes go on, and so does this one later."""
    story = Story(format_changes_per_minute=60.0, errors_per_minute=5.0).connected()
    told = []
    for number in range(100):
        told += story.client(configure(str(number), **{field: 8_000 + number})).messages
        for command in story.fresh:
            if isinstance(command, commands.ChangeUplink):
                story.feed(events.UplinkReady(TAIL))
            elif isinstance(command, commands.ChangeDownlink):
                told += story.feed(events.DownlinkReady(TAIL)).messages

    assert [str(number) for number in range(100)] == [data["ref"] for _, data in told]
    assert [("configured", 60), ("error", 40)] == sorted(Counter(name for name, _ in told).items())
    sentence = "The formats of a call may change 60 times a minute."
    assert sentence + (STAYS if field == "input_rate" else "") == told[-1][1]["sentence"]
    assert ("rate_limited", 1001) == (told[-1][1]["code"], told[-1][1]["retry_after_ms"])
    assert ["session.update"] == story.client(configure("a", speed=1.1)).asked
    assert ["error"] == story.client(configure("b", **{field: 9_000}, speed=1.2)).told
    assert [] == story.asked
    story.said(UPDATED)
    later = story.client(configure("c", **{field: 9_000}), at=1.1)
    assert any(isinstance(c, commands.ChangeUplink | commands.ChangeDownlink) for c in later.fresh)


def test_what_was_flushed_has_not_begun():
    """A turn that is committed ends its stream."""
    story = Story(turn_detection="none").connected().speak(200).client(asked.CommitAudio())
    story.feed(events.UplinkReady(TAIL)).client(configure(input_rate=8_000))

    assert [False] == [c.has_begun for c in story.fresh if isinstance(c, commands.ChangeUplink)]


@pytest.mark.parametrize("is_taken", [True, False])
def test_with_other_fields_it_is_whole_or_nothing(is_taken):
    """What follows waits for the model's word, and is read by that."""
    story = Story().connected().client(configure("a", input_rate=8_000, speed=1.25))
    assert (["HoldUplink"], ["session.update"]) == (lane(story), story.asked)
    story.feed(events.ClientAudio(bytes(320)))
    assert [] == story.told
    if is_taken:
        assert ["ChangeUplink"] == lane(story.said(UPDATED))
        assert (8_000, 1.25) == (only(story)["input"]["rate_hz"], only(story)["speed"])
        return
    story.said(refusal("parley_configure_1", "odd", "session.audio.output.speed"))
    assert ["ReleaseUplink"] == lane(story)
    error = only(story)
    assert ("a", "speed") == (error["ref"], error["field"])
    assert error["sentence"].endswith(STAYS)
    story.feed(events.UplinkReady(converted(6.7, 320))).client(configure(input_channels=1))
    assert ("pcm16", 24_000) == formats_of(only(story))[:2]


def test_a_model_that_is_lost_gives_what_waits_back_to_the_old_format():
    """What asks it nothing is taken all the same."""
    story = Story().connected().client(configure("a", input_rate=8_000, speed=1.25))
    story.client(configure("b", input_format="pcmu"))
    story.lost()

    assert ["ReleaseUplink", "ChangeUplink"] == lane(story)
    assert [("error", "a"), ("configured", "b")] == [
        (name, data["ref"]) for name, data in story.messages if "ref" in data
    ]
    assert ("pcmu", 24_000, 1, "any") == formats_of(story.messages[-1][1])


OPUS = {"passes_through": False, "target": OpusFormat(48_000)}
BUILDS_ON = (
    "output_rate builds on a configure that is not confirmed yet; send it again when that is, or "
    "without other fields."
)


def test_what_builds_on_formats_that_may_be_refused_asks_the_model_for_nothing():
    """It could not be taken back there; once the model has decided it is taken."""
    story = Story(**OPUS).connected().client(configure("a", output_format="pcm16", speed=1.25))
    story.client(configure("b", output_rate=44_100, speed=1.5))
    assert (BUILDS_ON, "b", []) == (only(story)["sentence"], only(story)["ref"], story.orders)
    story.said(refusal("parley_configure_1", "odd", "session.audio.output.speed"))
    assert "a" == only(story)["ref"]
    story.client(configure("c", output_encoding="binary")).feed(events.DownlinkReady(TAIL))
    assert ("opus", 48_000, 1.0) == (*formats_of(only(story), "output")[:2], only(story)["speed"])


def test_what_builds_on_formats_that_the_model_has_taken_is_asked():
    """As is what builds on formats alone, which are not decided before it."""
    story = Story(**OPUS).connected().client(configure("a", output_format="pcm16", speed=1.25))
    story.client(configure("b", output_rate=44_100))
    story.client(configure("c", output_rate=48_000, speed=1.5))
    assert ["session.update"] == story.asked
    story.said(UPDATED).feed(events.DownlinkReady(TAIL)).feed(events.DownlinkReady(TAIL))
    story.client(configure("d", output_rate=44_100, speed=1.4))
    assert ["session.update"] == story.asked


@pytest.mark.parametrize("is_taken", [True, False])
def test_formats_alone_are_decided_in_their_turn(is_taken):
    """What they build on may be refused: then they are as well, and nothing was asked for them."""
    story = Story(**OPUS).connected().client(configure("a", output_format="pcm16", speed=1.25))
    assert [] == story.client(configure("b", output_rate=44_100)).told
    if is_taken:
        story.said(UPDATED).feed(events.DownlinkReady(TAIL)).feed(events.DownlinkReady(TAIL))
        assert ("pcm16", 44_100) == formats_of(story.messages[-1][1], "output")[:2]
        return
    story.said(refusal("parley_configure_1", "odd", "session.audio.output.speed"))
    assert [("error", "a"), ("error", "b")] == [
        (name, data["ref"]) for name, data in story.messages
    ]


def test_a_change_that_is_refused_gives_back_the_one_before_it():
    """What the client sends is as it was changed to, and not as it was at first."""
    story = Story().connected().client(configure("a", input_rate=8_000))
    story.feed(events.UplinkReady(TAIL)).client(configure("b", input_rate=16_000, speed=1.25))
    story.said(refusal("parley_configure_2", "odd", "session.audio.output.speed"))
    assert ["ReleaseUplink"] == lane(story)
    story.feed(events.ClientAudio(bytes(1600)))

    assert 100 == story.figures.buffered_ms


def test_changes_are_answered_in_their_order():
    """One that asks the model nothing does not overtake one that does."""
    story = Story().connected().client(configure("a", speed=1.25))
    assert [] == story.client(configure("b", input_rate=8_000)).told
    story.client(configure("c", output="text"))
    story.said(UPDATED)
    assert ["a", "b"] == [data["ref"] for _, data in story.messages]
    story.feed(events.UplinkReady(TAIL)).said(UPDATED)
    assert "c" == only(story)["ref"]


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"input_format": "mp3"}, "invalid_message", "input_format"),
        ({"input_rate": 7_999}, "invalid_message", "input_rate"),
        ({"input_rate": "8000"}, "invalid_message", "input_rate"),
        ({"input_channels": None}, "invalid_message", "input_channels"),
        ({"input_format": "opus", "input_rate": 44_100}, "invalid_message", "input_rate"),
        ({"input_format": "opus", "input_channels": 3}, "invalid_message", "input_channels"),
        ({"input_rate": 8_000, "voice": ""}, "invalid_message", "voice"),
    ],
)
def test_what_is_refused_keeps_the_format_and_says_so(changes, code, field):
    """With the last audio before it: what is behind that is read as before."""
    story = Story().connected().speak(20).client(configure("a", **changes))
    error = only(story)

    assert (code, field, "a", 1) == tuple(error[k] for k in ("code", "field", "ref", "chunk"))
    assert error["sentence"].endswith(STAYS)
    assert not any(isinstance(each, commands.ChangeUplink) for each in story.fresh)
    story.feed(events.ClientAudio(bytes(960)))
    assert 20 == story.figures.buffered_ms


def test_a_policy_has_a_row_for_each():
    """As for every other field."""
    story = Story(call_rules=CallRules(Policy({}, {}), frozenset())).connected()
    error = only(story.client(configure("a", output_encoding="binary")))

    assert ("permission_denied", "output_encoding") == (error["code"], error["field"])
    assert "chunk" not in error


def test_a_server_without_opus_says_so():
    """As at the opening."""
    story = Story(has_opus=False).connected()
    sentence = only(story.client(configure(output_format="opus")))["sentence"]

    assert sentence.startswith("output_format: this server has no Opus")


def test_so_many_may_be_undecided():
    """One more is refused, and the first go on."""
    story = Story().connected().feed(events.ClientAudio(bytes(960)))
    for number in range(HELD):
        story.client(configure(input_rate=8_000 + number))
    story.client(configure("a", input_rate=8_000))
    story.feed(events.UplinkReady(converted(20, 960)))
    for _ in range(HELD):
        story.feed(events.UplinkReady(TAIL))

    told = [c.message for c in story.all if isinstance(c, commands.SendClient)]
    assert HELD == sum(type(each).__name__ == "Configured" for each in told)
    assert "rate_limited" in [getattr(each, "code", None) for each in told]


def test_what_is_cleared_behind_a_change_that_is_undecided_is_cleared_in_its_turn():
    """The change is not."""
    story = Story().connected().client(configure("a", input_rate=8_000, speed=1.25))
    story.feed(events.ClientAudio(bytes(320))).client(asked.ClearAudio())
    assert ["FlushUplink"] == lane(story)
    story.said(UPDATED).feed(events.UplinkReady(TAIL)).feed(events.UplinkReady(converted(20, 320)))
    assert ["input_audio_buffer.clear"] == story.feed(events.UplinkReady(TAIL)).asked


@pytest.mark.parametrize("is_told", [True, False])
def test_a_call_may_end_while_a_change_is_undecided(stage, is_told):
    """Nothing is kept."""
    story = stage().connected().client(configure("a", input_rate=8_000, speed=1.25))
    story.client(configure("b", input_rate=16_000)).feed(events.ClientAudio(bytes(320)))
    story.client(configure("c", output_rate=16_000))
    story.lost() if is_told else None
    story.feed(events.ClientGone(1000))


WIDE = {"output_rate": 48_000, "output_encoding": "binary"}


def answering(story: Story) -> Story:
    return story.connected().said(realtime.ResponseCreated(response()))


def test_an_answer_that_passes_through_changes_between_two_pieces(stage):
    """``configured`` stands between them; the rest of the item is converted."""
    story = answering(stage()).said(delta(100))
    assert ["audio"] == story.told
    story.client(configure("a", **WIDE))
    [change] = [c for c in story.fresh if isinstance(c, commands.ChangeDownlink)]
    assert (AudioFormat("pcm16", 48_000), False, True) == (
        change.target,
        change.as_base64,
        change.has_begun,
    )
    assert [] == story.said(delta(100)).told
    story.feed(events.DownlinkReady(TAIL))
    assert ["configured"] == story.told
    assert ("pcm16", 48_000, 1, "binary") == formats_of(only(story), "output")
    assert [True] == [len(c.payload) == 4800 for c in story.fresh if hasattr(c, "payload")]

    story.feed(events.DownlinkReady(converted(100, 4800, bytes(9600))))
    assert ("audio", 100.0, 9600) == (
        story.told[0],
        only(story)["offset_ms"],
        only(story)["size"],
    )


def test_an_answer_changes_behind_what_is_being_converted(stage):
    """These pieces and the tail are in the old format, and then it is said."""
    story = answering(stage(passes_through=False, target=AudioFormat("pcm16", 48_000)))
    story.said(delta(100)).client(configure("a", output_format="pcma", output_rate=8_000))
    assert not story.did(commands.ChangeDownlink)
    story.feed(events.DownlinkReady(converted(95, 4800)))
    assert ["audio"] == story.told
    assert story.did(commands.ChangeDownlink)
    story.feed(events.DownlinkReady(converted(5, 0)))

    assert ["audio", "configured"] == story.told
    assert (95.0, 5.0) == tuple(story.messages[0][1][k] for k in ("offset_ms", "duration_ms"))


def test_an_item_that_is_converted_is_so_to_its_end(stage):
    """Its samples lie where the format before has put them; the next item is the model's own."""
    story = answering(stage(passes_through=False, target=AudioFormat("pcm16", 8_000)))
    story.said(delta(100)).feed(events.DownlinkReady(converted(90, 4800)))
    story.client(configure("a", output_rate=24_000)).feed(events.DownlinkReady(converted(10)))
    assert ["audio", "configured"] == story.told
    story.said(delta(100))
    assert ([], True) == (story.told, story.did(commands.ConvertDownlink))
    story.feed(events.DownlinkReady(converted(100, 4800)))
    story.said(realtime.AudioDone("resp_1", "item_a")).said(delta(50, "item_b"))
    assert [] == story.told
    story.feed(events.DownlinkReady(TAIL))

    data = only(story)
    assert ("item_b", bytes(2400)) == (data["item_id"], b64decode(data["audio"]))
    assert not story.did(commands.ConvertDownlink)


@pytest.mark.parametrize("is_asked", [True, False])
def test_an_interruption_does_not_lose_a_change(stage, is_asked):
    """Whether the lane was asked already or not: the next answer is in the new format."""
    story = answering(stage(passes_through=False, target=AudioFormat("pcm16", 48_000)))
    story.said(delta(100))
    if is_asked:
        story.feed(events.DownlinkReady(converted(95, 4800)))
    story.client(configure("a", output_rate=16_000))
    story.client(asked.Interrupt())
    if not is_asked:
        kinds = [type(c) for c in story.fresh]
        assert kinds.index(commands.ResetDownlink) < kinds.index(commands.ChangeDownlink)
        story.feed(events.DownlinkReady(TAIL))
    assert ["a"] == [d["ref"] for n, d in story.messages if n == "configured"]
    story.said(realtime.ResponseCreated(response("resp_2")))
    assert story.said(delta(20, "item_c", "resp_2")).did(commands.ConvertDownlink)


def test_what_is_the_same_is_no_change(stage):
    """It is told what is in force, and the lanes hear of nothing."""
    story = answering(stage()).said(delta(100))
    story.client(configure("a", output_rate=24_000, input_format="pcm16"))

    assert ["HoldUplink", "ReleaseUplink"] == lane(story)
    assert not story.did(commands.ChangeDownlink)
    assert "a" == only(story)["ref"]


def test_opus_to_opus_is_said_to_the_lane_too(stage):
    """Which knows what of it is another stream."""
    story = stage(source=OpusFormat(48_000)).connected()
    story.client(configure(input_rate=16_000, input_channels=2))
    [change] = [c for c in story.fresh if isinstance(c, commands.ChangeUplink)]

    assert OpusFormat(16_000, 2) == change.source


def test_offsets_have_no_gap_over_changes(stage):
    """Each piece begins where the one before ends."""
    story = answering(stage())
    for number, rate_hz in enumerate([8_000, 24_000, 44_100, 24_000, 16_000]):
        story.said(delta(40)).client(configure(str(number), output_rate=rate_hz))
        while story.session.downlink._in_pool:
            story.feed(events.DownlinkReady(converted(7.5)))
    spans = [
        (c.message.offset_ms, c.message.duration_ms)
        for c in story.all
        if isinstance(c, commands.SendClient) and hasattr(c.message, "offset_ms")
    ]

    assert len(spans) > 5
    assert all(abs(a + b - c) < 1e-6 for (a, b), (c, _) in pairwise(spans))


def test_what_interrupts_keeps_its_name_though_changes_are_answered_with_it():
    """The pool has nothing more to do for them then, and they come first."""
    story = Story().connected().client(configure("a", output_rate=8_000))
    story.client(configure("b", input_rate=24_000)).client(asked.Interrupt(ref="c"))

    assert [("configured", "a"), ("configured", "b"), ("interrupted", "c")] == [
        (name, data["ref"]) for name, data in story.messages
    ]


def test_each_of_several_clears_is_answered():
    """One that was behind a change of the input, and the next, which need not wait for that."""
    story = Story().connected().speak(200).client(configure("a", input_rate=8_000, speed=1.2))
    story.client(asked.ClearAudio(ref="b")).said(UPDATED).feed(events.UplinkReady(TAIL))
    story.client(asked.ClearAudio(ref="c"))
    for _ in range(2):
        story.feed(events.UplinkReady(TAIL))
    told = story.said(realtime.Cleared()).messages + story.said(realtime.Cleared()).messages

    assert [("audio_cleared", "b"), ("audio_cleared", "c")] == [
        (name, data["ref"]) for name, data in told
    ]


def test_an_item_that_is_interrupted_is_over_for_a_change_as_well(stage):
    """The next answer is the model's own again, and asks nothing of the pool."""
    story = answering(stage(passes_through=False, target=AudioFormat("pcm16", 8_000)))
    story.said(delta(100)).feed(events.DownlinkReady(converted(90, 4800)))
    story.client(configure("a", output_rate=24_000)).feed(events.DownlinkReady(converted(10)))
    story.client(asked.Interrupt()).said(realtime.ResponseFinished(response(status="cancelled")))
    story.said(realtime.ResponseCreated(response("resp_2"))).said(delta(50, "item_b", "resp_2"))

    assert bytes(2400) == b64decode(only(story)["audio"])
    assert not story.did(commands.ConvertDownlink)
