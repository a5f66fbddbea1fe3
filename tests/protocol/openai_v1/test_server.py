"""Tests of tornado_app/protocol/openai_v1/server.py."""

import json
from typing import Any

import pytest

from tornado_app.protocol import told
from tornado_app.protocol.openai_v1.server import encode


def said(message: told.ServerMessage) -> Any:
    return json.loads(encode(message, 7, 0))


def test_an_event_of_the_model_goes_on_as_it_came():
    """To the letter."""
    assert b'{"type" : "x"}' == encode(told.RelayedEvent('{"type" : "x"}'), 7, 0)


@pytest.mark.parametrize("status", ["begun", "ended"])
def test_a_caller_is_told_who_listens_in(status):
    """By the one event that the API does not have."""
    expected = {"type": "parley.listening_in", "event_id": "event_parley_7", "status": status}

    assert expected == said(told.ListeningIn(status))


def test_an_error_of_the_model_has_all_its_fields():
    """And an id of the gateway's."""
    error = told.RelayedError("invalid_request_error", "bad_thing", "No.", "session.x", "mine_1")

    assert {
        "type": "error",
        "event_id": "event_parley_7",
        "error": {
            "type": "invalid_request_error",
            "code": "bad_thing",
            "message": "No.",
            "param": "session.x",
            "event_id": "mine_1",
        },
    } == said(error)


def test_what_the_gateway_refuses_is_an_error_of_the_api():
    """In its words, with the name that the client gave its event."""
    report = told.ErrorReport(
        code="permission_denied", retryable=False, sentence="No.", field="voice", ref="mine_2"
    )

    assert {
        "type": "invalid_request_error",
        "code": "permission_denied",
        "message": "No.",
        "param": "voice",
        "event_id": "mine_2",
    } == said(report)["error"]


def test_a_client_that_is_read_more_slowly_is_told_nothing():
    """Nor of what the API has no event for."""
    report = told.ErrorReport(code="audio_backlog", retryable=True, sentence="Slow down.")

    assert b"" == encode(report, 7, 0)
    assert b"" == encode(told.GoingAway("draining", 0), 7, 0)
