"""When everything has come that was on its way, nothing of it is kept, counted or waited for."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.session.slow_world import SlowWorld
from tests.session.story import delta
from tests.session.test_lost_events import FAULTS
from tornado_app.protocol import asked
from tornado_app.protocol.realtime import events as realtime
from tornado_app.session import events

SMALL = {"call_bytes": 100_000, "hold_ms": 500.0}
FILE = events.ClientFile("A" * 20_000, "wav")

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("type"), st.integers(1, 20_000)),
        st.tuples(st.just("speak"), st.sampled_from([20, 100, 200])),
        st.tuples(st.sampled_from(["commit", "clear", "interrupt", "status", "file"])),
        st.tuples(st.sampled_from(["speak on", "barge in", "write", "lose the link", "look"])),
        st.tuples(st.just("answer"), st.integers(100, 3000)),
        st.tuples(st.just("uplink"), st.integers(1, 4)),
        st.tuples(st.just("downlink"), st.integers(1, 3)),
        st.tuples(st.just("hear"), st.integers(0, 3), st.sampled_from(["none", *FAULTS])),
        st.tuples(st.just("wait"), st.sampled_from([0.05, 1.0, 6.0, 16.0, 21.0])),
        st.tuples(st.just("full"), st.booleans()),
        st.tuples(st.just("unsent"), st.sampled_from([0, 10, 40_000, 4_000_000])),
    ),
    min_size=30,
    max_size=80,
)


def take(world: SlowWorld, what: str, *how) -> None:
    """One step of the client, the pool, the line or the model."""
    model = world.model
    match what, *how:
        case "type", size:
            world.happen(events.ClientSaid(asked.Text("x" * size)))
        case "speak", duration_ms if not world.story.session._backlog.paused:
            world.happen(events.ClientAudio(payload=bytes(48 * duration_ms)))
        case ("commit",):
            world.happen(events.ClientSaid(asked.CommitAudio()))
        case ("clear",):
            world.happen(events.ClientSaid(asked.ClearAudio()))
        case ("interrupt",):
            world.happen(events.ClientSaid(asked.Interrupt()))
        case ("status",):
            world.happen(events.StatusAsked({}))
        case ("file",):
            world.happen(FILE)
        case ("look",):
            world.happen(events.Look(0))
        case ("speak on",):
            model.speak()
        case ("barge in",) if world.can_hear:
            model.barge_in()
        case ("write",) if model.active:
            text = "word " * 200
            model.says.append(realtime.AnswerTranscriptDelta(model.active, "item_w", text))
        case "answer", duration_ms if model.active:
            model.says.append(delta(duration_ms, "item_a", model.active))
        case ("lose the link",):
            world.lose_link()
        case "uplink", times:
            for _ in range(times):
                world.convert_uplink()
        case "downlink", times:
            for _ in range(times):
                world.convert_downlink()
        case "hear", place, fault:
            world.hear(place, FAULTS[fault])
        case "wait", seconds:
            world.wait(seconds)
        case "full", is_full:
            world.client_is_full = is_full
            world.happen(events.ClientHasRoom())
        case "unsent", size_bytes:
            world.leave_unsent(size_bytes)


@settings(max_examples=2 * settings().max_examples)
@given(
    STEPS,
    st.sampled_from(["push_back", "refuse", "drop_oldest"]),
    st.sampled_from(["none", "server_vad"]),
    st.booleans(),
)
def test_nothing_stays(steps, backlog, turn_detection, passes_through):
    """Whatever was lost, doubled, late, dropped, refused, interrupted or dialled again."""
    changes = {"backlog": backlog, "turn_detection": turn_detection}
    world = SlowWorld(**SMALL | changes, passes_through=passes_through)
    for step in steps:
        take(world, *step)
    world.settle()

    world.assert_settled()
