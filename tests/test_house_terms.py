"""What settings alone make of a call: tornado_app/house_terms.py."""

from tests.calls.house import house_settings
from tornado_app.house_terms import house_grants


def test_what_session_means_in_a_policy():
    """Voices, models and turn detections, the default first and once; and the longest answer."""
    grants = house_grants(
        house_settings(
            session_voice="sage",
            session_voices=["ash", "sage"],
            session_models=["other"],
            session_turn_detection="none",
            session_turn_detections=[],
            session_max_output_tokens=0,
        )
    )

    assert ("sage", "ash") == grants["voice"].values
    assert ("gpt-realtime-2.1", "other") == grants["model"].values
    assert ("none",) == grants["turn_detection"].values
    assert 4096 == grants["max_output_tokens"].high
    shorter = house_grants(house_settings(session_max_output_tokens=100))
    assert (1, 100) == (shorter["max_output_tokens"].low, shorter["max_output_tokens"].high)
