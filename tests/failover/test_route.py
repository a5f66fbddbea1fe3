"""Tests of tornado_app/failover/: who is dialled."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.failover.test_breaker import BUSY, LATER, NO_QUOTA, REFUSED, RULES, WRONG_KEY, ending
from tests.session.story import model_session
from tornado_app.failover.route import SOON_S, Route
from tornado_app.failover.upstreams import Upstream, Upstreams
from tornado_app.protocol.endings import Ending, Failure, classify

NAMES = ["openai", "azure", "here"]
LATE = ending("timeout")
RESET = classify(Failure("open", "reset"), None)
NO_MODEL = ending("handshake", http_status=404)
NO_SESSION = classify(Failure("open", "rejected", detail="bad_session"), None)
EXPIRED = classify(Failure("open", "closed", close_reason="maximum duration"), None)


def upstreams() -> Upstreams:
    return Upstreams([Upstream(name) for name in NAMES], RULES)


def route(shared: Upstreams | None = None, **how: Any) -> Route:
    return Route(shared or upstreams(), **({"asks_the_usual": True} | how))


def chosen(way: Route, now: float = 0.0, tried: tuple[str, ...] = ()) -> str | None:
    choice = way.next(now, tried)
    return choice.upstream.name if choice else None


def test_they_are_tried_in_order():
    """Each once."""
    way = route()

    assert "openai" == chosen(way)
    assert "azure" == chosen(way, tried=("openai",))
    assert "here" == chosen(way, tried=("openai", "azure"))
    assert chosen(way, tried=tuple(NAMES)) is None


@pytest.mark.parametrize("why", [WRONG_KEY, NO_QUOTA, LATER, NO_MODEL])
def test_all_calls_learn_from_one(why):
    """What is wrong with an upstream is found out once."""
    shared = upstreams()
    assert route(shared).bad("openai", why, 0.0)

    assert "azure" == chosen(route(shared), 1.0)


@pytest.mark.parametrize(
    ("why", "usual"), [(NO_SESSION, True), (NO_SESSION, False), (NO_MODEL, False)]
)
def test_what_is_wrong_with_a_call_concerns_no_other(why, usual):
    """A client that asked for what this key cannot have goes elsewhere, alone."""
    shared = upstreams()
    way = route(shared, asks_the_usual=usual)
    assert not way.bad("openai", why, 0.0)

    assert "azure" == chosen(way, 1000.0)
    assert "openai" == chosen(route(shared), 0.0)


def test_a_probe_that_found_only_what_is_wrong_with_its_call():
    """Another may try at once, and only when that one was a probe."""
    shared = upstreams()
    for name in NAMES:
        shared.breaker(name).bad(WRONG_KEY, 0.0)
    wanting = route(shared, asks_the_usual=False)
    assert wanting.next(100.0).is_probe
    wanting.bad("openai", NO_MODEL, 100.0, is_probe=True)
    assert "openai" == chosen(route(shared), 100.0)
    route(shared, asks_the_usual=False).bad("openai", NO_MODEL, 100.0)

    assert "azure" == chosen(route(shared), 100.0)


def test_one_that_was_late_is_tried_behind_the_others():
    """And in the end it is tried."""
    way = route()
    way.bad("openai", LATE, 0.0)
    assert "azure" == chosen(way)
    assert "openai" == chosen(way, tried=("azure", "here"))
    way.good("azure")
    assert "openai" == chosen(way)


def test_those_that_let_a_call_down_before_they_took_it_are_tried_behind_the_others():
    """They begin a session and break off each time: the call has to come to one that is well."""
    way = route()
    for name in NAMES[:2]:
        assert name == chosen(way)
        way.bad(name, RESET, 0.0)
    assert "here" == chosen(way)
    way.bad("here", RESET, 0.0)
    assert "openai" == chosen(way), "all have: in order again"
    way.good("here")
    assert "openai" == chosen(way)


def test_who_did_not_take_a_call_that_is_served_is_dialled_first_again():
    """As it was too slow, or not well yet when the call looked for the way back."""
    way = route()
    way.good("here")
    for name in NAMES[:2]:
        way.bad(name, RESET, 0.0)
    assert "openai" == chosen(way)


def test_one_that_lets_a_call_down_which_it_had_taken_is_tried_first_again():
    """Calls stay with the first through what passes; until it lets them down once more."""
    way = route()
    way.good("openai")
    way.bad("openai", RESET, 0.0)
    assert "openai" == chosen(way)
    way.bad("openai", RESET, 1.0)
    assert "azure" == chosen(way)


def test_a_call_goes_back_to_one_that_let_it_down():
    """As soon as its breaker is closed, as to one that refused connections."""
    shared = upstreams()
    way = route(shared)
    for _ in range(RULES.failures):
        way.bad("openai", RESET, 0.0)
    way.good("azure")
    assert not way.better("azure")
    assert shared.breaker("openai").good()

    assert {"openai"} == way.better("azure")


def test_one_that_began_a_session_behind_another_has_not_taken_the_call():
    """But it is there."""
    shared = upstreams()
    way = route(shared)
    shared.breaker("azure").bad(WRONG_KEY, 0.0)
    assert way.began("azure")
    way.bad("azure", RESET, 0.0)
    assert "here" == chosen(way, tried=("openai",))


def test_a_call_goes_back_to_one_that_was_late_when_it_has_taken_somebody_since():
    """Until then nobody knows that it answers."""
    shared = upstreams()
    way = route(shared)
    shared.breaker("openai").good()
    way.good("azure")
    way.bad("openai", LATE, 0.0)
    assert not way.better("azure")
    shared.breaker("openai").good()

    assert {"openai"} == way.better("azure")


def test_a_call_goes_back_to_one_that_took_somebody_while_it_was_late():
    """It was found well between the dial and the time at which it was late for this call."""
    shared = upstreams()
    way = route(shared)
    assert "openai" == chosen(way)
    assert "azure" == chosen(way, tried=("openai",))
    way.good("azure")
    shared.breaker("openai").good()
    way.bad("openai", LATE, 5.0)

    assert {"openai"} == way.better("azure")


def test_one_that_serves_a_call_and_falls_silent_is_tried_behind_the_others():
    """Whoever it took before, this call among them, says nothing of now."""
    shared = upstreams()
    way = route(shared)
    assert "openai" == chosen(way)
    way.good("openai")
    shared.breaker("openai").good()
    way.bad("openai", LATE, 600.0)
    assert "azure" == chosen(way)


def test_a_session_that_reached_its_longest():
    """That is no fault of the model."""
    way = route()
    for _ in range(10):
        assert not way.bad("openai", EXPIRED, 0.0)

    assert "openai" == chosen(way)


def test_a_probe_comes_behind_those_that_are_well():
    """A caller is no test, as long as there is somebody to talk to."""
    shared = upstreams()
    way = route(shared)
    way.bad("openai", WRONG_KEY, 0.0)
    assert "azure" == chosen(way, 1000.0)
    way.bad("azure", WRONG_KEY, 1000.0)
    way.bad("here", WRONG_KEY, 1000.0)
    probe = way.next(1000.0)

    assert ("openai", True) == (probe.upstream.name, probe.is_probe)
    assert route(shared).next(1000.0) is None
    assert way.good("openai")
    assert "openai" == chosen(route(shared), 1000.0)


@pytest.mark.parametrize(
    ("reasons", "expected"),
    [
        pytest.param(
            {"openai": WRONG_KEY, "azure": NO_QUOTA, "here": NO_SESSION},
            Failure("dial", "rejected", detail="bad_session"),
            id="nobody will ever",
        ),
        pytest.param(
            {"openai": WRONG_KEY, "azure": LATER, "here": NO_SESSION},
            Failure("dial", "out", retry_after_s=20.0),
            id="one asked for a pause",
        ),
    ],
)
def test_when_all_are_out(reasons, expected):
    """The client is told by what is left: to come again, or that it is of no use."""
    way = route()
    for name, why in reasons.items():
        way.bad(name, why, 0.0)

    assert chosen(way) is None
    assert expected == way.nobody(0.0)


def test_when_all_were_tried_and_any_may_be_dialled_again():
    """Their breakers are closed, and have no time to tell: soon."""
    way = route()
    for name in NAMES:
        way.bad(name, BUSY, 0.0)

    assert Failure("dial", "out", retry_after_s=SOON_S) == way.nobody(0.0)


def test_when_another_call_is_finding_out():
    """It will be known soon."""
    shared = upstreams()
    for name in NAMES:
        route(shared).bad(name, LATER, 0.0)
    assert route(shared).next(25.0).is_probe
    assert route(shared).next(25.0).is_probe
    assert route(shared).next(25.0).is_probe

    failure = route(shared).nobody(25.0)
    assert "out" == failure.kind
    assert 0 < failure.retry_after_s <= 30


def test_whether_there_is_a_better_one():
    """Only one that everybody may dial, and that has not refused this call."""
    shared = upstreams()
    way = route(shared)
    assert not way.better("openai")
    assert way.better("azure")
    way.bad("openai", WRONG_KEY, 0.0)
    assert not way.better("azure")
    assert way.better("here")
    way.good("openai")
    assert way.better("azure")
    way.bad("openai", NO_SESSION, 0.0)
    assert not way.better("azure")
    assert route(shared).better("azure")


def test_what_is_asked_for_is_called_otherwise_elsewhere():
    """Model, voice and the model that transcribes; nothing else is touched."""
    wanted = model_session(transcription_model="gpt-transcribe")
    azure = Upstream(
        "azure", "deployment", {"mini": "small"}, {"marin": "alloy"}, transcription_model="scribe"
    )
    there = azure.asked(wanted)

    assert ("deployment", "alloy", "scribe") == (
        there.model,
        there.voice,
        there.transcription_model,
    )
    assert "small" == azure.asked(model_session(model="mini")).model
    assert wanted == Upstream("plain").asked(wanted)
    assert "" == azure.asked(model_session()).transcription_model


ENDINGS = [REFUSED, WRONG_KEY, BUSY, LATER, NO_QUOTA, LATE, NO_SESSION, NO_MODEL]
Step = tuple[str, str, Ending, float, bool]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["bad", "good", "dial"]),
            st.sampled_from(NAMES),
            st.sampled_from(ENDINGS),
            st.floats(0, 20),
            st.booleans(),
        ),
        max_size=40,
    ),
    st.sampled_from(NAMES),
)
def test_whatever_has_happened(steps: list[Step], healthy: str):
    """Nobody is dialled whose breaker is open, but for one probe; and one that is well is found."""
    shared, now = upstreams(), 0.0
    way = route(shared)
    probes: dict[str, float] = {}
    for what, name, why, later_s, usual in steps:
        now += later_s
        if what == "bad":
            route(shared, asks_the_usual=usual).bad(name, why, now)
        elif what == "good":
            probes.pop(name, None) if way.good(name) else None
        elif choice := way.next(now):
            breaker = shared.breaker(choice.upstream.name)
            assert choice.is_probe != breaker.is_closed
            if choice.is_probe:
                assert now - probes.get(choice.upstream.name, -100.0) >= 30.0, "two probes at once"
                probes[choice.upstream.name] = now
    later = now + 100.0
    shared.breaker(healthy).good()
    tried: list[str] = []
    for _ in NAMES:
        if (name := chosen(way, later, tuple(tried))) is None:
            break
        tried.append(name)

    assert healthy in tried
