"""Tests of tornado_app/upstream/failures.py."""

import ssl

import pytest

from tornado_app.protocol.endings import Failure
from tornado_app.upstream.failures import failure_from


@pytest.mark.parametrize(
    ("number", "detail"),
    [
        (10, "certificate_expired"),
        (62, "certificate_of_another_name"),
        (7, "SSLCertVerificationError"),
    ],
)
def test_what_is_wrong_with_a_certificate_is_said(number: int, detail: str) -> None:
    """OpenSSL's own sentence quotes the name that was asked for."""
    error = ssl.SSLCertVerificationError(1, "certificate is not valid for 'secret.example'")
    error.verify_code = number

    assert Failure("dial", "handshake", detail=detail) == failure_from(error, "dial")
