"""Each line that a call may leave in the log, with what an operator looks for in it."""

import pytest

from tests.session.relaying.call import EVERYTHING, NOTHING, Call
from tests.session.story import FORGETFUL, UNIX_MS, converted, delta, model_session, response
from tests.session.test_log_lines import lines
from tornado_app.admission.quotas import QuotaUse
from tornado_app.protocol import asked
from tornado_app.protocol.endings import Failure
from tornado_app.protocol.realtime.events import (
    Committed,
    Malformed,
    OutputItemDone,
    ResponseCreated,
    SessionFacts,
    SessionUpdated,
    UserSpeechStarted,
    UserSpeechStopped,
)
from tornado_app.protocol.realtime.functions import Function, OutputItem
from tornado_app.session import events
from tornado_app.session.config import QuotaRules, TimeRules, ToolRules


def loses_speech(stage):
    return stage(**FORGETFUL).connected().speak(100).lost()


def comes_back(stage):
    story = stage(resume_window_s=20.0).feed(events.Opened("token")).model_ready()
    story.feed(events.ClientGone(None, is_lost=True), 2.0)
    return story.feed(events.ClientBack("next", UNIX_MS / 1000 + 3600, 1), 3.0)


def waits_for_a_slow_model(stage):
    return stage().connected().feed(events.UpstreamBacklog(64 * 1000)).speak(100)


def has_much_converted(stage):
    story = stage(backlog="drop_oldest", hold_ms=1000.0).connected()
    for _ in range(20):
        story.feed(events.ClientAudio(bytes(48 * 100)))
    return story


def speaks_too_fast(stage):
    return stage(audio_burst_ms=100.0).connected().speak(300).speak(300)


def fills_its_memory(stage):
    story = stage(call_bytes=20_000).connected()
    for _ in range(6):
        story.feed(events.ClientAudio(bytes(4800)))
    return story


def is_not_taken(stage):
    story = stage(backlog="refuse", hold_ms=200.0).opened()
    return story.speak(200).feed(events.ClientAudio(bytes(48 * 300)))


def has_used(used):
    def happens(stage):
        use = QuotaUse("audio_s_per_user_per_day", used, 100.0, UNIX_MS + 1000)
        return stage(quotas=QuotaRules((0.8,))).connected().feed(events.Metered((use,)))

    return happens


def lasts(stage):
    times = TimeRules(max_call_s=50.0, call_warning_s=20.0, goodbye="It is over.")
    return stage(times=times).connected().tick(30.0)


def says_goodbye(stage):
    return lasts(stage).tick(50.0)


def configures(stage):
    story = stage().connected().client(asked.Configure({"speed": 1.25}))
    return story.said(SessionUpdated(SessionFacts()))


def calls_a_tool(stage):
    weather = Function("get_weather", "", {"type": "object"}, timeout_s=60.0)
    story = stage(tools=ToolRules((weather,))).connected().said(ResponseCreated(response()))
    call = OutputItem("function_call", "completed", "call_1", "get_weather", "{}")
    return story.said(OutputItemDone("resp_1", call))


def is_dialled_again(stage):
    story = stage().connected().lost()
    return story.tick(story.session.timers.earliest)


def refreshes(stage):
    story = stage(token_expires_at_unix_s=UNIX_MS / 1000 + 100).connected()
    story.client(asked.RefreshToken("another"))
    return story.feed(events.TokenChecked(UNIX_MS / 1000 + 200, None))


def talks_nonsense_once(stage):
    return stage().connected().said(Malformed(7))


def is_interrupted(stage):
    story = stage().connected().said(ResponseCreated(response())).said(delta(2000))
    return story.tick(0.5).client(asked.Interrupt())


def is_silent_for_long(stage):
    story = stage(times=TimeRules(first_audio_s=10.0), response_timeout_s=60.0).connected()
    return story.client(asked.Text("Hello?")).tick(10.0)


def begins_and_is_silent(stage):
    story = stage(times=TimeRules(first_audio_s=10.0)).connected().client(asked.Text("Hello?"))
    return story.said(ResponseCreated(response())).tick(10.0)


