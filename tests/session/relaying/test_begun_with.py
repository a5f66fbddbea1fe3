"""What a model is begun with whose client configures it."""

import pytest

from tests.session.relaying.call import Call
from tests.session.story import model_session
from tornado_app.policy.grants import Policy
from tornado_app.policy.settling import CallRules
from tornado_app.protocol.realtime.model_session import OneFunction

PLAIN = {"voice": "", "max_output_tokens": 0}
VAD = {
    "type": "server_vad",
    "threshold": 0.5,
    "prefix_padding_ms": 300,
    "silence_duration_ms": 500,
    "idle_timeout_ms": None,
    "create_response": True,
    "interrupt_response": True,
}


def begun(said=(), **changes):
    """The session of the first update."""
    rules = CallRules(Policy({}, {}), frozenset(), said=frozenset(said))
    call = Call(rules, model_session=model_session(**{**PLAIN, **changes})).begun()
    return call.all_sent[0]["session"]


def hearing(**fields):
    return {"audio": {"input": fields}}


def speaking(**fields):
    return {"audio": {"output": fields}}


def test_what_is_the_apis_own_default_is_left_unsaid():
    """A client has those in mind, and so has the model."""
    assert {"type": "realtime"} == begun()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"output": "text"}, {"output_modalities": ["text"]}),
        ({"speed": 1.2}, speaking(speed=1.2)),
        ({"voice": "marin"}, speaking(voice="marin")),
        ({"instructions": "Be brief."}, {"instructions": "Be brief."}),
        ({"max_output_tokens": 9}, {"max_output_tokens": 9}),
        ({"tool_choice": "none"}, {"tool_choice": "none"}),
        (
            {"tool_choice": OneFunction("own")},
            {"tool_choice": {"type": "function", "name": "own"}},
        ),
        ({"turn_detection": "none"}, hearing(turn_detection=None)),
        ({"vad_threshold": 0.6}, hearing(turn_detection=VAD | {"threshold": 0.6})),
        ({"vad_prefix_padding_ms": 1}, hearing(turn_detection=VAD | {"prefix_padding_ms": 1})),
        ({"vad_silence_ms": 501}, hearing(turn_detection=VAD | {"silence_duration_ms": 501})),
        ({"create_response": False}, hearing(turn_detection=VAD | {"create_response": False})),
        (
            {"interrupt_response": False},
            hearing(turn_detection=VAD | {"interrupt_response": False}),
        ),
        ({"vad_idle_timeout_ms": 9000}, hearing(turn_detection=VAD | {"idle_timeout_ms": 9000})),
        ({"said": ["turn_detection"]}, hearing(turn_detection=VAD)),
        (
            {"said": ["transcription_language"], "transcription_model": "t"},
            hearing(transcription={"model": "t"}),
        ),
        (
            {"said": ["transcription_model"], "transcription_model": "t"},
            hearing(transcription={"model": "t"}),
        ),
        ({"said": ["transcription_language"]}, {}),
        ({"transcription_model": "t"}, {}),
    ],
)
def test_what_operator_and_token_say_otherwise_is_said(changes, said):
    assert {"type": "realtime", **said} == begun(**changes)


def test_a_call_that_only_transcribes_is_begun_with_all_of_it():
    body = begun(session="transcription", transcription_model="t")

    assert ("transcription", {"model": "t"}) == (
        body["type"],
        body["audio"]["input"]["transcription"],
    )
