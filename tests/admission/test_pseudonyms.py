"""Tests of tornado_app/admission/pseudonyms.py."""

from tornado_app.admission.pseudonyms import pseudonym


def test_a_user_has_the_same_pseudonym_for_ever():
    """Others have written it down."""
    expected = "5b317c674e9e4fdbd105c53faed1bcac4f3cc32cd13cf76bdadefd1401c054b0"

    assert expected == pseudonym("alice")
