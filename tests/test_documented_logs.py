"""docs/logs.md is what the code logs."""

from docs import logs


def test_every_field_of_the_log_has_a_meaning_and_no_other_has():
    """Somebody reads them as JSON, with a program."""
    assert set(logs.events_by_field()) == set(logs.FIELDS)


def test_the_page_of_fields_is_made_from_the_code():
    """`make docs` was run after the last change."""
    assert logs.page() == logs.TARGET.read_text("utf-8")
