"""docs/metrics.md is what the code counts."""

from docs import metrics


def test_the_page_of_metrics_is_made_from_the_definitions():
    """`make docs` was run after the last change."""
    assert metrics.page() == metrics.TARGET.read_text("utf-8")