def finds_a_turn_and_is_silent(stage):
    story = stage().connected().said(UserSpeechStarted("item_u", 0))
    return story.said(UserSpeechStopped("item_u", 9)).said(Committed("item_u")).tick(15.0)


def writes_nothing_down(stage):
    session = model_session(session="transcription", transcription_model="ears")
    story = stage(model_session=session).connected().speak(200).client(asked.CommitAudio())
    story.feed(events.UplinkReady(converted(0, audio=b"")))
    return story.said(Committed("item_u")).tick(20.0)


def confirms_nothing(stage):
    return stage().connected().client(asked.Configure({"speed": 1.25})).tick(15.0)


def is_stale(stage):
    story = stage().opened().feed(events.UpstreamOpened(0.0, spare_s=100.0))
    return story.lost(Failure("open", "reset"))


@pytest.mark.parametrize(
    ("happens", "event", "fields"),
    [
        (loses_speech, "audio_lost", {"lost_ms": 100}),
        (comes_back, "client_away", {}),
        (comes_back, "client_back", {}),
        (waits_for_a_slow_model, "client_paused", {"why": "model_slow"}),
        (has_much_converted, "client_paused", {"why": "converting"}),
        (speaks_too_fast, "client_paused", {"why": "too_fast"}),
        (fills_its_memory, "client_paused", {"why": "memory"}),
        (is_not_taken, "audio_dropped", {"dropped_ms": 300}),
        (has_used(80.0), "limit_near", {"limit": "audio_s_per_user_per_day"}),
        (has_used(100.0), "quota_used_up", {"limit": "audio_s_per_user_per_day"}),
        (lasts, "limit_near", {"limit": "max_call_s"}),
        (says_goodbye, "goodbye_asked", {}),
        (configures, "session_configured", {"fields": ["speed"]}),
        (calls_a_tool, "tool_called", {"name": "get_weather", "call_id": "call_1"}),
        (is_dialled_again, "upstream_dialled", {"again": True, "asked_model": "gpt-realtime-2.1"}),
        (refreshes, "token_refreshed", {"expires_at": UNIX_MS + 200_000}),
        (talks_nonsense_once, "upstream_malformed", {"size_bytes": 7}),
        (is_interrupted, "interrupted", {"heard_ms": 500}),
        (is_silent_for_long, "upstream_late", {"waited_for": "first_audio"}),
        (begins_and_is_silent, "upstream_late", {"waited_for": "first_audio"}),
        (finds_a_turn_and_is_silent, "upstream_late", {"waited_for": "response.created"}),
        (writes_nothing_down, "upstream_late", {"waited_for": "transcript"}),
        (confirms_nothing, "upstream_late", {"waited_for": "configure"}),
        (is_stale, "spare_link_stale", {"cause": "reset"}),
    ],
)
def test_what_happens_in_a_call_has_its_line(stage, happens, event, fields):
    """With all that an operator looks for in it."""
    assert fields == lines(happens(stage), event)[-1]


@pytest.mark.parametrize(
    ("rules", "event", "fields"),
    [
        (EVERYTHING, "session_configured", {"fields": ["max_output_tokens", "type"]}),
        (NOTHING, "update_narrowed", {"fields": ["max_output_tokens"]}),
    ],
)
def test_what_a_client_of_the_api_configures_has_its_line(rules, event, fields):
    call = Call(rules).begun()
    call.asks("session.update", session={"type": "realtime", "max_output_tokens": 7})
    call.says("session.updated", session={"type": "realtime", "max_output_tokens": 7})

    assert fields == lines(call, event)[-1]


def test_a_model_that_does_not_go_on_behind_a_tool_has_its_line():
    tool = Function("look", "", {"type": "object"}, 5.0)
    call = Call(tools=(tool,)).begun().asks("response.create").begins("resp_1")
    call.calls("resp_1", "item_c", "call_1", "look").ends("resp_1").gets("call_1")
    call.tick(call.now + call.config.answers.response_timeout_s)

    assert [{"waited_for": "answer"}] == lines(call, "upstream_late")
