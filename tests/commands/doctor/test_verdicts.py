"""What one dial says of key, model and configuration."""

import pytest

from tornado_app.commands.doctor.finding import Skipped, Trouble
from tornado_app.commands.doctor.verdicts import Dialled
from tornado_app.protocol.endings import Failure, classify
from tornado_app.protocol.realtime.events import ErrorFacts


def said(dialled):
    """ok, failed or skipped for each of the three."""
    found = []
    for part in (dialled.key, dialled.model, dialled.configuration):
        try:
            part()
            found.append("ok")
        except Trouble:
            found.append("failed")
        except Skipped:
            found.append("skipped")
    return found[:2] if found[1] != "ok" else found


def lost(kind, stage="dial", **facts):
    return classify(Failure(stage, kind, **facts), None)


OPENED, CREATED = {"opened": 0.1}, {"opened": 0.1, "created": 0.2}


@pytest.mark.parametrize(
    ("provider", "has_key", "reached_s", "verdict", "expected"),
    [
        ("openai", True, {**CREATED, "updated": 0.3}, None, ["ok", "ok", "ok"]),
        ("local", False, {**CREATED, "updated": 0.3}, None, ["ok", "ok", "ok"]),
        ("other", False, {**CREATED, "updated": 0.3}, None, ["ok", "ok", "ok"]),
        ("openai", True, {}, lost("handshake", http_status=401), ["failed", "skipped"]),
        ("azure", True, {}, lost("handshake", http_status=403), ["failed", "skipped"]),
        ("other", False, {}, lost("handshake", http_status=401), ["failed", "skipped"]),
        ("azure", False, {}, lost("refused"), ["failed", "failed"]),
        ("openai", True, {}, lost("handshake", http_status=404), ["ok", "failed"]),
        ("openai", True, {}, lost("handshake", http_status=503), ["skipped", "failed"]),
        ("openai", True, {}, lost("refused"), ["skipped", "failed"]),
        ("openai", True, OPENED, lost("timeout", "open"), ["ok", "failed"]),
        ("openai", True, CREATED, lost("timeout", "open"), ["ok", "ok", "failed"]),
    ],
)
def test_what_each_step_has_to_say(provider, has_key, reached_s, verdict, expected):
    """Who was reached how far decides whose fault it is."""
    assert expected == said(Dialled(provider, has_key, reached_s, verdict))


def test_a_key_that_is_refused_behind_the_handshake():
    """OpenAI opens the socket, and closes it with a word."""
    error = ErrorFacts(type="invalid_request_error", code="invalid_api_key")
    failure = Failure("open", "closed", close_code=3000, close_reason="invalid_request_error.x")
    by_reason = Failure("open", "closed", close_code=3000)
    assert "x" == classify(failure, error).cause
    with pytest.raises(Trouble, match=r"The key was refused \(invalid_api_key\)") as trouble:
        Dialled("openai", True, OPENED, classify(by_reason, error)).key()

    assert "upstream.api_key" in trouble.value.advice


def test_money():
    """It is no fault of the key, and what to do is not to look for another."""
    error = ErrorFacts(type="insufficient_quota", code="insufficient_quota")
    verdict = classify(Failure("open", "closed", close_code=4000), error)
    with pytest.raises(Trouble) as trouble:
        Dialled("openai", True, OPENED, verdict).model()

    assert "money" in trouble.value.advice
